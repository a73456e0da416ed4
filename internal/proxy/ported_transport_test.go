package proxy

// The cases follow the lists of Go's net/http for clients, as far as the engine is
// a client to instances: transport_test.go, transport_internal_test.go,
// transport_dial_test.go, response_test.go, transfer_test.go and
// clientserver_test.go. Each test names the functions of the list that it stands
// for.

import (
	"bufio"
	"bytes"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// rawAnswer is an answer as it is on the wire, after which its connection ends,
// and what a client gets.
type rawAnswer struct {
	from, method, raw string
	status            int // 502: it is refused
	body              string
	length            int64
}

const (
	ok11 = "HTTP/1.1 200 OK\r\n"
	ok10 = "HTTP/1.0 200 OK\r\n"
)

// rawAnswers: where the engine differs from net/http it is stricter, and the case
// says so.
var rawAnswers = []rawAnswer{
	{"ReadResponse 1", "GET", ok10 + "Connection: close\r\n\r\nBody here\n", 200, "Body here\n", -1},
	{"ReadResponse 2", "GET", ok11 + "\r\nBody here\n", 200, "Body here\n", -1},
	{"ReadResponse 3", "GET", "HTTP/1.1 204 No Content\r\n\r\nBody should not be read!\n", 204, "", 0},
	{"ReadResponse 4", "GET", ok10 + "Content-Length: 10\r\nConnection: close\r\n\r\nBody here\n", 200, "Body here\n", 10},
	{"ReadResponse 5", "GET", ok11 + "Transfer-Encoding: chunked\r\n\r\n0a\r\nBody here\n\r\n09\r\ncontinued\r\n0\r\n\r\n", 200, "Body here\ncontinued", -1},
	{"ReadResponse 6", "GET", ok10 + "Trailer: Content-MD5, Content-Sources\r\nContent-Length: 10\r\nConnection: close\r\n\r\nBody here\n", 200, "Body here\n", 10},
	{"ReadResponse 7: stricter", "GET", ok11 + "Transfer-Encoding: chunked\r\nContent-Length: 10\r\n\r\n0a\r\nBody here\n\r\n0\r\n\r\n", 502, "", 0},
	{"ReadResponse 8", "HEAD", ok11 + "Transfer-Encoding: chunked\r\n\r\n", 200, "", -1},
	{"ReadResponse 9", "HEAD", ok10 + "Content-Length: 256\r\n\r\n", 200, "", 256},
	{"ReadResponse 10", "HEAD", ok11 + "Content-Length: 256\r\n\r\n", 200, "", 256},
	{"ReadResponse 11", "HEAD", ok10 + "\r\n", 200, "", -1},
	{"ReadResponse 12", "GET", ok11 + "Content-Length: 0\r\n\r\n", 200, "", 0},
	{"ReadResponse 13", "GET", "HTTP/1.0 303 \r\n\r\n", 303, "", -1},
	{"ReadResponse 14", "GET", "HTTP/1.0 303\r\n\r\n", 303, "", -1},
	{"ReadResponse 15", "GET", "HTTP/1.1 206 Partial Content\r\nConnection: close\r\nContent-Type: multipart/byteranges; boundary=18a75608c8f47cef\r\n\r\nsome body",
		206, "some body", -1},
	{"ReadResponse 15: stricter, bare LF", "GET", "HTTP/1.1 206 Partial Content\nConnection: close\n\nsome body", 502, "", 0},
	{"ReadResponse 17", "GET", "HTTP/1.1 206 Partial Content\r\nAccept-Ranges: bytes\r\nContent-Range: bytes 0-5/1862\r\nContent-Length: 6\r\n\r\nfoobar",
		206, "foobar", 6},
	{"ReadResponse 18", "HEAD", ok11 + "Content-Length: 256\r\nConnection: keep-alive, close\r\n\r\n", 200, "", 256},
	{"ReadResponse 19", "HEAD", ok11 + "Content-Length: 256\r\nConnection: keep-alive\r\nConnection: close\r\n\r\n", 200, "", 256},
	{"ReadResponse 20: stricter", "GET", ok10 + "Transfer-Encoding: bogus\r\n\r\nBody here\n", 502, "", 0},
	{"ReadResponse 21: stricter", "GET", ok10 + "Transfer-Encoding: bogus\r\nContent-Length: 10\r\n\r\nBody here\n", 502, "", 0},
	{"ReadResponse 22", "GET", ok11 + "Content-Encoding: gzip\r\nContent-Length: 3\r\nConnection: keep-alive\r\nKeep-Alive: timeout=7200\r\n\r\n\x1f\x8b\x08", 200, "\x1f\x8b\x08", 3},
	{"ReadResponse 23: stricter", "GET", "HTTP/1.0  401 Unauthorized\r\n\r\nYour Authentication failed.\r\n", 502, "", 0},

	{"ReadResponseErrors 1", "GET", "", 502, "", 0},
	{"ReadResponseErrors 2", "GET", "HTTP/1.1 301 Moved Permanently\r\nFoo: bar", 502, "", 0},
	{"ReadResponseErrors 3", "GET", "HTTP/1.1", 502, "", 0},
	{"ReadResponseErrors 4", "GET", "HTTP/2.0", 502, "", 0},
	{"ReadResponseErrors: status", "GET", "HTTP/1.1 20X Unknown\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: status", "GET", "HTTP/1.1 abcd Unknown\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: status", "GET", "HTTP/1.1 二百 OK\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: status", "GET", "HTTP/1.1  Unknown\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: status", "GET", "HTTP/1.1 c8 OK\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: status", "GET", "HTTP/1.1 0x12d Moved Permanently\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: status, stricter", "GET", "HTTP/1.1 000 OK\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: status, stricter", "GET", "HTTP/1.1 001 OK\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: status", "GET", "HTTP/1.1 404 NOTFOUND\r\n\r\n", 404, "", -1},
	{"ReadResponseErrors: status", "GET", "HTTP/1.1 20 OK\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: status", "GET", "HTTP/1.1 00 OK\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: status", "GET", "HTTP/1.1 -10 OK\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: status", "GET", "HTTP/1.1 1000 OK\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: status", "GET", "HTTP/1.1 999 Done\r\n\r\n", 999, "", -1},
	{"ReadResponseErrors: status", "GET", "HTTP/1.1 -1 OK\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: version, stricter", "GET", "HTTP/1.2 200 OK\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: version", "GET", "HTTP/1.100000000002 200 OK\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: version", "GET", "HTTP/1.-1 200 OK\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: version", "GET", "HTTP/A.B 200 OK\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: version", "GET", "HTTP/1 200 OK\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: version", "GET", "http/1.1 200 OK\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: lengths", "GET", ok11 + "Content-Length: 10\r\nContent-Length: 7\r\n\r\nGopher hey\r\n", 502, "", 0},
	{"ReadResponseErrors: lengths, stricter", "GET", ok11 + "Content-Length: 7\r\nContent-Length: 7\r\n\r\nGophers\r\n", 502, "", 0},
	{"ReadResponseErrors: lengths", "GET", ok11 + "Content-Length:\r\nContent-Length:\r\n\r\nGophers\r\n", 502, "", 0},
	{"ReadResponseErrors: lengths", "GET", "HTTP/1.1 204 OK\r\nContent-Length: 7\r\nContent-Length: 8\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: lengths", "GET", "HTTP/1.1 304 OK\r\nContent-Length: 880\r\nContent-Length: 1\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: leading space", "GET", ok11 + " Content-type: text/html\r\nFoo: bar\r\n\r\n", 502, "", 0},
	{"ReadResponseErrors: leading tab", "GET", ok11 + "\tContent-type: text/html\r\nFoo: bar\r\n\r\n", 502, "", 0},

	{"FinalChunkedBodyReadEOF", "GET", ok11 + "Transfer-Encoding: chunked\r\n\r\n0a\r\nBody here\n\r\n0\r\n\r\n", 200, "Body here\n", -1},
	{"MissingStatusNoPanic", "GET", "HTTP/1.1 400\r\nContent-Length: 10\r\n\r\nAloha Olaa", 400, "Aloha Olaa", 10},
	{"InvalidHeaderResponse: stricter", "GET", ok11 + "Content-Length: 0\r\nFoo : bar\r\n\r\n", 502, "", 0},
	{"NoBodyOnChunked304Response", "GET", "HTTP/1.1 304 NOT MODIFIED\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 304, "", 0},
	{"TransportTreat101Terminal", "GET", "HTTP/1.1 101 Switching Protocols\r\n\r\nHTTP/1.1 204 No Content\r\n\r\n", 502, "", 0},
	{"TransportResponseHeaderLength", "GET", ok11 + "Long: " + strings.Repeat("a", maxResponseHead) + "\r\n\r\n", 502, "", 0},
	{"BadResponseAfterReadingBody", "POST", "some bogus words\n", 502, "", 0},
	{"TransportIgnore1xxResponses", "GET", "HTTP/1.1 123 OneTwoThree\r\nFoo: bar\r\n\r\n" + ok11 + "Content-Length: 5\r\n\r\nHello", 200, "Hello", 5},
	{"TransportDoesNotLimitDelivered1xxResponses", "GET", strings.Repeat("HTTP/1.1 123 \r\nX: "+strings.Repeat("a", 100)+"\r\n\r\n", 10) + "HTTP/1.1 204 \r\n\r\n", 204, "", 0},
	{"TransportIgnores408", "GET", ok11 + "Content-Length: 2\r\n\r\nokHTTP/1.1 408 bye\r\n", 200, "ok", 2},
	{"WriteHeaderNoCodeCheck", "GET", ok11 + "Content-Length: 6\r\n\r\nfoobar", 200, "foobar", 6},
}

// TestPortedAnswers reads each of the answers for clients of both protocols.
func TestPortedAnswers(t *testing.T) {
	for _, c := range rawAnswers {
		_, edge := upgradeEdge(t, says(t, c.raw, "close"))
		edge = "http://" + edge
		for name, cl := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
			req, _ := http.NewRequestWithContext(t.Context(), c.method, edge, nil)
			resp, err := cl.Do(req)
			if err != nil {
				t.Errorf("%s, %s: %.80q: %v", name, c.from, c.raw, err)
				continue
			}
			b, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != c.status || err != nil || (resp.Header.Get("Banyan-Error") != "") != (c.status == 502) {
				t.Errorf("%s, %s: %.80q: %d %q %v, want %d", name, c.from, c.raw, resp.StatusCode, b, err, c.status)
			}
			if c.status != 502 && (string(b) != c.body || resp.ContentLength != c.length && (c.method != "HEAD" || name != "h2")) {
				t.Errorf("%s, %s: %q of length %d, want %q of %d", name, c.from, b, resp.ContentLength, c.body, c.length)
			}
			if h := resp.Header; h.Get("Keep-Alive")+h.Get("Connection") != "" || c.from == "ReadResponse 17" && h.Get("Content-Range") == "" {
				t.Errorf("%s, %s: %v", name, c.from, h)
			}
			cl.CloseIdleConnections()
		}
	}
}

// TestPortedCutAnswers stands for TestReadResponseCloseInMiddle,
// TestResponseContentLengthShortBody, TestTransportPersistConnLeakShortBody and
// TestTransportBodyReadError: however much of a long answer came, an end before
// its end is one, and a client that leaves in the middle harms nobody else.
func TestPortedCutAnswers(t *testing.T) {
	const size = 1_000_000
	for _, chunked := range []bool{false, true} {
		whole := ok11 + fmt.Sprintf("Content-Length: %d\r\n\r\n", size) + strings.Repeat("x", size)
		if chunked {
			whole = ok11 + "Transfer-Encoding: chunked\r\n\r\n" + strings.Repeat("3e8\r\n"+strings.Repeat("x", 1000)+"\r\n", 1000) + "0\r\n\r\n"
		}
		for _, sent := range []int{100, 2500, len(whole) - 1, len(whole)} {
			r, edge := upgradeEdge(t, says(t, whole[:sent], "close"))
			edge = "http://" + edge
			for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
				resp, err := c.Get(edge)
				if err != nil {
					t.Fatal(err)
				}
				n, err := io.Copy(io.Discard, resp.Body)
				_ = resp.Body.Close()
				if (err == nil) != (sent == len(whole)) || err == nil && n != size {
					t.Errorf("%s, chunked %v, %d of %d: %d bytes of body, %v", name, chunked, sent, len(whole), n, err)
				}
				if resp, err = c.Get(edge); err == nil { // and leave amid the answer
					_, _ = io.CopyN(io.Discard, resp.Body, 50)
					_ = resp.Body.Close()
				}
			}
			eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
		}
	}
}

