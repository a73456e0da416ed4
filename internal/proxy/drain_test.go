package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/h2"
	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/route"
)

// settled waits until nothing is in flight anywhere, and checks that no pool
// keeps a connection that has ended.
func (r *rig) settled(t *testing.T, what string) {
	t.Helper()
	r.e.mu.Lock()
	var all []*instance
	for _, i := range r.e.instances {
		all = append(all, i)
	}
	r.e.mu.Unlock()
	busy := func() bool {
		for _, i := range all {
			if i.inFlight.InFlight() != 0 {
				return true
			}
		}
		return r.e.InFlight() != 0
	}
	eventually(t, "nothing is in flight after "+what, func() bool { return !busy() })
	eventually(t, "no dead connection is kept after "+what, func() bool {
		dead := 0
		var mu sync.Mutex
		r.e.loops.Each(func(l *loop.Loop) {
			mu.Lock()
			defer mu.Unlock()
			for _, i := range all {
				p := &i.pools[l.Index]
				for _, u := range p.idle {
					if u.c.Closed() || u.c.Ended() {
						dead++
					}
				}
				for _, sc := range p.mux.conns {
					if sc.c.Closed() || sc.h.Err() != nil {
						dead++
					}
				}
				dead += len(p.mux.waiting)
			}
		})
		return dead == 0
	})
}

// TestClientLeavesInEveryPhase in every phase of a request, in both versions, politely or not.
func TestClientLeavesInEveryPhase(t *testing.T) {
	came := make(chan struct{}, 100)
	handler := func(w http.ResponseWriter, q *http.Request) {
		came <- struct{}{}
		if q.URL.Path == "/answer" {
			for q.Context().Err() == nil {
				if _, err := w.Write(make([]byte, 10_000)); err != nil {
					return
				}
			}
			return
		}
		_, _ = io.Copy(io.Discard, q.Body)
		<-q.Context().Done()
	}
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, handler))
	r.service("s2", route.H2C, "s2-1", h2cBackend(t, handler))
	urls := []string{
		r.gateway(route.Route{Path: "/", To: "s"}), r.edge("x", "s", route.Policy{Retries: 1}), r.edge("x", "s2", route.Policy{Retries: 1}),
	}
	r.apply()
	const head = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\n"
	head2 := frame2(frameHeaders, endHeaders, 1, ask2("POST", "/"))
	phases := []struct {
		name, h1, h2 string
		reaches      bool // the instance
	}{
		{"before the head", "", "", false},
		{"in the head", head[:20], head2[:20], false},
		{"after a part of a block", "\r\n", frame2(frameHeaders, 0, 1, ask2("POST", "/")), false},
		{"in the body", head + "abc", head2 + frame2(frameData, 0, 1, "abc"), true},
		{"while it waits", head + "0123456789", head2 + frame2(frameData, endStream, 1, "0123456789"), true},
		{"in the answer", "GET /answer HTTP/1.1\r\nHost: a\r\n\r\n", frame2(frameHeaders, endHeaders|endStream, 1, ask2("GET", "/answer")), true},
	}
	for _, url := range urls {
		for _, p := range phases {
			for _, politely := range []bool{true, false} {
				for _, raw := range []string{p.h1, h2.Preface + frame2(frameSettings, 0, 0, "") + p.h2} {
					what := fmt.Sprintf("%s, politely %v: %.20q", p.name, politely, raw)
					c := dialRaw(t, url)
					_, _ = io.WriteString(c, raw)
					if p.reaches {
						<-came
					} else {
						eventually(t, "it is accepted", func() bool { return r.connections() > 0 })
					}
					if p.name == "in the answer" {
						_, _ = io.ReadFull(c, make([]byte, 20_000))
					}
					if !politely {
						_ = c.(*net.TCPConn).SetLinger(0)
					}
					_ = c.Close()
					r.settled(t, what)
				}
			}
		}
		// A stream that is reset leaves its connection as it was.
		c := dial2(t, url)
		for i, p := range phases[3:] {
			id := uint32(2*i + 1)
			c.send(strings.ReplaceAll(p.h2, octets4(1), octets4(id)))
			<-came
			c.send(frame2(frameReset, 0, id, octets4(uint32(h2.Cancel))))
			r.settled(t, "a reset "+p.name)
		}
		c.send(frame2(framePing, 0, 0, "12345678"))
		if err := c.read(); err != nil {
			t.Error(err)
		}
	}
}

