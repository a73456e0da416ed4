package proxy

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// says answers each request of a connection alike and then ends it as end says:
// "keep", "close" or "reset".
func says(t *testing.T, answer, end string) string {
	t.Helper()
	return bare(t, func(c *net.TCPConn, br *bufio.Reader) {
		for {
			q, err := http.ReadRequest(br)
			if err != nil {
				return
			}
			_, _ = io.Copy(io.Discard, q.Body)
			_, _ = io.WriteString(c, answer)
			switch end {
			case "close":
				return
			case "reset":
				_ = c.SetLinger(0)
				return
			}
		}
	})
}

// TestCutAnswers: an answer that a service did not send to its end does not
// look whole to any client.
func TestCutAnswers(t *testing.T) {
	const sized, chunked, open = "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
		"HTTP/1.0 200 OK\r\n\r\n"
	for _, c := range []struct {
		answer, end string
		status      int
		whole       bool
	}{
		{sized + "0123456789", "close", 200, true},
		{sized + "01234", "close", 200, false},
		{sized + "01234", "reset", 200, false},
		{sized, "close", 200, false},
		{chunked + "5\r\n01234\r\n0\r\n\r\n", "close", 200, true},
		{chunked + "5\r\n01234\r\n", "close", 200, false},
		{chunked + "5\r\n01234\r\n0\r\n", "close", 200, false},
		{chunked + "5\r\n01234\r\n0\r\nX: 1\r\n", "close", 200, false},
		{chunked + "5\r\n01234xx", "keep", 200, false},
		{chunked + "zz\r\n", "keep", 200, false},
		{chunked + "5\r\n01", "reset", 200, false},
		{open + "01234", "close", 200, true},
		{open + "01234", "reset", 200, false},
		{"", "close", 502, true},
		{"HTTP/1.1 200 OK\r\nContent-Le", "close", 502, true},
		{"HTTP/1.1 103 Early Hints\r\n\r\n", "close", 502, true},
	} {
		r := newRig(t)
		r.service("s", route.HTTP1, "s-1", says(t, c.answer, c.end))
		edge := r.edge("x", "s", route.Policy{Timeout: 10 * time.Second})
		r.apply()
		for name, cl := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
			resp, err := cl.Post(edge, "", nil)
			if err != nil {
				if c.whole || c.end != "reset" { // a reset may overtake the head
					t.Errorf("%s %q %s: %v", name, c.answer, c.end, err)
				}
				continue
			}
			b, err := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			if resp.StatusCode != c.status && c.end != "reset" || (err == nil) != (c.whole || resp.StatusCode == 502) {
				t.Errorf("%s %q %s: %d %q %v", name, c.answer, c.end, resp.StatusCode, b, err)
			}
		}
		if got, err := askHTTP10(t, strings.TrimPrefix(edge, "http://")); (err == nil) != c.whole && !short(got) && !strings.Contains(got, " 502 ") {
			t.Errorf("1.0 %q %s: %q %v", c.answer, c.end, got, err)
		}
	}
}

// askHTTP10 asks as a client of HTTP/1.0, to which the connection's end is the answer's.
func askHTTP10(t *testing.T, addr string) (string, error) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	_ = c.SetDeadline(time.Now().Add(10 * time.Second))
	_, _ = io.WriteString(c, "POST / HTTP/1.0\r\n\r\n")
	b, err := io.ReadAll(c)
	return string(b), err
}

// short reports whether an answer with a length has less.
func short(answer string) bool {
	resp, err := http.ReadResponse(bufio.NewReader(strings.NewReader(answer)), nil)
	if err != nil {
		return true
	}
	_, err = io.ReadAll(resp.Body)
	return errors.Is(err, io.ErrUnexpectedEOF)
}

// TestBrokenAnswers: what is not HTTP, or could be read in two ways, does not reach a client.
func TestBrokenAnswers(t *testing.T) {
	for _, answer := range []string{
		"rubbish\r\n\r\n", "HTTP/2.0 200 OK\r\n\r\n", "HTTP/1.1 99 Low\r\n\r\n", "HTTP/1.1 1000 High\r\n\r\n", "HTTP/1.1 2x0 OK\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\nab", "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
		"HTTP/1.1 200 OK\r\nContent-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: identity\r\n\r\n", "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: a\r\n b\r\n\r\n", "HTTP/1.1 200 OK\r\nX : a\r\n\r\n", "HTTP/1.1 200 OK\nX: a\n\n", "HTTP/1.1 200 OK\r\nX: a\x00b\r\n\r\n",
		"HTTP/1.1 204 No\r\nContent-Length: 3\r\n\r\nabc", "HTTP/1.1 200 OK\r\nno colon\r\n\r\n",
		"HTTP/1.1 200 OK\r\nX: " + strings.Repeat("a", maxResponseHead) + "\r\n\r\n",
	} {
		r := newRig(t)
		r.service("s", route.HTTP1, "s-1", says(t, answer, "close"))
		edge := r.edge("x", "s", route.Policy{})
		r.apply()
		for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
			if resp, _ := get(t, c, edge); resp.StatusCode != http.StatusBadGateway || resp.Header.Get("Banyan-Error") != string(UpstreamReset) {
				t.Errorf("%s %.80q: %d %v", name, answer, resp.StatusCode, resp.Header)
			}
		}
	}
}

