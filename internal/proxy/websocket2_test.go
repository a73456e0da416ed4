package proxy

import (
	"bufio"
	"bytes"
	"context"
	"crypto/sha1"
	"crypto/tls"
	"encoding/base64"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/h2"
	"github.com/banyanrun/banyan/internal/route"
	"github.com/coder/websocket"
	"golang.org/x/net/http2"
)

// dialer2 is an HTTP/2 client that knows extended CONNECT: net/http's lets nobody ask for it.
func dialer2(t *testing.T, cfg *tls.Config) *http.Client {
	t.Helper()
	tr := &http2.Transport{AllowHTTP: true, TLSClientConfig: cfg} //nolint:staticcheck // what is to be used in its place cannot
	if cfg == nil {
		tr.DialTLSContext = func(ctx context.Context, network, addr string, _ *tls.Config) (net.Conn, error) { //nolint:staticcheck // as above
			return new(net.Dialer).DialContext(ctx, network, addr)
		}
	}
	t.Cleanup(tr.CloseIdleConnections) //nolint:staticcheck // as above
	return &http.Client{Transport: tr, CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }}
}

// askSocket asks for a protocol by an extended CONNECT.
func askSocket(t *testing.T, c *http.Client, target, protocol string, body io.Reader) *http.Response {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	t.Cleanup(cancel)
	req, err := http.NewRequestWithContext(ctx, http.MethodConnect, target, body)
	if err != nil {
		t.Fatal(err)
	}
	req.Header[":protocol"] = []string{protocol}
	req.Header.Set("Sec-Websocket-Version", "13")
	req.Header.Set("Sec-Websocket-Key", "dGhlIHNhbXBsZSBub25jZQ==") // has no meaning here
	resp, err := c.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = resp.Body.Close() })
	return resp
}

// socket2 opens a WebSocket over HTTP/2.
func socket2(t *testing.T, c *http.Client, target string) *pipe {
	t.Helper()
	pr, pw := io.Pipe()
	resp := askSocket(t, c, target, "websocket", pr)
	if resp.StatusCode != http.StatusOK || resp.ProtoMajor != 2 {
		t.Fatalf("%+v", resp)
	}
	for _, name := range []string{"Sec-Websocket-Accept", "Upgrade", "Connection", "Content-Length"} {
		if v := resp.Header.Values(name); len(v) > 0 {
			t.Errorf("%s: %q", name, v)
		}
	}
	return &pipe{resp.Body, pw, func() { _ = pw.Close() }, func() { _ = resp.Body.Close() }}
}

// socketWays are gateways and an edge to an HTTP service at addr, each with an HTTP/2 client.
func socketWays(t *testing.T, addr string, do func(t *testing.T, c *http.Client, url string)) {
	t.Helper()
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", addr)
	gw, edge := r.gateway(route.Route{Path: "/", To: "s"}), r.edge("x", "s", route.Policy{Retries: 1})
	r.apply()
	cert := selfSigned(t, "shop.example")
	secure := newRig(t)
	secure.snap.Services = r.snap.Services
	secureGw := secure.gateway(route.Route{Path: "/", To: "s"})
	secure.snap.Gateway.TLS = cert.files
	secure.apply()
	t.Run("gateway", func(t *testing.T) { do(t, dialer2(t, nil), gw) })
	t.Run("edge", func(t *testing.T) { do(t, dialer2(t, nil), edge) })
	t.Run("TLS", func(t *testing.T) {
		do(t, dialer2(t, cert.config()), strings.Replace(secureGw, "http:", "https:", 1))
	})
	r.settled(t, "WebSockets")
	secure.settled(t, "WebSockets")
}

