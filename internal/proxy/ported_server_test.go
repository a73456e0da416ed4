package proxy

// The cases follow the lists of Go's net/http for servers, as far as a gateway or
// an edge does what such a server does: serve_test.go, readrequest_test.go,
// transfer_test.go, clientserver_test.go, request_test.go and
// internal/chunked_test.go. Each test names the functions of the list that it
// stands for.

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"net"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// rawRequest is a request as it is on the wire, and what becomes of it: a status,
// and where that is 200, what arrives.
type rawRequest struct {
	from   string // function of the list, and case
	raw    string
	status int
	want   string // "METHOD uri host body", and of what follows each that is there
}

// text is an arrival in a line: method, target, host, body, trailers.
func (a arrival) text() string {
	words := []string{a.method, a.uri, a.host, strconv.Quote(a.body)}
	for name, values := range a.trailer {
		words = append(words, name+"="+strings.Join(values, ","))
	}
	return strings.Join(words, " ")
}

const hostA = "Host: a\r\n"

// rawRequests: where the engine differs from net/http it is stricter, and the
// case says so.
var rawRequests = []rawRequest{
	{"ReadRequest 1", "GET http://www.a.com/ HTTP/1.1\r\nHost: www.a.com\r\nKeep-Alive: 300\r\nContent-Length: 7\r\nProxy-Connection: keep-alive\r\n\r\nabcdef\n",
		200, `GET / www.a.com "abcdef\n"`},
	{"ReadRequest 2", "GET / HTTP/1.1\r\n" + hostA + "\r\n", 200, `GET / a ""`},
	{"ReadRequest 3", "GET //user@host/is/actually/a/path/ HTTP/1.1\r\n" + hostA + "\r\n", 200, `GET //user@host/is/actually/a/path/ a ""`},
	{"ReadRequest 4", "GET ../../../../etc/passwd HTTP/1.1\r\n" + hostA + "\r\n", 400, ""},
	{"ReadRequest 5", "GET  HTTP/1.1\r\n" + hostA + "\r\n", 400, ""},
	{"ReadRequest 6", "POST / HTTP/1.1\r\n" + hostA + "Transfer-Encoding: chunked\r\n\r\n3\r\nfoo\r\n3\r\nbar\r\n0\r\nTrailer-Key: Trailer-Value\r\n\r\n",
		200, `POST / a "foobar" Trailer-Key=Trailer-Value`},
	{"ReadRequest 7: stricter", "POST / HTTP/1.1\r\n" + hostA + "Transfer-Encoding: chunked\r\nContent-Length: 9999\r\n\r\n3\r\nfoo\r\n0\r\n\r\n", 400, ""},
	{"ReadRequest 8", "POST / HTTP/1.1\r\n" + hostA + "Transfer-Encoding: chunked\r\nContent-Length: notdigits\r\n\r\n3\r\nfoo\r\n0\r\n\r\n", 400, ""},
	{"ReadRequest 12: stricter", "NOTIFY * HTTP/1.1\r\nServer: foo\r\nHost: a\r\n\r\n", 400, ""},
	{"ReadRequest 13: 1.1 without a host", "OPTIONS * HTTP/1.1\r\nServer: foo\r\n\r\n", 400, ""},
	{"ReadRequest 14", "GET / HTTP/1.1\r\nHost: issue8261.com\r\nConnection: close\r\n\r\n", 200, `GET / issue8261.com ""`},
	{"ReadRequest 15", "HEAD / HTTP/1.1\r\nHost: issue8261.com\r\nConnection: close\r\nContent-Length: 0\r\n\r\n", 200, `HEAD / issue8261.com ""`},

	{"ReadRequestErrors 1", "GET / HTTP/1.1\r\nheader:foo\r\nhost: a\r\n\r\n", 200, `GET / a ""`},
	{"ReadRequestErrors: HEAD with a length", "HEAD / HTTP/1.1\r\n" + hostA + "Content-Length:4\r\n\r\nbody", 200, `HEAD / a "body"`},
	{"ReadRequestErrors: two lengths", "POST / HTTP/1.1\r\n" + hostA + "Content-Length: 10\r\nContent-Length: 0\r\n\r\nGopher hey\r\n", 400, ""},
	{"ReadRequestErrors: empty lengths", "PUT / HTTP/1.1\r\n" + hostA + "Content-Length: 6 \r\nContent-Length: 6\r\nContent-Length:6\r\n\r\nGopher\r\n", 400, ""},
	{"ReadRequestErrors: a length of HEAD twice", "HEAD / HTTP/1.1\r\n" + hostA + "Content-Length:0\r\nContent-Length: 0\r\n\r\n", 400, ""},

	{"CaseSensitiveMethod", "get / HTTP/1.1\r\n" + hostA + "\r\n", 200, `get / a ""`},
	{"ServerValidatesMethod 2", "GE(T / HTTP/1.1\r\nHost: foo.example\r\n\r\n", 400, ""},
	{"RequestInvalidMethod", " GET / HTTP/1.1\r\n" + hostA + "\r\n", 400, ""},

	{"ServerValidatesHostHeader 1", "GET / HTTP/0.9\r\n\r\n", 505, ""},
	{"ServerValidatesHostHeader 2", "GET / HTTP/1.1\r\n\r\n", 400, ""},
	{"ServerValidatesHostHeader 3: stricter, as nginx", "GET / HTTP/1.1\r\nHost: \r\n\r\n", 400, ""},
	{"ServerValidatesHostHeader 4", "GET / HTTP/1.1\r\nHost: 1.2.3.4\r\n\r\n", 200, `GET / 1.2.3.4 ""`},
	{"ServerValidatesHostHeader 5", "GET / HTTP/1.1\r\nHost: foo.com\r\n\r\n", 200, `GET / foo.com ""`},
	{"ServerValidatesHostHeader 6", "GET / HTTP/1.1\r\nHost: foo-bar_baz.com\r\n\r\n", 200, `GET / foo-bar_baz.com ""`},
	{"ServerValidatesHostHeader 7", "GET / HTTP/1.1\r\nHost: foo.com:80\r\n\r\n", 200, `GET / foo.com:80 ""`},
	{"ServerValidatesHostHeader 8: stricter, no host", "GET / HTTP/1.1\r\nHost: ::1\r\n\r\n", 400, ""},
	{"ServerValidatesHostHeader 9", "GET / HTTP/1.1\r\nHost: [::1]\r\n\r\n", 200, `GET / [::1] ""`},
	{"ServerValidatesHostHeader 10", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n", 200, `GET / [::1]:80 ""`},
	{"ServerValidatesHostHeader 11: stricter, a zone is its host's own", "GET / HTTP/1.1\r\nHost: [::1%25en0]:80\r\n\r\n", 400, ""},
	{"ServerValidatesHostHeader 13", "GET / HTTP/1.1\r\nHost: \x06\r\n\r\n", 400, ""},
	{"ServerValidatesHostHeader 14", "GET / HTTP/1.1\r\nHost: \xff\r\n\r\n", 400, ""},
	{"ServerValidatesHostHeader 15", "GET / HTTP/1.1\r\nHost: {\r\n\r\n", 400, ""},
	{"ServerValidatesHostHeader 16", "GET / HTTP/1.1\r\nHost: }\r\n\r\n", 400, ""},
	{"ServerValidatesHostHeader 17", "GET / HTTP/1.1\r\nHost: first\r\nHost: second\r\n\r\n", 400, ""},
	{"ServerValidatesHostHeader 19", "GET / HTTP/1.0\r\nHost: first\r\nHost: second\r\n\r\n", 400, ""},
	{"ServerValidatesHostHeader 20", "GET / HTTP/1.0\r\nHost: \xff\r\n\r\n", 400, ""},
	{"ServerValidatesHostHeader 23: stricter, no method is PRI", "PRI / HTTP/2.0\r\n\r\n", 505, ""},
	{"ServerValidatesHostHeader 24", "GET / HTTP/2.0\r\n\r\n", 505, ""},
	{"ServerValidatesHostHeader 25", "GET / HTTP/3.0\r\n\r\n", 505, ""},

	{"ServerValidatesHeaders 2", "GET / HTTP/1.1\r\n" + hostA + "Foo: bar\r\n\r\n", 200, `GET / a ""`},
	{"ServerValidatesHeaders 4", "GET / HTTP/1.1\r\n" + hostA + "Foo: a space\r\n\r\n", 200, `GET / a ""`},
	{"ServerValidatesHeaders 5", "GET / HTTP/1.1\r\n" + hostA + "A space: foo\r\n\r\n", 400, ""},
	{"ServerValidatesHeaders 6", "GET / HTTP/1.1\r\n" + hostA + "foo\xffbar: foo\r\n\r\n", 400, ""},
	{"ServerValidatesHeaders 7", "GET / HTTP/1.1\r\n" + hostA + "foo\x00bar: foo\r\n\r\n", 400, ""},
	{"ServerValidatesHeaders 8", "GET / HTTP/1.1\r\n" + hostA + "Foo: " + strings.Repeat("x", 1<<21) + "\r\n\r\n", 431, ""},
	{"ServerValidatesHeaders 9", "GET / HTTP/1.1\r\n" + hostA + "Foo : bar\r\n\r\n", 400, ""},
	{"ServerValidatesHeaders 10", "GET / HTTP/1.1\r\n" + hostA + "Foo\t: bar\r\n\r\n", 400, ""},
	{"ServerValidatesHeaders 11", "GET / HTTP/1.1\r\n" + hostA + ": empty key\r\n\r\n", 400, ""},
	{"ServerValidatesHeaders 12", "GET / HTTP/1.1\r\n" + hostA + "Content-Length: notdigits\r\n\r\n", 400, ""},
	{"ServerValidatesHeaders 14", "GET / HTTP/1.1\r\n" + hostA + "foo: foo foo\r\n\r\n", 200, `GET / a ""`},
	{"ServerValidatesHeaders 15", "GET / HTTP/1.1\r\n" + hostA + "foo: foo\tfoo\r\n\r\n", 200, `GET / a ""`},
	{"ServerValidatesHeaders 16", "GET / HTTP/1.1\r\n" + hostA + "foo: foo\x00foo\r\n\r\n", 400, ""},
	{"ServerValidatesHeaders 17", "GET / HTTP/1.1\r\n" + hostA + "foo: foo\x7ffoo\r\n\r\n", 400, ""},
	{"ServerValidatesHeaders 18", "GET / HTTP/1.1\r\n" + hostA + "foo: foo\xfffoo\r\n\r\n", 200, `GET / a ""`},

	{"UnsupportedTransferEncodingsReturn501 1", "POST / HTTP/1.1\r\n" + hostA + "Transfer-Encoding: fugazi\r\n\r\n", 501, ""},
	{"UnsupportedTransferEncodingsReturn501 2", "POST / HTTP/1.1\r\n" + hostA + "Transfer-Encoding: foo-bar\r\n\r\n", 501, ""},
	{"UnsupportedTransferEncodingsReturn501 3", "POST / HTTP/1.1\r\n" + hostA + "Transfer-Encoding: unknown\r\n\r\n", 501, ""},
	{"UnsupportedTransferEncodingsReturn501 4: no token", "POST / HTTP/1.1\r\n" + hostA + "Transfer-Encoding: \" chunked\"\r\n\r\n", 400, ""},
	{"ParseTransferEncoding 2", "POST / HTTP/1.1\r\n" + hostA + "Transfer-Encoding: chunked, chunked\r\nTransfer-Encoding: identity\r\n\r\n", 400, ""},
	{"ParseTransferEncoding 3", "POST / HTTP/1.1\r\n" + hostA + "Transfer-Encoding:\r\n\r\n", 400, ""},
	{"ParseTransferEncoding 4", "POST / HTTP/1.1\r\n" + hostA + "Transfer-Encoding: chunked, identity\r\n\r\n", 400, ""},
	{"ParseTransferEncoding 5", "POST / HTTP/1.1\r\n" + hostA + "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n", 400, ""},
	{"ParseTransferEncoding 6", "POST / HTTP/1.1\r\n" + hostA + "Transfer-Encoding: \x0bchunked\r\n\r\n", 400, ""},
	{"ParseContentLength 1", "POST / HTTP/1.1\r\n" + hostA + "Content-Length:\r\n\r\n", 400, ""},
	{"ParseContentLength 2", "POST / HTTP/1.1\r\n" + hostA + "Content-Length: 3\r\n\r\nabc", 200, `POST / a "abc"`},
	{"ParseContentLength 3", "POST / HTTP/1.1\r\n" + hostA + "Content-Length: +3\r\n\r\nabc", 400, ""},
	{"ParseContentLength 4", "POST / HTTP/1.1\r\n" + hostA + "Content-Length: -3\r\n\r\nabc", 400, ""},
	{"ParseContentLength 5: stricter, 18 digits", "POST / HTTP/1.1\r\n" + hostA + "Content-Length: 9223372036854775807\r\n\r\nabc", 400, ""},
	{"ParseContentLength 6", "POST / HTTP/1.1\r\n" + hostA + "Content-Length: 9223372036854775808\r\n\r\nabc", 400, ""},

	{"Chunk", "POST / HTTP/1.1\r\n" + hostA + "Transfer-Encoding: chunked\r\n\r\n7\r\nhello, \r\n17\r\nworld! 0123456789abcdef\r\n0\r\n\r\n",
		200, `POST / a "hello, world! 0123456789abcdef"`},
	{"ChunkReadingIgnoresExtensions", "POST / HTTP/1.1\r\n" + hostA + "Transfer-Encoding: chunked\r\n\r\n" +
		"7;ext=\"some quoted string\"\r\nhello, \r\n17;someext\r\nworld! 0123456789abcdef\r\n0;someextension=sometoken\r\n\r\n",
		200, `POST / a "hello, world! 0123456789abcdef"`},
	{"QuerySemicolon 1", "GET /?a=1;x=bad&x=good HTTP/1.1\r\n" + hostA + "\r\n", 200, `GET /?a=1;x=bad&x=good a ""`},
	{"QuerySemicolon 2", "GET /?a=1;b=bad&x=good HTTP/1.1\r\n" + hostA + "\r\n", 200, `GET /?a=1;b=bad&x=good a ""`},
	{"QuerySemicolon 4", "GET /?a=1;b=good%3Bx=bad HTTP/1.1\r\n" + hostA + "\r\n", 200, `GET /?a=1;b=good%3Bx=bad a ""`},
	{"RequestSanitization", "GET / HTTP/1.1\r\nHost: go.dev\rX-Evil:evil\r\n\r\n", 400, ""},
	{"BodyReadBadTrailer", "POST / HTTP/1.1\r\n" + hostA + "Transfer-Encoding: chunked\r\n\r\n3\r\nfoo\r\n0\r\nnone\r\n\r\n", 400, ""},
}

// TestPortedRequests reads each of the requests over every route.
func TestPortedRequests(t *testing.T) {
	got := make(chan arrival, 100)
	r, routes := reach(t, arrivals(got))
	for _, way := range routes {
		for _, c := range rawRequests {
			resp, _, err := tell(t, way.url, c.raw)
			if err != nil || resp.StatusCode != c.status {
				t.Errorf("%s, %s: %.100q: %+v %v, want %d", way.name, c.from, c.raw, resp, err, c.status)
			}
			if c.status != 200 {
				if resp != nil && (!resp.Close || resp.Header.Get("Banyan-Error") == "") {
					t.Errorf("%s, %s: %v", way.name, c.from, resp.Header)
				}
				continue
			}
			a := wait(t, got)
			for a.err != nil { // a body that broke off has arrived in part
				a = wait(t, got)
			}
			if way.http2 {
				a.trailer = nil // net/http's HTTP/2 gives a handler none that was not announced
			}
			if text := a.text(); text != c.want && (!way.http2 || !strings.HasPrefix(c.want, text)) {
				t.Errorf("%s, %s: the service got %s, want %s", way.name, c.from, text, c.want)
			}
		}
	}
	eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
}

// TestPortedHosts10: a client of 1.0 may name no host (ServerValidatesHostHeader
// 18, TestHTTP10ConnectionHeader); the service, spoken to in 1.1, gets its own name.
func TestPortedHosts10(t *testing.T) {
	got := make(chan arrival, 100)
	_, routes := reach(t, arrivals(got))
	for _, way := range routes {
		for _, request := range []string{"GET / HTTP/1.0\r\n\r\n", "OPTIONS * HTTP/1.0\r\n\r\n", "GET / HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"} {
			resp, _, err := tell(t, way.url, request)
			if err != nil {
				t.Errorf("%s %q: %v", way.name, request, err)
				continue
			}
			want := ""
			if strings.Contains(request, "keep-alive") {
				want = "keep-alive"
			}
			if got := resp.Header.Get("Connection"); !strings.EqualFold(got, want) && (want != "" || !strings.EqualFold(got, "close")) {
				t.Errorf("%s %q: %d, Connection: %q", way.name, request, resp.StatusCode, got)
			}
			if resp.StatusCode == 200 && !strings.HasPrefix(request, "OPTIONS") {
				if a := wait(t, got); a.host != map[bool]string{false: "s", true: "g"}[way.http2] || a.uri != "/" {
					t.Errorf("%s %q: the service got %s", way.name, request, a.text())
				}
			}
			for len(got) > 0 {
				<-got
			}
		}
	}
}

// TestPortedBadChunks stands for TestInvalidChunkedBodies, TestChunkInvalidInputs,
// TestIncompleteChunk, TestParseHexUint, TestChunkEndReadError,
// TestRequestBodyReadErrorClosesConnection and TestInvalidTrailerClosesConnection:
// a body that is not read to its end ends the connection, and nothing after it is
// a request.
func TestPortedBadChunks(t *testing.T) {
	got := make(chan arrival, 100)
	_, routes := reach(t, arrivals(got))
	bodies := []string{
		"1\na\r\n0\r\n\r\n", "1\r\na\r\n0\r\n\n", "1\r\r\na\r\n0\r\n\r\n", "1\r\na\n0\r\n\r\n", "1;\na\r\n0\r\n\r\n",
		"hax\r\n", "3\r\nhax\r\n0\r\nI'm not a valid trailer\r\n", "x\r\n", "000000000000bogus\r\n", "10000000000000000\r\n", "\r\n",
		"4\r\nabcdX", "3\r\nabcd\r\n",
	}
	const secret = "GET /secret HTTP/1.1\r\n" + hostA + "\r\n"
	for _, way := range routes {
		for _, body := range bodies {
			c := dialRaw(t, way.url)
			_, _ = io.WriteString(c, "POST /public HTTP/1.1\r\n"+hostA+"Transfer-Encoding: chunked\r\n\r\n"+body+secret)
			answer, err := io.ReadAll(c)
			if !bytes.HasPrefix(answer, []byte("HTTP/1.1 400 ")) || bytes.Count(answer, []byte("HTTP/1.1 ")) != 1 {
				t.Errorf("%s %q: %q, %v", way.name, body, answer, err)
			}
		}
		// Each place where a body may be cut.
		const valid = "4\r\nabcd\r\n5\r\nabc\r\n\r\n0\r\n\r\n"
		for i := range len(valid) {
			c := dialRaw(t, way.url).(*net.TCPConn)
			_, _ = io.WriteString(c, "POST /public HTTP/1.1\r\n"+hostA+"Transfer-Encoding: chunked\r\n\r\n"+valid[:i])
			_ = c.CloseWrite()
			if answer, err := io.ReadAll(c); bytes.Contains(answer, []byte(" 200 ")) {
				t.Errorf("%s, cut after %d bytes: %q, %v", way.name, i, answer, err)
			}
		}
		if resp, _, err := tell(t, way.url, "POST /whole HTTP/1.1\r\n"+hostA+"Transfer-Encoding: chunked\r\n\r\n"+valid); err != nil || resp.StatusCode != 200 {
			t.Errorf("%s: %+v, %v", way.name, resp, err)
		}
		for whole := false; !whole; { // it comes last
			a := wait(t, got)
			if whole = a.uri == "/whole"; a.uri != "/public" && !whole || (a.err == nil) != whole || t.Failed() && a.uri == "" {
				t.Fatalf("%s: the service got %s %v", way.name, a.text(), a.err)
			}
		}
	}
}

// TestPortedChunkSizes stands for TestChunkReaderTooMuchOverhead and
// TestChunkReaderByteAtATime: a chunk may be a byte, but not when much is said
// about it. Leading zeros count as digits: TestParseHexUint's last.
func TestPortedChunkSizes(t *testing.T) {
	got := make(chan arrival, 100)
	_, routes := reach(t, arrivals(got))
	const most = 64 << 10
	for _, way := range routes {
		for _, c := range []struct {
			chunk string
			ok    bool
		}{
			{"1\r\nX\r\n", true}, {"0000000000000001\r\nX\r\n", true}, {"1;" + strings.Repeat("a", 100) + "\r\nX\r\n", false},
		} {
			conn := dialRaw(t, way.url)
			go func() {
				_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\n"+hostA+"Transfer-Encoding: chunked\r\n\r\n"+strings.Repeat(c.chunk, most)+"0\r\n\r\n")
			}()
			resp, _, err := hear(bufio.NewReader(conn), "POST")
			if err != nil || (resp.StatusCode == 200) != c.ok {
				t.Errorf("%s %q: %+v, %v", way.name, c.chunk[:4], resp, err)
			}
			if !c.ok {
				_ = conn.Close()
				continue
			}
			a := wait(t, got)
			for a.err != nil { // of a refused one
				a = wait(t, got)
			}
			if len(a.body) != most {
				t.Errorf("%s %q: %d bytes came", way.name, c.chunk[:4], len(a.body))
			}
			_ = conn.Close()
		}
	}
}

// TestPortedPersistence stands for TestServeHTTP10Close, TestClientCanClose,
// TestHandlersCanSetConnectionClose10 and …11, TestHTTP10KeepAlive204Response and
// its siblings, TestKeepAliveFinalChunkWithEOF, TestContentLengthZero and
// TestServerKeepAlivesEnabled…: what the client wants of its connection holds;
// what the service wants of its own does not concern the client.
func TestPortedPersistence(t *testing.T) {
	_, routes := reach(t, func(w http.ResponseWriter, q *http.Request) {
		switch q.URL.Path {
		case "/close":
			w.Header().Set("Connection", "close")
		case "/204":
			w.WriteHeader(http.StatusNoContent)
		case "/304":
			w.WriteHeader(http.StatusNotModified)
		case "/flush":
			_ = http.NewResponseController(w).Flush()
			_, _ = io.WriteString(w, "chunk")
		case "/sized":
			_, _ = io.WriteString(w, "sized")
		}
	})
	for _, way := range routes {
		for _, c := range []struct {
			request, path string
			stays         bool
		}{
			{"HTTP/1.0\r\n", "/sized", false}, {"HTTP/1.0\r\n", "/flush", false},
			{"HTTP/1.0\r\nConnection: keep-alive\r\n", "/sized", true}, {"HTTP/1.0\r\nConnection: keep-alive\r\n", "/", true},
			{"HTTP/1.0\r\nConnection: keep-alive\r\n", "/204", true}, {"HTTP/1.0\r\nConnection: keep-alive\r\n", "/304", true},
			{"HTTP/1.0\r\nConnection: keep-alive\r\n", "/close", true}, {"HTTP/1.0\r\nConnection: keep-alive\r\n", "/flush", false},
			{"HTTP/1.1\r\n", "/204", true}, {"HTTP/1.1\r\n", "/304", true}, {"HTTP/1.1\r\n", "/", true}, {"HTTP/1.1\r\n", "/flush", true},
			{"HTTP/1.1\r\n", "/close", true}, {"HTTP/1.1\r\nConnection: close\r\n", "/", false}, {"HTTP/1.1\r\nConnection: keep-alive, Close\r\n", "/", false},
		} {
			conn := dialRaw(t, way.url)
			br := bufio.NewReader(conn)
			for i := range 2 {
				_, _ = io.WriteString(conn, "GET "+c.path+" "+c.request+hostA+"\r\n")
				resp, body, err := hear(br, "GET")
				switch {
				case i == 1 && !c.stays && err != nil:
				case err != nil:
					t.Errorf("%s %s %q: %v", way.name, c.path, c.request, err)
				case i == 1 && !c.stays:
					t.Errorf("%s %s %q: a second answer", way.name, c.path, c.request)
				case resp.Close == c.stays && !strings.Contains(c.request, "1.0"):
					t.Errorf("%s %s %q: %v", way.name, c.path, c.request, resp.Header)
				case c.path == "/" && (resp.ContentLength != 0 || resp.TransferEncoding != nil || body != ""):
					t.Errorf("%s %s %q: length %d, %v, %q", way.name, c.path, c.request, resp.ContentLength, resp.TransferEncoding, body)
				}
			}
			_ = conn.Close()
		}
	}
}

// TestPortedNoBody stands for TestCodesPreventingContentTypeAndBody,
// TestContentTypeOkayOn204, TestHeadResponses, Test304Responses, testH12_noBody
// and the four …Head… of h12Compare: what has no body says nothing of one, but for
// the length that HEAD asks for.
func TestPortedNoBody(t *testing.T) {
	_, ways := allWays(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "foo/bar")
		switch q.URL.Path {
		case "/length":
			w.Header().Set("Content-Length", "1235")
		case "/large":
			for range 10 {
				_, _ = w.Write(make([]byte, 512<<10))
			}
		case "/small":
			_, _ = io.WriteString(w, "small")
		case "/":
		default:
			status, _ := strconv.Atoi(q.URL.Path[1:])
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "stuff")
		}
	})
	for _, way := range ways {
		for _, c := range []struct {
			method, path   string
			status, length int
		}{
			{"GET", "/204", 204, 0}, {"GET", "/304", 304, 0}, {"HEAD", "/404", 404, 5}, {"GET", "/404", 404, 5}, {"HEAD", "/length", 200, 1235},
			{"HEAD", "/small", 200, 5}, {"HEAD", "/large", 200, -1}, {"GET", "/", 200, 0},
		} {
			for range 2 {
				req, _ := http.NewRequestWithContext(t.Context(), c.method, way.url+c.path, nil)
				resp, body := do(t, way.client, req)
				want := ""
				if c.path == "/404" && c.method == "GET" {
					want = "stuff"
				}
				if resp.StatusCode != c.status || int(resp.ContentLength) != c.length || body != want || resp.TransferEncoding != nil ||
					resp.Header.Get("Content-Type") != "foo/bar" && c.status != 304 || c.status < 400 && c.status > 200 && resp.Header.Get("Content-Length") != "" {
					t.Errorf("%s %s %s: %d, length %d, %q, %v %v", way.name, c.method, c.path, resp.StatusCode, resp.ContentLength, body, resp.TransferEncoding, resp.Header)
				}
			}
		}
	}
}

