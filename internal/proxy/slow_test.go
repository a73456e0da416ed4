package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/route"
)

// connections is how many the engine has, to clients and to instances.
func (r *rig) connections() int {
	n := 0
	for _, l := range r.e.loops.Loops() {
		n += l.Conns()
	}
	return n
}

// dialRaw connects to a URL's address.
func dialRaw(t *testing.T, url string) net.Conn {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	return c
}

// impatient is a gateway whose timeouts are short.
func impatient(t *testing.T, header, idle time.Duration, h http.HandlerFunc) (*rig, string) {
	t.Helper()
	r := newRigWith(t, Options{Loops: 1})
	r.service("s", route.HTTP1, "s-1", backend(t, h))
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	r.snap.Gateway.HeaderTimeout, r.snap.Gateway.IdleTimeout = header, idle
	r.apply()
	return r, gw
}

// TestSlowLoris: heads that come a byte at a time end at header_timeout, however
// many; others are served meanwhile.
func TestSlowLoris(t *testing.T) {
	const crowd = 200
	r, gw := impatient(t, 300*time.Millisecond, 10*time.Second, text("hello"))
	var wg sync.WaitGroup
	var mu sync.Mutex
	statuses := map[string]int{}
	for i := range crowd {
		c := dialRaw(t, gw)
		wg.Go(func() {
			stop := make(chan struct{})
			var drip sync.WaitGroup
			drip.Go(func() {
				const head = "GET / HTTP/1.1\r\nHost: a\r\nX: "
				for at := 0; ; at++ {
					b := "y"
					if at < len(head) {
						b = head[at : at+1]
					}
					if _, err := io.WriteString(c, b); err != nil {
						return
					}
					select {
					case <-stop:
						return
					case <-time.After(time.Duration(2+i%7) * time.Millisecond): // what makes it slow
					}
				}
			})
			resp, err := http.ReadResponse(bufio.NewReader(c), nil)
			mu.Lock()
			if err != nil {
				statuses[err.Error()]++
			} else {
				statuses[resp.Header.Get("Banyan-Error")]++
			}
			mu.Unlock()
			close(stop)
			drip.Wait()
			_ = c.Close()
		})
	}
	// On a slow machine the first have had their time before the last are connected.
	eventually(t, "they are connected", func() bool { return r.connections()+int(r.e.Refusals()["slow_header"]) >= crowd })
	if resp, body := get(t, client(t), gw); resp.StatusCode != 200 || body != "hello" {
		t.Errorf("another client: %s %q", resp.Status, body)
	}
	wg.Wait()
	if statuses[string(HeaderTimeout)] != crowd || r.e.Refusals()["slow_header"] != crowd {
		t.Errorf("%v, counted %v", statuses, r.e.Refusals())
	}
	eventually(t, "nothing is left", func() bool { return r.connections() <= 2 && r.e.InFlight() == 0 })
}

// TestHeadAfterSilence: the time for a head begins with its first byte, on a
// connection that was silent before, too.
func TestHeadAfterSilence(t *testing.T) {
	r, gw := impatient(t, 600*time.Millisecond, 600*time.Millisecond, text("hello"))
	c := dialRaw(t, gw)
	br := bufio.NewReader(c)
	for range 2 { // the first request of a connection, and another
		time.Sleep(400 * time.Millisecond) //nolint:forbidigo // the silence
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\n")
		time.Sleep(400 * time.Millisecond) //nolint:forbidigo // together more than the timeout
		_, _ = io.WriteString(c, "Host: a\r\n\r\n")
		resp, err := http.ReadResponse(br, nil)
		if err != nil || resp.StatusCode != 200 {
			t.Fatalf("%+v, %v, %v", resp, err, r.e.Refusals())
		}
		_, _ = io.Copy(io.Discard, resp.Body)
	}
}