// TestSocket2 talks with a WebSocket library, which checks the request and the masks.
func TestSocket2(t *testing.T) {
	addr := backend(t, func(w http.ResponseWriter, q *http.Request) {
		if q.Method != http.MethodGet || q.URL.String() != "/chat?room=1" || q.Header.Get("Sec-Websocket-Version") != "13" ||
			len(q.Header.Values("Sec-Websocket-Key")) != 1 || q.Header.Get("Sec-Websocket-Key") == "dGhlIHNhbXBsZSBub25jZQ==" || q.ContentLength != 0 {
			t.Errorf("%s %s %v", q.Method, q.URL, q.Header)
		}
		c, err := websocket.Accept(w, q, nil)
		if err != nil {
			t.Error(err)
			return
		}
		c.SetReadLimit(-1)
		for {
			kind, b, err := c.Read(context.Background())
			if err != nil {
				if websocket.CloseStatus(err) != websocket.StatusNormalClosure {
					t.Error(err)
				}
				return
			}
			if err := c.Write(context.Background(), kind, b); err != nil {
				t.Error(err)
				return
			}
		}
	})
	socketWays(t, addr, func(t *testing.T, c *http.Client, url string) {
		t.Helper()
		p := socket2(t, c, url+"/chat?room=1")
		for _, n := range []int{0, 1, 125, 126, 65535, 65536, 4 << 20} {
			said := bytes.Repeat([]byte{byte(n), 'x'}, n)[:n]
			go func() { _, _ = p.Write(frame(true, 2, said)) }()
			if got, err := readFrame(p); err != nil || !bytes.Equal(got, said) {
				t.Fatalf("%d bytes of %d, %v", len(got), n, err)
			}
		}
		_, _ = p.Write(frame(true, 8, []byte("\x03\xe8bye")))
		if got, err := readFrame(p); err != nil || !strings.HasPrefix(string(got), "\x03\xe8") {
			t.Errorf("closed by %q, %v", got, err)
		}
		if rest, err := io.ReadAll(p); len(rest) > 0 || err != nil && !strings.Contains(err.Error(), "CANCEL") {
			t.Errorf("%q, %v", rest, err)
		}
		p.half()
	})
}

// readFrame reads a frame that a service sends, which is not masked.
func readFrame(r io.Reader) ([]byte, error) {
	head := make([]byte, 2, 10)
	if _, err := io.ReadFull(r, head); err != nil {
		return nil, err
	}
	n := uint64(head[1])
	if more := map[uint64]int{126: 2, 127: 8}[n]; more > 0 {
		size := head[2 : 2+more]
		if _, err := io.ReadFull(r, size); err != nil {
			return nil, err
		}
		n = 0
		for _, b := range size {
			n = n<<8 | uint64(b)
		}
	}
	payload := make([]byte, n)
	_, err := io.ReadFull(r, payload)
	return payload, err
}

// accepting is a service that switches to WebSocket as it should, and then does
// what fn says. answer, if it is not empty, is its whole answer in place of that.
func accepting(t *testing.T, answer string, fn func(c *net.TCPConn, br *bufio.Reader)) string {
	t.Helper()
	return bare(t, func(c *net.TCPConn, br *bufio.Reader) {
		q, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		if answer == "" {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: WebSocket\r\nSec-WebSocket-Protocol: chat\r\n"+
				"Sec-WebSocket-Accept: "+acceptFor(q.Header.Get("Sec-Websocket-Key"))+"\r\n\r\n")
		} else {
			_, _ = io.WriteString(c, answer)
		}
		fn(c, br)
	})
}

// acceptFor is Sec-WebSocket-Accept for a key (RFC 6455, 4.2.2).
func acceptFor(key string) string {
	sum := sha1.Sum([]byte(key + "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"))
	return base64.StdEncoding.EncodeToString(sum[:])
}

