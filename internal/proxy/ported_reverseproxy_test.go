package proxy

// The cases follow the list of Go's net/http/httputil, reverseproxy_test.go: what
// that proxy promises, asked of the engine. Each test names the functions of the
// list that it stands for.

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// arrival is a request as a service got it, or why it did not.
type arrival struct {
	method, uri, host, body string
	length                  int64
	coding                  []string
	header, trailer         http.Header
	err                     error
}

// arrivals is a handler that answers "ok" and passes on what it was asked.
func arrivals(to chan<- arrival) http.HandlerFunc {
	return func(w http.ResponseWriter, q *http.Request) {
		b, err := io.ReadAll(q.Body)
		to <- arrival{q.Method, q.RequestURI, q.Host, string(b), q.ContentLength, q.TransferEncoding, q.Header, q.Trailer, err}
		_, _ = io.WriteString(w, "ok")
	}
}

// reaching is a route through the data plane to a service.
type reaching struct {
	name, url string
	http2     bool // what the service speaks
	gateway   bool
}

// reach puts services of both protocols behind an edge and a gateway each.
func reach(t *testing.T, handler http.HandlerFunc) (*rig, []reaching) {
	t.Helper()
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, handler))
	r.service("g", route.H2C, "g-1", h2cBackend(t, handler))
	one, two := r.edge("x", "s", route.Policy{}), r.edge("x", "g", route.Policy{})
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	r.apply()
	return r, []reaching{{"edge to h1", one, false, false}, {"edge to h2c", two, true, false}, {"gateway to h1", gw, false, true}}
}

// tell sends raw bytes on a connection of its own and returns the first answer
// that is not a 1xx, with its body read.
func tell(t *testing.T, url, raw string) (*http.Response, string, error) {
	t.Helper()
	c := dialRaw(t, url)
	_, _ = io.WriteString(c, raw)
	return hear(bufio.NewReader(c), raw)
}

// hear reads the answer to the request raw.
func hear(br *bufio.Reader, raw string) (*http.Response, string, error) {
	method, _, _ := strings.Cut(raw, " ")
	for {
		resp, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			return nil, "", err
		}
		if resp.StatusCode >= 200 || resp.StatusCode == http.StatusSwitchingProtocols {
			if resp.StatusCode == http.StatusSwitchingProtocols {
				return resp, "", nil
			}
			b, err := io.ReadAll(resp.Body)
			return resp, string(b), err
		}
	}
}