// TestAnswersBeyond: what a service sends after its answer is nobody's answer.
func TestAnswersBeyond(t *testing.T) {
	const more = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nevil"
	for _, answer := range []string{
		"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ngood" + more,
		"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ngood\r\n0\r\n\r\n" + more,
		"HTTP/1.1 204 No Content\r\n\r\n" + more,
		"HTTP/1.1 304 Not Modified\r\nContent-Length: 4\r\n\r\n" + more,
	} {
		r := newRig(t)
		r.service("s", route.HTTP1, "s-1", says(t, answer, "keep"))
		edge := r.edge("x", "s", route.Policy{})
		r.apply()
		c := client(t)
		for i := range 5 {
			if resp, body := get(t, c, edge); strings.Contains(body, "evil") || resp.StatusCode == http.StatusBadGateway {
				t.Errorf("%q, request %d: %d %q", answer, i, resp.StatusCode, body)
			}
		}
	}
	// An answer to HEAD has no body, whatever comes.
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", says(t, more, "keep"))
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	c := client(t)
	for range 5 {
		resp, err := c.Head(edge)
		if err != nil || resp.StatusCode != 200 || resp.ContentLength != 4 {
			t.Fatalf("%+v, %v", resp, err)
		}
	}
}

// TestServiceLeaves: a service that wants to close gets no second request on its
// connection; the client's stays.
func TestServiceLeaves(t *testing.T) {
	for name, answer := range map[string]string{
		"close":     "HTTP/1.1 200 OK\r\nConnection: close, X-Hop\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\nok",
		"1.0":       "HTTP/1.0 200 OK\r\nContent-Length: 2\r\n\r\nok",
		"two lines": "HTTP/1.1 200 OK\r\nConnection: X-Hop\r\nConnection: Close\r\nX-Hop: 1\r\nContent-Length: 2\r\n\r\nok",
	} {
		var conns, requests atomic.Int32
		r := newRig(t)
		r.service("s", route.HTTP1, "s-1", bare(t, func(c *net.TCPConn, br *bufio.Reader) {
			conns.Add(1)
			for {
				if _, err := http.ReadRequest(br); err != nil {
					return
				}
				requests.Add(1)
				_, _ = io.WriteString(c, answer)
			}
		}))
		edge := strings.TrimPrefix(r.edge("x", "s", route.Policy{}), "http://")
		r.apply()
		c, err := net.Dial("tcp", edge)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		br := bufio.NewReader(c)
		for range 3 {
			_, _ = io.WriteString(c, "GET / HTTP/1.1\r\nHost: s\r\n\r\n")
			resp, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(name, err)
			}
			if b, _ := io.ReadAll(resp.Body); string(b) != "ok" || resp.Close || resp.Header.Get("X-Hop") != "" {
				t.Errorf("%s: %q %v", name, b, resp.Header)
			}
		}
		if conns.Load() != 3 || requests.Load() != 3 {
			t.Errorf("%s: %d connections, %d requests", name, conns.Load(), requests.Load())
		}
		_ = c.Close()
	}
}

// bodies is a service that tells how requests' bodies ended.
func bodies(began chan<- struct{}, ended chan<- error) http.HandlerFunc {
	return func(_ http.ResponseWriter, q *http.Request) {
		began <- struct{}{}
		_, err := io.Copy(io.Discard, q.Body)
		ended <- err
	}
}

