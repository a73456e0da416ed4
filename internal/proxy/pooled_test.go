package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/route"
)

const numberedAnswer = "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n"

// onceEach answers the first request of each connection with its number, and
// closes at the next, once closing says so.
func onceEach(t *testing.T, closing <-chan struct{}) (addr string, conns *atomic.Int32) {
	t.Helper()
	conns = new(atomic.Int32)
	return bare(t, func(c *net.TCPConn, br *bufio.Reader) {
		n := conns.Add(1)
		if _, err := http.ReadRequest(br); err != nil {
			return
		}
		_, _ = fmt.Fprintf(c, numberedAnswer+"%05d", n)
		if _, err := http.ReadRequest(br); err == nil {
			<-closing
		}
	}), conns
}

// TestHedgeBesideStaleConnection: a first try on a connection that turns out
// closed is made again, and not where the other try is on already.
func TestHedgeBesideStaleConnection(t *testing.T) {
	r := newRigWith(t, Options{Loops: 1})
	came := make(chan struct{})
	var hits atomic.Int32
	one, _ := onceEach(t, came)
	r.service("s", route.HTTP1, "s-1", one, "s-2", backend(t, func(_ http.ResponseWriter, q *http.Request) {
		if hits.Add(1) == 1 {
			close(came)
		}
		<-q.Context().Done()
	}))
	gw := r.gateway(route.Route{Path: "/", To: "s", Policy: route.Policy{Timeout: 10 * time.Second, Hedge: &route.Hedge{After: 20 * time.Millisecond, Max: 1}}})
	r.apply()
	occupy(t, r.instance("s", 1), 1000)
	for _, want := range []string{"00001", "00002"} {
		if resp, body := get(t, client(t), gw); body != want {
			t.Fatalf("%s %s", resp.Status, body)
		}
	}
	if hits.Load() != 1 {
		t.Errorf("the other one got %d tries", hits.Load())
	}
	eventually(t, "two records", func() bool { return strings.Count(r.log.String(), "\n") == 2 })
	last := strings.Split(r.log.String(), "\n")[1]
	if !strings.Contains(last, `"tries":2`) || !strings.Contains(last, `"instance":"s-1"`) {
		t.Error(last)
	}
}

// TestHedgeThatLosesIsNotNamed: the access log names the instance that answered.
func TestHedgeThatLosesIsNotNamed(t *testing.T) {
	r := newRig(t)
	came := make(chan struct{})
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, _ *http.Request) {
		<-came
		_, _ = io.WriteString(w, "first")
	}), "s-2", backend(t, func(_ http.ResponseWriter, q *http.Request) {
		close(came)
		<-q.Context().Done()
	}))
	gw := r.gateway(route.Route{Path: "/", To: "s", Policy: route.Policy{Timeout: 10 * time.Second, Hedge: &route.Hedge{After: 20 * time.Millisecond, Max: 1}}})
	r.apply()
	occupy(t, r.instance("s", 1), 1000)
	if resp, body := get(t, client(t), gw); body != "first" {
		t.Fatalf("%s %s", resp.Status, body)
	}
	eventually(t, "a record", func() bool { return strings.Contains(r.log.String(), "\n") })
	if line := r.log.String(); !strings.Contains(line, `"instance":"s-1"`) || !strings.Contains(line, `"tries":2`) {
		t.Error(line)
	}
}

