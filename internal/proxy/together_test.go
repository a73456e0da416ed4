package proxy

import (
	"context"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// moody answers as its client's path and chance say: at once, late, with an
// error, with half an answer, or never.
func moody(w http.ResponseWriter, q *http.Request) {
	body, _ := io.ReadAll(q.Body)
	w.Header().Set("Cache-Control", "max-age=1, stale-if-error=60")
	switch rand.IntN(8) {
	case 0:
		w.WriteHeader(500)
	case 1:
		w.WriteHeader(503)
	case 2:
		panic(http.ErrAbortHandler)
	case 3:
		_, _ = w.Write(make([]byte, 30_000))
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	case 4:
		<-q.Context().Done()
	case 5:
		select {
		case <-q.Context().Done():
		case <-time.After(20 * time.Millisecond):
		}
		fallthrough
	default:
		_, _ = w.Write(body)
		_, _ = w.Write(make([]byte, 50_000))
	}
}

// TestPoliciesTogether: whatever happens to requests with all policies at once,
// in the end nothing is held by anybody.
func TestPoliciesTogether(t *testing.T) {
	for _, proto := range []route.Protocol{route.HTTP1, route.H2C} {
		t.Run(string(proto), func(t *testing.T) {
			start := backend
			if proto == route.H2C {
				start = h2cBackend
			}
			r := newRig(t)
			r.service("other", proto, "other-1", start(t, moody))
			r.service("mirror", proto, "mirror-1", start(t, text("copy")))
			r.service("s", proto, "s-1", start(t, moody), "s-2", start(t, moody), "s-3", start(t, moody))
			s := r.snap.Services["s"]
			s.Instances[2].Revision = "r2"
			s.Split = []route.Share{{Revision: "r1", Weight: 2}, {Revision: "r2", Weight: 1}}
			s.Sticky = &route.Sticky{Cookie: "v"}
			s.Concurrency = &route.Concurrency{Max: 20, Adaptive: true}
			gw := r.gateway(route.Route{Path: "/", To: "s", Policy: route.Policy{
				Timeout: 400 * time.Millisecond, TryTimeout: 100 * time.Millisecond, Retries: 2, RetryBudget: 1, Bulkhead: 12,
				Breaker:  &route.Breaker{FailureRatio: 0.9, MinRequests: 20, Window: time.Second, OpenFor: 20 * time.Millisecond},
				Outlier:  &route.Outlier{Errors: 3, Base: 20 * time.Millisecond, Max: time.Second, MaxPercent: 50},
				Hedge:    &route.Hedge{After: 5 * time.Millisecond, Max: 2},
				Fallback: &route.Fallback{Stale: time.Second, Service: "other", Status: 200, Body: "static"},
				Mirror:   &route.Mirror{To: "mirror", Percent: 50},
				Cache:    &route.Cache{MaxBytes: 1 << 20},
				Fault:    &route.Fault{Delay: 5 * time.Millisecond, DelayPercent: 10, Abort: 503, AbortPercent: 5},
			}})
			r.apply()
			clients := []*http.Client{client(t), h2cClient(t)}
			var all sync.WaitGroup
			for k := range 16 {
				all.Go(func() {
					for i := range 40 {
						anyRequest(t.Context(), clients[(k+i)%2], gw)
					}
				})
			}
			for range 20 {
				r.apply()
				time.Sleep(5 * time.Millisecond) //nolint:forbidigo // spread over the requests
			}
			all.Wait()
			eventually(t, "nothing is held", func() bool {
				tb := r.e.table.Load()
				n := int64(r.e.InFlight())
				for _, svc := range tb.services {
					for _, inst := range svc.instances {
						n += inst.inFlight.InFlight()
					}
				}
				for _, ed := range tb.edges {
					n += ed.state.bulkhead.InFlight()
				}
				return n == 0
			})
		})
	}
}

// anyRequest sends a request of some kind, and may leave before its answer has come.
func anyRequest(ctx context.Context, c *http.Client, url string) {
	if rand.IntN(4) == 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, time.Duration(rand.IntN(30))*time.Millisecond)
		defer cancel()
	}
	method := []string{"GET", "HEAD", "PUT", "POST"}[rand.IntN(4)]
	body := ""
	if method == "PUT" || method == "POST" {
		body = strings.Repeat("b", rand.IntN(100_000))
	}
	req, err := http.NewRequestWithContext(ctx, method, url+"/"+string(rune('a'+rand.IntN(5))), strings.NewReader(body))
	if err != nil {
		return
	}
	resp, err := c.Do(req)
	if err != nil {
		return
	}
	_, _ = io.Copy(io.Discard, resp.Body)
	_ = resp.Body.Close()
}