// TestSocket2Bytes: after the switch every byte is the ends' affair, the masks too,
// and each side may end first.
func TestSocket2Bytes(t *testing.T) {
	said := conversation(4 << 20)
	socketWays(t, accepting(t, "", echoBytes), func(t *testing.T, c *http.Client, url string) {
		t.Helper()
		p := socket2(t, c, url)
		go func() {
			_, _ = p.Write(said)
			p.half()
		}()
		if got, err := io.ReadAll(p); err != nil || !bytes.Equal(got, said) {
			t.Errorf("%d bytes of %d, %v", len(got), len(said), err)
		}
	})
	const farewell = 1 << 20
	heard := make(chan string, 1)
	addr := accepting(t, "", func(c *net.TCPConn, br *bufio.Reader) {
		_, _ = c.Write(make([]byte, farewell))
		_ = c.CloseWrite()
		b, _ := io.ReadAll(br)
		heard <- string(b)
	})
	socketWays(t, addr, func(t *testing.T, c *http.Client, url string) {
		t.Helper()
		p := socket2(t, c, url)
		if b, err := io.ReadAll(p); len(b) != farewell || err != nil {
			t.Errorf("%d bytes, %v", len(b), err)
		}
		_, _ = io.WriteString(p, "so long")
		p.half()
		if s := <-heard; s != "so long" {
			t.Errorf("%q came after the service's end", s)
		}
	})
}

// TestSocket2Broken: where one side breaks, the other learns of it (RFC 8441, 5).
func TestSocket2Broken(t *testing.T) {
	ends := make(chan error, 1)
	addr := accepting(t, "", func(c *net.TCPConn, br *bufio.Reader) {
		if b, _ := br.ReadByte(); b == 'r' {
			_ = c.SetLinger(0)
			return
		}
		_, err := io.Copy(io.Discard, br)
		ends <- err
	})
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", addr)
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	r.apply()
	c := dial2(t, gw)
	ask := func(id uint32, say string) {
		t.Helper()
		c.send(frame2(frameHeaders, endHeaders, id, literals(":method", "CONNECT", ":protocol", "websocket", ":scheme", "http", ":path", "/", ":authority", "a")))
		c.send(frame2(frameData, 0, id, say)) // ahead of the answer, which is the client's risk
		if err := c.until(func() bool { return c.status[id] != "" }); err != nil || c.status[id] != "200" {
			t.Fatalf("%q, %v", c.status[id], err)
		}
	}
	ask(1, "r")
	if err := c.until(func() bool { _, ok := c.reset[1]; return ok }); err != nil || c.reset[1] != h2.Cancel {
		t.Errorf("%v, %v", c.reset, err)
	}
	ask(3, "x")
	c.send(frame2(frameReset, 0, 3, octets4(uint32(h2.Cancel))))
	<-ends
	ask(5, "x")
	_ = c.Close()
	<-ends
	r.settled(t, "clients that left")
}

