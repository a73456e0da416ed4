package proxy

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/h1"
	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/route"
)

// duel is an engine beside references of its listeners, before services that
// note what they see.
type duel struct {
	sides []contest
	notes *notes
}

// contest is one listener and the reference that plays its part.
type contest struct{ name, engine, reference string }

func newDuel(tb testing.TB) *duel {
	tb.Helper()
	d := &duel{notes: &notes{}}
	r := newRig(tb)
	r.service("s", route.HTTP1, "s-1", backend(tb, d.notes.serve))
	r.service("g", route.H2C, "g-1", h2cBackend(tb, d.notes.serve))
	policy := route.Policy{Timeout: 10 * time.Second}
	listeners := map[string]string{
		"edge/x/s": r.edge("x", "s", policy), "edge/x/g": r.edge("x", "g", policy),
		"gateway/tcp4": r.gateway(
			route.Route{Path: "/", To: "s", Policy: policy},
			route.Route{Path: "/h2", To: "g", Rewrite: "/", Policy: policy},
			route.Route{Path: "/only-get", To: "s", Methods: []string{"GET"}, Policy: policy},
			route.Route{Path: "/", Host: "*.example.com", To: "s", Rewrite: "/sub", Policy: policy},
			route.Route{Path: "/by-header", Headers: map[string]string{"X-Want": "g"}, To: "g", Policy: policy},
		),
		"refuse/x": "http://" + r.listen("refuse/x", route.RoleRefuse, "x", ""),
	}
	r.apply()
	for _, id := range sortedKeys(listeners) {
		d.sides = append(d.sides, contest{id, strings.TrimPrefix(listeners[id], "http://"), newReference(tb, r.e, id)})
	}
	return d
}

// notes is what a service saw since it was last asked.
type notes struct {
	mu   sync.Mutex
	seen []string
}

func (n *notes) take() []string {
	n.mu.Lock()
	defer n.mu.Unlock()
	seen := n.seen
	n.seen = nil
	return seen
}

// serve notes the request and answers as [oddities].
func (n *notes) serve(w http.ResponseWriter, r *http.Request) {
	announced := len(r.Trailer) > 0
	b, err := io.ReadAll(r.Body)
	if !announced {
		r.Trailer = nil // net/http's client sends announced ones only
	}
	h := r.Header.Clone()
	for _, k := range []string{
		"X-Request-Id", "Traceparent", // chance
		"Banyan-Deadline",       // time
		"Content-Length",        // counted below
		"Connection", "Upgrade", // the reference does not switch
		"Expect", // of the hop
	} {
		h.Del(k)
	}
	if h.Get("User-Agent") == "" {
		h.Del("User-Agent") // net/http cannot send an empty one
	}
	length := strconv.FormatInt(r.ContentLength, 10)
	if r.ContentLength < 0 && len(b) == 0 {
		length = "0" // an empty body in chunks or in none
	}
	n.mu.Lock()
	n.seen = append(n.seen, fmt.Sprintf("%s %s host=%s %v length=%s %s err=%v trailer=%s", r.Method, r.RequestURI, r.Host, h, length, digest(b), err,
		r.Trailer.Get("X-Sum")))
	n.mu.Unlock()
	r.Body = io.NopCloser(bytes.NewReader(b))
	if r.ProtoMajor == 2 && r.URL.Path == "/hop" {
		return // what it sends HTTP/2 forbids, and the engine refuses such an answer
	}
	oddities(w, r)
}

// digest is a body's text if it is short.
func digest(b []byte) string {
	if len(b) <= 200 {
		return strconv.Quote(string(b))
	}
	sum := uint32(0)
	for _, c := range b {
		sum = sum*31 + uint32(c)
	}
	return fmt.Sprintf("%d bytes (%x)", len(b), sum)
}

// wholeRequests returns the whole requests at the start of raw, up to one that
// ends the connection, as the engine reads them, and their methods. theirs is the
// same without the empty line that may precede a request (RFC 9112, 2.2), which
// net/http does not know.
func wholeRequests(raw []byte) (ours, theirs []byte, methods []string) {
	at := 0
	p := h1.Parser{Limits: h1.Limits{MaxHead: 64 << 10, MaxFields: maxFields}}
	for at < len(raw) {
		h := new(message.Head)
		n, err := p.Request(raw[at:], h)
		if n == 0 || err != nil {
			break
		}
		var body h1.Body
		body.Start(h, maxTrailer)
		end := at + n
		for done := body.Done(); !done; {
			skip, data, last, err := body.Next(raw[end:])
			if err != nil || skip+data == 0 && !last {
				return raw[:at], theirs, methods
			}
			end, done = end+skip+data, last
		}
		theirs = append(theirs, bytes.TrimPrefix(raw[at:end], []byte("\r\n"))...)
		at, methods = end, append(methods, string(h.Method))
		if h.Close {
			break
		}
	}
	return raw[:at], theirs, methods
}