// TestPortedLengths stands for TestChunkedResponseHeaders, TestDisableContentLength,
// TestIdentityResponse, TestNoContentLengthIfTransferEncoding,
// TestIdentityTransferEncoding, TestH12_HandlerWritesTooLittle,
// TestHandlerWritesTooMuch and TestServerFlushAndHijack, with services that do it by hand.
func TestPortedLengths(t *testing.T) {
	const ok = "HTTP/1.1 200 OK\r\n"
	for _, c := range []struct {
		from, answer string
		status       int
		body         string
		length       int64
		chunked, cut bool
	}{
		{"ChunkedResponseHeaders", ok + "Transfer-Encoding: chunked\r\n\r\n18\r\nI am a chunked response.\r\n0\r\n\r\n", 200, "I am a chunked response.", -1, true, false},
		{"DisableContentLength", ok + "\r\nOK", 200, "OK", -1, true, false},
		{"IdentityResponse 1", ok + "Content-Length: 3\r\n\r\nfoo", 200, "foo", 3, false, false},
		{"IdentityResponse 2", ok + "Content-Length: 3\r\nTransfer-Encoding: identity\r\n\r\nfoo", 502, "", 0, false, false},
		{"IdentityResponse 3", ok + "Content-Length: 3\r\n\r\nfoo TOO LONG", 200, "foo", 3, false, false},
		{"IdentityResponse 4", ok + "Content-Length: 500\r\n\r\ntoo short", 200, "too short", 500, false, true},
		{"NoContentLengthIfTransferEncoding", ok + "Transfer-Encoding: foo\r\n\r\n<html>", 502, "", 0, false, false},
		{"HandlerWritesTooLittle", ok + "Content-Length: 3\r\n\r\n12", 200, "12", 3, false, true},
		{"ServerFlushAndHijack", ok + "Transfer-Encoding: chunked\r\n\r\n7\r\nHello, \r\n6\r\nworld!\r\n0\r\n\r\n", 200, "Hello, world!", -1, true, false},
	} {
		_, edge := upgradeEdge(t, says(t, c.answer, "close"))
		resp, body, err := tell(t, edge, "GET / HTTP/1.1\r\n"+hostA+"\r\n")
		if resp == nil || resp.StatusCode != c.status {
			t.Errorf("%s: %+v, %v", c.from, resp, err)
			continue
		}
		if h := resp.Header; c.status == 200 && h.Get("Content-Type")+h.Get("Date")+h.Get("Server") != "" { // nothing is guessed: TestServerContentType, TestContentEncodingNoSniffing
			t.Errorf("%s: %v", c.from, h)
		}
		if c.status == 200 && (body != c.body || resp.ContentLength != c.length || (resp.TransferEncoding != nil) != c.chunked || (err != nil) != c.cut ||
			c.chunked && resp.Header.Get("Content-Length") != "") {
			t.Errorf("%s: %q, length %d, %v %v", c.from, body, resp.ContentLength, resp.TransferEncoding, err)
		}
	}
}