// TestSocket2Refused: what the service says is what the client gets, unless it would
// be taken for a switch.
func TestSocket2Refused(t *testing.T) {
	const accept = "Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: "
	for name, test := range map[string]struct {
		answer string
		status int
		body   string
		code   Code
	}{
		"forbidden":      {"HTTP/1.1 403 No\r\nContent-Length: 2\r\n\r\nno", 403, "no", ""},
		"not found":      {"HTTP/1.1 404 No\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n", 404, "no", ""},
		"wants upgrade":  {"HTTP/1.1 426 No\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nContent-Length: 0\r\n\r\n", 426, "", ""},
		"busy":           {"HTTP/1.1 503 No\r\nContent-Length: 2\r\n\r\nno", 503, "no", ""},
		"elsewhere":      {"HTTP/1.1 302 No\r\nLocation: /\r\nContent-Length: 0\r\n\r\n", 302, "", ""},
		"a page":         {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", 502, "*", UpstreamReset},
		"nothing":        {"HTTP/1.1 204 OK\r\n\r\n", 502, "*", UpstreamReset},
		"wrong accept":   {"HTTP/1.1 101 S\r\n" + accept + "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n", 502, "*", UpstreamReset},
		"no accept":      {"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n", 502, "*", UpstreamReset},
		"other protocol": {"HTTP/1.1 101 S\r\nConnection: Upgrade\r\nUpgrade: h2c\r\n\r\n", 502, "*", UpstreamReset},
	} {
		addr := accepting(t, test.answer, func(_ *net.TCPConn, br *bufio.Reader) { _, _ = io.Copy(io.Discard, br) })
		socketWays(t, addr, func(t *testing.T, c *http.Client, url string) {
			t.Helper()
			resp := askSocket(t, c, url, "websocket", nil)
			b, err := io.ReadAll(resp.Body)
			if resp.StatusCode != test.status || err != nil || test.body != "*" && string(b) != test.body || Code(resp.Header.Get("Banyan-Error")) != test.code {
				t.Errorf("%s: %d %q, %v, %v", name, resp.StatusCode, b, err, resp.Header)
			}
		})
	}
}

// TestSocket2Impossible: other protocols, and services that do not speak HTTP/1.1.
func TestSocket2Impossible(t *testing.T) {
	reached := func(http.ResponseWriter, *http.Request) { t.Error("it reached the service") }
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, reached))
	r.service("s2", route.H2C, "s2-1", h2cBackend(t, reached))
	gw := r.gateway(route.Route{Path: "/", To: "s"}, route.Route{Path: "/h2c", To: "s2"})
	r.apply()
	for _, ask := range [][2]string{{"/", "h2c"}, {"/", "connect-udp"}, {"/h2c", "websocket"}} {
		resp := askSocket(t, dialer2(t, nil), gw+ask[0], ask[1], nil)
		if resp.StatusCode != http.StatusNotImplemented || resp.Header.Get("Banyan-Error") != string(NotImplemented) {
			t.Errorf("%q: %+v", ask, resp)
		}
	}
}

// TestSocket2Policies: an answer that no service gave is never taken for a switch.
func TestSocket2Policies(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", dead(t))
	gw := r.gateway(
		route.Route{Path: "/static", To: "s", Policy: route.Policy{Fallback: &route.Fallback{Status: 200, Body: "[]"}}},
		route.Route{Path: "/fault", To: "s", Policy: route.Policy{Fault: &route.Fault{Abort: 200, AbortPercent: 100}}},
		route.Route{Path: "/locked", To: "s", Auth: route.AuthRequired},
	)
	r.apply()
	for path, status := range map[string]int{"/static": 502, "/fault": 502, "/locked": 401, "/none": 404} {
		if resp := askSocket(t, dialer2(t, nil), gw+path, "websocket", nil); resp.StatusCode != status {
			t.Errorf("%s: %+v", path, resp)
		}
	}
}

// TestSocket2Accounts: it counts as an upgrade does, and is in flight until its end.
func TestSocket2Accounts(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", accepting(t, "", echoBytes))
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	p := socket2(t, dialer2(t, nil), edge)
	if n := r.counted("x", "s", "").InFlight; n != 1 {
		t.Errorf("%d in flight", n)
	}
	_, _ = io.WriteString(p, "hello")
	p.half()
	if b, err := io.ReadAll(p); string(b) != "hello" || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	eventually(t, "its end", func() bool { return r.total("x", "s", "").Requests == 1 })
	if n := r.total("x", "s", ""); n.BytesIn != 5 || n.BytesOut != 5 || n.Status[2] != 1 || n.Errors != 0 || n.Latency.Sum() != n.Upstream.Sum() {
		t.Errorf("%+v", n)
	}
}

// TestSocket2Offered: the server's settings say that it takes extended CONNECT.
func TestSocket2Offered(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, text("")))
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	r.apply()
	c := dial2(t, gw)
	var head [9]byte
	_, _ = io.ReadFull(c.Conn, head[:])
	p := make([]byte, head[2])
	if _, err := io.ReadFull(c.Conn, p); err != nil || !bytes.Contains(p, []byte("\x00\x08\x00\x00\x00\x01")) {
		t.Errorf("%x, %v", p, err)
	}
}