// TestCutRequests: a body that a client did not send to its end does not look
// whole to a service.
func TestCutRequests(t *testing.T) {
	began, ended := make(chan struct{}, 1), make(chan error, 1)
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, bodies(began, ended)))
	r.service("g", route.H2C, "g-1", h2cBackend(t, bodies(began, ended)))
	edges := map[string]string{"http": r.edge("x", "s", route.Policy{}), "h2c": r.edge("x", "g", route.Policy{})}
	r.apply()
	for name, edge := range edges {
		for _, request := range []string{
			"POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 100000\r\n\r\n0123",
			"POST / HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n",
			"POST / HTTP/1.1\r\nHost: s\r\nTransfer-Encoding: chunked\r\n\r\n4\r\n0123\r\n0\r\n",
		} {
			for _, end := range []string{"close", "reset", "half", "rubbish"} {
				c, err := net.Dial("tcp", strings.TrimPrefix(edge, "http://"))
				if err != nil {
					t.Fatal(err)
				}
				_ = c.SetDeadline(time.Now().Add(10 * time.Second))
				_, _ = io.WriteString(c, request)
				wait(t, began)
				switch end {
				case "half":
					_ = c.(*net.TCPConn).CloseWrite()
					_, _ = io.Copy(io.Discard, c)
				case "reset":
					_ = c.(*net.TCPConn).SetLinger(0)
				case "rubbish": // no chunk; where a length was told, simply not enough
					_, _ = io.WriteString(c, "rubbish\r\n")
				}
				_ = c.Close()
				if err := wait(t, ended); err == nil {
					t.Errorf("%s %q %s: the service takes it for whole", name, request, end)
				}
				eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
			}
		}
		// An HTTP/2 client that breaks its body off.
		body, pieces := io.Pipe()
		go func() {
			_, _ = io.WriteString(pieces, "0123")
			wait(t, began)
			_ = pieces.CloseWithError(errors.New("broken off"))
		}()
		if resp, err := h2cClient(t).Post(edge, "", body); err == nil {
			_ = resp.Body.Close()
		}
		if err := wait(t, ended); err == nil {
			t.Errorf("%s from h2: the service takes it for whole", name)
		}
	}
}

// wait returns what comes on ch.
func wait[T any](t *testing.T, ch <-chan T) T {
	t.Helper()
	select {
	case v := <-ch:
		return v
	case <-time.After(10 * time.Second):
		t.Error("nothing came")
	}
	var none T
	return none
}

// TestClientLeaves: a service learns that nobody waits for its answer any more.
func TestClientLeaves(t *testing.T) {
	began, cancelled := make(chan struct{}), make(chan struct{})
	serve := func(_ http.ResponseWriter, q *http.Request) {
		_, _ = io.Copy(io.Discard, q.Body)
		began <- struct{}{}
		<-q.Context().Done()
		cancelled <- struct{}{}
	}
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, serve))
	r.service("g", route.H2C, "g-1", h2cBackend(t, serve))
	edges := []string{r.edge("x", "s", route.Policy{Retries: 2}), r.edge("x", "g", route.Policy{Retries: 2})}
	gw := r.gateway(route.Route{Path: "/s", To: "s"}, route.Route{Path: "/g", To: "g"})
	r.apply()
	for _, url := range append(edges, gw+"/s", gw+"/g") {
		for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
			for _, body := range []string{"", "abc"} {
				ctx, leave := context.WithCancel(t.Context())
				req, _ := http.NewRequestWithContext(ctx, http.MethodPut, url, strings.NewReader(body))
				done := make(chan error, 1)
				go func() {
					_, err := c.Do(req)
					done <- err
				}()
				wait(t, began)
				leave()
				if wait(t, done) == nil {
					t.Errorf("%s %s: an answer", name, url)
				}
				wait(t, cancelled)
				eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
			}
		}
	}
	eventually(t, "the log", func() bool { return strings.Count(r.log.String(), `"error":"client-gone"`) == 8 })
}

// TestBrokenStream: a service of HTTP/2 that resets a stream amid its answer.
func TestBrokenStream(t *testing.T) {
	r := newRig(t)
	r.service("g", route.H2C, "g-1", h2cBackend(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path != "/head" {
			_, _ = w.Write(bytes.Repeat([]byte("x"), 100_000))
			_ = http.NewResponseController(w).Flush()
		}
		panic(http.ErrAbortHandler)
	}))
	edge := r.edge("x", "g", route.Policy{})
	r.apply()
	for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
		resp, err := c.Get(edge + "/body")
		if err == nil {
			_, err = io.Copy(io.Discard, resp.Body)
			_ = resp.Body.Close()
		}
		if err == nil {
			t.Errorf("%s: a broken answer looks whole", name)
		}
		if resp, _ := get(t, c, edge+"/head"); resp.StatusCode != http.StatusBadGateway {
			t.Errorf("%s: %d", name, resp.StatusCode)
		}
	}
	eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
}