// TestPortedExpect stands for TestServerExpect, TestIssue13893_Expect100,
// TestIssue11549_Expect100, TestNoSniffExpectRequestBody and
// TestConcurrentReadWriteReqBody.
func TestPortedExpect(t *testing.T) {
	_, routes := reach(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Query().Get("read") == "" {
			w.WriteHeader(http.StatusUnauthorized)
			return
		}
		b, err := io.ReadAll(q.Body)
		_, _ = fmt.Fprintf(w, "%d %v", len(b), err)
	})
	const length, chunked = "Content-Length: 100\r\n", "Transfer-Encoding: chunked\r\n"
	body := strings.Repeat("A", 100)
	for _, way := range routes {
		for i, c := range []struct {
			frame, expect string
			reads         bool
			body          string // sent at once
			want          int
		}{
			{length, "Expect: 100-continue\r\n", true, "", 100}, {length, "Expect: 100-cOntInUE\r\n", true, "", 100},
			{length, "", true, body, 200}, {length, "Expect: 100-continue\r\n", false, "", 401}, {length, "", false, body, 401},
			{"Content-Length: 0\r\n", "Expect: a-pony\r\n", false, "", 417}, {"Content-Length: 0\r\n", "Expect: 100-continue\r\n", true, "", 200},
			{"Content-Length: 0\r\n", "Expect: 100-continue\r\n", false, "", 401}, {chunked, "Expect: 100-continue\r\n", true, "", 100},
			{length, "Expect: 100-continue\r\n", true, body, 100}, // who does not wait
		} {
			conn := dialRaw(t, way.url)
			target := "/"
			if c.reads {
				target = "/?read=1"
			}
			_, _ = io.WriteString(conn, "POST "+target+" HTTP/1.1\r\nConnection: close\r\n"+c.frame+c.expect+hostA+"\r\n"+c.body)
			br := bufio.NewReader(conn)
			resp, err := http.ReadResponse(br, nil)
			if err != nil || resp.StatusCode != c.want && (c.body == "" || resp.StatusCode != 200) {
				t.Errorf("%s, case %d: %+v, %v, want %d", way.name, i, resp, err, c.want)
				continue
			}
			if resp.StatusCode == http.StatusContinue {
				switch {
				case c.body != "":
				case c.frame == chunked:
					_, _ = io.WriteString(conn, "64\r\n"+body+"\r\n0\r\n\r\n")
				default:
					_, _ = io.WriteString(conn, body)
				}
				if _, said, err := hear(br, "POST"); said != "100 <nil>" {
					t.Errorf("%s, case %d: %q, %v", way.name, i, said, err)
				}
			}
			_ = conn.Close()
		}
		// A body that nobody asked for and that does not come ends the connection.
		conn := dialRaw(t, way.url)
		const head = "PUT / HTTP/1.1\r\n" + hostA + "Expect: 100-continue\r\nContent-Length: 10\r\n\r\n"
		_, _ = io.WriteString(conn, head)
		if resp, _, err := hear(bufio.NewReader(conn), "PUT"); err != nil || resp.StatusCode != 401 || !resp.Close {
			t.Errorf("%s: %+v, %v", way.name, resp, err)
		}
		// What comes in its place is it, and no request.
		conn = dialRaw(t, way.url)
		_, _ = io.WriteString(conn, "PUT /?read=1 HTTP/1.1\r\n"+hostA+"Expect: 100-continue\r\nContent-Length: 10\r\n\r\nHelloWorld"+
			head+"GET /?read=1 HTTP/1.1\r\n"+hostA+"\r\n")
		answer, err := io.ReadAll(conn)
		if bytes.Count(answer, []byte(" 200 OK\r\n")) != 1 || bytes.Count(answer, []byte(" 401 ")) != 1 {
			t.Errorf("%s: %q, %v", way.name, answer, err)
		}
	}
}

