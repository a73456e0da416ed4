package proxy

import (
	"bufio"
	"fmt"
	"io"
	"log/slog"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/h2"
	"github.com/banyanrun/banyan/internal/route"
)

// stress is an engine among random clients and instances. A seed decides what
// each of them does; how they interleave is the scheduler's affair.
type stress struct {
	*rig

	seed   uint64
	client atomic.Uint64 // number of the next one
	good   atomic.Int64  // requests that were answered as they should
	bad    atomic.Int64  // those of which anything may come
	url    map[string]string
}

// TestStress: whatever clients and instances do, while snapshots change, who
// behaves is served, answers are never mixed up, and nothing is left in the end.
// BANYAN_PROXY_SEED repeats a run's decisions.
func TestStress(t *testing.T) {
	const lasts = 2 * time.Second
	s := &stress{seed: rand.Uint64()}
	if text := os.Getenv("BANYAN_PROXY_SEED"); text != "" {
		var err error
		if s.seed, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("BANYAN_PROXY_SEED=%d", s.seed)
	var log syncBuffer
	s.rig = newRigWith(t, Options{Loops: 2, Log: slog.New(slog.NewTextHandler(&log, nil))})
	s.snapshot(t)
	stop := make(chan struct{})
	var wg sync.WaitGroup
	run := func(fn func(*rand.Rand)) {
		random := rand.New(rand.NewPCG(s.seed, s.client.Add(1)))
		wg.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
					fn(random)
				}
			}
		})
	}
	for range 2 {
		one, two := client(t), h2cClient(t)
		run(func(r *rand.Rand) { s.behave(t, one, r) })
		run(func(r *rand.Rand) { s.behave(t, two, r) })
		run(func(r *rand.Rand) { s.misbehave1(t, r) })
		run(func(r *rand.Rand) { s.misbehave2(t, r) })
		run(func(r *rand.Rand) { s.relay(t, r) })
	}
	run(func(r *rand.Rand) { s.swap(r) })
	time.Sleep(lasts) //nolint:forbidigo // how long it goes on
	close(stop)
	wg.Wait()
	s.settled(t, "the stress")
	if strings.Contains(log.String(), "panic") {
		t.Error(log.String())
	}
	if s.good.Load() == 0 || s.bad.Load() == 0 {
		t.Errorf("%d good and %d bad requests", s.good.Load(), s.bad.Load())
	}
	t.Logf("%d requests that behave, %d that do not, refused: %v", s.good.Load(), s.bad.Load(), s.e.Refusals())
}

// snapshot declares the services: one that is good, one that is anything, one of TCP.
func (s *stress) snapshot(t *testing.T) {
	t.Helper()
	echo := func(w http.ResponseWriter, q *http.Request) {
		body, _ := io.ReadAll(q.Body)
		w.Header().Set("X-Token", q.Header.Get("X-Token"))
		_, _ = fmt.Fprintf(w, "%s %s", q.Header.Get("X-Token"), body)
	}
	random := rand.New(rand.NewPCG(s.seed, 0))
	var mu sync.Mutex
	vile := func(w http.ResponseWriter, q *http.Request) {
		mu.Lock()
		n := random.IntN(8)
		mu.Unlock()
		switch n {
		case 0:
			panic(http.ErrAbortHandler)
		case 1:
			_, _ = w.Write(make([]byte, 100_000))
			panic(http.ErrAbortHandler)
		case 2:
			w.WriteHeader(http.StatusServiceUnavailable)
		case 3:
			w.WriteHeader(http.StatusEarlyHints)
			_, _ = w.Write(make([]byte, 1<<20))
		case 4:
			select { // too long for the edge
			case <-q.Context().Done():
			case <-time.After(100 * time.Millisecond):
			}
		default:
			_, _ = io.CopyN(io.Discard, q.Body, 1000)
		}
	}
	s.service("good", route.HTTP1, "good-1", backend(t, echo), "good-2", backend(t, echo))
	s.service("good2", route.H2C, "good2-1", h2cBackend(t, echo), "good2-2", h2cBackend(t, echo))
	s.service("vile", route.HTTP1, "vile-1", backend(t, vile), "vile-2", dead(t))
	s.service("vile2", route.H2C, "vile2-1", h2cBackend(t, vile))
	echoes := mustListen(t)
	go func() {
		for {
			c, err := echoes.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(c, c)
				_ = c.Close()
			}()
		}
	}()
	s.service("db", route.TCP, "db-1", echoes.Addr().String())
	p := route.Policy{Timeout: 5 * time.Second, Retries: 1}
	s.url = map[string]string{
		"gateway": s.gateway(route.Route{Path: "/", To: "good", Policy: p}, route.Route{Path: "/two", To: "good2", Policy: p}),
		"good":    s.edge("x", "good", p), "good2": s.edge("x", "good2", p), "db": s.edge("x", "db", p),
		"vile": s.edge("x", "vile", route.Policy{Timeout: 20 * time.Millisecond, Retries: 2}), "vile2": s.edge("x", "vile2", route.Policy{Timeout: 20 * time.Millisecond}),
	}
	s.snap.Gateway.IdleTimeout, s.snap.Gateway.HeaderTimeout = 2*time.Second, 2*time.Second
	s.apply()
}

