package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"net/textproto"
	"slices"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// way is one combination of what client and service speak.
type way struct {
	name   string
	client *http.Client
	url    string
}

// allWays puts handler behind edges and behind a gateway with TLS, as services of
// both protocols, for clients of both.
func allWays(t *testing.T, handler http.HandlerFunc) (*rig, []way) {
	t.Helper()
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", narrowBackend(t, handler, false))
	r.service("g", route.H2C, "g-1", narrowBackend(t, handler, true))
	one, two := r.edge("x", "s", route.Policy{}), r.edge("x", "g", route.Policy{})
	cert := selfSigned(t, "shop.example")
	gw := strings.Replace(r.gateway(
		route.Route{Path: "/", Host: "s.example", To: "s"}, route.Route{Path: "/", Host: "g.example", To: "g"},
	), "http://", "https://", 1)
	r.snap.Gateway.TLS = cert.files
	r.apply()
	h1, h2 := client(t), h2cClient(t)
	narrow(h1)
	narrow(h2)
	ways := []way{{"h1 to h1", h1, one}, {"h1 to h2", h1, two}, {"h2 to h1", h2, one}, {"h2 to h2", h2, two}}
	for _, host := range []string{"s.example", "g.example"} {
		for _, http2 := range []bool{false, true} {
			c := tlsClient(t, cert.config(), http2)
			narrow(c)
			c.Transport = named{host, c.Transport}
			ways = append(ways, way{fmt.Sprintf("TLS (http2: %v) to %s", http2, host), c, gw})
		}
	}
	return r, ways
}

// narrowBuffer keeps the kernel from taking tens of megabytes that nobody reads:
// what a test sees pile up then piles up in the data plane.
const narrowBuffer = 256 << 10

// narrow gives a client's connections small buffers, and has it wait for 100
// Continue for as long as it takes.
func narrow(c *http.Client) {
	tr := c.Transport.(*http.Transport)
	tr.ExpectContinueTimeout = time.Hour
	tr.DialContext = func(ctx context.Context, network, addr string) (net.Conn, error) {
		c, err := new(net.Dialer).DialContext(ctx, network, addr)
		if err == nil {
			_ = c.(*net.TCPConn).SetReadBuffer(narrowBuffer)
		}
		return c, err
	}
}

// narrowBackend is a server whose connections have small buffers, of HTTP/2 or HTTP/1.1.
func narrowBackend(t *testing.T, h http.HandlerFunc, http2 bool) string {
	t.Helper()
	s := httptest.NewUnstartedServer(h)
	s.Config.Protocols = new(http.Protocols)
	s.Config.Protocols.SetHTTP1(!http2)
	s.Config.Protocols.SetUnencryptedHTTP2(http2)
	s.Config.ConnContext = func(ctx context.Context, c net.Conn) context.Context {
		_ = c.(*net.TCPConn).SetReadBuffer(narrowBuffer)
		return ctx
	}
	s.Start()
	t.Cleanup(s.Close)
	return s.Listener.Addr().String()
}

// named sends requests under a host's name.
type named struct {
	host string
	http.RoundTripper
}

func (n named) RoundTrip(q *http.Request) (*http.Response, error) {
	q = q.Clone(q.Context())
	q.Host = n.host
	return n.RoundTripper.RoundTrip(q)
}

// TestEvents: each event of a stream arrives before the next is sent, and a
// client that leaves ends the stream.
func TestEvents(t *testing.T) {
	next, cancelled := make(chan int), make(chan struct{})
	r, ways := allWays(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set("Content-Type", "text/event-stream")
		_ = http.NewResponseController(w).Flush()
		for {
			select {
			case i := <-next:
				_, _ = fmt.Fprintf(w, "data: %d\n\n", i)
				_ = http.NewResponseController(w).Flush()
			case <-q.Context().Done():
				cancelled <- struct{}{}
				return
			}
		}
	})
	for _, way := range ways {
		ctx, leave := context.WithTimeout(t.Context(), 20*time.Second)
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, way.url, nil)
		resp, err := way.client.Do(req)
		if err != nil {
			t.Fatal(way.name, err)
		}
		br := bufio.NewReader(resp.Body)
		for i := range 10 {
			next <- i
			line, err := br.ReadString('\n')
			if err != nil || line != fmt.Sprintf("data: %d\n", i) {
				t.Fatalf("%s: %q, %v", way.name, line, err)
			}
			_, _ = br.ReadString('\n')
		}
		leave()
		wait(t, cancelled)
		_ = resp.Body.Close()
	}
	eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
}

