package proxy

import (
	"bufio"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// answering is an instance that sends the same raw answer to each request, however
// many come on a connection, and counts connections.
type answering struct {
	raw   atomic.Pointer[string]
	conns atomic.Int32
	ends  atomic.Bool // the connection ends after an answer
}

func newAnswering(t *testing.T) (*answering, string) {
	t.Helper()
	a := &answering{}
	return a, bare(t, a.serve)
}

func (a *answering) serve(c *net.TCPConn, br *bufio.Reader) {
	a.conns.Add(1)
	for {
		req, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		_, _ = io.Copy(io.Discard, req.Body)
		if req.URL.Path == "/good" {
			_, err = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood")
		} else {
			_, err = io.WriteString(c, *a.raw.Load())
		}
		if err != nil || a.ends.Load() && req.URL.Path != "/good" {
			return
		}
	}
}

// outcomes of an answer, as its client sees it.
const (
	badGateway = "502"
	cut        = "cut"    // it breaks off
	whole      = "whole"  // with the body that is there
	notReused  = "unpure" // whole, and the connection is used no more
)

var answers = []struct{ raw, method, want string }{
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", whole},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "GET", whole},
	{"HTTP/1.0 200 OK\r\nConnection: keep-alive\r\nContent-Length: 2\r\n\r\nok", "GET", whole},
	{"HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", whole},
	{"HTTP/1.1 304 Not Modified\r\nContent-Length: 2\r\n\r\n", "GET", whole},
	{"HTTP/1.1 204 No Content\r\n\r\n", "GET", whole},
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", "HEAD", whole},
	// Two frames.
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "GET", badGateway},
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 3\r\n\r\nok", "GET", badGateway},
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nok", "GET", badGateway},
	{"HTTP/1.1 200 OK\r\nContent-Length: 2, 2\r\n\r\nok", "GET", badGateway},
	{"HTTP/1.1 200 OK\r\nContent-Length: -2\r\n\r\nok", "GET", badGateway},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nok", "GET", badGateway},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked, chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "GET", badGateway},
	{"HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n", "GET", badGateway},
	// No HTTP.
	{"HTTP/1.1 200 OK\nContent-Length: 2\n\nok", "GET", badGateway},
	{"HTTP/1.1 200 OK\r\nX: a\r\n b\r\nContent-Length: 2\r\n\r\nok", "GET", badGateway},
	{"HTTP/1.1 200 OK\r\nX : a\r\nContent-Length: 2\r\n\r\nok", "GET", badGateway},
	{"HTTP/1.1 200 OK\r\nX: a\x00b\r\nContent-Length: 2\r\n\r\nok", "GET", badGateway},
	{"HTTP/1.1 200 OK\r\nX: a\rb\r\nContent-Length: 2\r\n\r\nok", "GET", badGateway},
	{"HTTP/1.1 20 OK\r\nContent-Length: 2\r\n\r\nok", "GET", badGateway},
	{"HTTP/1.1 099 OK\r\nContent-Length: 2\r\n\r\nok", "GET", badGateway},
	{"HTTP/2.0 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", badGateway},
	{"ICY 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", badGateway},
	{"\r\nHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", badGateway},
	{"220 smtp.example ESMTP\r\n", "GET", badGateway},
	{"HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: x\r\n\r\n", "GET", badGateway},
	{"HTTP/1.1 101 Switching Protocols\r\n\r\n", "GET", badGateway},
	{"HTTP/1.1 204 No Content\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "GET", badGateway},
	{"HTTP/1.1 204 No Content\r\nContent-Length: 2\r\n\r\nok", "GET", badGateway},
	{"HTTP/1.1 100 Continue\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", badGateway},
	{strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 200) + "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok", "GET", badGateway},
	{"HTTP/1.1 200 OK\r\n" + strings.Repeat("X: y\r\n", 2*maxFields) + "Content-Length: 2\r\n\r\nok", "GET", badGateway},
	{"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("y", 2*maxResponseHead) + "\r\nContent-Length: 2\r\n\r\nok", "GET", badGateway},
	// Bodies that break.
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\nok\r\n0\r\n\r\n", "GET", cut},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok0\r\n\r\n", "GET", cut},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2 \r\nok\r\n0\r\n\r\n", "GET", cut},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-2\r\nok\r\n0\r\n\r\n", "GET", cut},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\nX : y\r\n\r\n", "GET", cut},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\nzz\r\n", "GET", cut},
	// What follows an answer.
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nokHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", "GET", notReused},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", "GET", notReused},
	{"HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", "GET", notReused},
	{"HTTP/1.1 304 Not Modified\r\nContent-Length: 6\r\n\r\npoison", "GET", notReused},
	{"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison", "HEAD", notReused},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n6\r\npoison\r\n0\r\n\r\n", "HEAD", notReused},
	{"HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\npoison", "GET", notReused},
	{"HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 2\r\n\r\nok", "GET", notReused},
}