// TestSilentConnections: a connection that says nothing ends at header_timeout,
// one that said something once at idle_timeout.
func TestSilentConnections(t *testing.T) {
	r, gw := impatient(t, 100*time.Millisecond, 100*time.Millisecond, text("hello"))
	for range 50 {
		dialRaw(t, gw)
	}
	h2 := dial2(t, gw)
	half := dialRaw(t, gw)
	_, _ = io.WriteString(half, "PRI * HTTP/2.0\r\n")
	block := dial2(t, gw) // a header block that does not end
	block.send(frame2(frameHeaders, endStream, 1, ask2("GET", "/")))
	c := dialRaw(t, gw)
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: a\r\n\r\n")
	if _, err := io.ReadAll(c); err != nil {
		t.Error(err)
	}
	h2.closed("HTTP/2 without a request")
	block.closed("an endless header block")
	if h2.goaway == nil {
		t.Error("no GOAWAY")
	}
	if _, err := io.ReadAll(half); err != nil && !strings.Contains(err.Error(), "reset") {
		t.Errorf("half a preface: %v", err)
	}
	eventually(t, "nothing is left", func() bool { return r.connections() <= 1 })
	if n := r.e.Refusals()["silent"]; n != 51 { // half a preface is nothing said
		t.Errorf("counted %d: %v", n, r.e.Refusals())
	}
}

// TestSlowBodies: who stops amid a body is cut off, in both versions.
func TestSlowBodies(t *testing.T) {
	r, gw := impatient(t, 10*time.Second, 100*time.Millisecond, func(_ http.ResponseWriter, q *http.Request) { _, _ = io.Copy(io.Discard, q.Body) })
	c := dialRaw(t, gw)
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 10\r\n\r\nabc")
	answer, err := io.ReadAll(c)
	if err != nil || !strings.Contains(string(answer), string(BodyBroken)) {
		t.Errorf("h1: %q, %v", answer, err)
	}
	p := dial2(t, gw)
	p.send(frame2(frameHeaders, endHeaders, 1, ask2("POST", "/")) + frame2(frameData, 0, 1, "abc"))
	if err := p.until(func() bool { return p.ended[1] }); err != nil || p.status[1] != "400" {
		t.Errorf("h2: %v %v %v", p.status, p.reset, err)
	}
	if n := r.e.Refusals()["slow_body"]; n != 2 {
		t.Errorf("counted %v", r.e.Refusals())
	}
	eventually(t, "nothing is in flight", func() bool { return r.e.InFlight() == 0 })
}

// TestClientsThatNeverRead: they are cut off at idle_timeout, what was held for
// them is bounded, and the instance is not to blame.
func TestClientsThatNeverRead(t *testing.T) {
	const crowd = 20
	r, gw := impatient(t, 10*time.Second, 300*time.Millisecond, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path != "/large" {
			_, _ = io.WriteString(w, "hello")
			return
		}
		for chunk := make([]byte, 64<<10); q.Context().Err() == nil; {
			if _, err := w.Write(chunk); err != nil {
				return
			}
		}
	})
	r.snap.Gateway.Routes[0].Policy.Breaker = &route.Breaker{MinRequests: 5, FailureRatio: 0.1, Window: time.Minute, OpenFor: time.Minute}
	r.apply()
	for range crowd / 2 {
		c := dialRaw(t, gw)
		_ = c.(*net.TCPConn).SetReadBuffer(4096)
		_, _ = fmt.Fprintf(c, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
		p := dial2(t, gw) // its streams' windows are small enough for the kernel to hold all
		p.send(frame2(frameHeaders, endHeaders|endStream, 1, ask2("GET", "/large")))
	}
	eventually(t, "all are cut off", func() bool { return r.e.Refusals()["slow_read"] == crowd && r.e.InFlight() == 0 })
	eventually(t, "no connection is left", func() bool { return r.connections() == 0 })
	for range 3 {
		if resp, body := get(t, client(t), gw+"/"); resp.StatusCode != 200 {
			t.Errorf("the instance takes the blame: %s %s", resp.Status, body)
		}
	}
}

