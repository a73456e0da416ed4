package main

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io/fs"
	"mime"
	"net/http"
	"path"
	"strconv"
	"strings"
)

// Cache policies. Assets are asked for under a path that holds the version of the whole site, so that what a
// browser has is never stale and its modules never mix two versions.
const (
	cacheForever    = "public, max-age=31536000, immutable"
	cacheAnHour     = "public, max-age=3600"
	cacheRevalidate = "no-cache"
)

// site is every file of the page, in memory and already compressed.
type site struct {
	version string
	index   *asset
	files   map[string]*asset // by path, without a leading slash
}

type asset struct {
	contentType string
	etag        string // without quotes
	plain       []byte
	gzipped     []byte // nil where compressing does not pay
}

func loadSite(files fs.FS) (*site, error) {
	contents := map[string][]byte{}
	sum := sha256.New()
	err := fs.WalkDir(files, ".", func(name string, entry fs.DirEntry, err error) error {
		if err != nil || entry.IsDir() {
			return err
		}
		content, err := fs.ReadFile(files, name)
		if err != nil {
			return err
		}
		contents[name] = content
		fmt.Fprintf(sum, "%s %d\n%s", name, len(content), content)
		return nil
	})
	if err != nil {
		return nil, err
	}
	s := &site{version: hex.EncodeToString(sum.Sum(nil))[:12], files: map[string]*asset{}}
	for name, content := range contents {
		if name == "index.html" {
			continue
		}
		if s.files[name], err = newAsset(name, content); err != nil {
			return nil, err
		}
	}
	s.index, err = newAsset("index.html", s.indexPage(contents["index.html"]))
	return s, err
}

// indexPage puts the version into the addresses of the assets. The modules' imports are relative, so they follow.
func (s *site) indexPage(source []byte) []byte {
	return bytes.ReplaceAll(source, []byte(`"/assets/`), []byte(`"/assets/`+s.version+`/`))
}

// contentTypes are fixed here because mime's answers depend on the machine's own tables.
var contentTypes = map[string]string{
	".html": "text/html; charset=utf-8",
	".css":  "text/css; charset=utf-8",
	".js":   "text/javascript; charset=utf-8",
	".svg":  "image/svg+xml",
	".txt":  "text/plain; charset=utf-8",
}

func newAsset(name string, content []byte) (*asset, error) {
	sum := sha256.Sum256(content)
	a := &asset{
		contentType: orElse(contentTypes[path.Ext(name)], mime.TypeByExtension(path.Ext(name))),
		etag:        hex.EncodeToString(sum[:8]),
		plain:       content,
	}
	var packed bytes.Buffer
	writer, err := gzip.NewWriterLevel(&packed, gzip.BestCompression)
	if err != nil {
		return nil, err
	}
	if _, err := writer.Write(content); err != nil {
		return nil, err
	}
	if err := writer.Close(); err != nil {
		return nil, err
	}
	if packed.Len() < len(content)*9/10 {
		a.gzipped = packed.Bytes()
	}
	return a, nil
}

// serve answers with the asset, compressed where the client can take it, or with 304 where the client has it.
func (a *asset) serve(w http.ResponseWriter, r *http.Request, cacheControl string) {
	body, etag := a.plain, `"`+a.etag+`"`
	header := w.Header()
	header.Set("Cache-Control", cacheControl)
	if a.gzipped != nil {
		header.Set("Vary", "Accept-Encoding")
		if acceptsGzip(r.Header.Get("Accept-Encoding")) {
			body, etag = a.gzipped, `"`+a.etag+`-gzip"`
			header.Set("Content-Encoding", "gzip")
		}
	}
	header.Set("ETag", etag)
	if matches(r.Header.Get("If-None-Match"), etag) {
		header.Del("Content-Encoding")
		w.WriteHeader(http.StatusNotModified)
		return
	}
	header.Set("Content-Type", a.contentType)
	header.Set("Content-Length", strconv.Itoa(len(body)))
	if r.Method != http.MethodHead {
		_, _ = w.Write(body) // the client went away: nobody is left to tell
	}
}

func acceptsGzip(header string) bool {
	for part := range strings.SplitSeq(header, ",") {
		coding, quality, _ := strings.Cut(strings.TrimSpace(part), ";")
		if strings.EqualFold(strings.TrimSpace(coding), "gzip") {
			value, found := strings.CutPrefix(strings.TrimSpace(quality), "q=")
			weight, err := strconv.ParseFloat(value, 64)
			return !found || err == nil && weight > 0
		}
	}
	return false
}

// matches reports whether an If-None-Match header names etag, by the weak comparison of RFC 9110, section 8.8.3.2.
func matches(header, etag string) bool {
	if strings.TrimSpace(header) == "*" {
		return true
	}
	for part := range strings.SplitSeq(header, ",") {
		if strings.TrimPrefix(strings.TrimSpace(part), "W/") == etag {
			return true
		}
	}
	return false
}
