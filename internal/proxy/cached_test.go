package proxy

import (
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// numbering answers with how often it was asked, to be kept for a minute unless
// the path says otherwise, until it is sick.
func numbering(hits *atomic.Int32, sick *atomic.Bool) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		n := hits.Add(1)
		if sick.Load() {
			w.WriteHeader(500)
			return
		}
		switch q.URL.Path {
		case "/stale":
			w.Header().Set("Cache-Control", "max-age=60, stale-if-error=600")
			w.Header().Set("Age", "100")
		case "/expired":
			w.Header().Set("Cache-Control", "max-age=60")
			w.Header().Set("Age", "59")
			w.Header().Set("Date", time.Now().UTC().Format(http.TimeFormat))
		default:
			w.Header().Set("Cache-Control", "max-age=60")
			w.Header().Set("Etag", `"v"`)
		}
		w.Header().Set("Banyan-Cache", "forged")
		_, _ = fmt.Fprint(w, n)
		if q.URL.Path == "/large" {
			_, _ = io.WriteString(w, strings.Repeat("x", 500_000))
		}
	}
}

func TestCache(t *testing.T) {
	for _, backendProto := range []route.Protocol{route.HTTP1, route.H2C} {
		for proto, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
			t.Run(string(backendProto)+" to "+proto, func(t *testing.T) {
				r := newRig(t)
				var hits atomic.Int32
				var sick atomic.Bool
				start := backend
				if backendProto == route.H2C {
					start = h2cBackend
				}
				r.service("s", backendProto, "s-1", start(t, numbering(&hits, &sick)))
				edge := r.edge("x", "s", route.Policy{Cache: &route.Cache{MaxBytes: 4 << 20, MaxObject: 1 << 20}})
				r.apply()
				ask := func(method, path, header, value string) (*http.Response, string) {
					req, _ := http.NewRequestWithContext(t.Context(), method, edge+path, nil)
					if header != "" {
						req.Header.Set(header, value)
					}
					return do(t, c, req)
				}
				for i, want := range []string{"miss", "hit", "hit"} {
					resp, body := ask("GET", "/a", "", "")
					if resp.StatusCode != 200 || body != "1" || strings.Join(resp.Header["Banyan-Cache"], " ") != want {
						t.Errorf("%d: %s %v %q", i, resp.Status, resp.Header, body)
					}
					if want == "hit" && (resp.Header.Get("Age") == "" || resp.Header.Get("X-Request-Id") == "") {
						t.Errorf("%d: %v", i, resp.Header)
					}
				}
				r.apply() // the cache outlives a snapshot
				if resp, body := ask("HEAD", "/a", "", ""); resp.Header.Get("Banyan-Cache") != "hit" || body != "" || resp.ContentLength != 1 {
					t.Errorf("HEAD: %v %d", resp.Header, resp.ContentLength)
				}
				if resp, body := ask("GET", "/a", "If-None-Match", `"v"`); resp.StatusCode != 304 || body != "" {
					t.Errorf("conditional: %s", resp.Status)
				}
				resp, body := ask("GET", "/b", "Cache-Control", "only-if-cached")
				if p := problemOf(t, resp, body); p.Code != NotCached {
					t.Errorf("%+v", p)
				}
				for range 2 {
					if _, body := ask("GET", "/large", "", ""); len(body) != 500_001 || body[0] != '2' {
						t.Errorf("large: %d bytes, %q", len(body), body[0])
					}
				}
				ask("POST", "/a", "", "")
				if resp, body := ask("GET", "/a", "", ""); body != "4" || resp.Header.Get("Banyan-Cache") != "miss" {
					t.Errorf("after a POST: %q %v", body, resp.Header)
				}
				if hits.Load() != 4 {
					t.Errorf("%d requests at the service", hits.Load())
				}
			})
		}
	}
}

// TestCacheOfASickService: what is kept and not fresh any more stands in.
func TestCacheOfASickService(t *testing.T) {
	r := newRig(t)
	var hits atomic.Int32
	var sick atomic.Bool
	r.service("s", route.HTTP1, "s-1", backend(t, numbering(&hits, &sick)))
	ttl := &route.Cache{MaxBytes: 1 << 20}
	plain := r.edge("x", "s", route.Policy{Cache: ttl})
	stale := r.edge("y", "s", route.Policy{Cache: ttl, Fallback: &route.Fallback{Stale: time.Hour, Status: 200, Body: "static"}})
	r.apply()
	c := client(t)
	for _, q := range []struct{ url, cache, by, body string }{
		{plain + "/stale", "stale", "", "1"},        // as the answer says
		{plain + "/expired", "", "", ""},            // nobody says so
		{stale + "/expired", "stale", "stale", "5"}, // as the fallback says
		{stale + "/never-seen", "", "static", "static"},
	} {
		sick.Store(false)
		if !strings.HasSuffix(q.url, "/never-seen") {
			if resp, _ := get(t, c, q.url); resp.Header.Get("Banyan-Cache") != "miss" {
				t.Errorf("%s: %v", q.url, resp.Header)
			}
		}
		sick.Store(true)
		var resp *http.Response
		var body string
		eventually(t, "it is not fresh any more", func() bool {
			resp, body = get(t, c, q.url)
			return resp.Header.Get("Banyan-Cache") != "hit"
		})
		h := resp.Header
		if h.Get("Banyan-Cache") != q.cache && q.cache != "" || h.Get("Banyan-Fallback") != q.by || body != q.body || (resp.StatusCode == 200) != (q.body != "") {
			t.Errorf("%s: %s %v %q", q.url, resp.Status, h, body)
		}
	}
}

// TestCacheFillThatBreaksOff: half an answer is not kept.
func TestCacheFillThatBreaksOff(t *testing.T) {
	r := newRig(t)
	var hits atomic.Int32
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Cache-Control", "max-age=60")
		if hits.Add(1) == 1 {
			_, _ = io.WriteString(w, "half")
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}
		_, _ = io.WriteString(w, "whole")
	}))
	edge := r.edge("x", "s", route.Policy{Cache: &route.Cache{MaxBytes: 1 << 20}})
	r.apply()
	resp, err := client(t).Get(edge)
	if err != nil {
		t.Fatal(err)
	}
	if b, err := io.ReadAll(resp.Body); err == nil || string(b) != "half" {
		t.Errorf("%q, %v", b, err)
	}
	_ = resp.Body.Close()
	if _, body := get(t, client(t), edge); body != "whole" || hits.Load() != 2 {
		t.Errorf("%q after %d", body, hits.Load())
	}
}