// behave asks a good service and wants its own answer; and a vile one, and wants any.
func (s *stress) behave(t *testing.T, c *http.Client, r *rand.Rand) {
	t.Helper()
	names := []string{"gateway", "good", "good2", "vile", "vile2"}
	name := names[r.IntN(len(names))]
	token := strconv.FormatUint(r.Uint64(), 36)
	body := strings.Repeat("x", []int{0, 1, 1000, 100_000}[r.IntN(4)])
	path := []string{"/", "/two"}[r.IntN(2)]
	method := []string{http.MethodPut, http.MethodPost}[r.IntN(2)]
	req, err := http.NewRequestWithContext(t.Context(), method, s.url[name]+path, strings.NewReader(body))
	if err != nil {
		t.Error(err)
		return
	}
	req.Header.Set("X-Token", token)
	resp, err := c.Do(req)
	if strings.HasPrefix(name, "vile") {
		s.bad.Add(1)
		if err == nil {
			_, _ = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		return
	}
	if err != nil {
		t.Errorf("%s %s: %v", method, name, err)
		return
	}
	got, err := io.ReadAll(resp.Body)
	_ = resp.Body.Close()
	if err != nil || resp.StatusCode != 200 || string(got) != token+" "+body || resp.Header.Get("X-Token") != token {
		t.Errorf("%s %s: %s %.100q, want %s, %v", method, name, resp.Status, got, token, err)
	}
	s.good.Add(1)
}

// pieces is a mixture of these, of that many.
func pieces(r *rand.Rand, n int, of ...string) string {
	var b strings.Builder
	for range n {
		b.WriteString(of[r.IntN(len(of))])
	}
	return b.String()
}

// anyURL is an HTTP listener's.
func (s *stress) anyURL(r *rand.Rand) string {
	return s.url[[]string{"gateway", "good", "good2", "vile", "vile2"}[r.IntN(5)]]
}

// misbehave1 speaks HTTP/1 or something like it, and leaves at any time.
func (s *stress) misbehave1(t *testing.T, r *rand.Rand) {
	t.Helper()
	s.bad.Add(1)
	raw := pieces(r, 1+r.IntN(8),
		"GET / HTTP/1.1\r\nHost: a\r\n\r\n", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\nhello",
		"POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n", "HEAD / HTTP/1.1\r\nHost: a\r\n\r\n",
		"POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\nContent-Length: 5\r\n\r\n", "\x00", "5\r\n", "GET / HTTP/1.0\r\n\r\n", "PRI * HTTP/2.0\r\n",
		"PUT / HTTP/1.1\r\nHost: a\r\nContent-Length: 1000000\r\n\r\n"+strings.Repeat("y", 50_000), "GET / HTTP/1.1\r\n")
	s.abuse(t, r, s.anyURL(r), raw)
}

// misbehave2 speaks HTTP/2 or something like it.
func (s *stress) misbehave2(t *testing.T, r *rand.Rand) {
	t.Helper()
	s.bad.Add(1)
	var b strings.Builder
	b.WriteString(h2.Preface + frame2(frameSettings, 0, 0, ""))
	for i := range uint32(1 + r.IntN(20)) {
		id := 2*i + 1
		b.WriteString(pieces(r, 1+r.IntN(3),
			frame2(frameHeaders, endHeaders|endStream, id, ask2("GET", "/")), frame2(frameHeaders, endHeaders, id, ask2("POST", "/two")),
			frame2(frameData, 0, id, strings.Repeat("z", 10_000)), frame2(frameData, endStream, id, "end"), frame2(frameReset, 0, id, octets4(8)),
			frame2(frameWindow, 0, 0, octets4(100_000)), frame2(frameWindow, 0, id, octets4(1000)), frame2(framePing, 0, 0, "12345678"),
			frame2(frameHeaders, endHeaders|endStream, id, literals("x-trailer", "1"))))
	}
	s.abuse(t, r, s.anyURL(r), b.String())
}

// abuse sends raw, cut anywhere, reads some of what comes, and leaves.
func (s *stress) abuse(t *testing.T, r *rand.Rand, url, raw string) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(time.Duration(1+r.IntN(50)) * time.Millisecond))
	for raw != "" {
		n := 1 + r.IntN(len(raw))
		if _, err := io.WriteString(c, raw[:n]); err != nil {
			return
		}
		if raw = raw[n:]; r.IntN(10) == 0 {
			break
		}
	}
	_, _ = io.CopyN(io.Discard, c, int64(r.IntN(300_000)))
	switch r.IntN(3) {
	case 0:
		_ = c.(*net.TCPConn).SetLinger(0)
	case 1:
		_ = c.(*net.TCPConn).CloseWrite()
		_, _ = io.CopyN(io.Discard, c, 1000)
	}
}