// TestPortedReverseProxy stands for TestReverseProxy: what belongs to a hop stays
// there, everything else arrives, and a service that hangs up is a bad gateway.
func TestPortedReverseProxy(t *testing.T) {
	got := make(chan arrival, 1)
	_, ways := allWays(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Query().Get("mode") == "hangup" {
			panic(http.ErrAbortHandler)
		}
		got <- arrival{host: q.Host, coding: q.TransferEncoding, header: q.Header}
		h := w.Header()
		h.Set("Trailers", "an ordinary name")
		h.Set("Trailer", "X-Trailer")
		h.Set("X-Foo", "bar")
		h["X-Multi-Value"] = []string{"one", "two"}
		h.Set("Set-Cookie", "flavor=chocolate")
		if q.ProtoMajor == 1 { // a server of HTTP/2 has none of these
			h.Set("Upgrade", "foo")
			h.Set("Keep-Alive", "timeout=1")
			h.Set("Proxy-Authenticate", "Basic")
		}
		w.WriteHeader(http.StatusNotFound)
		_, _ = io.WriteString(w, "from the service")
		_ = http.NewResponseController(w).Flush()
		h.Set("X-Trailer", "told")
		h.Set(http.TrailerPrefix+"X-Untold-Trailer", "untold")
	})
	for _, way := range ways {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, way.url, nil)
		if strings.HasPrefix(way.name, "h") { // the others need their host's name
			req.Host = "some-name"
		}
		req.Header.Set("Te", "trailers") // HTTP/2 has no other
		if !strings.HasPrefix(way.name, "h2") && !strings.Contains(way.name, "true") {
			req.Header["Te"] = []string{"foo", "bar, trailers"}
			req.Header.Set("Connection", "close, TE")
			req.Header.Set("Proxy-Connection", "to be removed")
			req.Header.Set("Upgrade", "foo")
		}
		resp, err := way.client.Do(req)
		if err != nil {
			t.Errorf("%s: %v", way.name, err)
			continue
		}
		if _, told := resp.Trailer["X-Trailer"]; len(resp.Trailer) != 1 || !told {
			t.Errorf("%s: before the body's end the trailers are %v", way.name, resp.Trailer)
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		h := resp.Header
		if string(b) != "from the service" || err != nil || resp.StatusCode != http.StatusNotFound || h.Get("X-Foo") != "bar" ||
			len(h["X-Multi-Value"]) != 2 || len(h["Set-Cookie"]) != 1 || h.Get("Trailers") != "an ordinary name" ||
			h.Get("Upgrade")+h.Get("Keep-Alive")+h.Get("Proxy-Authenticate") != "" {
			t.Errorf("%s: %d %q %v %v", way.name, resp.StatusCode, b, err, h)
		}
		if resp.Trailer.Get("X-Trailer") != "told" || resp.Trailer.Get("X-Untold-Trailer") != "untold" {
			t.Errorf("%s: trailers %v", way.name, resp.Trailer)
		}
		q := <-got
		if h := q.header; h.Get("Upgrade")+h.Get("Proxy-Connection") != "" || strings.Join(h["Te"], ",") != "trailers" || len(q.coding) > 0 ||
			!sameTokens(h.Get("Connection"), "TE") || strings.HasPrefix(way.name, "h") && q.host != "some-name" {
			t.Errorf("%s: the service got %+v", way.name, q)
		}
		if resp, _ := get(t, way.client, way.url+"?mode=hangup"); resp.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: a service that hangs up: %d", way.name, resp.StatusCode)
		}
	}
}

// sameTokens reports whether a Connection header has no option but those of want,
// which stands for this hop's own TE.
func sameTokens(got, want string) bool { return got == "" || strings.EqualFold(got, want) }

// TestPortedConnectionOptions stands for TestReverseProxyStripHeadersPresentInConnection
// and TestReverseProxyStripEmptyConnection: what Connection names goes no further,
// in either direction, however the names are spread over lines.
func TestPortedConnectionOptions(t *testing.T) {
	for i, connection := range []string{
		"Connection: Upgrade, X-Fake-Token\r\nConnection: X-Some-Header,Origin\r\n",
		"Connection: \r\nConnection: X-Some-Header, origin, X-Fake-Token\r\n",
		"Connection: ,,X-Some-Header , ,x-fake-token,ORIGIN,\r\n",
		"X-After: 1\r\nConnection:\tX-SOME-HEADER,X-Fake-Token\r\nConnection:\r\nConnection: Origin\r\n",
	} {
		fields := connection + "X-Some-Header: to be removed\r\nX-Fake-Token: to be removed\r\nOrigin: known to the engine, too\r\nX-Stays: 1\r\n"
		got := make(chan http.Header, 1)
		r := newRig(t)
		r.service("s", route.HTTP1, "s-1", bare(t, func(c *net.TCPConn, br *bufio.Reader) {
			q, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			got <- q.Header
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n"+fields+"Content-Length: 2\r\n\r\nok")
		}))
		urls := []string{r.edge("x", "s", route.Policy{}), r.gateway(route.Route{Path: "/", To: "s"})}
		r.apply()
		for _, url := range urls {
			resp, body, err := tell(t, url, "GET / HTTP/1.1\r\nHost: s\r\n"+fields+"\r\n")
			if err != nil || body != "ok" {
				t.Fatalf("case %d: %q %v", i, body, err)
			}
			for side, h := range map[string]http.Header{"service": <-got, "client": resp.Header} {
				if h.Get("X-Some-Header")+h.Get("X-Fake-Token")+h.Get("Origin")+h.Get("Connection") != "" || h.Get("X-Stays") != "1" {
					t.Errorf("case %d: the %s got %v", i, side, h)
				}
			}
		}
	}
}

