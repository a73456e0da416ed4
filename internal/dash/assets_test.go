package dash

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/fstest"
)

func packed(t *testing.T, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	w := gzip.NewWriter(&b)
	if _, err := io.WriteString(w, text); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

func TestAssets(t *testing.T) {
	all := readAssets(fstest.MapFS{
		"index.html":            {Data: []byte("<html>")},
		"assets/app-1a2b.js":    {Data: []byte("let a")},
		"assets/app-1a2b.js.gz": {Data: packed(t, "let a")},
		"favicon.svg":           {Data: []byte("<svg>")},
	})
	get := func(path, encoding string, etag ...string) *http.Response {
		t.Helper()
		q := httptest.NewRequest(http.MethodGet, theURL+path, nil)
		q.Header.Set("Accept-Encoding", encoding)
		for _, tag := range etag {
			q.Header.Set("If-None-Match", tag)
		}
		w := httptest.NewRecorder()
		servePage(w, q, all)
		return w.Result()
	}
	body := func(res *http.Response) string {
		data, err := io.ReadAll(res.Body)
		if err != nil {
			t.Fatal(err)
		}
		return string(data)
	}
	for _, path := range []string{"/", "/traces/abc", "/services/order?tab=logs", "/index.html", "/../../etc/passwd"} {
		res := get(path, "gzip")
		if res.StatusCode != http.StatusOK || body(res) != "<html>" || res.Header.Get("Cache-Control") != "no-cache" || !strings.HasPrefix(res.Header.Get("Content-Type"), "text/html") {
			t.Errorf("%s: %s, %v", path, res.Status, res.Header)
		}
		if again := get(path, "gzip", res.Header.Get("ETag")); again.StatusCode != http.StatusNotModified {
			t.Errorf("%s again: %s", path, again.Status)
		}
	}
	js := get("/assets/app-1a2b.js", "br, gzip;q=0.8")
	if js.Header.Get("Content-Encoding") != "gzip" || !strings.Contains(js.Header.Get("Cache-Control"), "immutable") || js.Header.Get("Vary") != "Accept-Encoding" || body(js) != string(packed(t, "let a")) {
		t.Errorf("%s, %v", js.Status, js.Header)
	}
	for _, encoding := range []string{"", "br", "gzip;q=0", "gzip; q=0.0"} {
		if js := get("/assets/app-1a2b.js", encoding); js.Header.Get("Content-Encoding") != "" || body(js) != "let a" || !strings.HasPrefix(js.Header.Get("Content-Type"), "text/javascript") {
			t.Errorf("%q: %s, %v", encoding, js.Status, js.Header)
		}
	}
	if res := get("/assets/app-0000.js", "gzip"); res.StatusCode != http.StatusNotFound {
		t.Errorf("a file of an older page: %s", res.Status)
	}
	all = readAssets(fstest.MapFS{"placeholder.txt": {Data: []byte("x")}})
	if res := get("/traces", "gzip"); res.StatusCode != http.StatusOK || !strings.Contains(body(res), "make web") {
		t.Errorf("without a page: %s", res.Status)
	}
}

func TestHeadersOfEveryAnswer(t *testing.T) {
	r := newRig(t)
	other := request("GET", "/", "")
	other.Host = "evil.example"
	for _, q := range []*http.Request{request("GET", "/", ""), request("GET", "/api/session", ""), other} {
		h := r.do(q).Header
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "frame-ancestors 'none'", "base-uri 'none'"} {
			if !strings.Contains(h.Get("Content-Security-Policy"), want) {
				t.Errorf("%s: no %s", q.URL, want)
			}
		}
		if strings.Contains(h.Get("Content-Security-Policy"), "unsafe") || h.Get("X-Content-Type-Options") != "nosniff" || h.Get("Referrer-Policy") != "no-referrer" ||
			h.Get("Cross-Origin-Resource-Policy") != "same-origin" || h.Get("Cross-Origin-Opener-Policy") != "same-origin" {
			t.Errorf("%s: %v", q.URL, h)
		}
	}
}
