package proxy

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// leaving answers nothing, and tells when it was asked and when its client left.
func leaving(came, left chan<- string) http.HandlerFunc {
	return func(_ http.ResponseWriter, q *http.Request) {
		b, _ := io.ReadAll(q.Body)
		came <- string(b)
		<-q.Context().Done()
		left <- string(b)
	}
}

// TestHedge: where the first instance is slow, the answer is another's, and the first is told to stop.
func TestHedge(t *testing.T) {
	for _, proto := range []route.Protocol{route.HTTP1, route.H2C} {
		start := backend
		if proto == route.H2C {
			start = h2cBackend
		}
		for _, c := range []struct{ method, body string }{{"GET", ""}, {"PUT", strings.Repeat("x", 50_000)}} {
			for name, cl := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
				t.Run(fmt.Sprintf("%s %s %s", proto, c.method, name), func(t *testing.T) {
					r := newRig(t)
					came, left := make(chan string, 2), make(chan string, 2)
					r.service("s", proto, "s-1", start(t, leaving(came, left)), "s-2", start(t, func(w http.ResponseWriter, q *http.Request) {
						b, _ := io.ReadAll(q.Body)
						_, _ = fmt.Fprintf(w, "second, %d", len(b))
					}))
					policy := route.Policy{Hedge: &route.Hedge{After: 20 * time.Millisecond, Max: 1}}
					gw := r.gateway(route.Route{Path: "/", To: "s", Policy: policy})
					r.apply()
					occupy(t, r.instance("s", 1), 1000)
					req, _ := http.NewRequestWithContext(t.Context(), c.method, gw, strings.NewReader(c.body))
					resp, body := do(t, cl, req)
					if resp.StatusCode != 200 || body != fmt.Sprintf("second, %d", len(c.body)) {
						t.Errorf("%s %s", resp.Status, body)
					}
					if got := <-came; got != c.body {
						t.Errorf("the first got %d bytes", len(got))
					}
					<-left
					eventually(t, "a record", func() bool { return strings.Contains(r.log.String(), `"tries":2`) })
					if !strings.Contains(r.log.String(), `"instance":"s-2"`) {
						t.Error(r.log.String())
					}
					eventually(t, "the first's place is free", func() bool { return r.instance("s", 0).inFlight.InFlight() == 0 })
				})
			}
		}
	}
}

// TestHedgeLoses: the first answers after all, or the other fails.
func TestHedgeLoses(t *testing.T) {
	for name, second := range map[string]http.HandlerFunc{
		"it is slower": func(_ http.ResponseWriter, q *http.Request) { <-q.Context().Done() },
		"it fails":     func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) },
		"it breaks":    func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) },
	} {
		for _, proto := range []route.Protocol{route.HTTP1, route.H2C} {
			t.Run(string(proto)+" "+name, func(t *testing.T) {
				start := backend
				if proto == route.H2C {
					start = h2cBackend
				}
				r := newRig(t)
				asked := make(chan struct{})
				r.service("s", proto, "s-1", start(t, func(w http.ResponseWriter, _ *http.Request) {
					<-asked
					_, _ = io.WriteString(w, "first")
				}), "s-2", start(t, func(w http.ResponseWriter, q *http.Request) {
					close(asked)
					second(w, q)
				}))
				edge := r.edge("x", "s", route.Policy{Hedge: &route.Hedge{After: 10 * time.Millisecond, Max: 3}})
				r.apply()
				occupy(t, r.instance("s", 1), 1000)
				if resp, body := get(t, client(t), edge); body != "first" {
					t.Errorf("%s %s", resp.Status, body)
				}
				eventually(t, "both places are free", func() bool {
					return r.instance("s", 0).inFlight.InFlight() == 0 && r.instance("s", 1).inFlight.InFlight() == 1000
				})
			})
		}
	}
}

// TestHedgeOutlivesTheFirst: a first try that breaks waits for the other one, without a retry.
func TestHedgeOutlivesTheFirst(t *testing.T) {
	r := newRig(t)
	asked, broken := make(chan struct{}), make(chan struct{})
	r.service("s", route.HTTP1, "s-1", backend(t, func(http.ResponseWriter, *http.Request) {
		<-asked
		panic(http.ErrAbortHandler)
	}), "s-2", backend(t, func(w http.ResponseWriter, _ *http.Request) {
		close(asked)
		<-broken
		_, _ = io.WriteString(w, "second")
	}))
	edge := r.edge("x", "s", route.Policy{Hedge: &route.Hedge{After: 10 * time.Millisecond, Max: 1}})
	r.apply()
	occupy(t, r.instance("s", 1), 1000)
	go func() {
		defer close(broken)
		eventually(t, "the first broke", func() bool { return r.instance("s", 0).inFlight.InFlight() == 0 })
	}()
	if resp, body := get(t, client(t), edge); body != "second" {
		t.Errorf("%s %s", resp.Status, body)
	}
}

// TestHedgeOnlyWhereSafe: a POST is sent once, and so is what has no other instance.
func TestHedgeOnlyWhereSafe(t *testing.T) {
	r := newRig(t)
	var hits, others atomic.Int32
	slow := func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		time.Sleep(60 * time.Millisecond) //nolint:forbidigo // it is slow
		_, _ = io.WriteString(w, "first")
	}
	r.service("s", route.HTTP1, "s-1", backend(t, slow), "s-2", backend(t, func(http.ResponseWriter, *http.Request) { others.Add(1) }))
	r.service("alone", route.HTTP1, "alone-1", backend(t, slow))
	p := route.Policy{Hedge: &route.Hedge{After: 10 * time.Millisecond, Max: 2}}
	edge, alone := r.edge("x", "s", p), r.edge("x", "alone", p)
	r.apply()
	occupy(t, r.instance("s", 1), 1000)
	req, _ := http.NewRequestWithContext(t.Context(), "POST", edge, strings.NewReader("x"))
	if _, body := do(t, client(t), req); body != "first" || others.Load() != 0 {
		t.Errorf("%s, %d others", body, others.Load())
	}
	if _, body := get(t, client(t), alone); body != "first" || hits.Load() != 2 {
		t.Errorf("%s, %d requests", body, hits.Load())
	}
}

// TestHedgedClientLeaves: all tries end with it.
func TestHedgedClientLeaves(t *testing.T) {
	for _, proto := range []route.Protocol{route.HTTP1, route.H2C} {
		start := backend
		if proto == route.H2C {
			start = h2cBackend
		}
		for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
			t.Run(string(proto)+" "+name, func(t *testing.T) {
				r := newRig(t)
				came, left := make(chan string, 3), make(chan string, 3)
				h := leaving(came, left)
				r.service("s", proto, "s-1", start(t, h), "s-2", start(t, h), "s-3", start(t, h))
				edge := r.edge("x", "s", route.Policy{Hedge: &route.Hedge{After: 10 * time.Millisecond, Max: 2}})
				r.apply()
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					for range 3 {
						<-came
					}
					cancel()
				}()
				req, _ := http.NewRequestWithContext(ctx, "GET", edge, nil)
				if resp, err := c.Do(req); err == nil {
					_ = resp.Body.Close()
					t.Error("an answer")
				}
				for range 3 {
					<-left
				}
				eventually(t, "nothing is left", func() bool {
					n := int64(r.e.InFlight())
					for i := range 3 {
						n += r.instance("s", i).inFlight.InFlight()
					}
					return n == 0
				})
			})
		}
	}
}
