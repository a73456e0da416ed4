package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/h2"
	"github.com/banyanrun/banyan/internal/route"
)

// share gives b the listening sockets of a, as a process hands them to the next.
func share(t *testing.T, a, b *rig) {
	t.Helper()
	for id, sock := range a.e.Sockets() {
		var err error
		if b.fresh[id], err = sock.Dup(); err != nil {
			t.Fatal(err)
		}
	}
	b.snap = a.snap
	b.apply()
}

// TestHandover: an engine takes over the sockets of another that is drained,
// under load: no connection is refused and no request fails.
func TestHandover(t *testing.T) {
	inst := backend(t, func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		_, _ = io.WriteString(w, "hello")
	})
	old := newRig(t)
	old.service("s", route.HTTP1, "s-1", inst)
	gw := old.gateway(route.Route{Path: "/", To: "s"})
	old.apply()
	stop := make(chan struct{})
	var wg sync.WaitGroup
	var done, fresh atomic.Int64
	load := func(c *http.Client, kept bool) {
		for {
			select {
			case <-stop:
				return
			default:
			}
			method := http.MethodPost
			if kept { // the old engine may close it in the moment it is used: that is HTTP/1.1
				method = http.MethodGet
			}
			req, _ := http.NewRequestWithContext(t.Context(), method, gw, strings.NewReader("hello"))
			resp, err := c.Do(req)
			if err != nil {
				t.Errorf("kept %v: %v", kept, err)
				return
			}
			body, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if err != nil || resp.StatusCode != 200 || string(body) != "hello" {
				t.Errorf("kept %v: %s %q %v", kept, resp.Status, body, err)
				return
			}
			done.Add(1)
			if !kept {
				fresh.Add(1)
			}
		}
	}
	for range 4 {
		each := &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
		wg.Go(func() { load(each, false) })
		kept, two := client(t), h2cClient(t)
		wg.Go(func() { load(kept, true) })
		wg.Go(func() { load(two, false) })
	}
	for range 5 {
		more := done.Load() + 200
		eventually(t, "the load goes on", func() bool { return done.Load() > more || t.Failed() })
		next := newRig(t)
		share(t, old, next)
		ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
		old.e.Drain(ctx)
		if ctx.Err() != nil || old.e.InFlight() != 0 {
			t.Errorf("%d in flight after the drain, %v", old.e.InFlight(), ctx.Err())
		}
		cancel()
		old.stop()
		old = next
	}
	more := done.Load() + 200
	eventually(t, "the load goes on", func() bool { return done.Load() > more || t.Failed() })
	close(stop)
	wg.Wait()
	if fresh.Load() < 100 {
		t.Errorf("%d requests on connections of their own", fresh.Load())
	}
}

// TestFreshConnectionAtDrain: a connection that was accepted before the drain and
// asks only then is answered.
func TestFreshConnectionAtDrain(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, text("hello")))
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	r.apply()
	silent, half := dialRaw(t, gw), dialRaw(t, gw)
	_, _ = io.WriteString(half, "GET / HTTP/1.1\r\nHo")
	two := dial2(t, gw)
	eventually(t, "all are accepted", func() bool { return r.connections() == 3 })
	drained := make(chan struct{})
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	go func() {
		defer close(drained)
		r.e.Drain(ctx)
	}()
	eventually(t, "the drain has begun", func() bool { return r.e.InFlight() == 3 })
	for c, rest := range map[net.Conn]string{silent: "GET / HTTP/1.1\r\nHost: a\r\n\r\n", half: "st: a\r\n\r\n"} {
		_, _ = io.WriteString(c, rest)
		answer, err := io.ReadAll(c)
		if err != nil || !strings.HasPrefix(string(answer), "HTTP/1.1 200 ") || !strings.Contains(string(answer), "Connection: close") {
			t.Errorf("%q, %v", answer, err)
		}
	}
	// It has not said that it knows of GOAWAY.
	two.send(frame2(frameHeaders, endHeaders|endStream, 1, ask2("GET", "/")))
	if err := two.until(func() bool { return two.ended[1] }); err != nil || two.status[1] != "200" || two.goaway == nil {
		t.Errorf("%v %v %v", two.status, two.goaway, err)
	}
	two.closed("after GOAWAY")
	<-drained
	if ctx.Err() != nil {
		t.Error("the drain lasts to its deadline")
	}
}

