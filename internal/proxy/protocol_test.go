package proxy

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"strconv"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
	"github.com/coder/websocket"
)

// oddities is a service with many kinds of answers.
func oddities(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	switch r.URL.Path {
	case "/echo":
		b, err := io.ReadAll(r.Body)
		h.Set("X-Method", r.Method)
		h.Set("X-Len", strconv.FormatInt(r.ContentLength, 10))
		h.Set("X-Err", fmt.Sprint(err))
		h.Set("X-Query", r.URL.RawQuery)
		h.Set("X-Trailer-In", r.Trailer.Get("X-Sum"))
		h.Set("Content-Length", strconv.Itoa(len(b)))
		_, _ = w.Write(b)
	case "/chunked":
		for i := range 3 {
			_, _ = fmt.Fprintf(w, "part %d\n", i)
			_ = http.NewResponseController(w).Flush()
		}
	case "/trailers":
		h.Set("Trailer", "X-Announced")
		_, _ = io.WriteString(w, "body")
		h.Set("X-Announced", "1")
	case "/late-trailers":
		_, _ = io.WriteString(w, "body")
		_ = http.NewResponseController(w).Flush()
		h.Set(http.TrailerPrefix+"X-Late", "2")
	case "/204":
		w.WriteHeader(http.StatusNoContent)
	case "/304":
		h.Set("Etag", `"x"`)
		w.WriteHeader(http.StatusNotModified)
	case "/redirect":
		h.Set("Location", "/elsewhere?x=1")
		w.WriteHeader(http.StatusFound)
	case "/cookies":
		h.Add("Set-Cookie", "a=1")
		h.Add("Set-Cookie", "b=2")
		h["X-odd_Name"] = []string{"v"}
	case "/hop":
		h.Set("Connection", "X-Secret")
		h.Set("X-Secret", "hop")
		h.Set("Keep-Alive", "timeout=5")
	case "/large":
		h.Set("Content-Length", strconv.Itoa(1<<20))
		for range 1 << 10 {
			_, _ = w.Write(make([]byte, 1<<10))
		}
	case "/empty":
	case "/gzip":
		h.Set("Content-Encoding", "gzip")
		_, _ = w.Write([]byte{1, 2, 3})
	case "/500":
		http.Error(w, "oops", 500)
	case "/early":
		w.WriteHeader(http.StatusForbidden)
		_, _ = io.WriteString(w, "no")
	case "/hints":
		h.Set("Link", "</style.css>; rel=preload")
		w.WriteHeader(http.StatusEarlyHints)
		h.Del("Link")
		_, _ = io.WriteString(w, "done")
	default:
		http.NotFound(w, r)
	}
}

