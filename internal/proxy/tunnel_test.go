package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"net/netip"
	"net/url"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/h2"
	"github.com/banyanrun/banyan/internal/route"
)

// tunnels is a gateway with a tunnel to a TCP service at addr, for the host
// db.example, and a route for all else to an HTTP service that says "web".
func tunnels(t *testing.T, addr string) (*rig, string) {
	t.Helper()
	r := newRig(t)
	r.service("db", route.TCP, "db-1", addr)
	r.service("web", route.HTTP1, "web-1", backend(t, text("web")))
	gw := r.gateway(route.Route{Host: "db.example", To: "db", Connect: true}, route.Route{Path: "/", To: "web"})
	r.apply()
	return r, strings.TrimPrefix(gw, "http://")
}

// pipe is a client's end of a tunnel.
type pipe struct {
	io.Reader
	io.Writer

	half  func() // ends what the client says
	close func()
}

// A digger opens a tunnel to a target and says the words ahead, before the answer where it can.
type digger func(t *testing.T, target, ahead string) *pipe

// dig1 opens a tunnel over HTTP/1.1 on a connection.
func dig1(t *testing.T, c net.Conn, target, ahead string) *pipe {
	t.Helper()
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = fmt.Fprintf(c, "CONNECT %s HTTP/1.1\r\nHost: %[1]s\r\n\r\n%s", target, ahead)
	br := bufio.NewReader(c)
	_, _ = br.Peek(1)
	if head, _ := br.Peek(br.Buffered()); bytes.Contains(head, []byte("\r\nConnection:")) { // net/http hides it
		t.Errorf("%q", head)
	}
	resp, err := http.ReadResponse(br, &http.Request{Method: http.MethodConnect})
	if err != nil || resp.StatusCode != http.StatusOK {
		t.Fatalf("%+v, %v", resp, err)
	}
	for _, name := range []string{"Content-Length", "Transfer-Encoding", "Banyan-Error"} {
		if v := resp.Header.Values(name); len(v) > 0 {
			t.Errorf("%s: %q", name, v)
		}
	}
	if resp.Header.Get("X-Request-Id") == "" {
		t.Error("no request ID")
	}
	half := func() { _ = c.(interface{ CloseWrite() error }).CloseWrite() }
	return &pipe{br, c, half, func() { _ = c.Close() }}
}

// dig2 opens one as a stream of an HTTP/2 client.
func dig2(t *testing.T, c *http.Client, scheme, addr, target, ahead string) *pipe {
	t.Helper()
	pr, pw := io.Pipe()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	req := (&http.Request{
		Method: http.MethodConnect, URL: &url.URL{Scheme: scheme, Host: addr}, Host: target, Header: http.Header{}, Body: pr,
	}).WithContext(ctx)
	if ahead != "" {
		go func() { _, _ = io.WriteString(pw, ahead) }()
	}
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 || len(resp.Header.Values("Content-Length")) > 0 {
		t.Fatalf("%+v", resp)
	}
	return &pipe{resp.Body, pw, func() { _ = pw.Close() }, cancel}
}

// diggers are all ways to open a tunnel at r's gateway, plain or under TLS.
func diggers(t *testing.T, addr string, do func(t *testing.T, dig digger)) {
	t.Helper()
	r, gw := tunnels(t, addr)
	secure, secureGw := tunnels(t, addr)
	cert := selfSigned(t, "shop.example")
	secure.snap.Gateway.TLS = cert.files
	secure.apply()
	for name, dig := range map[string]digger{
		"HTTP/1.1": func(t *testing.T, target, ahead string) *pipe {
			t.Helper()
			return dig1(t, dialRaw(t, gw), target, ahead)
		},
		"HTTP/1.1 under TLS": func(t *testing.T, target, ahead string) *pipe {
			t.Helper()
			return dig1(t, tls.Client(dialRaw(t, secureGw), cert.config()), target, ahead)
		},
		"HTTP/2": func(t *testing.T, target, ahead string) *pipe {
			t.Helper()
			return dig2(t, h2cClient(t), "http", gw, target, ahead)
		},
		"HTTP/2 under TLS": func(t *testing.T, target, ahead string) *pipe {
			t.Helper()
			return dig2(t, tlsClient(t, cert.config(), true), "https", secureGw, target, ahead)
		},
	} {
		t.Run(name, func(t *testing.T) { do(t, dig) })
		eventually(t, "nothing in flight after "+name, func() bool { return r.e.InFlight() == 0 && secure.e.InFlight() == 0 })
	}
}