// TestPortedForwardedFor stands for TestXForwardedFor, TestXForwardedFor_Omit and
// TestReverseProxyRewriteStripsForwarded. The gateway does not believe what comes
// from outside; between services it is passed on as it came, for it is the
// gateway's, and nothing is added.
func TestPortedForwardedFor(t *testing.T) {
	got := make(chan arrival, 1)
	_, routes := reach(t, arrivals(got))
	const told = "Forwarded: for=6.6.6.6\r\nX-Forwarded-For: 6.6.6.6\r\nX-Forwarded-For: 7.7.7.7\r\nX-Forwarded-Host: evil\r\nX-Forwarded-Proto: gopher\r\n"
	for _, way := range routes {
		for _, fields := range []string{told, ""} {
			if _, body, err := tell(t, way.url, "GET / HTTP/1.1\r\nHost: some-name\r\n"+fields+"\r\n"); body != "ok" {
				t.Fatal(way.name, body, err)
			}
			h := (<-got).header
			said := fmt.Sprint(h["Forwarded"], h["X-Forwarded-For"], h["X-Forwarded-Host"], h["X-Forwarded-Proto"])
			want := "[] [127.0.0.1] [some-name] [http]"
			switch {
			case way.gateway:
			case fields == "":
				want = "[] [] [] []"
			default:
				want = "[for=6.6.6.6] [6.6.6.6 7.7.7.7] [evil] [gopher]"
			}
			if said != want {
				t.Errorf("%s, %q: %s, want %s", way.name, fields, said, want)
			}
		}
	}
}

// TestPortedQuery stands for TestReverseProxyQuery and the four
// TestReverseProxyQueryParameterSmuggling…: nothing here reads a query to change
// it, so it arrives byte by byte. What a route matches by is another test's:
// [TestMatchByQuery].
func TestPortedQuery(t *testing.T) {
	got := make(chan arrival, 1)
	_, routes := reach(t, arrivals(got))
	queries := []string{
		"", "?", "?us=er", "?sta=tic&us=er", "?a=1&a=2;b=3", "?a=1&a=%zz&b=3", "?a=%zz", "?a=%", "?a=1?b=2", "?/../x", "?a=+%20%2B", "?&&==",
		"?" + strings.Repeat("a=1&", 2000) + "a=1",
	}
	for _, way := range routes {
		for _, query := range queries {
			if _, body, err := tell(t, way.url, "GET /p"+query+" HTTP/1.1\r\nHost: s\r\n\r\n"); body != "ok" {
				t.Fatalf("%s %.50q: %q %v", way.name, query, body, err)
			}
			if q := <-got; q.uri != "/p"+query {
				t.Errorf("%s: %.50q arrives as %.50q", way.name, query, q.uri)
			}
		}
	}
}

// TestPortedPaths stands for TestSingleJoinSlash and TestJoinURLPath: where a
// route puts another prefix there is one slash between the two, and what was
// escaped stays so.
func TestPortedPaths(t *testing.T) {
	got := make(chan arrival, 1)
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, arrivals(got)))
	gw := r.gateway(
		route.Route{Path: "/plain", To: "s"}, route.Route{Path: "/strip", To: "s", Rewrite: "/"},
	)
	r.apply()
	for path, want := range map[string]string{
		"/plain": "/plain", "/plain/": "/plain/", "/plain/a%2Fb": "/plain/a%2Fb", "/plain/a%20b": "/plain/a%20b",
		"/plain/%61": "/plain/%61", "/plain/user@host": "/plain/user@host", "/plain/a;b": "/plain/a;b",
		"/strip": "/", "/strip/": "/", "/strip/favicon.ico": "/favicon.ico", "/strip/c%2Fd": "/c%2Fd", "/strip/a//b?x=/strip": "/a//b?x=/strip",
	} {
		resp, body, err := tell(t, gw, "GET "+path+" HTTP/1.1\r\nHost: s\r\n\r\n")
		if body != "ok" {
			t.Errorf("%s: %v %q %v", path, resp, body, err)
			continue
		}
		if q := <-got; q.uri != want {
			t.Errorf("%s arrives as %s, want %s", path, q.uri, want)
		}
	}
}

