package proxy

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// problemOf is the answer's problem; the test fails if it is none.
func problemOf(t *testing.T, resp *http.Response, body string) problem {
	t.Helper()
	var p problem
	if err := json.Unmarshal([]byte(body), &p); err != nil || resp.Header.Get("Banyan-Error") != string(p.Code) ||
		resp.Header.Get("Content-Type") != "application/problem+json" || p.Status != resp.StatusCode {
		t.Fatalf("%s %v %s", resp.Status, resp.Header, body)
	}
	return p
}

// dead is an address where nobody listens, and nobody else will: it is bound.
func dead(t *testing.T) string {
	t.Helper()
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = syscall.Close(fd) })
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	sa, err := syscall.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprintf("127.0.0.1:%d", sa.(*syscall.SockaddrInet4).Port)
}

// breaking accepts a connection, reads n bytes of a request and breaks it.
func breaking(t *testing.T, hits *atomic.Int32, n int64) string {
	t.Helper()
	return bare(t, func(c *net.TCPConn, _ *bufio.Reader) {
		_, _ = io.CopyN(io.Discard, c, n)
		hits.Add(1)
		_ = c.SetLinger(0)
	})
}

// instance is the n-th of a service, by the snapshot in force.
func (r *rig) instance(service string, n int) *instance {
	return r.e.table.Load().services[service].instances[n]
}

// occupy makes an instance as busy as with n requests, until the test ends.
func occupy(t *testing.T, inst *instance, n int) {
	t.Helper()
	for range n {
		inst.inFlight.Acquire(0)
	}
	t.Cleanup(func() {
		for range n {
			inst.inFlight.Release()
		}
	})
}

// leave sends a request and leaves once it has come.
func leave(t *testing.T, c *http.Client, url string, came <-chan struct{}) {
	t.Helper()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-came
		cancel()
	}()
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	if resp, err := c.Do(req); err == nil {
		_ = resp.Body.Close()
		t.Error("an answer")
	}
}

func TestTimeout(t *testing.T) {
	r := newRig(t)
	left := make(chan struct{})
	r.service("s", route.HTTP1, "s-1", backend(t, func(_ http.ResponseWriter, q *http.Request) {
		<-q.Context().Done()
		close(left)
	}))
	edge := r.edge("x", "s", route.Policy{Timeout: 50 * time.Millisecond, Retries: 3})
	r.apply()
	began := time.Now()
	resp, body := get(t, client(t), edge)
	p := problemOf(t, resp, body)
	if p.Code != UpstreamTimeout || p.Status != 504 || p.Service != "s" || p.Instance != "s-1" || p.Caller != "x" {
		t.Errorf("%+v", p)
	}
	if d := time.Since(began); d > 2*time.Second {
		t.Errorf("after %v", d)
	}
	<-left // the service's work was cancelled
}

func TestClientCancels(t *testing.T) {
	r := newRig(t)
	came, left := make(chan struct{}), make(chan struct{})
	r.service("s", route.HTTP1, "s-1", backend(t, func(_ http.ResponseWriter, q *http.Request) {
		close(came)
		<-q.Context().Done()
		close(left)
	}))
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	ctx, cancel := context.WithCancel(t.Context())
	go func() {
		<-came
		cancel()
	}()
	req, _ := http.NewRequestWithContext(ctx, "GET", edge, nil)
	if _, err := client(t).Do(req); err == nil {
		t.Error("an answer")
	}
	<-left
	eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
}

