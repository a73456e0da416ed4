package proxy

import (
	"bytes"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"
)

// TestReferenceHTTP2 is TestReference for clients of HTTP/2.
func TestReferenceHTTP2(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it compares answers, which are the same under the race detector")
	}
	d := newDuel(t)
	c := h2cClient(t)
	c.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	c.Timeout = 10 * time.Second
	compared := 0
	for _, s := range d.sides {
		for _, path := range []string{
			"/echo?a=1&b=%20;c", "/echo?", "//echo", "/echo/../echo", "/a%2fb", "/a;p=1/b", "/h2/echo?q", "/only-get/x", "/chunked", "/trailers",
			"/late-trailers", "/204", "/304", "/redirect", "/cookies", "/hop", "/large", "/empty", "/gzip", "/500", "/hints", "/h2/trailers", "/h2/304",
		} {
			for _, method := range []string{"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "BREW"} {
				for _, size := range []int{-1, 0, 5, 100_000} {
					for _, sized := range []bool{true, false} {
						if size == 0 && !sized {
							continue // net/http's client finds out that there is nothing, and says so
						}
						got, gotSeen := d.askHTTP2(t, c, s.engine, method, path, size, sized)
						want, wantSeen := d.askHTTP2(t, c, s.reference, method, path, size, sized)
						compared++
						if got != want || gotSeen != wantSeen {
							t.Errorf("%s: %s %s, %d bytes (sized: %v):\n got %s %s\nwant %s %s", s.name, method, path, size, sized, got, gotSeen, want, wantSeen)
						}
					}
				}
			}
		}
	}
	t.Logf("%d requests", compared)
}

// askHTTP2 sends a request with a body of size bytes, −1: none, and returns what
// client and service see.
func (d *duel) askHTTP2(t *testing.T, c *http.Client, addr, method, path string, size int, sized bool) (answer, seen string) {
	t.Helper()
	var body io.Reader
	switch {
	case size >= 0 && sized:
		body = bytes.NewReader(make([]byte, size))
	case size >= 0:
		body = io.LimitReader(zeros{}, int64(size))
	}
	req, err := http.NewRequestWithContext(t.Context(), method, "http://"+addr+path, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Host = "a"
	if !sized {
		req.Header = http.Header{"Te": {"trailers"}, "X-Forwarded-For": {"6.6.6.6"}, "Banyan_caller": {"forged"}, "Cookie": {"a=1", "b=2"}}
	}
	if size > 0 && !sized { // net/http's client sends none where there is no body
		req.Trailer = http.Header{"X-Sum": {"7"}}
	}
	d.notes.take()
	resp, err := c.Do(req)
	if err != nil {
		return "error: " + err.Error(), strings.Join(d.notes.take(), " ")
	}
	b, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if method == http.MethodHead {
		resp.Trailer = nil // the engine announces what GET would have, too
	}
	h := resp.Header
	for _, k := range []string{"Date", "X-Request-Id"} {
		h.Del(k)
	}
	if h.Get("Banyan-Error") != "" {
		b, resp.ContentLength = nil, 0
		h.Del("Content-Length")
	}
	return fmt.Sprintf("%d %v length=%d %s err=%v trailer=%v", resp.StatusCode, h, resp.ContentLength, digest(b), err, resp.Trailer),
		strings.Join(d.notes.take(), " ")
}