// TestPortedFlush stands for TestReverseProxyFlushInterval, its
// TestReverseProxyResponseControllerFlushInterval and …Headers, and
// TestSelectFlushInterval: there is no interval, what came goes out, whatever the
// media type and the length.
func TestPortedFlush(t *testing.T) {
	next := make(chan struct{})
	_, ways := allWays(t, func(w http.ResponseWriter, q *http.Request) {
		if l := q.URL.Query().Get("length"); l != "" {
			w.Header().Set("Content-Length", l)
		}
		w.Header().Set("Content-Type", q.URL.Query().Get("type"))
		w.Header().Set("X-My", "here")
		c := http.NewResponseController(w)
		_ = c.Flush()
		<-next
		_, _ = io.WriteString(w, "h")
		_ = c.Flush()
		<-next
		_, _ = io.WriteString(w, "i")
	})
	for _, way := range ways {
		for _, query := range []string{"?", "?length=2", "?type=text/event-stream", "?type=text/event-stream%3Bcharset=utf-8", "?type=application/json"} {
			resp, err := way.client.Get(way.url + query)
			if err != nil {
				t.Fatal(way.name, err)
			}
			if resp.Header.Get("X-My") != "here" {
				t.Errorf("%s%s: %v", way.name, query, resp.Header)
			}
			for _, want := range []string{"h", "i"} {
				next <- struct{}{}
				b := make([]byte, 1)
				if _, err := io.ReadFull(resp.Body, b); err != nil || string(b) != want {
					t.Errorf("%s%s: %q, %v", way.name, query, b, err)
				}
			}
			if n, err := resp.Body.Read(make([]byte, 1)); n != 0 || err != io.EOF {
				t.Errorf("%s%s: %d more, %v", way.name, query, n, err)
			}
			_ = resp.Body.Close()
		}
	}
}

// TestPortedUserAgent stands for TestUserAgentHeader (and net/http's
// TestTransportUserAgent): a client that tells no name gets none.
func TestPortedUserAgent(t *testing.T) {
	got := make(chan arrival, 1)
	_, routes := reach(t, arrivals(got))
	for _, way := range routes {
		for fields, want := range map[string][]string{
			"": nil, "User-Agent: explicit UA\r\n": {"explicit UA"}, "User-Agent:\r\n": {""}, "user-AGENT: a\r\nUser-Agent: b\r\n": {"a", "b"},
		} {
			if _, body, err := tell(t, way.url, "GET / HTTP/1.1\r\nHost: s\r\n"+fields+"\r\n"); body != "ok" {
				t.Fatal(way.name, body, err)
			}
			if h := (<-got).header; strings.Join(h["User-Agent"], "|") != strings.Join(want, "|") || len(h["Accept-Encoding"]) > 0 {
				t.Errorf("%s %q: %q", way.name, fields, h)
			}
		}
	}
}

// TestPortedBodies stands for TestReverseProxy_Post, TestNilBody and
// TestReverseProxy_NilBody: a body arrives whole with its length, and where there
// is none, none is announced.
func TestPortedBodies(t *testing.T) {
	got := make(chan arrival, 1)
	_, routes := reach(t, arrivals(got))
	large := strings.Repeat("a", 1<<20)
	for _, way := range routes {
		for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
			for _, body := range []string{large, ""} {
				for _, method := range []string{http.MethodPost, http.MethodGet} {
					req, _ := http.NewRequestWithContext(t.Context(), method, way.url, strings.NewReader(body))
					if resp, answer := do(t, c, req); answer != "ok" {
						t.Errorf("%s %s %s: %d %q", name, way.name, method, resp.StatusCode, answer)
					}
					if q := <-got; q.body != body || q.length != int64(len(body)) || len(q.coding) > 0 || q.err != nil ||
						body == "" && method == http.MethodGet && q.header.Get("Content-Length") != "" {
						t.Errorf("%s %s %s: %d bytes came of %d, length %d, %v %v %v", name, way.name, method, len(q.body), len(body), q.length, q.coding, q.header, q.err)
					}
				}
			}
		}
	}
}