// TestRetries: what is sent again, and what is not.
func TestRetries(t *testing.T) {
	for _, c := range []struct {
		name, method, body string
		first              string // what the first instance does
		retries            int
		want               int // status
		code               Code
	}{
		{"never sent", "POST", "x", "dead", 1, 200, ""},
		{"never sent, large", "POST", strings.Repeat("x", 1<<20), "dead", 1, 200, ""},
		{"no retries", "GET", "", "dead", 0, 502, UpstreamConnect},
		{"broken, idempotent", "GET", "", "breaks", 1, 200, ""},
		{"broken, idempotent with body", "PUT", "hello", "breaks", 1, 200, ""},
		{"broken, not idempotent", "POST", "hello", "breaks", 1, 502, UpstreamReset},
		{"broken, body too large to replay", "PUT", strings.Repeat("x", 1<<20), "breaks late", 1, 502, UpstreamReset},
		{"503, idempotent", "GET", "", "503", 1, 200, ""},
		{"503, not idempotent", "POST", "", "503", 1, 503, ""},
		{"503 that asks for patience", "GET", "", "patience", 1, 503, ""},
		{"500", "GET", "", "500", 1, 500, ""},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			var hits, good atomic.Int32
			first := map[string]func() string{
				"dead":        func() string { return dead(t) },
				"breaks":      func() string { return breaking(t, &hits, 1) },
				"breaks late": func() string { return breaking(t, &hits, 4*replayLimit) },
				"503":         func() string { return backend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(503) }) },
				"500":         func() string { return backend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(500) }) },
				"patience": func() string {
					return backend(t, func(w http.ResponseWriter, _ *http.Request) {
						w.Header().Set("Retry-After", "1")
						w.WriteHeader(503)
					})
				},
			}[c.first]()
			second := backend(t, func(w http.ResponseWriter, q *http.Request) {
				b, _ := io.ReadAll(q.Body)
				if string(b) != c.body {
					t.Errorf("%d bytes of body, want %d", len(b), len(c.body))
				}
				good.Add(1)
			})
			r.service("s", route.HTTP1, "s-1", first, "s-2", second)
			edge := r.edge("x", "s", route.Policy{Retries: c.retries, Timeout: 5 * time.Second})
			r.apply()
			// Make the first one the certain choice.
			occupy(t, r.instance("s", 1), 1000)
			req, _ := http.NewRequestWithContext(t.Context(), c.method, edge, strings.NewReader(c.body))
			resp, body := do(t, client(t), req)
			if resp.StatusCode != c.want || resp.Header.Get("Banyan-Error") != string(c.code) {
				t.Errorf("%s %s %s", resp.Status, resp.Header.Get("Banyan-Error"), body)
			}
			if c.want == 200 && good.Load() != 1 {
				t.Errorf("%d requests at the good one", good.Load())
			}
		})
	}
}

// TestBudgetHolds: when everything fails, retries stay a fraction of requests.
func TestBudgetHolds(t *testing.T) {
	r := newRig(t)
	var hits atomic.Int32
	r.service("s", route.HTTP1, "s-1", breaking(t, &hits, 1), "s-2", breaking(t, &hits, 1))
	edge := r.edge("x", "s", route.Policy{Retries: 3})
	r.apply()
	c := client(t)
	const n = 100
	for range n {
		_, _ = get(t, c, edge)
	}
	if h := hits.Load(); h > n*13/10+10 || h <= n {
		t.Errorf("%d tries for %d requests", h, n)
	}
}

// TestStaleConnections: a pooled connection that the service closed is not the caller's problem.
func TestStaleConnections(t *testing.T) {
	r := newRig(t)
	l := mustListen(t)
	srv := &http.Server{Handler: text("ok"), IdleTimeout: 50 * time.Millisecond}
	go func() { _ = srv.Serve(l) }()
	t.Cleanup(func() { _ = srv.Close() })
	r.service("s", route.HTTP1, "s-1", l.Addr().String())
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	c := client(t)
	for i := range 20 {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, edge, strings.NewReader("hello"))
		if resp, body := do(t, c, req); resp.StatusCode != 200 {
			t.Fatalf("%d: %s %s", i, resp.Status, body)
		}
		time.Sleep(time.Duration(i%2) * 100 * time.Millisecond) //nolint:forbidigo // the connection is idle
	}
}