// TestSilentConnectionsAtDrain hold a drain up for the grace, no longer.
func TestSilentConnectionsAtDrain(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, text("hello")))
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	r.apply()
	dialRaw(t, gw)
	dial2(t, gw)
	eventually(t, "both are accepted", func() bool { return r.connections() == 2 })
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	r.e.Drain(ctx)
	if ctx.Err() != nil || r.e.InFlight() != 0 {
		t.Errorf("%d in flight, %v", r.e.InFlight(), ctx.Err())
	}
	eventually(t, "they are closed", func() bool { return r.connections() == 0 })
}

// TestStreamsAtDrain: HTTP/2 clients are told, and finish what they have.
func TestStreamsAtDrain(t *testing.T) {
	r := newRig(t)
	release := make(chan struct{})
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, _ *http.Request) {
		_, _ = io.WriteString(w, "first ")
		_ = http.NewResponseController(w).Flush()
		<-release
		_, _ = io.WriteString(w, "second")
	}))
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	r.apply()
	p := dial2(t, gw)
	p.send(frame2(frameHeaders, endHeaders|endStream, 1, ask2("GET", "/")))
	if err := p.until(func() bool { return p.body[1] > 0 }); err != nil {
		t.Fatal(err)
	}
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		r.e.Drain(t.Context())
	}()
	if err := p.until(func() bool { return p.goaway != nil }); err != nil || *p.goaway != h2.NoError {
		t.Fatalf("%v, %v", p.goaway, err)
	}
	select {
	case <-drained:
		t.Error("drained with a request in flight")
	default:
	}
	close(release)
	if err := p.until(func() bool { return p.ended[1] }); err != nil || p.body[1] != len("first second") {
		t.Errorf("%v, %v", p.body, err)
	}
	<-drained
}

// TestRelaysAtDrain: upgraded connections and TCP relays last until the drain's
// deadline and are ended then.
func TestRelaysAtDrain(t *testing.T) {
	addr := bare(t, func(c *net.TCPConn, br *bufio.Reader) {
		if first, _ := br.Peek(3); string(first) == "GET" {
			_, _ = http.ReadRequest(br)
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n")
		}
		_, _ = io.Copy(c, br)
	})
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", addr)
	r.service("db", route.TCP, "db-1", addr)
	edge, db := r.edge("x", "s", route.Policy{}), r.edge("x", "db", route.Policy{})
	r.apply()
	up, tcp := dialRaw(t, edge), dialRaw(t, db)
	_, _ = io.WriteString(up, "GET / HTTP/1.1\r\nHost: a\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n")
	br := bufio.NewReader(up)
	if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != 101 {
		t.Fatalf("%+v, %v", resp, err)
	}
	echoes := func(what string) {
		t.Helper()
		for c, from := range map[net.Conn]io.Reader{up: br, tcp: tcp} {
			_, _ = fmt.Fprint(c, "ping")
			got := make([]byte, 4)
			if _, err := io.ReadFull(from, got); err != nil || string(got) != "ping" {
				t.Errorf("%s: %q, %v", what, got, err)
			}
		}
	}
	echoes("before")
	ctx, cancel := context.WithCancel(t.Context())
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		r.e.Drain(ctx)
	}()
	eventually(t, "nothing is accepted", func() bool {
		c, err := net.Dial("tcp", strings.TrimPrefix(edge, "http://"))
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	echoes("in the drain")
	cancel() // the deadline
	<-drained
	r.stop()
	for _, c := range []net.Conn{up, tcp} {
		if _, err := io.ReadAll(c); err != nil && !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
			t.Errorf("it is not ended: %v", err)
		}
	}
	if n := r.e.InFlight(); n != 0 {
		t.Errorf("%d in flight", n)
	}
}
