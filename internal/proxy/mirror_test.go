package proxy

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/route"
)

// copied is what a mirror got.
type copied struct{ method, path, body, caller, mark string }

func recording(to chan<- copied) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		to <- copied{q.Method, q.URL.String(), string(b), q.Header.Get("Banyan-Caller"), q.Header.Get("Banyan-Mirror")}
		w.WriteHeader(500)
		_, _ = io.WriteString(w, strings.Repeat("nobody reads this", 1000))
	}
}

func TestMirror(t *testing.T) {
	for _, proto := range []route.Protocol{route.HTTP1, route.H2C} {
		for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
			t.Run(string(proto)+" "+name, func(t *testing.T) {
				start := backend
				if proto == route.H2C {
					start = h2cBackend
				}
				r := newRig(t)
				got := make(chan copied, 100)
				r.service("s", proto, "s-1", start(t, func(w http.ResponseWriter, q *http.Request) {
					b, _ := io.ReadAll(q.Body)
					_, _ = io.WriteString(w, q.Header.Get("Banyan-Mirror")+string(b))
				}))
				r.service("m", proto, "m-1", start(t, recording(got)))
				edge := r.edge("x", "s", route.Policy{Mirror: &route.Mirror{To: "m", Percent: 100}})
				r.apply()
				for _, q := range []struct{ method, body string }{{"GET", ""}, {"POST", "hello"}, {"POST", strings.Repeat("y", 60_000)}} {
					req, _ := http.NewRequestWithContext(t.Context(), q.method, edge+"/a?b=c", strings.NewReader(q.body))
					if resp, body := do(t, c, req); resp.StatusCode != 200 || body != q.body {
						t.Errorf("%s: %s, %d bytes", q.method, resp.Status, len(body))
					}
					if m := <-got; m != (copied{q.method, "/a?b=c", q.body, "x", "1"}) {
						t.Errorf("%s: the copy is %+.200v", q.method, m)
					}
				}
				// Too large to be kept: not copied.
				req, _ := http.NewRequestWithContext(t.Context(), "POST", edge, strings.NewReader(strings.Repeat("z", 200_000)))
				if _, body := do(t, c, req); len(body) != 200_000 {
					t.Errorf("%d bytes", len(body))
				}
				eventually(t, "it is told", func() bool {
					ev := r.event("unmirrored")
					return ev != nil && ev.Caller == "x" && ev.Service == "m"
				})
				eventually(t, "nothing is left", func() bool { return r.instance("m", 0).inFlight.InFlight() == 0 })
				if len(got) != 0 {
					t.Errorf("copied: %+.200v", <-got)
				}
			})
		}
	}
}

// TestMirrorThatFails: what becomes of the copy is nothing to the client.
func TestMirrorThatFails(t *testing.T) {
	r := newRig(t)
	mute := newHeld()
	r.service("s", route.HTTP1, "s-1", backend(t, text("ok")))
	r.service("m", route.HTTP1, "m-1", backend(t, mute.serve))
	t.Cleanup(mute.letGo)
	edge := r.edge("x", "s", route.Policy{Mirror: &route.Mirror{To: "m", Percent: 100}})
	r.snap.Services["none"] = &route.Service{Name: "none", Protocol: route.HTTP1}
	other := r.edge("y", "s", route.Policy{Mirror: &route.Mirror{To: "none", Percent: 100}})
	r.apply()
	c := client(t)
	const n = 3 * maxMirrors // on however many loops, more than may be in flight
	for range n {
		if resp, body := get(t, c, edge); body != "ok" {
			t.Fatalf("%s %s", resp.Status, body)
		}
		if resp, body := get(t, c, other); body != "ok" {
			t.Fatalf("%s %s", resp.Status, body)
		}
	}
	if busy, most := r.instance("m", 0).inFlight.InFlight(), int64(maxMirrors*len(r.e.workers)); busy > most || busy < maxMirrors/2 {
		t.Errorf("%d copies in flight, at most %d may be", busy, most)
	}
	if r.e.InFlight() != 0 {
		t.Errorf("%d in flight: copies are not to be waited for", r.e.InFlight())
	}
}

// TestMirrorOfWhatTheServiceGets: requests that no instance got have no copy,
// also where another service answers them.
func TestMirrorOfWhatTheServiceGets(t *testing.T) {
	r := newRigWith(t, Options{Loops: 1})
	got := make(chan copied, 100)
	r.service("s", route.HTTP1, "s-1", dead(t))
	r.service("none", route.HTTP1)
	r.service("other", route.HTTP1, "other-1", backend(t, text("other")))
	r.service("m", route.HTTP1, "m-1", backend(t, recording(got)))
	policy := route.Policy{Mirror: &route.Mirror{To: "m", Percent: 100}}
	edges := []string{r.edge("x", "s", policy), r.edge("x", "none", policy)}
	policy.Fallback = &route.Fallback{Service: "other"}
	edges = append(edges, r.edge("y", "s", policy), r.edge("y", "none", policy))
	last := r.edge("x", "other", route.Policy{Mirror: policy.Mirror})
	r.apply()
	c := client(t)
	for i, edge := range append(edges, last) {
		for _, method := range []string{"GET", "POST"} {
			body := map[string]string{"POST": "hello"}[method]
			req, _ := http.NewRequestWithContext(t.Context(), method, edge, strings.NewReader(body))
			if resp, _ := do(t, c, req); (resp.StatusCode == 200) != (i > 1) {
				t.Errorf("%d: %s: %s", i, method, resp.Status)
			}
		}
	}
	eventually(t, "nothing is left", func() bool { return r.instance("m", 0).inFlight.InFlight() == 0 })
	if len(got) != 2 {
		t.Errorf("%d copies, want 2", len(got))
	}
}