// TestPortedShortAnswers stands for TestReverseProxy_CopyBuffer, …_PanicBodyError
// and …_PanicClosesIncomingBody: a body that ends early is an error to its client
// and one in the log, also amid large uploads, and leaves nothing behind.
func TestPortedShortAnswers(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", "20")
		_, _ = io.WriteString(w, "too short")
	}))
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	r.apply()
	for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
		var clients sync.WaitGroup
		for range 2 {
			clients.Go(func() {
				for range 5 {
					req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, gw, io.LimitReader(zeros{}, 1<<20))
					req.ContentLength = 1 << 20
					resp, err := c.Do(req)
					if err != nil {
						continue // a reset met the upload
					}
					if b, err := io.ReadAll(resp.Body); err == nil {
						t.Errorf("%s: %q looks whole", name, b)
					}
					_ = resp.Body.Close()
				}
			})
		}
		clients.Wait()
	}
	eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
	eventually(t, "the log", func() bool { return strings.Contains(r.log.String(), `"error":"upstream-reset"`) })
}

// TestPortedCancellation stands for TestReverseProxyCancellation and
// Test1xxHeadersNotModifiedAfterRoundTrip: a client that leaves while it waits, or
// after the first 1xx, ends the service's work.
func TestPortedCancellation(t *testing.T) {
	came, ended := make(chan struct{}, 1), make(chan struct{}, 1)
	r, ways := allWays(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/hint" {
			w.WriteHeader(http.StatusEarlyHints)
		}
		came <- struct{}{}
		<-q.Context().Done()
		ended <- struct{}{}
	})
	for _, way := range ways {
		for _, path := range []string{"/", "/hint"} {
			leave(t, way.client, way.url+path, came)
			wait(t, ended)
		}
	}
	eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
}

// TestPortedExpectOfNobody stands for TestReverseProxyInvalidUpstream100ContinueDoNotHang:
// a client that waits for 100 Continue is told at once that there is nobody.
func TestPortedExpectOfNobody(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", dead(t))
	r.service("g", route.H2C, "g-1", dead(t))
	urls := []string{r.edge("x", "s", route.Policy{}), r.edge("x", "g", route.Policy{}), r.gateway(route.Route{Path: "/", To: "s"})}
	r.apply()
	for _, url := range urls {
		for _, proto := range []string{"1.1", "1.0"} {
			resp, _, err := tell(t, url,
				"POST / HTTP/"+proto+"\r\nHost: s\r\nContent-Length: 16\r\nExpect: 100-continue\r\n\r\n")
			if err != nil || resp.StatusCode < 502 || !resp.Close {
				t.Errorf("%s: %+v, %v", proto, resp, err)
			}
		}
	}
}