// TestPortedUnread stands for TestServerUnreadRequestBodyLittle and …Large,
// TestHandlerBodyClose, TestConsumingBodyOnNextConn, TestZeroLengthPostAndResponse,
// TestTolerateCRLFBeforeRequestLine and TestHandlerFinishSkipBigContentLengthRead:
// a body that the service leaves unread costs the client its connection only if it
// is long.
func TestPortedUnread(t *testing.T) {
	got := make(chan string, 10)
	_, routes := reach(t, func(w http.ResponseWriter, q *http.Request) {
		got <- q.Method
		_, _ = io.WriteString(w, "ok")
	})
	for _, way := range routes {
		for _, c := range []struct {
			size                 int
			chunked, close, next bool
		}{
			{0, false, false, true}, {0, true, false, true}, {20 << 10, false, false, true}, {20 << 10, true, false, true},
			{20 << 10, false, true, false}, {20 << 10, true, true, false}, {1 << 30, false, false, false},
		} {
			conn := dialRaw(t, way.url)
			head := "POST / HTTP/1.1\r\n" + hostA
			if c.close {
				head += "Connection: close\r\n"
			}
			body := strings.Repeat("x", min(c.size, 100<<10))
			switch {
			case !c.chunked:
				head += "Content-Length: " + strconv.Itoa(c.size) + "\r\n"
			case c.size == 0:
				head, body = head+"Transfer-Encoding: chunked\r\n", "0\r\n\r\n"
			default:
				head, body = head+"Transfer-Encoding: chunked\r\n", strconv.FormatInt(int64(c.size), 16)+"\r\n"+body+"\r\n0\r\n\r\n"
			}
			_, _ = io.WriteString(conn, head+"\r\n"+body)
			br := bufio.NewReader(conn)
			resp, _, err := hear(br, "POST")
			if err != nil || resp.StatusCode != 200 || resp.Close == c.next || wait(t, got) != "POST" {
				t.Errorf("%s %+v: %+v, %v", way.name, c, resp, err)
			}
			if c.next {
				_, _ = io.WriteString(conn, "\r\nGET / HTTP/1.1\r\n"+hostA+"\r\n") // with the empty line that old clients add
				if resp, _, err := hear(br, "GET"); err != nil || resp.StatusCode != 200 || wait(t, got) != "GET" {
					t.Errorf("%s %+v: then %+v, %v", way.name, c, resp, err)
				}
			}
			_ = conn.Close()
		}
	}
}