// TestTunnelBytes: every byte passes, both ways, also those ahead of the answer,
// and each side may end first.
func TestTunnelBytes(t *testing.T) {
	const size = 8 << 20
	addr := bare(t, func(c *net.TCPConn, br *bufio.Reader) { echoBytes(c, br) })
	diggers(t, addr, func(t *testing.T, dig digger) {
		t.Helper()
		said := bytes.Repeat([]byte("\x00\r\n\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"), size/33)
		p := dig(t, "db.example:5432", "ahead ")
		go func() {
			_, _ = p.Write(said)
			p.half()
		}()
		got, err := io.ReadAll(p)
		if want := append([]byte("ahead "), said...); err != nil || !bytes.Equal(got, want) {
			t.Errorf("%d bytes of %d, %v", len(got), len(want), err)
		}
		p.close()
	})
	heard := make(chan string, 1)
	farewell := bare(t, func(c *net.TCPConn, br *bufio.Reader) {
		_, _ = c.Write(make([]byte, size))
		_ = c.CloseWrite()
		b, _ := io.ReadAll(br)
		heard <- string(b)
	})
	diggers(t, farewell, func(t *testing.T, dig digger) {
		t.Helper()
		p := dig(t, "DB.Example.:1", "")
		if n, err := io.Copy(io.Discard, p); n != size || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		_, _ = io.WriteString(p, "hello")
		p.half()
		if s := <-heard; s != "hello" {
			t.Errorf("%q came after the service's end", s)
		}
	})
}

// TestTunnelBroken: a service that breaks off is no end of what it says.
func TestTunnelBroken(t *testing.T) {
	addr := bare(t, func(c *net.TCPConn, br *bufio.Reader) {
		_, _ = br.ReadByte()
		_ = c.SetLinger(0)
	})
	diggers(t, addr, func(t *testing.T, dig digger) {
		t.Helper()
		p := dig(t, "db.example:1", "x")
		if b, err := io.ReadAll(p); err == nil {
			t.Errorf("%q, and then an end", b)
		}
		p.close()
	})

	_, gw := tunnels(t, addr)
	c := dial2(t, gw)
	c.send(frame2(frameHeaders, endHeaders, 1, literals(":method", "CONNECT", ":authority", "db.example:1")) + frame2(frameData, 0, 1, "x"))
	if err := c.until(func() bool { _, ok := c.reset[1]; return ok }); err != nil || c.reset[1] != h2.ConnectError {
		t.Errorf("%v, %v", c.reset, err)
	}
}

// TestTunnelClientLeaves: the service learns that its client broke off.
func TestTunnelClientLeaves(t *testing.T) {
	ends := make(chan error, 10)
	addr := bare(t, func(_ *net.TCPConn, br *bufio.Reader) {
		_, err := io.Copy(io.Discard, br)
		ends <- err
	})
	r, gw := tunnels(t, addr)
	c := dialRaw(t, gw)
	p := dig1(t, c, "db.example:1", "x")
	_ = c.(*net.TCPConn).SetLinger(0)
	p.close()
	if err := <-ends; err == nil {
		t.Error("a reset client reads as an end")
	}
	c2 := dial2(t, gw)
	c2.send(frame2(frameHeaders, endHeaders, 1, literals(":method", "CONNECT", ":authority", "db.example:1")))
	_ = c2.until(func() bool { return c2.status[1] == "200" })
	c2.send(frame2(frameReset, 0, 1, octets4(uint32(h2.Cancel))))
	if err := <-ends; err == nil {
		t.Error("a reset stream reads as an end")
	}
	r.settled(t, "clients that left")
}