// TestSlowReadersShareHTTP2: clients that read slowly do not stop others whose
// requests go over the same HTTP/2 connection to the instance.
func TestSlowReadersShareHTTP2(t *testing.T) {
	const crowd = 30
	r := newRigWith(t, Options{Loops: 1})
	var written atomic.Int64
	r.service("s", route.H2C, "s-1", h2cBackend(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/large" {
			chunk := make([]byte, 16<<10)
			for range 512 {
				n, err := w.Write(chunk)
				if written.Add(int64(n)); err != nil {
					return
				}
			}
			return
		}
		_, _ = w.Write(make([]byte, 100_000))
	}))
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	var slow []net.Conn
	for range crowd {
		c := dialRaw(t, edge)
		_ = c.(*net.TCPConn).SetReadBuffer(4096)
		_, _ = fmt.Fprintf(c, "GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
		slow = append(slow, c)
	}
	eventually(t, "all are stuck", func() bool {
		before := written.Load()
		time.Sleep(50 * time.Millisecond) //nolint:forbidigo // in which nothing is written
		return r.e.InFlight() == crowd && before > 0 && written.Load() == before
	})
	for range 10 {
		if resp, body := get(t, client(t), edge); resp.StatusCode != 200 || len(body) != 100_000 {
			t.Errorf("%s, %d bytes", resp.Status, len(body))
		}
	}
	for _, c := range slow {
		_ = c.Close()
	}
	eventually(t, "nothing is in flight", func() bool { return r.e.InFlight() == 0 })
}

// TestManyLeaveAtOnce: what an instance had sent to clients that left, by
// hundreds, does not end the HTTP/2 connection on which others are served.
func TestManyLeaveAtOnce(t *testing.T) {
	const crowd = 600
	descriptors(t, 4*crowd, 4*crowd)
	r := newRigWith(t, Options{Loops: 1})
	l := mustListen(t)
	server := &http.Server{Protocols: new(http.Protocols), HTTP2: &http.HTTP2Config{MaxConcurrentStreams: 1000}}
	server.Protocols.SetUnencryptedHTTP2(true)
	server.Handler = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
		for chunk := make([]byte, 64<<10); q.Context().Err() == nil && q.URL.Path == "/large"; {
			_, _ = w.Write(chunk)
		}
		_ = http.NewResponseController(w).Flush()
		if q.URL.Path == "/patient" {
			_, _ = io.Copy(w, q.Body)
		}
	})
	go func() { _ = server.Serve(l) }()
	t.Cleanup(func() { _ = server.Close() })
	r.service("s", route.H2C, "s-1", l.Addr().String())
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	body, end := io.Pipe()
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, edge+"/patient", body)
	resp, err := client(t).Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer resp.Body.Close()
	crowded := make([]net.Conn, crowd)
	for i := range crowded {
		crowded[i] = dialRaw(t, edge)
		_, _ = io.WriteString(crowded[i], "GET /large HTTP/1.1\r\nHost: a\r\n\r\n")
	}
	for _, c := range crowded {
		_, _ = io.ReadFull(c, make([]byte, 10_000))
	}
	for _, c := range crowded {
		_ = c.Close()
	}
	eventually(t, "they have left", func() bool { return r.e.InFlight() == 1 })
	_, _ = io.WriteString(end, "still there")
	_ = end.Close()
	if got, err := io.ReadAll(resp.Body); string(got) != "still there" || err != nil {
		t.Errorf("%q, %v", got, err)
	}
}

// TestLargeEarlyAnswer: an answer that comes before the client has sent all
// arrives whole, though the client reads it late and slowly.
func TestLargeEarlyAnswer(t *testing.T) {
	const size = 8 << 20
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", bare(t, func(c *net.TCPConn, br *bufio.Reader) {
		_, _ = http.ReadRequest(br)
		_, _ = fmt.Fprintf(c, "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: %d\r\n\r\n", size)
		_, _ = c.Write(make([]byte, size))
		_, _ = io.Copy(io.Discard, c)
	}))
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	c := dialRaw(t, edge)
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 100000000\r\n\r\nabc")
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	n, err := io.Copy(io.Discard, resp.Body)
	if n != size || err != nil {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestBody2Lagging: a body whose reader is always behind takes what is unread and no more.
func TestBody2Lagging(t *testing.T) {
	var b body2
	for range 10_000 {
		b.add(make([]byte, 1000), false)
		p, _ := b.rest()
		b.at += min(len(p)-1, 1000)
	}
	if cap(b.buf) > loop.Large {
		t.Errorf("it grew to %d bytes", cap(b.buf))
	}
}