// TestPortedHeadBody stands for TestHeadBody and TestGetBody: HEAD and GET may have
// bodies, and the next request is none of it.
func TestPortedHeadBody(t *testing.T) {
	_, ways := allWays(t, func(w http.ResponseWriter, q *http.Request) {
		b, err := io.ReadAll(q.Body)
		w.Header().Set("X-Request-Body", fmt.Sprint(string(b), err))
		w.Header().Set("Content-Length", "0")
	})
	for _, way := range ways {
		for _, method := range []string{http.MethodHead, http.MethodGet} {
			for _, body := range []string{"", "", "sized body", "", "=chunked body", ""} {
				var r io.Reader
				if body != "" {
					r = strings.NewReader(body)
				}
				if strings.HasPrefix(body, "=") {
					r = io.MultiReader(r)
				}
				req, _ := http.NewRequestWithContext(t.Context(), method, way.url, r)
				if resp, _ := do(t, way.client, req); resp.StatusCode != 200 || resp.Header.Get("X-Request-Body") != body+"<nil>" {
					t.Errorf("%s %s %q: %d %q", way.name, method, body, resp.StatusCode, resp.Header.Get("X-Request-Body"))
				}
			}
		}
	}
}

// TestPortedLimits stands for TestRequestLimit, TestRequestBodyLimit,
// TestServerGracefulClose and TestMaxBytesHandler: who sends too much is told so,
// though it is still sending, and is not read on for ever.
func TestPortedLimits(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) { _, _ = io.Copy(io.Discard, q.Body) }))
	gw := r.gateway(route.Route{Path: "/", To: "s", MaxBody: 1 << 20})
	r.apply()
	for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
		for want, ask := range map[int]func(*http.Request){
			http.StatusRequestHeaderFieldsTooLarge: func(q *http.Request) {
				for i := range 8 << 10 {
					q.Header.Set(fmt.Sprintf("header%05d", i), fmt.Sprintf("val%05d", i))
				}
			},
			http.StatusRequestEntityTooLarge: func(q *http.Request) { q.Body = io.NopCloser(io.LimitReader(zeros{}, 200<<20)) },
			http.StatusOK:                    func(q *http.Request) { q.Body = io.NopCloser(io.LimitReader(zeros{}, 1<<20)) },
		} {
			req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, gw, nil)
			ask(req)
			resp, err := c.Do(req)
			if err != nil {
				if name == "h1" || want != http.StatusRequestHeaderFieldsTooLarge { // a client of HTTP/2 may know the limit
					t.Errorf("%s: %v, want %d", name, err, want)
				}
				continue
			}
			if resp.StatusCode != want {
				t.Errorf("%s: %d, want %d", name, resp.StatusCode, want)
			}
			_ = resp.Body.Close()
		}
	}
	conn := dialRaw(t, gw)
	_, _ = io.WriteString(conn, "POST / HTTP/1.1\r\n"+hostA+"Content-Length: 52428800\r\n\r\n")
	sent := make(chan int64)
	go func() {
		n, _ := io.Copy(conn, io.LimitReader(zeros{}, 50<<20))
		sent <- n
	}()
	resp, _, err := hear(bufio.NewReader(conn), "POST")
	if err != nil || resp.StatusCode != http.StatusRequestEntityTooLarge || !resp.Close {
		t.Errorf("%+v, %v", resp, err)
	}
	_ = conn.Close()
	<-sent
}