// TestConversation: request and answer go on at the same time, line by line.
func TestConversation(t *testing.T) {
	r, ways := allWays(t, func(w http.ResponseWriter, q *http.Request) {
		rc := http.NewResponseController(w)
		_ = rc.EnableFullDuplex()
		_ = rc.Flush()
		br := bufio.NewReader(q.Body)
		for {
			line, err := br.ReadString('\n')
			if err != nil {
				return
			}
			_, _ = io.WriteString(w, "> "+line)
			_ = rc.Flush()
		}
	})
	for _, way := range ways {
		body, pieces := io.Pipe()
		ctx, cancel := context.WithTimeout(t.Context(), 20*time.Second)
		req, _ := http.NewRequestWithContext(ctx, http.MethodPost, way.url, body)
		resp, err := way.client.Do(req)
		if err != nil {
			t.Fatal(way.name, err)
		}
		br := bufio.NewReader(resp.Body)
		for i := range 20 {
			said := strings.Repeat("x", i*i*100) + "\n"
			_, _ = io.WriteString(pieces, said)
			if line, err := br.ReadString('\n'); err != nil || line != "> "+said {
				t.Fatalf("%s: %d: %d bytes, %v", way.name, i, len(line), err)
			}
		}
		_ = pieces.Close()
		if rest, err := io.ReadAll(br); len(rest) > 0 || err != nil {
			t.Errorf("%s: %q, %v", way.name, rest, err)
		}
		cancel()
	}
	eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
}

// stalls waits until n does not grow any more, and returns it.
func stalls(t *testing.T, n *atomic.Int64) int64 {
	t.Helper()
	last, same := int64(-1), 0
	eventually(t, "it stalls", func() bool {
		now := n.Load()
		if now != last || now == 0 {
			last, same = now, 0
			return false
		}
		same++
		return same > 20
	})
	return last
}

const (
	flood   = 48 << 20
	mayHold = 32 << 20 // what sockets' buffers and windows may take together
)

// TestSlowReaders: an answer that its client does not read, and a body that the
// service does not read, wait where they come from.
func TestSlowReaders(t *testing.T) {
	var sent atomic.Int64
	read := make(chan struct{})
	_, ways := allWays(t, func(w http.ResponseWriter, q *http.Request) {
		if q.Method == http.MethodPost {
			<-read
			n, _ := io.Copy(io.Discard, q.Body)
			_, _ = fmt.Fprint(w, n)
			return
		}
		_, _ = io.Copy(counting{w, &sent}, io.LimitReader(zeros{}, flood))
	})
	for _, way := range ways {
		sent.Store(0)
		resp, err := way.client.Get(way.url)
		if err != nil {
			t.Fatal(way.name, err)
		}
		if n := stalls(t, &sent); n > mayHold {
			t.Errorf("%s: %d bytes of the answer were taken before anybody read", way.name, n)
		}
		if n, err := io.Copy(io.Discard, resp.Body); n != flood || err != nil {
			t.Errorf("%s: %d bytes, %v", way.name, n, err)
		}
		_ = resp.Body.Close()

		var taken atomic.Int64
		done := make(chan string, 1)
		go func() {
			resp, err := way.client.Post(way.url, "", io.TeeReader(io.LimitReader(zeros{}, flood), counting{io.Discard, &taken}))
			if err != nil {
				done <- err.Error()
				return
			}
			b, _ := io.ReadAll(resp.Body)
			_ = resp.Body.Close()
			done <- string(b)
		}()
		if n := stalls(t, &taken); n > mayHold {
			t.Errorf("%s: %d bytes of the body were taken before anybody read", way.name, n)
		}
		read <- struct{}{}
		if got := wait(t, done); got != strconv.Itoa(flood) {
			t.Errorf("%s: %s", way.name, got)
		}
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

type counting struct {
	w io.Writer
	n *atomic.Int64
}

func (c counting) Write(p []byte) (int, error) {
	n, err := c.w.Write(p)
	c.n.Add(int64(n))
	return n, err
}

// TestTrailersBothWays: what comes after the bodies arrives, announced or not.
func TestTrailersBothWays(t *testing.T) {
	_, ways := allWays(t, func(w http.ResponseWriter, q *http.Request) {
		announced := q.Trailer != nil
		_, _ = io.Copy(io.Discard, q.Body)
		w.Header().Set("Trailer", "X-Back")
		_, _ = fmt.Fprint(w, announced)
		_ = http.NewResponseController(w).Flush()
		w.Header().Set("X-Back", q.Trailer.Get("X-There"))
		w.Header().Set(http.TrailerPrefix+"X-Late", "2")
		w.Header().Set(http.TrailerPrefix+"Banyan-Error", "forged")
	})
	for _, way := range ways {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodPost, way.url, io.MultiReader(strings.NewReader("abc")))
		req.Trailer = http.Header{"X-There": {"1"}}
		resp, body := do(t, way.client, req)
		if body != "true" || resp.Trailer.Get("X-Back") != "1" || resp.Trailer.Get("X-Late") != "2" || resp.Trailer.Get("Banyan-Error") != "" {
			t.Errorf("%s: %q %v", way.name, body, resp.Trailer)
		}
	}
}

// TestEarlyHints: answers before the answer arrive, in their order, when they are sent.
func TestEarlyHints(t *testing.T) {
	next := make(chan struct{})
	_, ways := allWays(t, func(w http.ResponseWriter, _ *http.Request) {
		for i, status := range []int{103, 102, 103} {
			w.Header().Set("Link", fmt.Sprintf("</%d>", i))
			w.Header().Set("Banyan-Error", "forged")
			w.WriteHeader(status)
			<-next
		}
		w.Header().Del("Link")
		w.Header().Del("Banyan-Error")
		_, _ = io.WriteString(w, "done")
	})
	for _, way := range ways {
		var got []string
		ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			got = append(got, fmt.Sprint(code, h.Get("Link"), h.Get("Banyan-Error")))
			next <- struct{}{}
			return nil
		}})
		req, _ := http.NewRequestWithContext(ctx, http.MethodGet, way.url, nil)
		resp, body := do(t, way.client, req)
		if want := []string{"103 </0> ", "102 </1> ", "103 </2> "}; body != "done" || resp.Header.Get("Link") != "" || !slices.EqualFunc(got, want, sameWords) {
			t.Errorf("%s: %q %q %v", way.name, got, body, resp.Header)
		}
	}
}