// TestPortedSwitch stands for TestReverseProxyWebSocket, …UpgradeNoCloseWrite,
// …HijackCopyError and net/http's TestTransportResponseBodyWritableOnProtocolSwitch
// and TestH12_WebSocketUpgrade.
func TestPortedSwitch(t *testing.T) {
	gone := make(chan error, 1)
	_, edge := upgradeEdge(t, bare(t, func(c *net.TCPConn, br *bufio.Reader) {
		q, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		if q.URL.Path == "/end" {
			_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: foo\r\n\r\n")
			return
		}
		// The answer is in other letters, has a reason of its own, and bytes follow it at once.
		_, _ = io.WriteString(c, "HTTP/1.1 101 Hi There\r\nX-Header: X-Value\r\nConnection: upgRADe\r\nUpgrade: FOO\r\n\r\nat once\n")
		line, _ := br.ReadString('\n')
		_, _ = io.WriteString(c, strings.ToUpper(line))
		_, err = io.Copy(io.Discard, br)
		gone <- err
	}))
	ask := func(path string) (net.Conn, *bufio.Reader) {
		c := dialRaw(t, edge)
		_, _ = io.WriteString(c, "GET "+path+" HTTP/1.1\r\nHost: s\r\nConnection: keep-alive, Upgrade\r\nUpgrade: foo\r\n\r\n")
		br := bufio.NewReader(c)
		resp, err := http.ReadResponse(br, nil)
		if err != nil || resp.StatusCode != http.StatusSwitchingProtocols || !strings.EqualFold(resp.Header.Get("Upgrade"), "foo") ||
			!strings.EqualFold(resp.Header.Get("Connection"), "upgrade") || path == "/" && resp.Header.Get("X-Header") != "X-Value" {
			t.Fatalf("%s: %+v, %v", path, resp, err)
		}
		return c, br
	}
	c, br := ask("/")
	_, _ = io.WriteString(c, "hello\n")
	for _, want := range []string{"at once\n", "HELLO\n"} {
		if line, err := br.ReadString('\n'); line != want {
			t.Errorf("%q, %v", line, err)
		}
	}
	_ = c.Close() // which the service hears
	if err := wait(t, gone); err != nil {
		t.Error(err)
	}
	// A service that ends at once ends the conversation, and says nothing as HTTP.
	c, br = ask("/end")
	if b, err := io.ReadAll(br); len(b) > 0 || err != nil {
		t.Errorf("%q, %v", b, err)
	}
	_ = c.Close()
}

// TestPortedSwitchHalves stands for TestReverseProxyWebSocketHalfTCP, with the
// list's four cases, and TestReverseProxyWebSocketCancellation.
func TestPortedSwitchHalves(t *testing.T) {
	for name, test := range map[string]func(t *testing.T, client, service *net.TCPConn){
		"the service reads no more": func(t *testing.T, client, service *net.TCPConn) {
			t.Helper()
			_ = service.CloseRead()
			passes(t, service, client)
		},
		"the service writes no more": func(t *testing.T, client, service *net.TCPConn) {
			t.Helper()
			_ = service.CloseWrite()
			passes(t, client, service)
			endsAt(t, client)
		},
		"the client reads no more": func(t *testing.T, client, service *net.TCPConn) {
			t.Helper()
			_ = client.CloseRead()
			passes(t, client, service)
		},
		"the client writes no more": func(t *testing.T, client, service *net.TCPConn) {
			t.Helper()
			_ = client.CloseWrite()
			passes(t, service, client)
			endsAt(t, service)
		},
		"the service goes": func(t *testing.T, client, service *net.TCPConn) {
			t.Helper()
			passes(t, service, client)
			_ = service.Close()
			endsAt(t, client)
		},
	} {
		t.Run(name, func(t *testing.T) {
			switched, over := make(chan *net.TCPConn, 1), make(chan struct{})
			_, edge := upgradeEdge(t, switching(t, func(c *net.TCPConn, _ *bufio.Reader) {
				switched <- c
				<-over
			}))
			c, _ := upgraded(t, edge, "")
			test(t, c, <-switched)
			close(over)
			_ = c.Close()
		})
	}
}

// passes checks that what one side sends arrives at the other.
func passes(t *testing.T, from, to *net.TCPConn) {
	t.Helper()
	const said = "said"
	b := make([]byte, len(said))
	_, _ = io.WriteString(from, said)
	if _, err := io.ReadFull(to, b); err != nil || string(b) != said {
		t.Errorf("%q, %v", b, err)
	}
}