// TestInstanceDiesInEveryPhase in every phase of a request, to clients of both versions.
func TestInstanceDiesInEveryPhase(t *testing.T) {
	var phase atomic.Pointer[string]
	addr := bare(t, func(c *net.TCPConn, br *bufio.Reader) { die(c, br, phase.Load()) })
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", addr)
	r.service("s2", route.H2C, "s2-1", addr)
	urls := []string{r.edge("x", "s", route.Policy{}), r.edge("x", "s2", route.Policy{}), r.edge("y", "s", route.Policy{Retries: 2})}
	r.apply()
	for _, rst := range []string{"", "rst "} {
		for _, p := range []string{"accepted", "head", "interim", "answer's head", "answer's body", "answer's chunks"} {
			what := rst + p
			phase.Store(&what)
			for _, url := range urls {
				for _, c := range []*http.Client{client(t), h2cClient(t)} {
					req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, url, strings.NewReader("hello"))
					resp, err := c.Do(req)
					if err != nil {
						t.Errorf("%s: %v", what, err)
						continue
					}
					_, err = io.Copy(io.Discard, resp.Body)
					_ = resp.Body.Close()
					if resp.StatusCode != 502 && (resp.StatusCode != 200 || err == nil) {
						t.Errorf("%s: %s, %v", what, resp.Status, err)
					}
					r.settled(t, what)
				}
			}
		}
	}
}

// die is an instance that serves no connection to its end.
func die(c *net.TCPConn, br *bufio.Reader, phase *string) {
	when, rst := strings.CutPrefix(*phase, "rst ")
	if rst {
		defer func() { _ = c.SetLinger(0) }()
	}
	if when == "accepted" {
		return
	}
	first, _ := br.Peek(3)
	if string(first) == "PRI" {
		dieHTTP2(c, br, when)
		return
	}
	req, err := http.ReadRequest(br)
	if err != nil {
		return
	}
	if !rst { // what is unread makes it a reset
		_, _ = io.Copy(io.Discard, req.Body)
	}
	_, _ = io.WriteString(c, map[string]string{
		"head": "", "interim": "HTTP/1.1 103 Early Hints\r\n\r\n", "answer's head": "HTTP/1.1 200 OK\r\nContent-",
		"answer's body":   "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhello",
		"answer's chunks": "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n",
	}[when])
}

func dieHTTP2(c net.Conn, br *bufio.Reader, when string) {
	_, _ = io.WriteString(c, frame2(frameSettings, 0, 0, ""))
	_, _ = br.Discard(len(h2.Preface))
	for {
		var head [9]byte
		if _, err := io.ReadFull(br, head[:]); err != nil {
			return
		}
		_, _ = br.Discard(int(head[0])<<16 | int(head[1])<<8 | int(head[2]))
		if head[3] == frameHeaders {
			break
		}
	}
	ok := frame2(frameHeaders, endHeaders, 1, literals(":status", "200"))
	_, _ = io.WriteString(c, map[string]string{
		"head": "", "interim": frame2(frameHeaders, endHeaders, 1, literals(":status", "103")), "answer's head": ok[:10],
		"answer's body": ok + frame2(frameData, 0, 1, "hello"), "answer's chunks": ok + frame2(frameData, 0, 1, "hello")[:12],
	}[when])
}

// TestPooledConnectionDies: an instance that closes the connections that are not
// used costs no request, also those that may not be sent twice.
func TestPooledConnectionDies(t *testing.T) {
	addr := bare(t, func(c *net.TCPConn, br *bufio.Reader) {
		for range 2 { // and then it closes, without a word
			req, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, req.Body)
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")
		}
	})
	r := newRigWith(t, Options{Loops: 1})
	r.service("s", route.HTTP1, "s-1", addr)
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	var wg sync.WaitGroup
	var gone atomic.Int32
	for range 8 {
		c := client(t)
		wg.Go(func() {
			for range 200 {
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, edge, nil)
				resp, err := c.Do(req)
				if err != nil {
					gone.Add(1)
					continue
				}
				body, err := io.ReadAll(resp.Body)
				_ = resp.Body.Close()
				if string(body) != "ok" || err != nil {
					gone.Add(1)
				}
			}
		})
	}
	wg.Wait()
	if n := gone.Load(); n > 0 {
		t.Errorf("%d requests failed", n)
	}
	r.settled(t, "connections that ended")
}