// reply is an answer as a client sees it.
type reply struct {
	text   string
	status int
	ours   string // the data plane's code, if it answered by itself
	closes bool
}

// ask sends raw and reads an answer for each of the methods.
func ask(tb testing.TB, addr string, raw []byte, methods []string) (replies []reply) {
	tb.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		tb.Fatal(err)
	}
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		_, _ = c.Write(raw)
	}()
	defer func() {
		_ = c.Close()
		<-sent
	}()
	_ = c.SetDeadline(time.Now().Add(5 * time.Second))
	br := bufio.NewReader(c)
	for _, method := range methods {
		r, err := readReply(br, method)
		if err != nil {
			return append(replies, reply{text: "error: " + err.Error()})
		}
		replies = append(replies, r)
		if r.closes {
			break
		}
	}
	return replies
}

// readReply reads a final answer and what comes before it.
func readReply(br *bufio.Reader, method string) (reply, error) {
	var early []int
	for {
		resp, err := http.ReadResponse(br, &http.Request{Method: method})
		if err != nil {
			return reply{}, err
		}
		if resp.StatusCode < 200 {
			if resp.StatusCode != http.StatusContinue { // a hop's own
				early = append(early, resp.StatusCode)
			}
			continue
		}
		b, err := io.ReadAll(resp.Body)
		_ = resp.Body.Close()
		h := resp.Header.Clone()
		r := reply{status: resp.StatusCode, ours: h.Get("Banyan-Error"), closes: resp.Close}
		for _, k := range []string{"Date", "X-Request-Id", "Connection"} {
			h.Del(k)
		}
		length := resp.ContentLength
		if r.ours != "" { // words may differ
			b, length = nil, 0
			h.Del("Content-Length")
			h.Del("Grpc-Message")
		}
		if resp.TransferEncoding == nil {
			h.Del("Trailer") // none can follow: the engine does not announce any
		}
		r.text = fmt.Sprintf("%d %v %v length=%d %s err=%v trailer=%v", resp.StatusCode, early, h, length, digest(b), err, resp.Trailer)
		return r, nil
	}
}

// compare sends raw's whole requests to engine and reference and returns how they differ.
//
// The engine may refuse more. Where it answers before it has read the body, it
// closes the connection, and the reference may go on to the next request.
func (d *duel) compare(tb testing.TB, s contest, raw []byte) (differences []string) {
	tb.Helper()
	ours, theirs, methods := wholeRequests(raw)
	if len(methods) == 0 {
		return nil
	}
	d.notes.take()
	got := ask(tb, s.engine, ours, methods)
	gotSeen := d.notes.take()
	want := ask(tb, s.reference, theirs, methods)
	wantSeen := d.notes.take()
	for i, g := range got {
		switch {
		case i >= len(want):
			differences = append(differences, fmt.Sprintf("%s: answer %d: %s; the reference gives none", s.name, i, g.text))
		case refusal(g) && !refusal(want[i]):
			return differences // it may
		case g.text != want[i].text:
			differences = append(differences, fmt.Sprintf("%s: answer %d:\n got %s\nwant %s", s.name, i, g.text, want[i].text))
		}
	}
	if len(gotSeen) > len(wantSeen) {
		differences = append(differences, fmt.Sprintf("%s: more requests reach the service:\n got %q\nwant %q", s.name, gotSeen, wantSeen))
	}
	for i := range min(len(gotSeen), len(wantSeen)) {
		if gotSeen[i] != wantSeen[i] {
			differences = append(differences, fmt.Sprintf("%s: request %d:\n got %s\nwant %s", s.name, i, gotSeen[i], wantSeen[i]))
		}
	}
	return differences
}

// refusal reports whether the data plane did not take the request for HTTP.
func refusal(r reply) bool {
	switch Code(r.ours) {
	case BadRequest, URITooLong, HeaderTooLarge, ExpectNotOK, NotImplemented, VersionNotOK, BadPath:
		return true
	default:
		return false
	}
}