// TestTunnelBackPressure: what nobody reads does not pile up, in either direction.
func TestTunnelBackPressure(t *testing.T) {
	const total = 64 << 20
	var sent atomic.Int64
	sender := bare(t, func(c *net.TCPConn, br *bufio.Reader) {
		_, _ = io.Copy(counting{c, &sent}, io.LimitReader(zeros{}, total))
		_ = c.CloseWrite()
		_, _ = br.ReadByte()
	})
	diggers(t, sender, func(t *testing.T, dig digger) {
		t.Helper()
		sent.Store(0)
		p := dig(t, "db.example:1", "")
		if n := stalls(t, &sent); n > total/2 {
			t.Errorf("%d bytes were taken before anybody read", n)
		}
		sum := fnv.New64a()
		if n, err := io.Copy(sum, p); n != total || err != nil {
			t.Errorf("%d bytes, %v", n, err)
		}
		p.close()
	})
	read := make(chan struct{}, 10)
	got := make(chan int64, 10)
	receiver := bare(t, func(_ *net.TCPConn, br *bufio.Reader) {
		<-read
		n, _ := io.Copy(io.Discard, br)
		got <- n
	})
	diggers(t, receiver, func(t *testing.T, dig digger) {
		t.Helper()
		sent.Store(0)
		p := dig(t, "db.example:1", "")
		go func() {
			_, _ = io.Copy(counting{p, &sent}, io.LimitReader(zeros{}, total))
			p.half()
		}()
		if n := stalls(t, &sent); n > total/2 {
			t.Errorf("%d bytes were taken before the service read", n)
		}
		read <- struct{}{}
		if n := <-got; n != total {
			t.Errorf("%d bytes came", n)
		}
		p.close()
	})
}

// TestTunnelForms: what is no right CONNECT, or has no route, opens no tunnel, and
// nothing that follows it is taken for a request.
func TestTunnelForms(t *testing.T) {
	reached := make(chan string, 10)
	addr := bare(t, func(_ *net.TCPConn, br *bufio.Reader) {
		b, _ := io.ReadAll(br)
		reached <- string(b)
	})
	_, gw := tunnels(t, addr)
	for _, c := range []struct {
		raw    string
		status int
	}{
		{"CONNECT db.example HTTP/1.1\r\nHost: db.example", 400},
		{"CONNECT db.example: HTTP/1.1\r\nHost: db.example:", 400},
		{"CONNECT :1 HTTP/1.1\r\nHost: :1", 400},
		{"CONNECT db.example:65536 HTTP/1.1\r\nHost: db.example:65536", 400},
		{"CONNECT http://db.example:1 HTTP/1.1\r\nHost: db.example:1", 400},
		{"CONNECT db.example:1/ HTTP/1.1\r\nHost: db.example:1", 400},
		{"CONNECT / HTTP/1.1\r\nHost: db.example:1", 400},
		{"CONNECT * HTTP/1.1\r\nHost: db.example:1", 400},
		{"CONNECT u@db.example:1 HTTP/1.1\r\nHost: db.example:1", 400},
		{"CONNECT db.example:1,web:1 HTTP/1.1\r\nHost: db.example:1", 400},
		{"CONNECT db.example:1 HTTP/1.1\r\nHost: web:1", 400},
		{"CONNECT web:1 HTTP/1.1\r\nHost: db.example:1", 400},
		{"CONNECT db.example:1 HTTP/1.1\r\nHost: db.example:2", 400},
		{"CONNECT db.example:1 HTTP/1.1\r\nHost: db.example:1\r\nHost: db.example:1", 400},
		{"CONNECT db.example:1 HTTP/1.1\r\nX: y", 400},
		{"CONNECT db.example:1 HTTP/1.1\r\nHost: db.example:1\r\nContent-Length: 0", 400},
		{"CONNECT db.example:1 HTTP/1.1\r\nHost: db.example:1\r\nContent-Length: 5", 400},
		{"CONNECT db.example:1 HTTP/1.1\r\nHost: db.example:1\r\nTransfer-Encoding: chunked", 400},
		{"CONNECT db.example:1 HTTP/1.1\r\nHost: db.example:1\r\n Transfer-Encoding: chunked", 400},
		{"CONNECT db.example:1 HTTP/2.0\r\nHost: db.example:1", 505},
		{"connect db.example:1 HTTP/1.1\r\nHost: db.example:1", 400},
		{"CONNECT web:1 HTTP/1.1\r\nHost: web:1", 404},
		{"CONNECT db.example.evil:1 HTTP/1.1\r\nHost: db.example.evil:1", 404},
		{"CONNECT a.db.example:1 HTTP/1.1\r\nHost: a.db.example:1", 404},
		{"CONNECT [::1]:1 HTTP/1.1\r\nHost: [::1]:1", 404},
		{"CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: 127.0.0.1:1\r\nConnection: keep-alive", 404},
	} {
		answers, rest := converse(t, gw, c.raw+"\r\n\r\n"+smuggled, 0)
		if len(answers) != 1 || answers[0].StatusCode != c.status || !answers[0].Close || len(rest) > 0 {
			t.Errorf("%q: %v, then %q", c.raw, answers, rest)
		}
	}
	if _, body := get(t, client(t), "http://"+gw); body != "web" {
		t.Errorf("a GET is answered by %q", body)
	}
	req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, "http://"+gw+"/", nil)
	req.Host = "db.example"
	if _, body := do(t, client(t), req); body != "web" {
		t.Errorf("a GET for the tunnel's host is answered by %q", body)
	}
	select {
	case b := <-reached:
		t.Errorf("%q reached the service", b)
	default:
	}
	// What follows a right one is the service's, whatever it looks like.
	c := dialRaw(t, gw)
	p := dig1(t, c, "db.example:1", smuggled)
	p.half()
	if b := <-reached; b != smuggled {
		t.Errorf("%q reached the service", b)
	}
	// HTTP/1.0 needs no Host, and what opens a tunnel often speaks it.
	c = dialRaw(t, gw)
	_, _ = io.WriteString(c, "CONNECT db.example:5432 HTTP/1.0\r\n\r\nhello")
	_ = c.(*net.TCPConn).CloseWrite()
	resp, err := http.ReadResponse(bufio.NewReader(c), &http.Request{Method: http.MethodConnect})
	if err != nil || resp.StatusCode != http.StatusOK || resp.Header.Get("Connection") != "" {
		t.Errorf("%+v, %v", resp, err)
	}
	if b := <-reached; b != "hello" {
		t.Errorf("%q reached the service", b)
	}
}