// TestPortedReuse stands for TestTransportKeepAlives,
// TestTransportConnectionCloseOnResponse, …OnRequest, …RespectRequestWantsClose,
// TestTransportReadToEndReusesConn, TestTransportHeadResponses,
// TestTransportHeadChunkedResponse, TestTransportReuseConnEmptyResponseBody,
// TestTransportReuseConnection_Gzip, TestChunkedNoContent, TestIssue3644,
// TestTransportPoolConnReusePriorConnection and TestTransportIdleCacheKeys.
func TestPortedReuse(t *testing.T) {
	for _, c := range []struct {
		from, request, answer string
		reused                bool
	}{
		{"sized", "GET / HTTP/1.1\r\n", ok11 + "Content-Length: 2\r\n\r\nok", true},
		{"chunked", "GET / HTTP/1.1\r\n", ok11 + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", true},
		{"chunked with trailers", "GET / HTTP/1.1\r\n", ok11 + "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX: 1\r\n\r\n", true},
		{"empty", "GET / HTTP/1.1\r\n", ok11 + "Content-Length: 0\r\n\r\n", true},
		{"empty chunks", "GET / HTTP/1.1\r\n", ok11 + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n", true},
		{"204", "GET / HTTP/1.1\r\n", "HTTP/1.1 204 No Content\r\n\r\n", true},
		{"304", "GET / HTTP/1.1\r\n", "HTTP/1.1 304 Not Modified\r\nContent-Length: 7\r\n\r\n", true},
		{"HEAD", "HEAD / HTTP/1.1\r\n", ok11 + "Content-Length: 123\r\n\r\n", true},
		{"HEAD, chunked", "HEAD / HTTP/1.1\r\n", ok11 + "Transfer-Encoding: chunked\r\n\r\n", true},
		{"1.0 with keep-alive", "GET / HTTP/1.1\r\n", ok10 + "Connection: keep-alive\r\nContent-Length: 2\r\n\r\nok", true},
		{"what the client wants of its own connection", "GET / HTTP/1.1\r\nConnection: close\r\n", ok11 + "Content-Length: 2\r\n\r\nok", true},
		{"a client of 1.0", "GET / HTTP/1.0\r\n", ok11 + "Content-Length: 2\r\n\r\nok", true},
		{"an interim answer", "GET / HTTP/1.1\r\n", "HTTP/1.1 102 Processing\r\nConnection: close\r\n\r\n" + ok11 + "Content-Length: 2\r\n\r\nok", true},
		{"close", "GET / HTTP/1.1\r\n", ok11 + "Connection: close\r\nContent-Length: 2\r\n\r\nok", false},
		{"1.0", "GET / HTTP/1.1\r\n", ok10 + "Content-Length: 2\r\n\r\nok", false},
		{"a long one and close", "GET / HTTP/1.1\r\n", ok11 + "Connection: close\r\nContent-Length: 20000\r\n\r\n" + strings.Repeat("foo ", 5000), false},
		{"more than was told", "GET / HTTP/1.1\r\n", ok11 + "Content-Length: 2\r\n\r\nokay", false},
	} {
		var conns atomic.Int32
		asked := make(chan *http.Request, 10)
		addr := bare(t, func(conn *net.TCPConn, br *bufio.Reader) {
			conns.Add(1)
			for {
				q, err := http.ReadRequest(br)
				if err != nil {
					return
				}
				asked <- q
				_, _ = io.WriteString(conn, c.answer)
			}
		})
		r := newRigWith(t, Options{Loops: 1}) // after the service, which ends after it
		r.service("s", route.HTTP1, "s-1", addr)
		edge := r.edge("x", "s", route.Policy{})
		r.apply()
		for range 3 {
			resp, body, err := tell(t, edge, c.request+hostA+"\r\n")
			if err != nil || len(body) != int(max(0, resp.ContentLength)) && resp.TransferEncoding == nil && !strings.HasPrefix(c.request, "HEAD") && resp.StatusCode != 304 {
				t.Errorf("%s: %+v %d bytes, %v", c.from, resp, len(body), err)
			}
			if q := wait(t, asked); q != nil && (q.Close || q.Header.Get("Connection") != "") {
				t.Errorf("%s: the service got %v", c.from, q.Header)
			}
		}
		if n := conns.Load(); (n == 1) != c.reused || n != 1 && n != 3 {
			t.Errorf("%s: %d connections", c.from, n)
		}
	}
}

// TestPortedIdleEnds stands for TestTransportRemovesDeadIdleConnections,
// TestTransportServerClosingUnexpectedly, TestTransportIssue10457,
// TestTransportIgnores408, TestTransportReturnsPeekError,
// TestTransportPersistConnReadLoopEOF, TestTransportRemovesConnsAfterBroken and
// TestTransportPoolConnectionBroken: an unused connection that its service ended
// is not used, not even for what may be sent once only.
func TestPortedIdleEnds(t *testing.T) {
	for name, end := range map[string]func(c *net.TCPConn){
		"an end":   func(c *net.TCPConn) { _ = c.CloseWrite() },
		"a 408":    func(c *net.TCPConn) { _, _ = io.WriteString(c, "HTTP/1.1 408 bye\r\n\r\n"); _ = c.CloseWrite() },
		"rubbish":  func(c *net.TCPConn) { _, _ = io.WriteString(c, "\x00") },
		"an alarm": func(c *net.TCPConn) { _, _ = io.WriteString(c, ok11+"Content-Length: 4\r\n\r\nevil") },
	} {
		ended := make(chan struct{}, 10)
		addr := bare(t, func(c *net.TCPConn, br *bufio.Reader) {
			q, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, q.Body)
			_, _ = io.WriteString(c, ok11+"Content-Length: 4\r\n\r\ngood")
			if q.Header.Get("X-Last") == "" {
				end(c)
				_, _ = io.Copy(io.Discard, br) // until the engine ended it, too
				ended <- struct{}{}
			}
		})
		r := newRigWith(t, Options{Loops: 1}) // after the service, which ends after it
		r.service("s", route.HTTP1, "s-1", addr)
		edge := r.edge("x", "s", route.Policy{})
		r.apply()
		for range 3 {
			resp, body, err := tell(t, edge, "POST / HTTP/1.1\r\n"+hostA+"Content-Length: 1\r\n\r\nx")
			if err != nil || resp.StatusCode != 200 || body != "good" {
				t.Errorf("%s: %+v %q %v", name, resp, body, err)
			}
			wait(t, ended)
		}
		if _, body, err := tell(t, edge, "POST / HTTP/1.1\r\nX-Last: 1\r\n"+hostA+"\r\n"); body != "good" {
			t.Errorf("%s: %q %v", name, body, err)
		}
	}
}

// TestPortedResend stands for TestRetryRequestsOnError,
// TestTransportShouldRetryRequest and TestTransportRequestReplayable: what a
// connection that was reused swallowed is sent again only if that is safe. Unlike
// net/http the engine believes no Idempotency-Key.
func TestPortedResend(t *testing.T) {
	for _, c := range []struct {
		request, answer string // what came of the answer before the end
		reused          bool
		retries         int
		status          int
	}{
		{"GET / HTTP/1.1\r\n\r\n", "", true, 0, 200},
		{"HEAD / HTTP/1.1\r\n\r\n", "", true, 0, 200},
		{"OPTIONS / HTTP/1.1\r\n\r\n", "", true, 0, 200},
		{"DELETE / HTTP/1.1\r\n\r\n", "", true, 0, 200},
		{"PUT / HTTP/1.1\r\n\r\n", "", true, 0, 200},
		{"GET / HTTP/1.1\r\n\r\n", "", false, 0, 502},
		{"GET / HTTP/1.1\r\n\r\n", "", false, 1, 200},
		{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 20", true, 0, 502},
		{"GET / HTTP/1.1\r\n\r\n", "HTTP/1.1 20", true, 1, 200},
		{"GET / HTTP/1.1\r\nContent-Length: 4\r\n\r\nfoo\n", "", true, 0, 502}, // the body was not kept
		{"GET / HTTP/1.1\r\nContent-Length: 4\r\n\r\nfoo\n", "", true, 1, 200},
		{"POST / HTTP/1.1\r\n\r\n", "", true, 0, 502},
		{"POST / HTTP/1.1\r\n\r\n", "", true, 3, 502},
		{"POST / HTTP/1.1\r\nContent-Length: 4\r\n\r\nfoo\n", "", true, 3, 502},
		{"POST / HTTP/1.1\r\nIdempotency-Key: x\r\n\r\n", "", true, 3, 502},
		{"PATCH / HTTP/1.1\r\n\r\n", "", true, 3, 502},
		{"get / HTTP/1.1\r\n\r\n", "", true, 3, 502}, // another method
	} {
		var swallows atomic.Bool
		var seen atomic.Int32
		addr := bare(t, func(conn *net.TCPConn, br *bufio.Reader) {
			for {
				q, err := http.ReadRequest(br)
				if err != nil {
					return
				}
				b, _ := io.ReadAll(q.Body)
				if q.URL.Path == "/" {
					seen.Add(1)
				}
				if swallows.Swap(false) {
					_, _ = io.WriteString(conn, c.answer)
					return
				}
				if q.Method == "HEAD" {
					b = nil
				}
				_, _ = fmt.Fprintf(conn, ok11+"Content-Length: %d\r\n\r\n%s", len(b), b)
			}
		})
		r := newRigWith(t, Options{Loops: 1}) // after the service, which ends after it
		r.service("s", route.HTTP1, "s-1", addr)
		edge := r.edge("x", "s", route.Policy{Retries: c.retries})
		r.apply()
		if c.reused {
			if resp, _, err := tell(t, edge, "GET /first HTTP/1.1\r\n"+hostA+"\r\n"); err != nil || resp.StatusCode != 200 {
				t.Fatalf("%+v, %v", resp, err)
			}
		}
		swallows.Store(true)
		resp, body, err := tell(t, edge, strings.Replace(c.request, "\r\n", "\r\n"+hostA, 1))
		wanted := int32(1)
		if c.status == 200 {
			wanted = 2
		}
		_, sent, _ := strings.Cut(c.request, "\r\n\r\n")
		if err != nil || resp.StatusCode != c.status || seen.Load() != wanted || c.status == 200 && body != sent {
			t.Errorf("%+v: %+v %q %v after %d requests", c, resp, body, err, seen.Load())
		}
	}
}

// TestPortedExpectOfService stands for the five TestTransportExpect100Continue… and
// TestTransportReading100Continue: what the service says about the body decides,
// and a connection on which it waits for one is not used again.
func TestPortedExpectOfService(t *testing.T) {
	const body = "request body"
	for _, c := range []struct {
		from    string
		answers []string // each after what the one before allowed
		eager   bool     // the client does not wait
		status  int
		reused  bool
	}{
		{"Sent", []string{"HTTP/1.1 100 Continue\r\n\r\n", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"}, false, 200, true},
		{"200ResponseNoConnClose", []string{"HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"}, false, 200, false},
		{"200ResponseWithConnClose", []string{"HTTP/1.1 200\r\nConnection: close\r\nContent-Length: 0\r\n\r\n"}, false, 200, false},
		{"500ResponseNoConnClose", []string{"HTTP/1.1 500\r\nContent-Length: 0\r\n\r\n"}, false, 500, false},
		{"500ResponseTimeout", []string{"", "HTTP/1.1 200\r\nContent-Length: 0\r\n\r\n"}, true, 200, true},
	} {
		var conns atomic.Int32
		addr := bare(t, func(conn *net.TCPConn, br *bufio.Reader) {
			conns.Add(1)
			for {
				q, err := http.ReadRequest(br)
				if err != nil {
					return
				}
				if q.Method == "GET" {
					_, _ = io.WriteString(conn, ok11+"Content-Length: 0\r\n\r\n")
					continue
				}
				if q.Header.Get("Expect") != "100-continue" {
					t.Errorf("%s: the service got %v", c.from, q.Header)
				}
				_, _ = io.WriteString(conn, c.answers[0])
				if len(c.answers) > 1 {
					if b, err := io.ReadAll(q.Body); string(b) != body {
						t.Errorf("%s: the service got %q, %v", c.from, b, err)
					}
					_, _ = io.WriteString(conn, c.answers[1])
				} else if b, _ := io.ReadAll(br); len(b) > 0 {
					t.Errorf("%s: unexpected %q", c.from, b)
				}
			}
		})
		r := newRigWith(t, Options{Loops: 1}) // after the service, which ends after it
		r.service("s", route.HTTP1, "s-1", addr)
		edge := r.edge("x", "s", route.Policy{})
		r.apply()
		conn := dialRaw(t, edge)
		_, _ = fmt.Fprintf(conn, "PUT / HTTP/1.1\r\n%sExpect: 100-continue\r\nContent-Length: %d\r\n\r\n", hostA, len(body))
		br := bufio.NewReader(conn)
		if c.eager {
			_, _ = io.WriteString(conn, body)
		} else if len(c.answers) > 1 {
			if resp, err := http.ReadResponse(br, nil); err != nil || resp.StatusCode != http.StatusContinue {
				t.Errorf("%s: %+v, %v", c.from, resp, err)
			}
			_, _ = io.WriteString(conn, body)
		}
		resp, _, err := hear(br, "PUT")
		if err != nil || resp.StatusCode != c.status || resp.Close == c.reused {
			t.Errorf("%s: %+v, %v", c.from, resp, err)
		}
		if resp, _, err := tell(t, edge, "GET / HTTP/1.1\r\n"+hostA+"\r\n"); err != nil || resp.StatusCode != 200 || (conns.Load() == 1) != c.reused {
			t.Errorf("%s: then %+v, %v, %d connections", c.from, resp, err, conns.Load())
		}
	}
}

// TestPortedEarly stands for TestTransportNoReuseAfterEarlyResponse,
// TestTransportPrefersResponseOverWriteError, TestIssue3595 and
// TestTransportReqCancelerCleanupOnRequestBodyWriteError.
func TestPortedEarly(t *testing.T) {
	var conns atomic.Int32
	addr := bare(t, func(conn *net.TCPConn, br *bufio.Reader) {
		conns.Add(1)
		q, err := http.ReadRequest(br)
		switch {
		case err != nil:
		case q.Method == "GET":
			_, _ = io.WriteString(conn, ok11+"Content-Length: 3\r\n\r\nbar")
		default:
			_, _ = io.WriteString(conn, ok11+"Content-Length: 3\r\n\r\nfoo") // and stays
			_, _ = io.Copy(io.Discard, br)
		}
	})
	r := newRigWith(t, Options{Loops: 1}) // after the service, which ends after it
	r.service("s", route.HTTP1, "s-1", addr)
	r.service("d", route.HTTP1, "d-1", backend(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "sorry, denied.", http.StatusUnauthorized)
	}))
	r.service("e", route.H2C, "e-1", h2cBackend(t, func(w http.ResponseWriter, _ *http.Request) {
		http.Error(w, "sorry, denied.", http.StatusUnauthorized)
	}))
	edge, denied, denied2 := r.edge("x", "s", route.Policy{}), r.edge("x", "d", route.Policy{}), r.edge("x", "e", route.Policy{})
	r.apply()
	conn := dialRaw(t, edge)
	const size = 256 << 10
	_, _ = fmt.Fprintf(conn, "POST / HTTP/1.1\r\n%sContent-Length: %d\r\n\r\n%s", hostA, size, strings.Repeat("x", size-1))
	if resp, body, err := hear(bufio.NewReader(conn), "POST"); body != "foo" || !resp.Close {
		t.Errorf("%+v %q %v", resp, body, err)
	}
	if _, body, err := tell(t, edge, "GET / HTTP/1.1\r\n"+hostA+"\r\n"); body != "bar" || conns.Load() != 2 {
		t.Errorf("%q %v, %d connections", body, err, conns.Load())
	}
	_, _ = io.WriteString(conn, "x")
	_ = conn.Close()
	for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
		for _, url := range []string{denied, denied2} {
			for _, body := range []io.Reader{zeros{}, strings.NewReader(strings.Repeat("a", 2<<20))} { // without end, and of 2 MiB
				resp, err := c.Post(url, "application/octet-stream", body)
				if err != nil {
					t.Errorf("%s: %v", name, err)
					continue
				}
				if b, err := io.ReadAll(resp.Body); resp.StatusCode != 401 || string(b) != "sorry, denied.\n" || err != nil {
					t.Errorf("%s: %d %q %v", name, resp.StatusCode, b, err)
				}
				_ = resp.Body.Close()
			}
		}
	}
	eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
}

// TestPortedUploads stands for TestTransportFlushesRequestHeader,
// TestTransportFlushesBodyChunks, TestTrailersClientToServer and
// h12requestContentLength: a service has the head before the body began, and each
// piece before the next was sent.
func TestPortedUploads(t *testing.T) {
	came := make(chan string, 10)
	_, routes := reach(t, func(_ http.ResponseWriter, q *http.Request) {
		came <- fmt.Sprint("head ", q.ContentLength)
		br := bufio.NewReader(q.Body)
		for {
			line, err := br.ReadString('\n')
			if err != nil {
				came <- fmt.Sprint(err, " ", q.Trailer.Get("X-Sum"))
				return
			}
			came <- strings.TrimSuffix(line, "\n")
		}
	})
	for _, way := range routes {
		for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
			for _, length := range []int64{-1, 16} {
				body, pieces := io.Pipe()
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, way.url, body)
				req.ContentLength = length
				sum := ""
				if length < 0 {
					sum = "42"
					req.Trailer = http.Header{"X-Sum": {sum}}
				}
				done := make(chan struct{})
				go func() {
					defer close(done)
					resp, err := c.Do(req)
					if err != nil {
						t.Error(err)
						return
					}
					_ = resp.Body.Close()
				}()
				if name == "h2" || length >= 0 { // net/http's HTTP/1 client keeps a head of chunks for 200 ms
					if got := wait(t, came); got != fmt.Sprint("head ", length) {
						t.Errorf("%s, %s: %s", name, way.name, got)
					}
				}
				for i := range 3 {
					_, _ = fmt.Fprintf(pieces, "num%d\n", i)
					got := wait(t, came)
					if strings.HasPrefix(got, "head") {
						got = wait(t, came)
					}
					if got != fmt.Sprintf("num%d", i) {
						t.Errorf("%s, %s: %s", name, way.name, got)
					}
				}
				_, _ = io.WriteString(pieces, "!") // net/http's clients keep what completes a length until the body's end
				_ = pieces.Close()
				if got := wait(t, came); got != "EOF "+sum {
					t.Errorf("%s, %s: %s", name, way.name, got)
				}
				<-done
			}
		}
	}
}

