package dash

import (
	"bytes"
	"crypto/sha256"
	"embed"
	"encoding/hex"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
	"sync"
	"time"
)

// dist is the built page. `make web` writes it.
//
//go:embed all:dist
var dist embed.FS

// asset is a file of the page.
type asset struct {
	data, packed []byte // packed: by gzip; nil: not
	mediaType    string
	tag          string
	hashed       bool // its name says what is in it
}

const (
	indexFile  = "index.html"
	hashedPath = "assets/"
)

// assets are the page's files by path. They are read when the first browser asks:
// most daemons never see one.
var assets = sync.OnceValue(func() map[string]*asset {
	files, err := fs.Sub(dist, "dist")
	if err != nil {
		panic(err) // it is embedded
	}
	return readAssets(files)
})

func readAssets(files fs.FS) map[string]*asset {
	all := map[string]*asset{}
	err := fs.WalkDir(files, ".", func(name string, e fs.DirEntry, err error) error {
		if err != nil || e.IsDir() || strings.HasSuffix(name, ".gz") {
			return err
		}
		data, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		a := &asset{data: data, mediaType: mediaTypeOf(name), hashed: strings.HasPrefix(name, hashedPath)}
		a.packed, _ = fs.ReadFile(files, name+".gz") // most have none
		sum := sha256.Sum256(data)
		a.tag = hex.EncodeToString(sum[:12])
		all[name] = a
		return nil
	})
	if err != nil {
		panic(err) // what is embedded can be read
	}
	return all
}

// types are those of the page's files; the machine's own table is not to be relied on.
var types = map[string]string{
	".html": "text/html; charset=utf-8", ".js": "text/javascript; charset=utf-8", ".css": "text/css; charset=utf-8",
	".svg": "image/svg+xml", ".png": "image/png", ".ico": "image/x-icon", ".woff2": "font/woff2", ".txt": "text/plain; charset=utf-8",
	".json": "application/json", ".webmanifest": "application/manifest+json",
}

func mediaTypeOf(name string) string {
	if t := types[path.Ext(name)]; t != "" {
		return t
	}
	if t := mime.TypeByExtension(path.Ext(name)); t != "" {
		return t
	}
	return "application/octet-stream"
}

// noPage is shown where the page was not built.
const noPage = "This build of Banyan has no dashboard page in it.\n" +
	"In a checkout, `make web` builds it (it needs Node.js), and `make build` then puts it into the binary.\n" +
	"The API answers here all the same: POST /api/banyan.v1.ControlService/GetStatus\n"

// page answers with a file of the page, or with the page itself for addresses
// that it makes sense of by itself.
func page(w http.ResponseWriter, r *http.Request) { servePage(w, r, assets()) }

func servePage(w http.ResponseWriter, r *http.Request, all map[string]*asset) {
	name := strings.TrimPrefix(path.Clean("/"+r.URL.Path), "/")
	a := all[name]
	if a == nil && strings.HasPrefix(name, hashedPath) {
		plainText(w, http.StatusNotFound, "There is no such file: the dashboard was updated. Load the page again.\n")
		return
	}
	if a == nil {
		a = all[indexFile]
	}
	if a == nil {
		plainText(w, http.StatusOK, noPage)
		return
	}
	h := w.Header()
	h.Set("Content-Type", a.mediaType)
	h.Set("Cache-Control", "no-cache")
	if a.hashed {
		h.Set("Cache-Control", "public, max-age=31536000, immutable")
	}
	data, tag := a.data, a.tag
	if a.packed != nil {
		h.Add("Vary", "Accept-Encoding")
		if takesGzip(r.Header.Get("Accept-Encoding")) {
			h.Set("Content-Encoding", "gzip")
			data, tag = a.packed, a.tag+"-gzip"
		}
	}
	h.Set("ETag", `"`+tag+`"`)
	http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(data))
}

// takesGzip reads Accept-Encoding as far as browsers write it (RFC 9110, section 12.5.3).
func takesGzip(field string) bool {
	for part := range strings.SplitSeq(field, ",") {
		coding, weight, _ := strings.Cut(part, ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			q, err := strconv.ParseFloat(strings.TrimPrefix(strings.ReplaceAll(weight, " ", ""), "q="), 64)
			return err != nil || q > 0
		}
	}
	return false
}