// relay uses a TCP edge, and ends it in one of several ways.
func (s *stress) relay(t *testing.T, r *rand.Rand) {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(s.url["db"], "http://"))
	if err != nil {
		t.Error(err)
		return
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	size := r.IntN(200_000)
	leaves := r.IntN(3) == 0
	var wg sync.WaitGroup
	wg.Go(func() {
		_, _ = c.Write(make([]byte, size))
		_ = c.(*net.TCPConn).CloseWrite()
	})
	if leaves {
		s.bad.Add(1)
		_, _ = io.CopyN(io.Discard, c, int64(size/2))
		_ = c.Close()
		wg.Wait()
		return
	}
	n, err := io.Copy(io.Discard, bufio.NewReader(c))
	wg.Wait()
	if err != nil || int(n) != size {
		t.Errorf("%d of %d bytes came back: %v", n, size, err)
	}
	s.good.Add(1)
}

// swap changes the snapshot: an instance goes or comes back, a policy changes.
func (s *stress) swap(r *rand.Rand) {
	for name, proto := range map[string]route.Protocol{"good": route.HTTP1, "good2": route.H2C} {
		all := pairs(s.snap.Services[name])
		if len(all) == 4 && r.IntN(2) == 0 {
			s.service(name, proto, all[:2]...)
			s.apply()
			s.service(name, proto, all...)
		} else {
			s.service(name, proto, all[2:4]...)
			s.apply()
			s.service(name, proto, all...)
		}
	}
	edges := append([]route.Edge(nil), s.snap.Edges...)
	edges[r.IntN(len(edges))].Policy.Breaker = &route.Breaker{MinRequests: 1000, FailureRatio: 1, Window: time.Second, OpenFor: time.Millisecond}
	s.snap.Edges = edges
	s.apply()
	time.Sleep(time.Millisecond) //nolint:forbidigo // the pace of changes
}