// endsAt checks that a side sees the other's end.
func endsAt(t *testing.T, c *net.TCPConn) {
	t.Helper()
	if n, err := c.Read(make([]byte, 1)); n != 0 || err != io.EOF { //nolint:errorlint // io.Reader's own value
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestPortedInformational stands for Test1xxResponses, and for net/http's
// TestEarlyHints, TestProcessing, TestEarlyHintsRequest and
// TestTransportIgnore1xxResponses: each 1xx, of known number or not, arrives with
// its own fields and none of another's.
func TestPortedInformational(t *testing.T) {
	_, edge := upgradeEdge(t, says(t, "HTTP/1.1 103 Early Hints\r\nLink: </style.css>\r\nLink: </script.js>\r\n\r\n"+
		"HTTP/1.1 102 Processing\r\n\r\nHTTP/1.1 123 OneTwoThree\r\nFoo: bar\r\n\r\n"+
		"HTTP/1.1 200 OK\r\nLink: </foo.js>\r\nContent-Length: 5\r\n\r\nHello", "keep"))
	c := dialRaw(t, edge)
	br := bufio.NewReader(c)
	for range 2 { // the connections go on
		_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: s\r\n\r\n")
		for _, want := range []string{"103 [</style.css> </script.js>] []", "102 [] []", "123 [] [bar]", "200 [</foo.js>] []"} {
			resp, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			if got := fmt.Sprint(resp.StatusCode, resp.Header["Link"], resp.Header["Foo"]); got != want {
				t.Errorf("%s, want %s", got, want)
			}
			if b, err := io.ReadAll(resp.Body); resp.StatusCode == 200 && string(b) != "Hello" {
				t.Errorf("%q, %v", b, err)
			}
		}
	}
	// A client of HTTP/1.0 knows none of them.
	if resp, body, err := tell(t, edge, "GET / HTTP/1.0\r\n\r\n"); err != nil || resp.StatusCode != 200 || body != "Hello" {
		t.Errorf("1.0: %+v %q %v", resp, body, err)
	}
}

// TestPortedUnannounced stands for TestUnannouncedTrailer and net/http's
// TestServerUndeclaredTrailers: trailers need no announcement, may have the name of
// a field of the head, and may come twice.
func TestPortedUnannounced(t *testing.T) {
	_, ways := allWays(t, func(w http.ResponseWriter, _ *http.Request) {
		h := w.Header()
		h.Set("Foo", "Bar")
		_ = http.NewResponseController(w).Flush()
		h.Add(http.TrailerPrefix+"Foo", "Baz")
		h.Add(http.TrailerPrefix+"Foo", "Baz2")
		h.Set(http.TrailerPrefix+"Bar", "Quux")
	})
	for _, way := range ways {
		resp, _ := get(t, way.client, way.url)
		if got := fmt.Sprint(resp.Header["Foo"], resp.Header["Bar"], resp.Trailer["Foo"], resp.Trailer["Bar"]); got != "[Bar] [] [Baz Baz2] [Quux]" {
			t.Errorf("%s: %s", way.name, got)
		}
	}
}

// TestPortedBothWays stands for net/http's TestBidiStreamReverseProxy and
// TestServerReaderFromOrder: body and answer pass each other.
func TestPortedBothWays(t *testing.T) {
	_, ways := allWays(t, func(w http.ResponseWriter, q *http.Request) {
		_ = http.NewResponseController(w).EnableFullDuplex()
		_, _ = io.Copy(w, q.Body)
	})
	said := bytes.Repeat([]byte("0123456789abcdef"), 1<<16) // 1 MiB
	for _, way := range ways {
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		req, _ := http.NewRequestWithContext(ctx, http.MethodPut, way.url, io.MultiReader(bytes.NewReader(said)))
		resp, err := way.client.Do(req)
		if err != nil {
			t.Fatal(way.name, err)
		}
		if b, err := io.ReadAll(resp.Body); !bytes.Equal(b, said) || err != nil {
			t.Errorf("%s: %d bytes came back, %v", way.name, len(b), err)
		}
		_ = resp.Body.Close()
		cancel()
	}
}