func sameWords(a, b string) bool {
	return strings.ReplaceAll(a, " ", "") == strings.ReplaceAll(b, " ", "")
}

// TestExpect: a client that waits for 100 Continue sends its body when the
// service wants it, and not at all when it does not.
func TestExpect(t *testing.T) {
	_, ways := allWays(t, func(w http.ResponseWriter, q *http.Request) {
		if q.URL.Path == "/no" {
			w.WriteHeader(http.StatusRequestEntityTooLarge)
			return
		}
		b, err := io.ReadAll(q.Body) // net/http says 100 Continue now
		_, _ = fmt.Fprintf(w, "%s %v", b, err)
	})
	for _, way := range ways {
		for path, want := range map[string]string{"/yes": "abc <nil>", "/no": ""} {
			var continued, read atomic.Int64
			ctx := httptrace.WithClientTrace(t.Context(), &httptrace.ClientTrace{Got100Continue: func() { continued.Add(1) }})
			req, _ := http.NewRequestWithContext(ctx, http.MethodPost, way.url+path, io.TeeReader(strings.NewReader("abc"), counting{io.Discard, &read}))
			req.Header.Set("Expect", "100-continue")
			resp, body := do(t, way.client, req)
			if body != want || (path == "/yes") != (continued.Load() == 1) || path == "/no" && (read.Load() > 0 || resp.StatusCode != http.StatusRequestEntityTooLarge) {
				t.Errorf("%s %s: %d %q, continued %d times, %d bytes read", way.name, path, resp.StatusCode, body, continued.Load(), read.Load())
			}
		}
	}
}

// TestAnswersEarly: a service that answers amid a large upload is heard, though
// it reads no more and closes.
func TestAnswersEarly(t *testing.T) {
	for _, end := range []string{"keep", "close", "reset after a while"} {
		heard := make(chan struct{}, 1)
		addr := bare(t, func(c *net.TCPConn, br *bufio.Reader) {
			if _, err := http.ReadRequest(br); err != nil {
				return
			}
			_, _ = io.WriteString(c, "HTTP/1.1 413 Too Large\r\nContent-Length: 7\r\n\r\ntoo big")
			if end != "close" {
				<-heard
			}
		})
		r := newRig(t)
		r.service("s", route.HTTP1, "s-1", addr)
		edge := r.edge("x", "s", route.Policy{})
		r.apply()
		for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
			for _, body := range []io.Reader{strings.NewReader(strings.Repeat("x", 8<<20)), io.LimitReader(zeros{}, 8<<20)} {
				resp, err := c.Post(edge, "", body)
				if err != nil {
					t.Errorf("%s %s: %v", end, name, err)
					heard <- struct{}{}
					continue
				}
				b, err := io.ReadAll(resp.Body)
				if resp.StatusCode != http.StatusRequestEntityTooLarge || string(b) != "too big" {
					t.Errorf("%s %s: %d %q %v", end, name, resp.StatusCode, b, err)
				}
				_ = resp.Body.Close()
				if end != "close" {
					heard <- struct{}{}
				}
			}
		}
	}
}