// TestPortedTimeouts stands for TestServerTimeouts, TestServerReadTimeout,
// TestServerReadHeaderTimeoutIsCleared, TestServerUnencryptedHTTP2HeaderTimeout,
// TestServerIdleTimeout, TestServerCancelsReadTimeoutWhenIdle, …ReadHeader…,
// TestRequestBodyTimeoutClosesConnection and TestClientWriteShutdown: a time bounds
// what it is for, and nothing after that.
func TestPortedTimeouts(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		_, _ = io.WriteString(w, "ok")
	}))
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	r.snap.Gateway.HeaderTimeout, r.snap.Gateway.IdleTimeout = 100*time.Millisecond, 300*time.Millisecond
	r.apply()
	const request = "GET / HTTP/1.1\r\n" + hostA + "\r\n"
	t.Run("nothing is said, or half a head", func(t *testing.T) {
		for _, said := range []string{"", "GET / HTTP/1.1\r\nHost", "PRI * HTTP/2.0\r\n\r\n"} {
			c := dialRaw(t, gw)
			_, _ = io.WriteString(c, said)
			answer, err := io.ReadAll(c) // it ends
			if strings.HasPrefix(said, "GET") != bytes.HasPrefix(answer, []byte("HTTP/1.1 408 ")) || isTimeout(err) {
				t.Errorf("%q: %q, %v", said, answer, err)
			}
		}
	})
	t.Run("a pause between requests is longer than that of a head", func(t *testing.T) {
		c := dialRaw(t, gw)
		br := bufio.NewReader(c)
		for range 2 {
			_, _ = io.WriteString(c, request)
			if resp, _, err := hear(br, "GET"); err != nil || resp.StatusCode != 200 {
				t.Fatalf("%+v, %v", resp, err)
			}
			<-time.After(150 * time.Millisecond)
		}
		if _, err := br.ReadByte(); err != io.EOF {
			t.Errorf("the idle connection: %v", err)
		}
	})
	t.Run("a body that stops", func(t *testing.T) {
		c := dialRaw(t, gw)
		_, _ = io.WriteString(c, "POST /public HTTP/1.1\r\n"+hostA+"Content-Length: 10000\r\n\r\nfoo bar baz")
		answer, err := io.ReadAll(c)
		if bytes.Contains(answer, []byte(" 200 ")) || isTimeout(err) {
			t.Errorf("%q, %v", answer, err)
		}
	})
	t.Run("a client that ends at once", func(t *testing.T) {
		c := dialRaw(t, gw).(*net.TCPConn)
		_ = c.CloseWrite()
		if b, err := io.ReadAll(c); len(b) > 0 || err != nil {
			t.Errorf("%q, %v", b, err)
		}
	})
	eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
}