// TestPortedLeaving stands for TestClientTimeoutKillsConn_BeforeHeaders and
// …AfterHeaders, TestCancelRequestMidBody, the TestTransportCancelRequest… family,
// TestTransportResponseCancelRace, TestCancelRequestWhenSharingConnection and
// TestTransportPoolCancelRequestReusesConn: a connection whose client left is not
// used again; of one that is shared only the stream goes.
func TestPortedLeaving(t *testing.T) {
	came, ended := make(chan struct{}), make(chan error, 1)
	addr := bare(t, func(conn *net.TCPConn, br *bufio.Reader) {
		q, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		if q.URL.Path == "/body" {
			_, _ = io.WriteString(conn, ok11+"Content-Length: 100\r\n\r\nHello")
		}
		came <- struct{}{}
		_, err = br.ReadByte()
		ended <- err
	})
	r := newRigWith(t, Options{Loops: 1}) // after the service, which ends after it
	r.service("s", route.HTTP1, "s-1", addr)
	edge := r.edge("x", "s", route.Policy{Retries: 3})
	r.apply()
	for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
		leave(t, c, edge, came)
		if wait(t, ended) == nil {
			t.Errorf("%s: bytes came", name)
		}
		ctx, cancel := context.WithCancel(t.Context())
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, edge+"/body", nil)
		go func() { <-came }()
		resp, err := c.Do(req)
		if err != nil {
			t.Fatal(name, err)
		}
		hello := make([]byte, 5)
		_, _ = io.ReadFull(resp.Body, hello)
		cancel()
		if rest, err := io.ReadAll(resp.Body); string(hello) != "Hello" || len(rest) > 0 || err == nil {
			t.Errorf("%s: %q %q %v", name, hello, rest, err)
		}
		if wait(t, ended) == nil {
			t.Errorf("%s: bytes came", name)
		}
		_ = resp.Body.Close()
	}
	eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
}