// TestTunnelForms2 is the same over HTTP/2.
func TestTunnelForms2(t *testing.T) {
	_, gw := tunnels(t, bare(t, func(c *net.TCPConn, br *bufio.Reader) { echoBytes(c, br) }))
	c := dial2(t, gw)
	id := uint32(1)
	for _, form := range []struct {
		fields string
		status string // empty: the stream is reset
	}{
		{literals(":method", "CONNECT", ":authority", "db.example"), ""},
		{literals(":method", "CONNECT", ":authority", "db.example:"), ""},
		{literals(":method", "CONNECT", ":authority", ":1"), ""},
		{literals(":method", "CONNECT", ":authority", "u@db.example:1"), ""},
		{literals(":method", "CONNECT", ":authority", "db.example:1", "host", "web:1"), ""},
		{literals(":method", "CONNECT", ":authority", "db.example:1", "content-length", "0"), ""},
		{literals(":method", "CONNECT", ":authority", "db.example:1", ":path", "/"), ""},
		{literals(":method", "CONNECT", ":authority", "db.example:1", ":scheme", "http", ":path", "/"), ""},
		{literals(":method", "CONNECT", "host", "db.example:1"), ""},
		{literals(":method", "CONNECT", ":authority", "web:1"), "404"},
		{literals(":method", "CONNECT", ":authority", "db.example:1"), "200"},
	} {
		c.send(frame2(frameHeaders, endHeaders, id, form.fields))
		err := c.until(func() bool { _, reset := c.reset[id]; return reset || c.status[id] != "" })
		if c.status[id] != form.status || form.status == "" && c.reset[id] != h2.ProtocolError {
			t.Errorf("%q: %q, %v, %v", form.fields, c.status[id], c.reset[id], err)
		}
		id += 2
	}
	// There are no trailers in a tunnel (RFC 9113, 8.5).
	id -= 2
	c.send(frame2(frameData, 0, id, "hello"))
	if err := c.until(func() bool { return c.body[id] == 5 }); err != nil {
		t.Error(err)
	}
	c.send(frame2(frameHeaders, endHeaders|endStream, id, literals("a", "b")))
	if err := c.until(func() bool { _, reset := c.reset[id]; return reset }); err != nil || c.reset[id] != h2.ProtocolError {
		t.Errorf("%v, %v", c.reset[id], err)
	}
}

