package main

import (
	"bufio"
	"compress/gzip"
	"context"
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"maps"
	"net/http"
	"net/http/httptest"
	"path"
	"regexp"
	"slices"
	"strings"
	"testing"
)

func newTestSite(t *testing.T) *site {
	t.Helper()
	files, err := fs.Sub(static, "static")
	if err != nil {
		t.Fatal(err)
	}
	s, err := loadSite(files)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func answer(s *site, method, path string, header http.Header) *httptest.ResponseRecorder {
	request := httptest.NewRequest(method, path, nil)
	maps.Copy(request.Header, header)
	recorder := httptest.NewRecorder()
	newHandler(s).ServeHTTP(recorder, request)
	return recorder
}

func TestRouting(t *testing.T) {
	s := newTestSite(t)
	const page, problem = "text/html; charset=utf-8", "application/problem+json"
	for _, test := range []struct {
		method, path string
		status       int
		contentType  string
	}{
		{"GET", "/", 200, page},
		{"HEAD", "/", 200, page},
		{"GET", "/?q=lamp", 200, page},
		{"GET", "/products/oak-desk", 200, page},
		{"GET", "/orders/7f3a", 200, page},
		{"GET", "/no/such/page", 200, page},
		{"GET", "/favicon.svg", 200, "image/svg+xml"},
		{"GET", "/robots.txt", 200, "text/plain; charset=utf-8"},
		{"GET", "/assets/" + s.version + "/js/main.js", 200, "text/javascript; charset=utf-8"},
		{"GET", "/assets/" + s.version + "/css/base.css", 200, "text/css; charset=utf-8"},
		{"GET", "/assets/" + s.version + "/js/missing.js", 404, problem},
		{"GET", "/missing.png", 404, problem},
		{"GET", "/index.html", 404, problem},
		{"GET", "/api/recommendations?product=x", 404, problem},
		{"POST", "/api/orders", 404, problem},
		{"GET", "/.well-known/jwks.json", 404, problem},
		{"POST", "/", 405, problem},
		{"DELETE", "/assets/" + s.version + "/js/main.js", 405, problem},
		{"GET", "/healthz", 200, "text/plain; charset=utf-8"},
	} {
		t.Run(test.method+" "+test.path, func(t *testing.T) {
			got := answer(s, test.method, test.path, nil)
			if got.Code != test.status {
				t.Errorf("status %d, want %d", got.Code, test.status)
			}
			if contentType := got.Header().Get("Content-Type"); contentType != test.contentType && test.path != "/healthz" {
				t.Errorf("Content-Type %q, want %q", contentType, test.contentType)
			}
			if test.method == "HEAD" && got.Body.Len() != 0 {
				t.Error("HEAD has a body")
			}
		})
	}
}

func TestSecurityHeadersOnEveryAnswer(t *testing.T) {
	s := newTestSite(t)
	for _, path := range []string{"/", "/products/x", "/assets/" + s.version + "/js/main.js", "/missing.png", "/api/x"} {
		header := answer(s, "GET", path, nil).Header()
		policy := header.Get("Content-Security-Policy")
		for _, want := range []string{"default-src 'none'", "script-src 'self'", "style-src 'self'", "frame-ancestors 'none'"} {
			if !strings.Contains(policy, want) {
				t.Errorf("%s: the policy %q lacks %q", path, policy, want)
			}
		}
		if strings.Contains(policy, "unsafe") {
			t.Errorf("%s: the policy %q allows something unsafe", path, policy)
		}
		if header.Get("X-Content-Type-Options") != "nosniff" {
			t.Errorf("%s: sniffing is allowed", path)
		}
	}
}

func TestNothingInline(t *testing.T) {
	page := answer(newTestSite(t), "GET", "/", nil).Body.String()
	for _, forbidden := range []string{`<style`, `style=`, `javascript:`} {
		if strings.Contains(page, forbidden) {
			t.Errorf("the page contains %q", forbidden)
		}
	}
	if match := regexp.MustCompile(`(?s)<script[^>]*>[^<]+</script>|\son\w+=|(src|href)="(https?:)?//`).FindString(page); match != "" {
		t.Errorf("the page contains %q", match)
	}
}

func TestCaching(t *testing.T) {
	s := newTestSite(t)
	for path, want := range map[string]string{
		"/":                                    cacheRevalidate,
		"/cart":                                cacheRevalidate,
		"/favicon.svg":                         cacheAnHour,
		"/assets/" + s.version + "/js/main.js": cacheForever,
		"/assets/000000000000/js/main.js":      cacheRevalidate,
	} {
		first := answer(s, "GET", path, nil)
		if got := first.Header().Get("Cache-Control"); got != want {
			t.Errorf("%s: Cache-Control %q, want %q", path, got, want)
		}
		etag := first.Header().Get("ETag")
		for _, header := range []string{etag, `W/` + etag, `"other", ` + etag, "*"} {
			again := answer(s, "GET", path, http.Header{"If-None-Match": {header}})
			if again.Code != http.StatusNotModified || again.Body.Len() != 0 {
				t.Errorf("%s, If-None-Match %s: status %d, %d bytes", path, header, again.Code, again.Body.Len())
			}
		}
		if again := answer(s, "GET", path, http.Header{"If-None-Match": {`"other"`}}); again.Code != http.StatusOK {
			t.Errorf("%s: status %d for another ETag", path, again.Code)
		}
	}
}

func TestGzip(t *testing.T) {
	s := newTestSite(t)
	address := "/assets/" + s.version + "/js/main.js"
	plain := answer(s, "GET", address, nil)
	packed := answer(s, "GET", address, http.Header{"Accept-Encoding": {"br, gzip"}})
	if packed.Header().Get("Content-Encoding") != "gzip" || packed.Header().Get("Vary") != "Accept-Encoding" {
		t.Fatalf("headers %v", packed.Header())
	}
	if packed.Header().Get("ETag") == plain.Header().Get("ETag") {
		t.Error("two representations share an ETag")
	}
	reader, err := gzip.NewReader(packed.Body)
	if err != nil {
		t.Fatal(err)
	}
	unpacked, err := io.ReadAll(reader)
	if err != nil || string(unpacked) != plain.Body.String() {
		t.Errorf("unpacked %d bytes (%v), want %d", len(unpacked), err, plain.Body.Len())
	}
	for _, header := range []string{"", "gzip;q=0", "gzip; q=0.0", "identity", "xgzip"} {
		if acceptsGzip(header) {
			t.Errorf("%q is taken to accept gzip", header)
		}
	}
}

// The page and its modules name files by hand: this finds a name that is wrong, and a module that is not preloaded.
func TestEveryReferenceExists(t *testing.T) {
	s := newTestSite(t)
	page := string(s.index.plain)
	for _, match := range regexp.MustCompile(`(?:src|href)="(/[^"]+\.\w+)"`).FindAllStringSubmatch(page, -1) {
		if got := answer(s, "GET", match[1], nil); got.Code != http.StatusOK {
			t.Errorf("the page refers to %s, which answers %d", match[1], got.Code)
		}
	}
	imports := regexp.MustCompile(`(?m)^import .*"(\.[^"]+)";$`)
	for name, file := range s.files {
		if !strings.HasSuffix(name, ".js") {
			continue
		}
		if !strings.Contains(page, strings.Replace(name, "assets/", "/assets/"+s.version+"/", 1)) {
			t.Errorf("%s is not preloaded by index.html", name)
		}
		for _, match := range imports.FindAllStringSubmatch(string(file.plain), -1) {
			if target := path.Join(path.Dir(name), match[1]); s.files[target] == nil {
				t.Errorf("%s imports %s, which does not exist", name, target)
			}
		}
	}
}

func TestVersionFollowsContent(t *testing.T) {
	s := newTestSite(t)
	if !regexp.MustCompile(`^[0-9a-f]{12}$`).MatchString(s.version) || s.version != newTestSite(t).version {
		t.Errorf("version %q", s.version)
	}
}

func TestRunServesLogsAndStops(t *testing.T) {
	ctx, cancel := context.WithCancel(t.Context())
	reader, writer := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- run(ctx, func(name string) string { return map[string]string{"PORT": "0"}[name] }, writer)
		_ = writer.Close()
	}()
	records := make(chan map[string]any, 8)
	go func() {
		defer close(records)
		for lines := bufio.NewScanner(reader); lines.Scan(); {
			var record map[string]any
			if json.Unmarshal(lines.Bytes(), &record) == nil {
				records <- record
			}
		}
	}()
	base := "http://" + (<-records)["address"].(string)
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, base+"/cart", nil)
	if err != nil {
		t.Fatal(err)
	}
	request.Header.Set("X-Request-Id", "r1")
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	_ = response.Body.Close()
	record := <-records
	if record["path"] != "/cart" || record["status"] != 200.0 || record["request_id"] != "r1" || record["method"] != "GET" {
		t.Errorf("record %v", record)
	}
	cancel()
	if err := <-ended; err != nil {
		t.Errorf("run: %v", err)
	}
	var rest []string
	for record := range records {
		rest = append(rest, record["msg"].(string))
	}
	if !slices.Equal(rest, []string{"stopping"}) {
		t.Errorf("last records %q", rest)
	}
	if err := run(t.Context(), func(string) string { return "no-port" }, io.Discard); err == nil || errors.Is(err, http.ErrServerClosed) {
		t.Errorf("a wrong address: %v", err)
	}
}