// countingConns is a service of HTTP/2 that counts its connections, on each of
// which it allows so many streams at once.
func countingConns(t *testing.T, streams int, h http.HandlerFunc) (*httptest.Server, *atomic.Int32) {
	t.Helper()
	var conns atomic.Int32
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetUnencryptedHTTP2(true)
	s.Config.HTTP2 = &http.HTTP2Config{MaxConcurrentStreams: streams}
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateNew {
			conns.Add(1)
		}
	}
	s.Start()
	t.Cleanup(s.Close)
	return s, &conns
}

// TestPortedShared stands for TestTransportPoolConnHTTP2Startup,
// TestTransportDiscardsUnneededConns, TestDontCacheBrokenHTTP2Conn,
// TestTransportConcurrency and, of HTTP/2,
// TestCancelRequestWhenSharingConnection: requests share one connection from the
// start, a client that leaves takes nobody along, and a broken one is replaced.
func TestPortedShared(t *testing.T) {
	const n = 20
	came, release := make(chan struct{}, n), make(chan struct{})
	service, conns := countingConns(t, 100, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/wait" {
			came <- struct{}{}
			select {
			case <-release:
			case <-q.Context().Done():
			}
		}
		_, _ = io.WriteString(w, q.RemoteAddr)
	})
	r := newRigWith(t, Options{Loops: 1})
	r.service("g", route.H2C, "g-1", service.Listener.Addr().String())
	edge := r.edge("x", "g", route.Policy{})
	r.apply()
	c := client(t)
	ctx, cancel := context.WithCancel(t.Context())
	var clients sync.WaitGroup
	for i := range n {
		clients.Go(func() {
			mine := t.Context()
			if i%2 == 1 {
				mine = ctx // half of them leave
			}
			req, _ := http.NewRequestWithContext(mine, http.MethodGet, edge+"/wait", nil)
			resp, err := c.Do(req)
			if (err == nil) != (i%2 == 0) {
				t.Errorf("client %d: %v", i, err)
			}
			if err == nil {
				if b, err := io.ReadAll(resp.Body); resp.StatusCode != 200 || err != nil {
					t.Errorf("client %d: %d %q %v", i, resp.StatusCode, b, err)
				}
				_ = resp.Body.Close()
			}
		})
	}
	for range n {
		wait(t, came)
	}
	cancel()
	eventually(t, "half of them left", func() bool { return r.e.InFlight() == n/2 })
	close(release)
	clients.Wait()
	if got := conns.Load(); got != 1 {
		t.Errorf("%d connections", got)
	}
	_, before := get(t, c, edge)
	for range 3 {
		service.CloseClientConnections()
		eventually(t, "another connection", func() bool {
			resp, after := get(t, c, edge)
			return resp.StatusCode == 200 && after != before
		})
		_, before = get(t, c, edge)
	}
}