// TestTunnelRoutes: the most specific host wins, and conditions, tokens and limits
// hold as on other routes.
func TestTunnelRoutes(t *testing.T) {
	named := func(name string) string {
		return bare(t, func(c *net.TCPConn, _ *bufio.Reader) { _, _ = io.WriteString(c, name) })
	}
	r := newRig(t)
	for _, name := range []string{"one", "wild", "tenant", "few"} {
		r.service(name, route.TCP, name+"-1", named(name))
	}
	r.service("gone", route.TCP, "gone-1", dead(t))
	r.service("none", route.TCP)
	gw := strings.TrimPrefix(r.gateway(
		route.Route{Host: "*.example", To: "wild", Connect: true},
		route.Route{Host: "one.example", To: "one", Connect: true},
		route.Route{Host: "one.example", To: "tenant", Connect: true, Headers: map[string]string{"X-Tenant": "b"}},
		route.Route{Host: "few.example", To: "few", Connect: true, RateLimit: &route.RateLimit{Requests: 1, Per: time.Hour, Burst: 1}},
		route.Route{Host: "locked.example", To: "one", Connect: true, Auth: route.AuthRequired},
		route.Route{Host: "gone.example", To: "gone", Connect: true},
		route.Route{Host: "none.example", To: "none", Connect: true},
	), "http://")
	r.apply()
	ask := func(addr, host, more string) (int, string) {
		c := dialRaw(t, addr)
		defer c.Close()
		_, _ = fmt.Fprintf(c, "CONNECT %s:1 HTTP/1.1\r\nHost: %[1]s:1\r\n%s\r\n", host, more)
		_ = c.(*net.TCPConn).CloseWrite() // who has nothing to say may listen
		br := bufio.NewReader(c)
		resp, err := http.ReadResponse(br, &http.Request{Method: http.MethodConnect})
		if err != nil {
			t.Fatal(host, err)
		}
		if resp.StatusCode != 200 {
			return resp.StatusCode, resp.Header.Get("Banyan-Error")
		}
		b, _ := io.ReadAll(br)
		return 200, string(b)
	}
	for _, c := range []struct {
		host, more string
		status     int
		want       string
	}{
		{"one.example", "", 200, "one"},
		{"ONE.example", "", 200, "one"},
		{"one.example", "X-Tenant: b\r\n", 200, "tenant"},
		{"two.example", "", 200, "wild"},
		{"a.b.example", "", 200, "wild"},
		{"example", "", 404, "no-route"},
		{"few.example", "", 200, "few"},
		{"few.example", "", 429, "rate-limited"},
		{"locked.example", "", 401, "token-missing"},
		{"gone.example", "", 502, "upstream-connect"},
		{"none.example", "", 503, "no-ready-instance"},
	} {
		if status, got := ask(gw, c.host, c.more); status != c.status || got != c.want {
			t.Errorf("%s %q: %d %s", c.host, c.more, status, got)
		}
	}
}

// TestTunnelUnasked: a gateway without such a route, and edges, take no CONNECT.
func TestTunnelUnasked(t *testing.T) {
	_, _, addrs := smuggling(t)
	for side, addr := range addrs {
		answers, rest := converse(t, addr, "CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n"+smuggled, 0)
		if len(answers) != 1 || answers[0].StatusCode != 405 || !answers[0].Close || len(rest) > 0 {
			t.Errorf("%s: %v, %q", side, answers, rest)
		}
	}
}

