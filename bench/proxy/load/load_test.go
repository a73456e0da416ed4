//go:build linux

package load

import (
	"net/netip"
	"strings"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

func newLoop(t *testing.T) *Loop {
	t.Helper()
	l, err := NewLoop()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(l.Close)
	return l
}

func nothing() error { return nil }

// runs are loads with no proxy between the clients and the backend.
var runs = map[string]Spec{
	"http1":     {Kind: HTTP1, Conns: 4, Down: 1024},
	"targets":   {Kind: HTTP1, Conns: 2, Down: 10, Targets: []Target{{"a", "/x"}, {"b", "/y"}}},
	"large":     {Kind: HTTP1, Conns: 2, Down: 3 << 20},
	"upload":    {Kind: HTTP1, Conns: 2, Up: 3 << 20, Down: 2},
	"open loop": {Kind: HTTP1, Conns: 4, Down: 1024, Rate: 2000},
	"websocket": {Kind: WebSocket, Conns: 4, Up: 300},
	"grpc":      {Kind: GRPC, Conns: 2, Streams: 8, Up: 100, Down: 100, Targets: []Target{{"bench", "/bench.Echo/Call"}}},
	"streaming": {Kind: GRPC, Conns: 2, Streams: 8, Up: 100, Down: 4 << 10, Messages: 64},
}

func TestRun(t *testing.T) {
	for name, s := range runs {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t)
			addr, err := l.Backend(s)
			if err != nil {
				t.Fatal(err)
			}
			res, err := l.Run(addr, s, 0, 30*time.Millisecond, nothing, nothing)
			if err != nil {
				t.Fatal(err)
			}
			if res.Requests == 0 || s.Rate > 0 && len(res.Latencies) != res.Requests {
				t.Errorf("%d requests, %d latencies", res.Requests, len(res.Latencies))
			}
		})
	}
}

func TestIdleHoldsAll(t *testing.T) {
	l := newLoop(t)
	s := Spec{Kind: HTTP1, Down: 10}
	addr, err := l.Backend(s)
	if err != nil {
		t.Fatal(err)
	}
	open := 0
	err = l.Idle(addr, s, 150, func() error {
		for _, h := range l.handlers {
			if _, ok := h.(*h1client); ok {
				open++
			}
		}
		return nil
	})
	if err != nil || open != 150 {
		t.Errorf("%d connections were open, %v", open, err)
	}
}

// TestWrongAnswers has a backend that does another job than the clients ask for.
func TestWrongAnswers(t *testing.T) {
	for name, tc := range map[string]struct {
		asks, gives Spec
		want        string
	}{
		"shorter body":   {Spec{Kind: HTTP1, Conns: 1, Down: 10}, Spec{Kind: HTTP1, Down: 9}, "Content-Length"},
		"no status 200":  {Spec{Kind: HTTP1, Conns: 1, Down: 10}, Spec{Kind: WebSocket, Up: 1}, "asks for no WebSocket"},
		"header missing": {Spec{Kind: HTTP1, Conns: 1}, Spec{Kind: HTTP1, Headers: []string{"traceparent"}}, "without traceparent"},
		"upload cut":     {Spec{Kind: HTTP1, Conns: 1, Up: 5}, Spec{Kind: HTTP1, Up: 6}, "Content-Length"},
		"messages":       {Spec{Kind: GRPC, Conns: 1, Up: 5, Down: 5, Messages: 2}, Spec{Kind: GRPC, Up: 5, Down: 5}, "has 10 bytes, want 20"},
		"grpc header":    {Spec{Kind: GRPC, Conns: 1}, Spec{Kind: GRPC, Headers: []string{"traceparent"}}, "without traceparent"},
		"not http2":      {Spec{Kind: HTTP1, Conns: 1}, Spec{Kind: GRPC}, "no preface"},
	} {
		t.Run(name, func(t *testing.T) {
			l := newLoop(t)
			addr, err := l.Backend(tc.gives)
			if err != nil {
				t.Fatal(err)
			}
			_, err = l.Run(addr, tc.asks, 0, time.Second, nothing, nothing)
			if err == nil || !strings.Contains(err.Error(), tc.want) {
				t.Errorf("error %v, want one with %q", err, tc.want)
			}
		})
	}
}

func TestClosedByTheProxy(t *testing.T) {
	l := newLoop(t)
	addr, err := l.listen(unix.Close)
	if err != nil {
		t.Fatal(err)
	}
	for name, s := range map[string]Spec{"http1": {Kind: HTTP1, Conns: 1}, "fresh": {Kind: Fresh, Conns: 1}, "grpc": {Kind: GRPC, Conns: 1}} {
		if _, err := l.Run(addr, s, 0, time.Second, nothing, nothing); err == nil {
			t.Errorf("%s: no error", name)
		}
	}
	if _, err := l.Run(netip.MustParseAddrPort("127.0.0.1:1"), runs["http1"], 0, time.Second, nothing, nothing); err == nil {
		t.Error("no error where nobody listens")
	}
}

func TestReaderTakesMessagesInPieces(t *testing.T) {
	const whole = "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n"
	for size := 1; size <= len(whole); size++ {
		var r reader
		var lengths []int
		ended := 0
		for rest := whole; rest != ""; {
			n := min(size, len(rest))
			_, err := r.take([]byte(rest[:n]), func(head []byte) (int, error) {
				n := int(value(head, "content-length")[0] - '0')
				lengths = append(lengths, n)
				return n, nil
			}, func() (bool, error) { ended++; return true, nil })
			if err != nil {
				t.Fatal(err)
			}
			rest = rest[n:]
		}
		if ended != 2 || len(lengths) != 2 || lengths[0] != 3 || lengths[1] != 0 {
			t.Errorf("pieces of %d: %d messages of %v bytes", size, ended, lengths)
		}
	}
}

func TestQuantile(t *testing.T) {
	l := Latencies{5, 1, 4, 2, 3}
	if a, b, c := l.Quantile(0.5), l.Quantile(0.999), Latencies(nil).Quantile(0.5); a != 3 || b != 5 || c != 0 {
		t.Errorf("%d %d %d, want 3 5 0", a, b, c)
	}
}