// TestPortedStreamLimit stands for TestTransportPoolConnHTTP2StrictMaxConcurrentRequests:
// where an instance allows few streams at once there are more connections, and
// nobody waits for another's answer.
func TestPortedStreamLimit(t *testing.T) {
	const n, limit = 10, 3
	came, release := make(chan struct{}, n), make(chan struct{})
	service, conns := countingConns(t, limit, func(_ http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/wait" {
			came <- struct{}{}
			<-release
		}
	})
	r := newRigWith(t, Options{Loops: 1})
	r.service("g", route.H2C, "g-1", service.Listener.Addr().String())
	edge := r.edge("x", "g", route.Policy{})
	r.apply()
	c := client(t)
	get(t, c, edge) // the limit is known from now on
	var clients sync.WaitGroup
	for range n {
		clients.Go(func() {
			resp, err := c.Get(edge + "/wait")
			if err != nil || resp.StatusCode != 200 {
				t.Errorf("%+v, %v", resp, err)
				return
			}
			_ = resp.Body.Close()
		})
	}
	for range n {
		wait(t, came)
	}
	close(release)
	clients.Wait()
	if got := conns.Load(); got < n/limit || got > n {
		t.Errorf("%d connections", got)
	}
}

// TestPortedSurprises stands for TestStressSurpriseServerCloses,
// TestTransportPersistConnLeak, TestHandlerAbortRacesBodyRead, TestErrorWriteLoopRace
// and TestConnClosedBeforeRequestIsWritten: services that end connections at any
// moment are answered for, and nothing stays behind.
func TestPortedSurprises(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", says(t, ok11+"Content-Length: 5\r\n\r\nHello", "close")) // which it does not tell
	r.service("p", route.HTTP1, "p-1", backend(t, func(_ http.ResponseWriter, q *http.Request) {
		go func() { _, _ = io.Copy(io.Discard, q.Body) }()
		panic(http.ErrAbortHandler)
	}))
	closes, aborts := r.edge("x", "s", route.Policy{Retries: 2}), r.edge("x", "p", route.Policy{})
	r.apply()
	var clients sync.WaitGroup
	var good atomic.Int32
	for range 8 {
		c := client(t)
		clients.Go(func() {
			for range 25 {
				resp, err := c.Get(closes)
				if err != nil {
					t.Error(err)
					continue
				}
				if b, err := io.ReadAll(resp.Body); resp.StatusCode == 200 && string(b) == "Hello" && err == nil {
					good.Add(1)
				} else if resp.StatusCode < 502 {
					t.Errorf("%d %q %v", resp.StatusCode, b, err)
				}
				_ = resp.Body.Close()
			}
		})
	}
	for _, c := range []*http.Client{client(t), h2cClient(t)} {
		clients.Go(func() {
			for range 5 {
				if resp, err := c.Post(aborts, "", bytes.NewReader(make([]byte, 1<<20))); err == nil {
					if resp.StatusCode != http.StatusBadGateway && resp.StatusCode != http.StatusServiceUnavailable {
						t.Errorf("%d", resp.StatusCode)
					}
					_ = resp.Body.Close()
				}
			}
		})
	}
	clients.Wait()
	if n := good.Load(); n < 190 {
		t.Errorf("%d of 200 requests were served", n)
	}
	eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
}