// TestTunnelAccounts: a tunnel counts as one request, with what it carried, and is logged.
func TestTunnelAccounts(t *testing.T) {
	r, gw := tunnels(t, bare(t, func(c *net.TCPConn, br *bufio.Reader) {
		all, _ := io.ReadAll(br)
		_, _ = c.Write(append(all, all...))
	}))
	for i, dig := range []digger{
		func(t *testing.T, target, ahead string) *pipe {
			t.Helper()
			return dig1(t, dialRaw(t, gw), target, ahead)
		},
		func(t *testing.T, target, ahead string) *pipe {
			t.Helper()
			return dig2(t, h2cClient(t), "http", gw, target, ahead)
		},
	} {
		p := dig(t, "db.example:5432", "hello")
		if n := r.counted(route.GatewayCaller, "db", "CONNECT db.example").InFlight; n != 1 {
			t.Errorf("%d in flight", n)
		}
		p.half()
		if b, err := io.ReadAll(p); string(b) != "hellohello" || err != nil {
			t.Errorf("%q, %v", b, err)
		}
		p.close()
		want := uint64(i + 1)
		total := func() uint64 { return r.total(route.GatewayCaller, "db", "CONNECT db.example").Requests }
		eventually(t, "the end of the tunnel", func() bool { return total() == want })
		n := r.total(route.GatewayCaller, "db", "CONNECT db.example")
		if n.BytesIn != 5*want || n.BytesOut != 10*want || n.Status[2] != want || n.Errors != 0 || n.Upstream.Count() != want {
			t.Errorf("%+v", n)
		}
		if n.Latency.Sum() != n.Upstream.Sum() {
			t.Errorf("how long it was open is its latency: %s", n.Latency.Sum())
		}
	}
	eventually(t, "a record", func() bool { return strings.Count(r.log.String(), "\n") == 2 })
	for _, want := range []string{
		`"method":"CONNECT"`, `"host":"db.example:5432"`, `"route":"CONNECT db.example"`, `"instance":"db-1"`, `"status":200`, `"bytes_in":5`, `"bytes_out":10`,
	} {
		if strings.Count(r.log.String(), want) != 2 {
			t.Errorf("no %s in %s", want, r.log)
		}
	}
}

// TestTunnelProxyHeader: a service that wants to know is told whose tunnel it is.
func TestTunnelProxyHeader(t *testing.T) {
	got := make(chan string, 1)
	r, gw := tunnels(t, bare(t, func(_ *net.TCPConn, br *bufio.Reader) {
		b, _ := io.ReadAll(br)
		got <- string(b)
	}))
	r.snap.Services["db"].ProxyProtocol = 1
	r.apply()
	c := dialRaw(t, gw)
	p := dig1(t, c, "db.example:1", "hello")
	p.half()
	want := fmt.Sprintf("PROXY TCP4 127.0.0.1 127.0.0.1 %d %d\r\nhello",
		netip.MustParseAddrPort(c.LocalAddr().String()).Port(), netip.MustParseAddrPort(gw).Port())
	if s := <-got; s != want {
		t.Errorf("%q, want %q", s, want)
	}
}

// TestTunnelAtDrain: tunnels last until the drain's deadline, over both versions,
// however long they are idle.
func TestTunnelAtDrain(t *testing.T) {
	r, gw := tunnels(t, bare(t, func(c *net.TCPConn, br *bufio.Reader) { echoBytes(c, br) }))
	r.snap.Gateway.IdleTimeout, r.snap.Gateway.HeaderTimeout = 100*time.Millisecond, 100*time.Millisecond
	r.apply()
	pipes := []*pipe{dig1(t, dialRaw(t, gw), "db.example:1", ""), dig2(t, h2cClient(t), "http", gw, "db.example:1", "")}
	echoes := func(what string) {
		t.Helper()
		for _, p := range pipes {
			_, _ = io.WriteString(p, "ping")
			got := make([]byte, 4)
			if _, err := io.ReadFull(p, got); err != nil || string(got) != "ping" {
				t.Errorf("%s: %q, %v", what, got, err)
			}
		}
	}
	// A connection that is opened now and says nothing outlasts both timeouts.
	silent := dialRaw(t, gw)
	if _, err := silent.Read(make([]byte, 1)); !errors.Is(err, io.EOF) && !strings.Contains(err.Error(), "reset") {
		t.Fatal(err)
	}
	echoes("before")
	ctx, cancel := context.WithCancel(t.Context())
	drained := make(chan struct{})
	go func() {
		defer close(drained)
		r.e.Drain(ctx)
	}()
	eventually(t, "nothing is accepted", func() bool {
		c, err := net.Dial("tcp", gw)
		if err == nil {
			_ = c.Close()
		}
		return err != nil
	})
	echoes("in the drain")
	cancel() // the deadline
	<-drained
	r.stop()
	for _, p := range pipes {
		if _, err := io.ReadAll(p); errors.Is(err, os.ErrDeadlineExceeded) || errors.Is(err, context.DeadlineExceeded) {
			t.Error("it is not ended")
		}
	}
	if n := r.e.InFlight(); n != 0 {
		t.Errorf("%d in flight", n)
	}
}