// TestDifferential: through the data plane an answer is what it is without it,
// but for what the data plane says it changes.
func TestDifferential(t *testing.T) {
	direct := backend(t, oddities)
	directH2 := h2cBackend(t, oddities)
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", direct)
	r.service("s2", route.H2C, "s2-1", directH2)
	edge1 := r.edge("x", "s", route.Policy{Timeout: 5 * time.Second})
	edge2 := r.edge("x", "s2", route.Policy{Timeout: 5 * time.Second})
	r.apply()
	h1, h2 := client(t), h2cClient(t)
	h2.CheckRedirect = h1.CheckRedirect
	type req struct {
		method, path, body string
		chunked, trailer   bool
		header             http.Header
	}
	table := []req{
		{method: "GET", path: "/echo?a=1&b=%20;c"}, {method: "HEAD", path: "/echo"}, {method: "HEAD", path: "/large"},
		{method: "POST", path: "/echo", body: "hello"}, {method: "POST", path: "/echo", body: "hello", chunked: true},
		{method: "POST", path: "/echo", body: strings.Repeat("x", 1<<20)},
		{method: "PUT", path: "/echo", body: strings.Repeat("y", 1<<20), chunked: true},
		{method: "POST", path: "/echo", body: "x", chunked: true, trailer: true},
		{method: "POST", path: "/echo", body: "x", header: http.Header{"Expect": {"100-continue"}}},
		{method: "DELETE", path: "/echo"}, {method: "OPTIONS", path: "/echo"}, {method: "PATCH", path: "/echo", body: "p"},
		{method: "BREW", path: "/echo", body: "coffee"},
		{method: "GET", path: "/chunked"}, {method: "GET", path: "/trailers"}, {method: "GET", path: "/late-trailers"},
		{method: "GET", path: "/204"}, {method: "GET", path: "/304"}, {method: "GET", path: "/redirect"}, {method: "GET", path: "/cookies"},
		{method: "GET", path: "/large"}, {method: "GET", path: "/empty"}, {method: "POST", path: "/empty", body: "unread"},
		{method: "GET", path: "/gzip"}, {method: "GET", path: "/500"}, {method: "GET", path: "/missing/%2F/%20"}, {method: "GET", path: "/hints"},
		{method: "POST", path: "/early", body: "unread"},
	}
	shape := func(c *http.Client, base string, q req) string {
		var body io.Reader
		if q.body != "" {
			body = strings.NewReader(q.body)
			if q.chunked {
				body = io.MultiReader(body)
			}
		}
		rq, err := http.NewRequestWithContext(t.Context(), q.method, base+q.path, body)
		if err != nil {
			t.Fatal(err)
		}
		maps.Copy(rq.Header, q.header)
		if q.trailer {
			rq.Trailer = http.Header{"X-Sum": {"42"}}
		}
		hints := 0
		rq = rq.WithContext(httptrace.WithClientTrace(rq.Context(), &httptrace.ClientTrace{
			Got1xxResponse: func(code int, _ textproto.MIMEHeader) error {
				if code != 100 {
					hints += code
				}
				return nil
			},
		}))
		resp, err := c.Do(rq)
		if err != nil {
			return "error " + err.Error()
		}
		defer resp.Body.Close()
		b, err := io.ReadAll(resp.Body)
		h := resp.Header.Clone()
		for _, k := range []string{"Date", "X-Request-Id"} {
			h.Del(k)
		}
		if len(b) > 100 {
			b = fmt.Appendf(nil, "%d bytes", len(b))
		}
		return fmt.Sprintf("%d %v len=%d %q err=%v trailer=%v 1xx=%d", resp.StatusCode, h, resp.ContentLength, b, err, resp.Trailer, hints)
	}
	for _, q := range table {
		for name, c := range map[string]struct {
			client        *http.Client
			direct, proxy string
		}{
			"h1 to h1": {h1, direct, edge1}, "h2 to h2": {h2, directH2, edge2},
		} {
			want := shape(c.client, "http://"+c.direct, q)
			got := shape(c.client, c.proxy, q)
			if got != want {
				t.Errorf("%s %s %s:\n got %s\nwant %s", name, q.method, q.path, got, want)
			}
		}
		// Across versions only the content must be the same.
		for name, c := range map[string]struct {
			client *http.Client
			proxy  string
		}{"h1 to h2": {h1, edge2}, "h2 to h1": {h2, edge1}} {
			if got := shape(c.client, c.proxy, q); strings.HasPrefix(got, "error") || strings.Contains(got, "502") {
				t.Errorf("%s %s %s: %s", name, q.method, q.path, got)
			}
		}
	}
	resp, _ := get(t, h1, edge1+"/hop")
	if resp.Header.Get("X-Secret") != "" || resp.Header.Get("Keep-Alive") != "" {
		t.Errorf("hop-by-hop headers: %v", resp.Header)
	}
}

func TestRequestHeaders(t *testing.T) {
	r := newRig(t)
	got := make(chan http.Header, 1)
	host := make(chan string, 1)
	r.service("s", route.HTTP1, "s-1", backend(t, func(_ http.ResponseWriter, q *http.Request) {
		got <- q.Header
		host <- q.Host
	}))
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	send := func(url string) http.Header {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		req.Host = "shop.example:8080"
		for k, v := range map[string]string{
			"Connection": "X-Drop, Banyan-Caller, Traceparent", "X-Drop": "1", "Banyan-Caller": "forged", "Banyan_caller": "forged",
			"X-Forwarded-For": "6.6.6.6", "X-Forwarded-Host": "evil", "X_forwarded_for": "6.6.6.6", "Forwarded": "for=6.6.6.6",
			"X-Real-Ip": "6.6.6.6", "X-Forwarded-Prefix": "/evil", "Te": "trailers, deflate", "Proxy-Authorization": "secret", "Cookie": "a=b; banyan_dashboard=secret",
			"X-Request-Id": "mine-1", "Traceparent": sample, "User-Agent": "",
		} {
			req.Header[k] = []string{v}
		}
		resp, _ := do(t, client(t), req)
		if resp.Header.Get("X-Request-Id") != "mine-1" {
			t.Errorf("returned request id %q", resp.Header.Get("X-Request-Id"))
		}
		return <-got
	}
	h := send(gw)
	for k, want := range map[string]string{
		"Banyan-Caller": "gateway", "Banyan_caller": "", "X-Forwarded-For": "127.0.0.1", "X-Forwarded-Host": "shop.example:8080",
		"X-Forwarded-Proto": "http", "Forwarded": "", "X-Real-Ip": "", "X-Forwarded-Prefix": "", "X-Drop": "", "Te": "trailers",
		"Proxy-Authorization": "", "Cookie": "a=b", "X-Request-Id": "mine-1", "Via": "1.1 banyan", "User-Agent": "",
	} {
		if v := strings.Join(h[k], ","); v != want {
			t.Errorf("%s: %q, want %q", k, v, want)
		}
	}
	if len(h["X_forwarded_for"])+len(h["X_Forwarded_For"]) > 0 { //nolint:staticcheck // a copy might be in any form
		t.Error("underscored copy")
	}
	if hs := <-host; hs != "shop.example:8080" {
		t.Errorf("host %q", hs)
	}
	h = send(edge)
	<-host
	if h.Get("Banyan-Caller") != "x" || h.Get("X-Forwarded-For") != "6.6.6.6" {
		t.Errorf("edge: %v", h)
	}
}