// TestHedgeOnStaleConnection: that its connection had been closed is no fault of the instance.
func TestHedgeOnStaleConnection(t *testing.T) {
	for _, body := range []string{"", "hello"} {
		t.Run(body, func(t *testing.T) {
			r := newRigWith(t, Options{Loops: 1})
			closing := make(chan struct{})
			close(closing)
			two, conns := onceEach(t, closing)
			r.service("s", route.HTTP1, "s-1", backend(t, func(_ http.ResponseWriter, q *http.Request) {
				_, _ = io.Copy(io.Discard, q.Body)
				<-q.Context().Done()
			}), "s-2", two)
			p := touchy
			p.Timeout, p.Hedge = 10*time.Second, &route.Hedge{After: 20 * time.Millisecond, Max: 1}
			edge := r.edge("x", "s", p)
			r.apply()
			first := r.instance("s", 0)
			for range 1000 {
				first.inFlight.Acquire(0)
			}
			c := client(t)
			if _, got := get(t, c, edge); got != "00001" {
				t.Fatal(got)
			}
			for range 1000 {
				first.inFlight.Release()
			}
			occupy(t, r.instance("s", 1), 1000)
			req, _ := http.NewRequestWithContext(t.Context(), "PUT", edge, strings.NewReader(body))
			if resp, got := do(t, c, req); got != "00002" || conns.Load() != 2 {
				t.Errorf("%s %s, %d connections", resp.Status, got, conns.Load())
			}
			if r.event("breaker-open") != nil || r.event("ejected") != nil {
				t.Error("the instance was blamed")
			}
		})
	}
}

// TestHedgeThatDidNotBegin: it is no try, and its retry is there for others.
func TestHedgeThatDidNotBegin(t *testing.T) {
	r := newRigWith(t, Options{Loops: 1})
	var hits atomic.Int32
	count := func(http.ResponseWriter, *http.Request) { hits.Add(1) }
	r.service("s", route.HTTP1, "s-1", backend(t, count), "s-2", backend(t, count))
	r.edge("x", "s", route.Policy{Hedge: &route.Hedge{After: time.Hour, Max: 1}})
	r.apply()
	ed := *r.e.table.Load().listeners["edge/x/s"].edge
	w := r.e.workers[0]
	done := make(chan string, 1)
	w.loop.Post(func() {
		w.loop.Go(func(task *loop.Task) {
			x := w.exchange(task, &shadow{})
			x.edg = ed
			x.req.Method = []byte("GET")
			x.body.begin(x)
			x.choose()
			own := x.chosen.inst
			x.launchHedge()
			hedges := len(x.hedges)
			x.dropHedges()
			budget := 0
			for now := w.loop.Now(); ed.budget.Take(now); {
				budget++
			}
			done <- fmt.Sprintf("%d hedge, %d tries, %d hedged, tried alone %v, %d retries left", hedges, x.tries, x.hedged,
				slices.Equal(x.tried, []*instance{own}), budget)
			own.release()
			w.done(x)
		})
	})
	if got := wait(t, done); got != "1 hedge, 1 tries, 0 hedged, tried alone true, 3 retries left" {
		t.Error(got)
	}
	eventually(t, "both places are free", func() bool {
		return r.instance("s", 0).inFlight.InFlight()+r.instance("s", 1).inFlight.InFlight() == 0
	})
	if hits.Load() != 0 {
		t.Errorf("%d requests were sent", hits.Load())
	}
}

// TestTryTimeoutOnPooledConnection: an instance that does not answer in time is
// no stale connection; the request is not sent again beyond its retries.
func TestTryTimeoutOnPooledConnection(t *testing.T) {
	for name, p := range map[string]route.Policy{
		"try": {TryTimeout: 100 * time.Millisecond, Breaker: touchy.Breaker}, "all": {Timeout: 100 * time.Millisecond, Breaker: touchy.Breaker},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRigWith(t, Options{Loops: 1})
			var hits atomic.Int32
			r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
				if hits.Add(1) > 1 {
					<-q.Context().Done()
				}
			}))
			edge := r.edge("x", "s", p)
			r.apply()
			get(t, client(t), edge)
			if resp, body := get(t, client(t), edge); resp.StatusCode != 504 {
				t.Errorf("%s %s", resp.Status, body)
			}
			if n := r.total("x", "s", ""); hits.Load() != 2 || n.Retries != 0 {
				t.Errorf("sent %d times, %+v", hits.Load(), n)
			}
			eventually(t, "the breaker opens", func() bool { return r.event("breaker-open") != nil })
		})
	}
}