// TestPooledConnectionDiesUnseen: it dies in the turn of the loop in which a
// request takes it, before the loop has looked.
func TestPooledConnectionDiesUnseen(t *testing.T) {
	addr, conns := handed(t)
	r := newRigWith(t, Options{Loops: 1})
	r.service("s", route.HTTP1, "s-1", addr)
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	c := dialRaw(t, edge)
	br := bufio.NewReader(c)
	ask := func() { _, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 2\r\n\r\nhi") }
	answer := func() net.Conn {
		inst := <-conns
		if _, err := http.ReadRequest(bufio.NewReader(inst)); err != nil {
			t.Error(err)
		}
		_, _ = io.WriteString(inst, "HTTP/1.1 204 No Content\r\n\r\n")
		resp, err := http.ReadResponse(br, nil)
		if err != nil || resp.StatusCode != 204 {
			t.Fatalf("%+v, %v", resp, err)
		}
		return inst
	}
	ask()
	inst := answer()
	r.settled(t, "the first request")
	stalled, gate := make(chan struct{}), make(chan struct{})
	r.e.loops.Loops()[0].Post(func() {
		close(stalled)
		<-gate
	})
	<-stalled
	ask() // comes first, so it is looked at first
	_ = inst.Close()
	close(gate)
	_ = answer().Close()
}

// manyRoutes is a gateway with n routes to the service s, and one to it for all else.
func manyRoutes(n int) []route.Route {
	routes := make([]route.Route, 0, n+1)
	for i := range n {
		routes = append(routes, route.Route{Path: fmt.Sprintf("/r%d/x", i), Host: fmt.Sprintf("h%d.example", i%100), To: "s"})
	}
	return append(routes, route.Route{Path: "/", To: "s"})
}

// TestSwapUnderLoad: swaps of a large table cost no request.
func TestSwapUnderLoad(t *testing.T) {
	const routes, requests = 10_000, 500
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, text("hello")))
	gw := r.gateway(manyRoutes(routes)...)
	r.snap.Gateway.AccessLog = false
	r.apply()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var mu sync.Mutex
	var took []time.Duration
	for i := range 4 {
		c := client(t)
		wg.Go(func() {
			for n := i; ; n++ {
				select {
				case <-stop:
					return
				default:
				}
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, fmt.Sprintf("%s/r%d/x", gw, n%routes), nil)
				req.Host = fmt.Sprintf("h%d.example", n%100)
				began := time.Now()
				resp, err := c.Do(req)
				if err != nil {
					t.Error(err)
					return
				}
				_, _ = io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if resp.StatusCode != 200 {
					t.Error(resp.Status)
					return
				}
				mu.Lock()
				took = append(took, time.Since(began))
				mu.Unlock()
			}
		})
	}
	began := time.Now()
	swaps := 0
	for answered := 0; answered < requests && !t.Failed(); swaps++ {
		r.snap.Gateway.Routes[swaps%routes].Policy.Retries++
		r.apply()
		mu.Lock()
		answered = len(took)
		mu.Unlock()
	}
	each := time.Since(began) / time.Duration(max(1, swaps))
	close(stop)
	wg.Wait()
	slices.Sort(took)
	if len(took) == 0 {
		t.Fatal("nothing was asked")
	}
	fmt.Printf("figure: %d routes applied in %v; of %d requests meanwhile the median took %v, the slowest %v\n",
		routes, each, len(took), took[len(took)/2], took[len(took)-1])
	r.settled(t, "swaps")
}

// BenchmarkApplyRoutes is the cost of a snapshot of 10,000 routes: of the first
// one, of the same once more, and of those in which one thing is another. Each
// snapshot is as it comes over the link; reading it is not measured.
func BenchmarkApplyRoutes(b *testing.B) {
	for _, c := range []struct {
		name   string
		change func(s *route.Snapshot, n int)
	}{
		{"first", nil},
		{"same", func(*route.Snapshot, int) {}},
		{"route", func(s *route.Snapshot, n int) { s.Gateway.Routes[5000].Policy.Retries = n % 2 }},
		{"instance", func(s *route.Snapshot, n int) { s.Services["s"].Instances[0].ID = fmt.Sprint("s-", n%2) }},
		{"all", func(s *route.Snapshot, n int) {
			for i := range s.Gateway.Routes {
				s.Gateway.Routes[i].Policy.Retries = n % 2
			}
		}},
	} {
		b.Run(c.name, func(b *testing.B) {
			r := newRig(b)
			r.service("s", route.HTTP1, "s-1", "127.0.0.1:1")
			r.gateway(manyRoutes(10_000)...)
			none := r.snap
			none.Gateway = &route.Gateway{}
			r.apply()
			turns := []*route.Snapshot{r.decoded(), r.decoded()}
			for n, s := range turns {
				if c.change != nil {
					c.change(s, n)
				}
			}
			b.ReportAllocs()
			for n := 0; b.Loop(); n++ {
				if c.change == nil {
					b.StopTimer()
					none.Version.N = r.e.Version().N + 1
					if err := r.e.Apply(&none, nil); err != nil {
						b.Fatal(err)
					}
					b.StartTimer()
				}
				s := turns[n%2]
				s.Version.N = r.e.Version().N + 1
				if err := r.e.Apply(s, nil); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}
