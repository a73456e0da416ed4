package proxy

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// quietService answers each request it reads without allocating.
func quietService(l net.Listener, answer []byte) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		go func() {
			defer c.Close()
			buf := make([]byte, 4<<10)
			for {
				if _, err := c.Read(buf); err != nil { // a request comes in one piece
					return
				}
				if _, err := c.Write(answer); err != nil {
					return
				}
			}
		}()
	}
}

// TestNoAllocations: a request on a kept connection costs no allocation, at the
// gateway (with routes, access log and trace headers) or on an edge.
func TestNoAllocations(t *testing.T) {
	answer := append([]byte("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n"), bytes.Repeat([]byte("x"), 1024)...)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	go quietService(l, answer)
	r := newRig(t)
	r.e.access.w = io.Discard
	r.service("s", route.HTTP1, "s-1", l.Addr().String())
	policy := route.Policy{Timeout: 30 * time.Second, Retries: 1}
	edge := r.edge("x", "s", policy)
	gw := r.gateway(route.Route{Path: "/items", To: "s", Policy: policy}, route.Route{Path: "/other", Host: "h.example", To: "s"})
	r.apply()
	for name, url := range map[string]string{"edge": edge, "gateway": gw} {
		c, err := net.Dial("tcp", url[len("http://"):])
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { _ = c.Close() })
		request := []byte("GET /items/7?q=1 HTTP/1.1\r\nHost: inventory\r\nUser-Agent: test\r\nAccept: */*\r\nX-Custom: 1\r\n\r\n")
		buf := make([]byte, 8<<10)
		once := func() {
			if _, err := c.Write(request); err != nil {
				t.Fatal(err)
			}
			for n := 0; n < len(answer)+1; {
				k, err := c.Read(buf[n:])
				if err != nil {
					t.Fatal(err)
				}
				if n += k; bytes.HasSuffix(buf[:n], answer[len(answer)-1024:]) {
					break
				}
			}
		}
		for range 200 {
			once()
		}
		if n := testing.AllocsPerRun(500, once); n > 0 {
			t.Errorf("%s: %v allocations a request", name, n)
		}
	}
}