// TestPortedHeadTimeout stands for TestTransportResponseHeaderTimeout,
// TestIssue4191_InfiniteGetTimeout and …GetToPutTimeout: the time is for the
// answer's head, not for bodies, however long these take.
func TestPortedHeadTimeout(t *testing.T) {
	const limit = 200 * time.Millisecond
	_, routes := reach(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/slow" {
			<-q.Context().Done()
			return
		}
		_ = http.NewResponseController(w).EnableFullDuplex()
		_ = http.NewResponseController(w).Flush()
		_, _ = io.Copy(w, q.Body)
	})
	r := newRig(t)
	var urls []string
	for i, way := range routes { // data plane behind data plane
		name := fmt.Sprint("s", i)
		r.service(name, route.HTTP1, name+"-1", strings.TrimPrefix(way.url, "http://"))
		urls = append(urls, r.edge("x", name, route.Policy{Timeout: limit}))
	}
	r.apply()
	for i, url := range urls {
		for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
			t.Run(name+" by "+routes[i].name, func(t *testing.T) {
				t.Parallel()
				if resp, _ := get(t, c, url+"/slow"); resp.StatusCode != http.StatusGatewayTimeout {
					t.Errorf("%d", resp.StatusCode)
				}
				body, pieces := io.Pipe()
				go func() {
					for range 3 {
						_, _ = io.WriteString(pieces, "tick")
						<-time.After(limit / 2)
					}
					_ = pieces.Close()
				}()
				resp, err := c.Post(url, "", body)
				if err != nil {
					t.Fatal(err)
				}
				if b, err := io.ReadAll(resp.Body); resp.StatusCode != 200 || string(b) != "tickticktick" || err != nil {
					t.Errorf("%d %q %v", resp.StatusCode, b, err)
				}
				_ = resp.Body.Close()
			})
		}
	}
}

