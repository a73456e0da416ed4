package proxy

import (
	"net/http"
	"strconv"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// held is a service whose answers wait to be let go.
type held struct {
	came chan struct{}
	free chan struct{}
	once sync.Once
}

func newHeld() *held { return &held{came: make(chan struct{}, 1000), free: make(chan struct{})} }

func (h *held) serve(w http.ResponseWriter, _ *http.Request) {
	h.came <- struct{}{}
	<-h.free
	w.WriteHeader(http.StatusNoContent)
}

func (h *held) letGo() { h.once.Do(func() { close(h.free) }) }

// inBackground sends n requests and returns what waits for their answers.
func inBackground(t *testing.T, c *http.Client, url string, n int) (wait func()) {
	t.Helper()
	var all sync.WaitGroup
	for range n {
		all.Go(func() {
			resp, err := c.Get(url)
			if err != nil {
				t.Error(err)
				return
			}
			_ = resp.Body.Close()
			if resp.StatusCode != http.StatusNoContent {
				t.Error(resp.Status)
			}
		})
	}
	return all.Wait
}

func TestBulkhead(t *testing.T) {
	for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			h := newHeld()
			defer h.letGo()
			r.service("s", route.HTTP1, "s-1", backend(t, h.serve))
			edge := r.edge("x", "s", route.Policy{Bulkhead: 2})
			other := r.edge("y", "s", route.Policy{})
			r.apply()
			wait := inBackground(t, c, edge, 2)
			<-h.came
			<-h.came
			refused := func() {
				t.Helper()
				resp, body := get(t, c, edge)
				if p := problemOf(t, resp, body); p.Code != BulkheadFull || p.Status != 503 || resp.Header.Get("Retry-After") != "1" {
					t.Errorf("%+v %v", p, resp.Header)
				}
			}
			refused()
			r.apply() // a new snapshot forgets nobody
			refused()
			waitOther := inBackground(t, c, other, 1)
			<-h.came
			h.letGo()
			wait()
			waitOther()
			if resp, _ := get(t, c, edge); resp.StatusCode != 204 {
				t.Errorf("afterwards: %s", resp.Status)
			}
		})
	}
}

func TestConcurrency(t *testing.T) {
	r := newRig(t)
	a, b := newHeld(), newHeld()
	defer a.letGo()
	defer b.letGo()
	r.service("s", route.HTTP1, "s-1", backend(t, a.serve), "s-2", backend(t, b.serve))
	r.snap.Services["s"].Concurrency = &route.Concurrency{Max: 1}
	x, y := r.edge("x", "s", route.Policy{}), r.edge("y", "s", route.Policy{Retries: 3, Timeout: time.Minute})
	r.apply()
	c := client(t)
	// Both callers together: each instance gets one.
	waitX, waitY := inBackground(t, c, x, 1), inBackground(t, c, y, 1)
	<-a.came
	<-b.came
	resp, body := get(t, c, y)
	if p := problemOf(t, resp, body); p.Code != Overloaded || p.Status != 503 || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("%+v %v", p, resp.Header)
	}
	a.letGo()
	b.letGo()
	waitX()
	waitY()
	if resp, _ := get(t, c, x); resp.StatusCode != 204 {
		t.Errorf("afterwards: %s", resp.Status)
	}
}

// TestConcurrencyOfAClientThatLeft: its place is free again.
func TestConcurrencyOfAClientThatLeft(t *testing.T) {
	r := newRig(t)
	h := newHeld()
	defer h.letGo()
	r.service("s", route.HTTP1, "s-1", backend(t, h.serve))
	r.snap.Services["s"].Concurrency = &route.Concurrency{Max: 1}
	edge := r.edge("x", "s", route.Policy{Bulkhead: 1})
	r.apply()
	for _, c := range []*http.Client{client(t), h2cClient(t)} {
		leave(t, c, edge, h.came)
		eventually(t, "its place is free", func() bool {
			return r.e.InFlight() == 0 && r.instance("s", 0).inFlight.InFlight() == 0
		})
	}
	h.letGo()
	if resp, _ := get(t, client(t), edge); resp.StatusCode != 204 {
		t.Errorf("afterwards: %s", resp.Status)
	}
}

// TestBreakerSaysWhen: an open breaker tells when it is worth to ask again.
func TestBreakerSaysWhen(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }))
	edge := r.edge("x", "s", route.Policy{Breaker: &route.Breaker{FailureRatio: 1, MinRequests: 1, Window: time.Minute, OpenFor: 90 * time.Second}})
	r.apply()
	c := client(t)
	_, _ = get(t, c, edge)
	resp, body := get(t, c, edge)
	if p := problemOf(t, resp, body); p.Code != BreakerOpen {
		t.Errorf("%+v", p)
	}
	if after, _ := strconv.Atoi(resp.Header.Get("Retry-After")); after < 30 || after > 90 {
		t.Errorf("Retry-After: %d", after)
	}
}

// TestOutlierSettings: how many errors eject, for how long, or not at all.
func TestOutlierSettings(t *testing.T) {
	r := newRig(t)
	var hits atomic.Int32
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		w.WriteHeader(500)
	}), "s-2", backend(t, text("ok")))
	quick := r.edge("x", "s", route.Policy{Outlier: &route.Outlier{Errors: 2, Base: 50 * time.Millisecond, Max: time.Second, MaxPercent: 50}})
	never := r.edge("y", "s", route.Policy{Outlier: &route.Outlier{}})
	r.apply()
	c := client(t)
	for range 40 {
		_, _ = get(t, c, never)
	}
	if r.event("ejected") != nil || hits.Load() < 5 {
		t.Errorf("after %d errors: %+v", hits.Load(), r.event("ejected"))
	}
	eventually(t, "it is out", func() bool {
		_, _ = get(t, c, quick)
		return r.event("ejected") != nil
	})
	if ev := r.event("ejected"); ev.Instance != "s-1" || ev.Detail != "for 50ms, after 2 errors in a row" {
		t.Errorf("%+v", ev)
	}
	eventually(t, "it is back, without a request", func() bool { return r.event("restored") != nil })
}