func isTimeout(err error) bool {
	ne, ok := err.(net.Error) //nolint:errorlint // as the connection gives it
	return ok && ne.Timeout()
}

// TestPortedPipeline stands for TestCloseNotifierPipelined,
// TestServerDuplicateBackgroundRead and TestServerBufferedChunking: requests that
// come before their turn neither disturb the present one nor get lost.
func TestPortedPipeline(t *testing.T) {
	_, routes := reach(t, func(w http.ResponseWriter, q *http.Request) {
		if err := q.Context().Err(); err != nil {
			t.Error(err)
		}
		for _, b := range []byte("xyz") {
			_, _ = w.Write([]byte{b})
		}
		_, _ = io.WriteString(w, q.URL.Path)
	})
	const n = 200
	for _, way := range routes {
		c := dialRaw(t, way.url)
		go func() {
			for i := range n {
				_, _ = fmt.Fprintf(c, "GET /%d HTTP/1.1\r\n%s\r\n", i, hostA)
			}
		}()
		br := bufio.NewReader(c)
		for i := range n {
			if _, body, err := hear(br, "GET"); body != fmt.Sprintf("xyz/%d", i) {
				t.Fatalf("%s: answer %d is %q, %v", way.name, i, body, err)
			}
		}
		_ = c.Close()
	}
}