// cuts are answers whose connection ends too early.
var cuts = []struct{ raw, want string }{
	{"", badGateway},
	{"HTTP/1.1 200", badGateway},
	{"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n", badGateway},
	{"HTTP/1.1 100 Continue\r\n\r\n", badGateway},
	{"HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nok", cut},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", cut},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nok", cut},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n", cut},
	{"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n", cut},
	{"HTTP/1.1 200 OK\r\n\r\nok", notReused},
	{"HTTP/1.0 200 OK\r\n\r\nok", notReused},
}

// outcomeOf asks for method / over c.
func outcomeOf(t *testing.T, c *http.Client, url, method string) (string, *http.Response) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, url, nil)
	if err != nil {
		t.Fatal(err)
	}
	resp, err := c.Do(req)
	if err != nil {
		return "no answer: " + err.Error(), nil
	}
	defer resp.Body.Close()
	body, err := io.ReadAll(resp.Body)
	switch {
	case strings.Contains(string(body), "poison"):
		return "poisoned", resp
	case resp.StatusCode == 502 && resp.Header.Get("Banyan-Error") == string(UpstreamReset):
		return badGateway, resp
	case err != nil:
		return cut, resp
	case method == "GET" && resp.StatusCode == 200 && string(body) != "ok" && resp.ContentLength != 0:
		return "body " + string(body), resp
	}
	return whole, resp
}

// TestHostileAnswers: an answer that cannot be read in one way is a 502 or breaks
// off, and nothing of it gets into another one.
func TestHostileAnswers(t *testing.T) {
	inst, addr := newAnswering(t)
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", addr)
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	edge := r.edge("x", "s", route.Policy{Timeout: 10 * time.Second})
	r.apply()
	check := func(raw, method, want string) {
		t.Helper()
		inst.raw.Store(&raw)
		for side, url := range map[string]string{"gateway": gw, "edge": edge} {
			for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
				before := inst.conns.Load()
				got, resp := outcomeOf(t, c, url+"/", method)
				if wanted := strings.Replace(want, notReused, whole, 1); got != wanted {
					t.Errorf("%s, %s: %s %.100q: %s, want %s, %+v", side, name, method, raw, got, wanted, resp)
				}
				before = max(before, inst.conns.Load())
				good, body := get(t, c, url+"/good")
				if good.StatusCode != 200 || body != "good" {
					t.Errorf("%s, %s: the answer after %s %.100q: %s %q", side, name, method, raw, good.Status, body)
				}
				if again := inst.conns.Load() == before; again != (want == whole) {
					t.Errorf("%s, %s: %s %.100q: its connection was used again: %v", side, name, method, raw, again)
				}
				c.CloseIdleConnections()
				// Each round begins without connections, and without a bad reputation.
				r.service("s", route.HTTP1)
				r.apply()
				r.service("s", route.HTTP1, "s-1", addr)
				r.apply()
			}
		}
	}
	for _, c := range answers {
		check(c.raw, c.method, c.want)
	}
	inst.ends.Store(true)
	for _, c := range cuts {
		check(c.raw, "GET", c.want)
	}
	eventually(t, "nothing is in flight", func() bool { return r.e.InFlight() == 0 })
}

// TestLateBytes: what an instance says while nobody asks ends its connection.
func TestLateBytes(t *testing.T) {
	addr, conns := handed(t)
	answer := func(c net.Conn, br *bufio.Reader, body string) {
		if _, err := http.ReadRequest(br); err == nil {
			_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n"+body)
		}
	}
	r := newRigWith(t, Options{Loops: 1})
	r.service("s", route.HTTP1, "s-1", addr)
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	c := client(t)
	var first net.Conn
	served := make(chan struct{})
	go func() {
		defer close(served)
		first = <-conns
		br := bufio.NewReader(first)
		answer(first, br, "ok")
	}()
	if _, body := get(t, c, edge); body != "ok" {
		t.Fatal(body)
	}
	<-served
	_, _ = io.WriteString(first, "HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\npoison")
	if b, err := io.ReadAll(first); len(b) > 0 {
		t.Errorf("%q, %v", b, err)
	}
	_ = first.Close()
	go func() {
		second := <-conns
		defer second.Close()
		answer(second, bufio.NewReader(second), "2!")
	}()
	if _, body := get(t, c, edge); body != "2!" {
		t.Error(body)
	}
}