// generated are requests that vary in everything that HTTP lets vary.
func generated() []string {
	var list []string
	add := func(head, body string) { list = append(list, head+"\r\n\r\n"+body) }
	paths := []string{
		"/echo", "/echo?a=1&b=%20;c", "/echo?", "/", "//echo//x", "/echo/../echo", "/a%2fb", "/a%2Fb?x=/../y", "/%7Euser/ü", "/a;p=1/b", "/h2/echo?q", "/h2",
		"/only-get/x", "/chunked", "/trailers", "/late-trailers", "/204", "/304", "/redirect", "/cookies", "/hop", "/large", "/empty", "/gzip", "/500",
		"/hints", "/missing/%2F/%20", "/h2/chunked", "/h2/trailers", "/h2/204", "/h2/304", "/h2/large", "/h2/hints", "/~refused/b/x", "/a|b^c`d{e}\"f",
	}
	for _, path := range paths {
		for _, method := range []string{"GET", "HEAD", "POST", "DELETE", "OPTIONS", "BREW"} {
			add(method+" "+path+" HTTP/1.1\r\nHost: a", "")
		}
		add("GET "+path+" HTTP/1.0\r\nHost: a", "")
		add("GET "+path+" HTTP/1.0\r\nHost: a\r\nConnection: keep-alive", "")
		add("GET http://b.example.com"+path+" HTTP/1.1\r\nHost: b.example.com", "")
	}
	for _, n := range []int{0, 1, 5, 4095, 4096, 16 << 10, 64<<10 - 1, 64 << 10, 200_000} {
		body := strings.Repeat("0123456789abcdef", n/16+1)[:n]
		for _, path := range []string{"/echo", "/h2/echo", "/500", "/204"} {
			sized := "POST " + path + " HTTP/1.1\r\nHost: a\r\nContent-Length: " + strconv.Itoa(n)
			add(sized, body)
			add(sized+"\r\nExpect: 100-continue", body)
			add("PUT "+path+" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked", inChunks(body, 1000, ""))
			add("GET "+path+" HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\nTrailer: X-Sum", inChunks(body, 1<<20, "X-Sum: 7\r\n"))
			add("POST "+path+" HTTP/1.0\r\nHost: a\r\nContent-Length: "+strconv.Itoa(n), body)
		}
	}
	for _, field := range []string{
		"Connection: close", "Connection: keep-alive, X-Drop\r\nX-Drop: 1\r\nX-Keep: 2", "Connection: Banyan-Caller, Via\r\nVia: 1.0 x",
		"Banyan-Caller: forged\r\nBanyan_Caller: forged\r\nbanyan-deadline: 60000", "X-Forwarded-For: 6.6.6.6\r\nX_Forwarded_For: 6.6.6.6\r\nForwarded: for=6.6.6.6",
		"x-real-ip: 6.6.6.6\r\nX-Forwarded-Prefix: /evil", "Te: trailers, deflate", "TE: gzip", "Proxy-Authorization: x\r\nProxy-Connection: close",
		"Keep-Alive: timeout=5", "User-Agent: me", "User-Agent:", "X-Empty:", "X-Twice: 1\r\nX-Twice: 2", "Cookie: a=1\r\nCookie: b=2", "x-lower_case: v",
		"Accept-Encoding: gzip", "Trailer: X-None", "X-Request-Id: mine-1", "X-Request-Id: \"bad\"", "Traceparent: " + sample + "\r\nTracestate: a=b",
		"Traceparent: junk\r\nTracestate: a=b", "Range: bytes=0-1\r\nIf-None-Match: \"x\"", "X-Want: g", "HTTP2-Settings: AAA", "X-Bytes: \xc3\xbc\xff",
		"Upgrade: h2c\r\nConnection: Upgrade, HTTP2-Settings\r\nHTTP2-Settings: AAA", "Content-Type: application/grpc", "X-Tab: a\tb", "Max-Forwards: 0",
		"Connection:\r\nConnection: , ,X-Drop ,\r\nX-Drop: 1", "Upgrade: websocket\r\nConnection: keep-alive", "Content-Length: 0",
		"Connection: Host, Content-Length, Cookie\r\nCookie: a=1", "Host2: b\r\nX-Forwarded-Host: b\r\nX-Original-Url: /x", "Authorization: Bearer x",
	} {
		for _, path := range []string{"/echo", "/h2/echo", "/by-header/echo"} {
			add("GET "+path+" HTTP/1.1\r\nHost: a\r\n"+field, "")
		}
	}
	const one, two = "GET /echo?1 HTTP/1.1\r\nHost: a\r\n\r\n", "POST /echo?2 HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\n\r\nabc"
	return append(list, one+two+one, two+"GET /chunked HTTP/1.1\r\nHost: a\r\n\r\n"+two, "\r\n"+one, one+"GET / HTTP/1.1\r\n\r\n",
		"OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\nHost: a:1\r\n\r\n", "GET / HTTP/1.0\r\n\r\n")
}

// inChunks is body in chunks of n bytes.
func inChunks(body string, n int, trailers string) string {
	var b strings.Builder
	for body != "" {
		k := min(n, len(body))
		fmt.Fprintf(&b, "%x\r\n%s\r\n", k, body[:k])
		body = body[k:]
	}
	return b.String() + "0\r\n" + trailers + "\r\n"
}

// TestReference: the engine and the reference read, change and answer the same.
func TestReference(t *testing.T) {
	if testing.Short() {
		t.Skip("skipped: it compares answers, which are the same under the race detector")
	}
	d := newDuel(t)
	list := generated()
	known := map[string]int{}
	for _, s := range d.sides {
		for _, raw := range list {
			for _, diff := range d.compare(t, s, []byte(raw)) {
				known[s.name]++
				if known[s.name] <= 10 {
					t.Errorf("%.300q:\n%.3000s", raw, diff)
				}
			}
		}
	}
	t.Logf("%d requests over %d listeners; differences: %v", len(list), len(d.sides), known)
}