// TestPortedOptions stands for TestOptions, TestOptionsHandler, TestStarRequest and
// TestStarRequestMethod: a target "*" is no path, of no other method, and no
// route's prefix changes it.
func TestPortedOptions(t *testing.T) {
	got := make(chan string, 10)
	addr := bare(t, func(c *net.TCPConn, br *bufio.Reader) {
		for {
			q, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			got <- q.Method + " " + q.RequestURI
			_, _ = io.WriteString(c, ok11+"Foo: bar\r\nContent-Length: 0\r\n\r\n")
		}
	})
	r := newRig(t) // after the service, which ends after it
	r.service("s", route.HTTP1, "s-1", addr)
	urls := []string{
		r.edge("x", "s", route.Policy{}),
		r.gateway(route.Route{Path: "/", To: "s", Rewrite: "/v1"}, route.Route{Path: "/*", To: "nobody"}),
	}
	r.service("nobody", route.HTTP1)
	r.apply()
	for _, url := range urls {
		for _, target := range []string{"* HTTP/1.1", "http://a HTTP/1.1", "* HTTP/1.0"} {
			resp, _, err := tell(t, url, "OPTIONS "+target+"\r\n"+hostA+"\r\n")
			if err != nil || resp.StatusCode != 200 || resp.Header.Get("Foo") != "bar" || resp.ContentLength != 0 || wait(t, got) != "OPTIONS *" {
				t.Errorf("%s: %+v, %v", target, resp, err)
			}
		}
		if resp, _, err := tell(t, url, "FOO * HTTP/1.1\r\n"+hostA+"\r\n"); err != nil || resp.StatusCode != 400 {
			t.Errorf("%+v, %v", resp, err)
		}
		c := dial2(t, url)
		c.send(frame2(frameHeaders, endHeaders|endStream, 1, ask2("OPTIONS", "*")) + frame2(frameHeaders, endHeaders|endStream, 3, ask2("FOO", "*")))
		err := c.until(func() bool { return c.ended[1] && (c.ended[3] || c.reset[3] != 0) })
		if err != nil || c.status[1] != "200" || wait(t, got) != "OPTIONS *" || c.status[3] == "200" {
			t.Errorf("h2: %v %v %v", c.status, c.reset, err)
		}
	}
}

// TestPortedFields2 stands for TestTransportRejectsInvalidHeaders,
// TestValidateClientRequestTrailers and TestRequestSanitization, with a client of
// HTTP/2 that sends what net/http's refuses to: none of it gets into a request of
// HTTP/1.
func TestPortedFields2(t *testing.T) {
	got := make(chan arrival, 100)
	_, routes := reach(t, arrivals(got))
	for _, way := range routes {
		for _, c := range []struct {
			key, value string
			ok         bool
		}{
			{"foo", "lower-key", true}, {"Foo", "capital-key", false}, {"foo", "foo\x00bar", false}, {"foo", "two\nlines", false},
			{"foo", "x\r\nx-evil: evil", false}, {"bogus\nkey", "v", false}, {"a space", "v", false}, {"имя", "v", false},
			{"name", "валю", true}, {"", "v", false}, {"k", "", true}, {":authority", "go.dev\r\nx-evil:evil", false},
		} {
			conn := dial2(t, way.url)
			conn.send(frame2(frameHeaders, endHeaders|endStream, 1, ask2("GET", "/", c.key, c.value)))
			err := conn.until(func() bool { return conn.ended[1] || conn.reset[1] != 0 })
			if err != nil || (conn.status[1] == "200") != c.ok {
				t.Errorf("%s %q: %q: %v %v %v", way.name, c.key, c.value, conn.status, conn.reset, err)
			}
			if c.ok {
				if a := wait(t, got); len(a.header[http.CanonicalHeaderKey(c.key)]) != 1 || a.header.Get(c.key) != c.value {
					t.Errorf("%s %q: %q: the service got %v", way.name, c.key, c.value, a.header)
				}
			}
			// And in trailers.
			conn.send(frame2(frameHeaders, endHeaders, 3, ask2("POST", "/", "trailer", "foo, k, name")) + frame2(frameData, 0, 3, "x") +
				frame2(frameHeaders, endHeaders|endStream, 3, literals(c.key, c.value)))
			err = conn.until(func() bool { return conn.ended[3] || conn.reset[3] != 0 })
			if err != nil || (conn.status[3] == "200") != c.ok {
				t.Errorf("%s, trailer %q: %q: %v %v %v", way.name, c.key, c.value, conn.status, conn.reset, err)
			}
			if c.ok {
				a := wait(t, got)
				for a.err != nil { // one that was refused above
					a = wait(t, got)
				}
				if a.trailer.Get(c.key) != c.value {
					t.Errorf("%s, trailer %q: %q: the service got %v", way.name, c.key, c.value, a.trailer)
				}
			}
			_ = conn.Close()
		}
	}
	for len(got) > 0 {
		if a := <-got; a.err == nil || strings.Contains(fmt.Sprint(a.header, a.trailer), "vil") {
			t.Errorf("the service got %s", a.text())
		}
	}
}