func TestWebSocket(t *testing.T) {
	r := newRig(t)
	gone := make(chan struct{})
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
		c, err := websocket.Accept(w, q, nil)
		if err != nil {
			return
		}
		defer close(gone)
		defer func() { _ = c.CloseNow() }()
		for {
			kind, b, err := c.Read(context.Background())
			if err != nil {
				return
			}
			if err := c.Write(context.Background(), kind, append([]byte("echo "), b...)); err != nil {
				return
			}
		}
	}))
	gw := r.gateway(route.Route{Path: "/ws", To: "s"})
	r.apply()
	ctx, cancel := context.WithTimeout(t.Context(), 10*time.Second)
	defer cancel()
	c, _, err := websocket.Dial(ctx, gw+"/ws", nil)
	if err != nil {
		t.Fatal(err)
	}
	for range 3 {
		if err := c.Write(ctx, websocket.MessageText, []byte("hi")); err != nil {
			t.Fatal(err)
		}
		if _, b, err := c.Read(ctx); err != nil || string(b) != "echo hi" {
			t.Fatalf("%q, %v", b, err)
		}
	}
	// It counts as in flight.
	r.service("s", route.HTTP1)
	r.apply()
	if d := r.e.Draining(); len(d) != 1 || r.hasDrained("s-1") {
		t.Errorf("draining: %v", d)
	}
	_ = c.Close(websocket.StatusNormalClosure, "")
	<-gone
	eventually(t, "drained", func() bool { return r.hasDrained("s-1") })
	eventually(t, "the log", func() bool { return strings.Contains(r.log.String(), `"status":101`) })
}

// TestUpgradeHalfClose: any protocol, and one side may end before the other.
func TestUpgradeHalfClose(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", switching(t, func(c *net.TCPConn, br *bufio.Reader) {
		all, _ := io.ReadAll(br)
		_, _ = fmt.Fprintf(c, "got %d", len(all))
	}))
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	c, err := net.Dial("tcp", strings.TrimPrefix(edge, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	// The first bytes come with the request.
	_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: s\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\nabc")
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != 101 || resp.Header.Get("Upgrade") != "lines" {
		t.Fatalf("%+v, %v", resp, err)
	}
	_, _ = io.WriteString(c, "def")
	_ = c.(*net.TCPConn).CloseWrite()
	if b, err := io.ReadAll(br); string(b) != "got 6" {
		t.Errorf("%q, %v", b, err)
	}
}

// TestEventStream: each event arrives when it is sent.
func TestEventStream(t *testing.T) {
	r := newRig(t)
	next := make(chan struct{})
	cancelled := make(chan struct{})
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		for i := 0; ; i++ {
			select {
			case <-next:
			case <-q.Context().Done():
				close(cancelled)
				return
			}
			_, _ = fmt.Fprintf(w, "data: %d\n\n", i)
			_ = http.NewResponseController(w).Flush()
		}
	}))
	gw := r.gateway(route.Route{Path: "/", To: "s", Policy: route.Policy{Timeout: 300 * time.Millisecond}})
	r.apply()
	for _, c := range []*http.Client{client(t)} {
		resp, err := c.Get(gw)
		if err != nil {
			t.Fatal(err)
		}
		br := bufio.NewReader(resp.Body)
		for i := range 5 {
			sent := time.Now()
			next <- struct{}{}
			line, err := br.ReadString('\n')
			if err != nil || line != fmt.Sprintf("data: %d\n", i) {
				t.Fatalf("%q, %v", line, err)
			}
			_, _ = br.ReadString('\n')
			if d := time.Since(sent); d > 100*time.Millisecond {
				t.Errorf("an event took %v", d)
			}
			time.Sleep(100 * time.Millisecond) //nolint:forbidigo // past the timeout, which is to the header only
		}
		_ = resp.Body.Close() // the client leaves: the service learns of it
		<-cancelled
	}
}

