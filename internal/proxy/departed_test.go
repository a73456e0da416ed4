package proxy

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
	"golang.org/x/sys/unix"
)

// depart ends a client's connection: "close" or "reset".
func depart(t *testing.T, c net.Conn, how string) {
	t.Helper()
	if how == "reset" {
		_ = c.(*net.TCPConn).SetLinger(0)
	}
	if err := c.Close(); err != nil {
		t.Error(err)
	}
}

// deaf is an address that answers no connect: what it takes without accepting is there already.
func deaf(t *testing.T) string {
	t.Helper()
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = unix.Close(fd) })
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		t.Fatal(err)
	}
	if err := unix.Listen(fd, 0); err != nil {
		t.Fatal(err)
	}
	sa, err := unix.Getsockname(fd)
	if err != nil {
		t.Fatal(err)
	}
	addr := fmt.Sprintf("127.0.0.1:%d", sa.(*unix.SockaddrInet4).Port)
	for range 16 {
		c, err := net.DialTimeout("tcp", addr, 50*time.Millisecond)
		if err != nil {
			return addr
		}
		t.Cleanup(func() { _ = c.Close() })
	}
	t.Skip("this kernel takes any number of connections that nobody accepts")
	return ""
}

// TestClientLeavesUnreadBody: a client is known to have left also while nobody
// reads the body that it sent, whole or in part.
func TestClientLeavesUnreadBody(t *testing.T) {
	for _, body := range []string{"0123456789", "0123", ""} {
		for _, how := range []string{"close", "reset"} {
			t.Run(how+" after "+body, func(t *testing.T) {
				r := newRig(t)
				r.service("s", route.HTTP1, "s-1", backend(t, text("hello")))
				edge := r.edge("x", "s", route.Policy{Fault: &route.Fault{Delay: time.Hour, DelayPercent: 100}})
				r.apply()
				c := dialRaw(t, edge)
				_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 10\r\n\r\n"+body)
				eventually(t, "it has come", func() bool { return r.e.InFlight() == 1 })
				depart(t, c, how)
				eventually(t, "it is over", func() bool { return r.e.InFlight() == 0 })
				if n := r.total("x", "s", ""); n.Codes[string(ClientGone)] != 1 {
					t.Errorf("%+v", n)
				}
			})
		}
	}
}

// TestClientResetsBlockedUpload: the instance takes no more of the body, and so
// nobody reads from the client.
func TestClientResetsBlockedUpload(t *testing.T) {
	r := newRig(t)
	left := make(chan struct{})
	r.service("s", route.HTTP1, "s-1", narrowBackend(t, func(_ http.ResponseWriter, q *http.Request) {
		<-left
		_, _ = io.Copy(io.Discard, q.Body)
	}, false))
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	t.Cleanup(func() { close(left) })
	c := dialRaw(t, edge)
	_, _ = io.WriteString(c, "POST / HTTP/1.1\r\nHost: s\r\nContent-Length: 1000000000\r\n\r\n")
	piece := make([]byte, 1<<20)
	for {
		_ = c.SetWriteDeadline(time.Now().Add(300 * time.Millisecond))
		if _, err := c.Write(piece); err != nil { // all buffers on the way are full
			break
		}
	}
	depart(t, c, "reset")
	eventually(t, "it is over", func() bool { return r.e.InFlight() == 0 })
	if n := r.total("x", "s", ""); n.Codes[string(ClientGone)] != 1 {
		t.Errorf("%+v", n)
	}
}

// TestClientLeavesAmidDial: the attempt to connect ends with the client, not with its own time.
func TestClientLeavesAmidDial(t *testing.T) {
	addr := deaf(t)
	for _, proto := range []route.Protocol{route.HTTP1, route.H2C} {
		for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
			t.Run(string(proto)+" "+name, func(t *testing.T) {
				r := newRig(t)
				r.service("s", proto, "s-1", addr)
				edge := r.edge("x", "s", route.Policy{Retries: 2})
				r.apply()
				ctx, cancel := context.WithCancel(t.Context())
				go func() {
					eventually(t, "it connects", func() bool { return r.connections() == 2 })
					cancel()
				}()
				req, _ := http.NewRequestWithContext(ctx, "GET", edge, nil)
				if resp, err := c.Do(req); err == nil {
					_ = resp.Body.Close()
					t.Error("an answer")
				}
				eventually(t, "it is over", func() bool { return r.e.InFlight() == 0 })
				if n := r.total("x", "s", ""); n.Codes[string(ClientGone)] != 1 || n.Errors != 0 {
					t.Errorf("%+v", n)
				}
			})
		}
	}
}

// TestDialOfManyIsTakenOver: when the one who connects for all leaves, another one goes on.
func TestDialOfManyIsTakenOver(t *testing.T) {
	addr := deaf(t)
	r := newRigWith(t, Options{Loops: 1})
	r.service("s", route.H2C, "s-1", addr)
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	first, second := dialRaw(t, edge), dialRaw(t, edge)
	const ask = "GET / HTTP/1.1\r\nHost: s\r\n\r\n"
	_, _ = io.WriteString(first, ask)
	eventually(t, "it connects", func() bool { return r.connections() == 3 && r.e.InFlight() == 1 })
	_, _ = io.WriteString(second, ask)
	eventually(t, "both are there", func() bool { return r.e.InFlight() == 2 })
	depart(t, first, "close")
	eventually(t, "the other one connects", func() bool { return r.e.InFlight() == 1 && r.connections() == 2 })
	resp, err := http.ReadResponse(bufio.NewReader(second), nil)
	if err != nil || resp.Header.Get("Banyan-Error") != string(UpstreamConnect) {
		t.Errorf("%v %v", resp, err)
	}
	if n := r.total("x", "s", ""); n.Codes[string(ClientGone)] != 1 || n.Codes[string(UpstreamConnect)] != 1 {
		t.Errorf("%+v", n)
	}
}

// TestTCPClientLeavesAmidDial: a reset ends the attempt; the end of what the
// client sends does not.
func TestTCPClientLeavesAmidDial(t *testing.T) {
	r := newRig(t)
	r.service("s", route.TCP, "s-1", deaf(t))
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	c := dialRaw(t, edge)
	eventually(t, "it connects", func() bool { return r.connections() == 2 })
	depart(t, c, "reset")
	eventually(t, "it is over", func() bool { return r.e.InFlight() == 0 })
	if n := r.total("x", "s", ""); n.Codes[string(ClientGone)] != 1 || n.Errors != 0 {
		t.Errorf("%+v", n)
	}
}