func TestBreakerOpensAndCloses(t *testing.T) {
	r := newRig(t)
	var sick atomic.Bool
	sick.Store(true)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, _ *http.Request) {
		if sick.Load() {
			w.WriteHeader(500)
		}
	}))
	edge := r.edge("x", "s", route.Policy{Breaker: &route.Breaker{
		FailureRatio: 0.5, MinRequests: 3, Window: 10 * time.Second, OpenFor: 100 * time.Millisecond}})
	other := r.edge("y", "s", route.Policy{})
	r.apply()
	c := client(t)
	for range 3 {
		if resp, _ := get(t, c, edge); resp.StatusCode != 500 || resp.Header.Get("Banyan-Error") != "" {
			t.Fatal(resp.Status)
		}
	}
	resp, body := get(t, c, edge)
	if p := problemOf(t, resp, body); p.Code != BreakerOpen || resp.Header.Get("Retry-After") != "1" {
		t.Errorf("%+v", p)
	}
	r.told("breaker-open")
	if resp, _ := get(t, c, other); resp.StatusCode != 500 {
		t.Errorf("another edge: %s", resp.Status)
	}
	r.apply() // a new snapshot does not close it
	if resp, _ := get(t, c, edge); resp.StatusCode != 503 {
		t.Errorf("after a snapshot: %s", resp.Status)
	}
	sick.Store(false)
	eventually(t, "it closes", func() bool {
		resp, _ := get(t, c, edge)
		return resp.StatusCode == 200
	})
	r.told("breaker-closed")
}

func TestEjection(t *testing.T) {
	r := newRig(t)
	var hits atomic.Int32
	bad := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		hits.Add(1)
		w.WriteHeader(500)
	})
	r.service("s", route.HTTP1, "s-1", bad, "s-2", backend(t, text("ok")))
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	c := client(t)
	for range 100 {
		_, _ = get(t, c, edge)
	}
	if hits.Load() != 5 {
		t.Errorf("%d requests at the bad one", hits.Load())
	}
	if ev := r.told("ejected"); ev.Instance != "s-1" {
		t.Errorf("event %+v", ev)
	}
}

// TestBrokenOff: an answer that breaks off is seen as such by the client.
func TestBrokenOff(t *testing.T) {
	r := newRig(t)
	handler := func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "half")
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler)
	}
	r.service("s", route.HTTP1, "s-1", backend(t, handler))
	edge := r.edge("x", "s", route.Policy{Retries: 2})
	r.apply()
	for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
		resp, err := c.Get(edge)
		if err != nil {
			t.Fatal(name, err)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		if err == nil || string(b) != "half" {
			t.Errorf("%s: %q, %v", name, b, err)
		}
	}
	eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
}

// TestShutdownDrains: what is in flight is finished, connections are told to go.
func TestShutdownDrains(t *testing.T) {
	r := newRig(t)
	came, release := make(chan struct{}, 2), make(chan struct{})
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, _ *http.Request) {
		came <- struct{}{}
		<-release
		_, _ = io.WriteString(w, "done")
	}))
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	results := make(chan string, 2)
	for _, c := range []*http.Client{client(t), h2cClient(t)} {
		go func() {
			resp, err := c.Get(edge)
			if err != nil {
				results <- err.Error()
				return
			}
			defer resp.Body.Close()
			b, err := io.ReadAll(resp.Body)
			if err != nil {
				results <- err.Error()
				return
			}
			results <- string(b)
		}()
	}
	<-came
	<-came
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
		defer cancel()
		r.e.Drain(ctx)
	}()
	eventually(t, "no more connections", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(edge, "http://"))
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	select {
	case <-drained:
		t.Error("it did not wait")
	default:
	}
	close(release)
	for range 2 {
		if s := <-results; s != "done" {
			t.Error(s)
		}
	}
	<-drained
}

func TestRemovedEdge(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, text("ok")))
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	c := client(t)
	if resp, _ := get(t, c, edge); resp.StatusCode != 200 {
		t.Fatal(resp.Status)
	}
	r.snap.Edges = nil // undeclared, the listener is still there
	r.apply()
	resp, body := get(t, c, edge)
	if p := problemOf(t, resp, body); p.Code != CallRefused || p.Caller != "x" || p.Service != "s" {
		t.Errorf("%+v", p)
	}
	r.snap.Listeners = nil
	r.apply()
	if resp, _ := get(t, c, edge); resp.StatusCode != 403 || !resp.Close {
		t.Errorf("on a connection of a listener that is gone: %s, close %v", resp.Status, resp.Close)
	}
	if _, err := c.Get(edge); err == nil {
		t.Error("the listener is open")
	}
}