// TestBackPressure: an upload that nobody reads does not pile up in the data plane.
func TestBackPressure(t *testing.T) {
	r := newRig(t)
	release := make(chan struct{})
	sum := make(chan int64, 1)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
		<-release
		n, _ := io.Copy(io.Discard, q.Body)
		sum <- n
	}))
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	const total = 64 << 20
	sent := make(chan int64, 1)
	pr, pw := io.Pipe()
	go func() {
		var n int64
		chunk := make([]byte, 64<<10)
		stalled := time.AfterFunc(500*time.Millisecond, func() { close(release) })
		defer stalled.Stop()
		once := true
		for n < total {
			k, err := pw.Write(chunk)
			n += int64(k)
			if err != nil {
				break
			}
			select {
			case <-release:
				if once {
					sent <- n
					once = false
				}
			default:
			}
		}
		_ = pw.Close()
	}()
	resp, err := client(t).Post(edge, "", pr)
	if err != nil {
		t.Fatal(err)
	}
	_ = resp.Body.Close()
	if n := <-sent; n > 32<<20 {
		t.Errorf("%d bytes were taken before anybody read", n)
	}
	if n := <-sum; n != total {
		t.Errorf("%d bytes arrived", n)
	}
}

// TestFullDuplex: over HTTP/1.1 too, the answer may begin before the request ends.
func TestFullDuplex(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
		rc := http.NewResponseController(w)
		_ = rc.EnableFullDuplex()
		br := bufio.NewReader(q.Body)
		for {
			line, err := br.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = io.WriteString(w, "> "+line)
			_ = rc.Flush()
		}
	}))
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	c, err := net.Dial("tcp", strings.TrimPrefix(edge, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n4\r\none\n\r\n")
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, nil)
	if err != nil {
		t.Fatal(err)
	}
	body := bufio.NewReader(resp.Body)
	if line, err := body.ReadString('\n'); line != "> one\n" {
		t.Fatal(line, err)
	}
	_, _ = io.WriteString(c, "4\r\ntwo\n\r\n0\r\n\r\n")
	if rest, err := io.ReadAll(body); string(rest) != "> two\n" {
		t.Error(string(rest), err)
	}
}

// TestEarlyAnswer: a service that answers without reading the upload is heard,
// and what is left of the upload is no request.
func TestEarlyAnswer(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) }))
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	c, err := net.Dial("tcp", strings.TrimPrefix(edge, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 1000000\r\n\r\n")
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != http.StatusForbidden || !resp.Close {
		t.Fatalf("%+v, %v", resp, err)
	}
	_, _ = io.WriteString(c, "GET /smuggled HTTP/1.1\r\nHost: s\r\n\r\n")
	if n, err := br.ReadByte(); err == nil {
		t.Errorf("something came after: %q", n)
	}
}

func TestTCPEdge(t *testing.T) {
	r := newRig(t)
	var accepted atomic.Int32
	r.service("db", route.TCP, "db-0", dead(t), "db-1", bare(t, func(c *net.TCPConn, br *bufio.Reader) {
		accepted.Add(1)
		b, _ := io.ReadAll(br)
		_, _ = fmt.Fprintf(c, "got %d", len(b))
	}))
	addr := strings.TrimPrefix(r.edge("x", "db", route.Policy{Retries: 1}), "http://")
	r.apply()
	// The dead one is passed over: as often as retries come for free, whatever is picked first.
	for range 2 {
		c, err := net.Dial("tcp", addr)
		if err != nil {
			t.Fatal(err)
		}
		_, _ = c.Write(make([]byte, 1<<20))
		_ = c.(*net.TCPConn).CloseWrite()
		if b, err := io.ReadAll(c); string(b) != "got 1048576" {
			t.Errorf("%q, %v", b, err)
		}
		_ = c.Close()
	}
	eventually(t, "the first ones are done", func() bool { return r.e.InFlight() == 0 })
	before := accepted.Load()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	eventually(t, "it is relayed", func() bool { return accepted.Load() > before && r.e.InFlight() == 1 })
	r.service("db", route.TCP)
	r.apply()
	eventually(t, "db-1 drains", func() bool { return contains(r.e.Draining(), "db-1") })
	_ = c.Close()
	eventually(t, "db-1 drained", func() bool { return r.hasDrained("db-1") })
	// Nobody there: a reset, not an empty answer.
	c2, err := net.Dial("tcp", addr)
	if errors.Is(err, syscall.ECONNRESET) {
		return // that fast
	}
	if err != nil {
		t.Fatal(err)
	}
	defer c2.Close()
	_ = c2.SetDeadline(time.Now().Add(5 * time.Second))
	if _, err := c2.Read(make([]byte, 1)); err == nil || errors.Is(err, io.EOF) {
		t.Errorf("no instance: %v", err)
	}
}