// TestPortedCodings stands for TestRoundTripGzip, TestTransportGzip,
// TestTransportGzipRecursive, …Short, TestTransportRangeAndGzip,
// TestTransportContentEncodingCaseInsensitive and TestH12_AutoGzip: what a client
// accepts and a service encodes is between the two.
func TestPortedCodings(t *testing.T) {
	const zipped = "\x1f\x8b\x08\x00cut short"
	got := make(chan http.Header, 1)
	_, ways := allWays(t, func(w http.ResponseWriter, q *http.Request) {
		got <- q.Header
		w.Header().Set("Content-Encoding", q.URL.Query().Get("coding"))
		_, _ = io.WriteString(w, zipped)
	})
	for _, way := range ways {
		for _, accept := range []string{"", "foo", "gzip", "gzip;q=0.5, br"} {
			for _, coding := range []string{"gzip", "GZip", "x"} {
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, way.url+"?coding="+coding, nil)
				req.Header.Set("Range", "bytes=7-11")
				if accept != "" {
					req.Header.Set("Accept-Encoding", accept)
				}
				way.client.Transport = asItIs(way.client.Transport)
				resp, body := do(t, way.client, req)
				h := <-got
				if body != zipped || resp.Header.Get("Content-Encoding") != coding || resp.ContentLength != int64(len(zipped)) ||
					h.Get("Accept-Encoding") != accept || h.Get("Range") != "bytes=7-11" {
					t.Errorf("%s, %q, %s: %q %v, the service got %v", way.name, accept, coding, body, resp.Header, h)
				}
			}
		}
	}
}

// asItIs has a client's transport leave codings alone.
func asItIs(rt http.RoundTripper) http.RoundTripper {
	switch tr := rt.(type) {
	case *http.Transport:
		tr.DisableCompression = true
	case named:
		asItIs(tr.RoundTripper)
	}
	return rt
}
