package proxy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"hash/fnv"
	"io"
	"net"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// switching is a service that switches to the protocol it is asked for and then
// does what fn says. reader has what came with the request.
func switching(t *testing.T, fn func(c *net.TCPConn, reader *bufio.Reader)) string {
	t.Helper()
	return bare(t, func(c *net.TCPConn, br *bufio.Reader) {
		q, err := http.ReadRequest(br)
		if err != nil {
			return
		}
		_, _ = fmt.Fprintf(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: %s\r\n\r\n", q.Header.Get("Upgrade"))
		fn(c, br)
	})
}

const upgradeRequest = "GET /ws HTTP/1.1\r\nHost: s\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n" +
	"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"

// upgraded asks for the switch and returns the connection after it.
func upgraded(t *testing.T, addr, more string) (*net.TCPConn, *bufio.Reader) {
	t.Helper()
	c, err := net.Dial("tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(30 * time.Second))
	_, _ = io.WriteString(c, upgradeRequest+more)
	br := bufio.NewReader(c)
	resp, err := http.ReadResponse(br, nil)
	if err != nil || resp.StatusCode != http.StatusSwitchingProtocols || resp.Header.Get("Upgrade") != "websocket" {
		t.Fatalf("%+v, %v", resp, err)
	}
	return c.(*net.TCPConn), br
}

// echoBytes sends back what comes until the client ends its side.
func echoBytes(c *net.TCPConn, br *bufio.Reader) {
	_, _ = io.Copy(c, br)
	_ = c.CloseWrite()
	_, _ = io.Copy(io.Discard, br)
}

// upgradeEdge is an edge to a service at addr.
func upgradeEdge(t *testing.T, addr string) (*rig, string) {
	t.Helper()
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", addr)
	edge := strings.TrimPrefix(r.edge("x", "s", route.Policy{}), "http://")
	r.apply()
	return r, edge
}

// frame is a WebSocket frame (RFC 6455, 5.2), masked as clients do.
func frame(fin bool, opcode byte, payload []byte) []byte {
	b := []byte{opcode, 0x80}
	if fin {
		b[0] |= 0x80
	}
	switch n := len(payload); {
	case n < 126:
		b[1] |= byte(n)
	case n < 1<<16:
		b[1] |= 126
		b = binary.BigEndian.AppendUint16(b, uint16(n))
	default:
		b[1] |= 127
		b = binary.BigEndian.AppendUint64(b, uint64(n))
	}
	mask := [4]byte{0x37, 0xfa, 0x21, 0x3d}
	b = append(b, mask[:]...)
	for i, c := range payload {
		b = append(b, c^mask[i&3])
	}
	return b
}

// conversation has all kinds of frames.
func conversation(largest int) []byte {
	var b []byte
	for _, n := range []int{0, 1, 125, 126, 127, 65535, 65536} {
		b = append(b, frame(true, 1, bytes.Repeat([]byte("ü"), n)[:n])...)
		b = append(b, frame(true, 2, bytes.Repeat([]byte{0, 0xff, 0x0d, 0x0a}, n/4+1)[:n])...)
	}
	b = append(b, frame(true, 2, make([]byte, largest))...)
	b = append(b, frame(false, 1, []byte("frag"))...) // in fragments, a ping between them
	b = append(b, frame(true, 9, []byte("ping"))...)
	b = append(b, frame(false, 0, nil)...)
	b = append(b, frame(true, 0, []byte("ment"))...)
	b = append(b, frame(true, 10, nil)...)
	b = append(b, 0xf1, 0x80, 1, 2, 3, 4) // reserved bits are the ends' affair
	return append(b, frame(true, 8, []byte("\x03\xe8bye"))...)
}

// TestUpgradeBytes: after the switch every byte is the ends' affair, both ways.
func TestUpgradeBytes(t *testing.T) {
	_, edge := upgradeEdge(t, switching(t, echoBytes))
	c, br := upgraded(t, edge, "")
	said := conversation(16 << 20)
	go func() {
		_, _ = c.Write(said)
		_ = c.CloseWrite()
	}()
	if got, err := io.ReadAll(br); err != nil || !bytes.Equal(got, said) {
		t.Errorf("%d bytes of %d, %v", len(got), len(said), err)
	}
}

// TestUpgradeCuts: however the bytes are cut, also where the request ends.
func TestUpgradeCuts(t *testing.T) {
	_, edge := upgradeEdge(t, switching(t, echoBytes))
	said := append(frame(false, 1, []byte("Hel")), frame(true, 0, []byte("lo"))...)
	said = append(said, frame(true, 8, []byte("\x03\xe9"))...)
	for cut := range len(said) + 1 {
		c, br := upgraded(t, edge, string(said[:cut]))
		got := make([]byte, cut, len(said))
		if _, err := io.ReadFull(br, got); err != nil {
			t.Fatal(cut, err)
		}
		for i := cut; i < len(said); i++ { // byte by byte
			_, _ = c.Write(said[i : i+1])
			b, err := br.ReadByte()
			if err != nil {
				t.Fatal(cut, i, err)
			}
			got = append(got, b)
		}
		if !bytes.Equal(got, said) {
			t.Fatalf("at %d: %x", cut, got)
		}
		_ = c.Close()
	}
}

// TestUpgradeEnds: each side may end first, and what the other says then arrives.
func TestUpgradeEnds(t *testing.T) {
	const farewell = 1 << 20
	for name, fn := range map[string]func(*net.TCPConn, *bufio.Reader){
		"client first": func(c *net.TCPConn, br *bufio.Reader) {
			b, _ := io.ReadAll(br)
			_, _ = c.Write(make([]byte, farewell+len(b)))
		},
		"service first": func(c *net.TCPConn, br *bufio.Reader) {
			_, _ = c.Write(make([]byte, farewell+3))
			_ = c.CloseWrite()
			_, _ = io.Copy(io.Discard, br)
		},
	} {
		r, edge := upgradeEdge(t, switching(t, fn))
		c, br := upgraded(t, edge, "abc")
		if name == "client first" {
			_ = c.CloseWrite()
		}
		if b, err := io.ReadAll(br); len(b) != farewell+3 || err != nil {
			t.Errorf("%s: %d bytes, %v", name, len(b), err)
		}
		_ = c.Close()
		eventually(t, "nothing in flight", func() bool { return r.e.InFlight() == 0 })
	}
}

// TestUpgradeBroken: where one side breaks, the other learns of it.
func TestUpgradeBroken(t *testing.T) {
	for name, fn := range map[string]func(*net.TCPConn, *bufio.Reader){
		"service resets": func(c *net.TCPConn, br *bufio.Reader) {
			_, _ = br.ReadByte()
			_ = c.SetLinger(0)
		},
		"client resets": func(_ *net.TCPConn, br *bufio.Reader) { _, _ = io.Copy(io.Discard, br) },
	} {
		r, edge := upgradeEdge(t, switching(t, fn))
		c, br := upgraded(t, edge, "")
		if name == "client resets" {
			_ = c.SetLinger(0)
			_ = c.Close()
		} else {
			_, _ = c.Write([]byte("x"))
			if _, err := io.ReadAll(br); err == nil {
				t.Error("the service's reset reads as an end")
			}
		}
		eventually(t, name+": nothing in flight", func() bool { return r.e.InFlight() == 0 })
	}
}

// TestUpgradeBackPressure: what nobody reads does not pile up in the data plane.
func TestUpgradeBackPressure(t *testing.T) {
	const total = 64 << 20
	var sent atomic.Int64
	sum := fnv.New64a()
	_, edge := upgradeEdge(t, switching(t, func(c *net.TCPConn, _ *bufio.Reader) {
		chunk := make([]byte, 64<<10)
		for i := 0; sent.Load() < total; i++ {
			binary.BigEndian.PutUint64(chunk, uint64(i))
			n, err := c.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return
			}
			_, _ = sum.Write(chunk)
		}
	}))
	c, br := upgraded(t, edge, "")
	_ = c.SetReadBuffer(narrowBuffer)
	last := int64(-1)
	eventually(t, "the service cannot send more", func() bool {
		before := last
		last = sent.Load()
		return last > 0 && last == before
	})
	if last > total/2 {
		t.Errorf("%d bytes were taken before anybody read", last)
	}
	got := fnv.New64a()
	if n, err := io.Copy(got, br); n != total || err != nil || got.Sum64() != sum.Sum64() {
		t.Errorf("%d bytes, %v", n, err)
	}
}

// TestUpgradeRefused: a service that does not switch is heard, and the
// connections go on as HTTP.
func TestUpgradeRefused(t *testing.T) {
	for _, status := range []int{200, 400, 403, 426, 503} {
		_, edge := upgradeEdge(t, backend(t, func(w http.ResponseWriter, q *http.Request) {
			w.Header().Set("Upgrade", "websocket")
			w.WriteHeader(status)
			_, _ = io.WriteString(w, "no "+q.Header.Get("Upgrade"))
		}))
		c, err := net.Dial("tcp", edge)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		br := bufio.NewReader(c)
		for range 2 {
			_, _ = io.WriteString(c, upgradeRequest)
			resp, err := http.ReadResponse(br, nil)
			if err != nil {
				t.Fatal(err)
			}
			if b, _ := io.ReadAll(resp.Body); resp.StatusCode != status || string(b) != "no websocket" {
				t.Errorf("%d %q", resp.StatusCode, b)
			}
		}
		_ = c.Close()
	}
}

// TestUpgradeSmuggling: protocols in which more requests could hide are not
// asked for; the request is passed on as one without the wish.
func TestUpgradeSmuggling(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
		_, _ = fmt.Fprintf(w, "%q %q %q", q.Header["Upgrade"], q.Header["Connection"], q.Header["Http2-Settings"])
	}))
	ways := []string{r.edge("x", "s", route.Policy{}), r.gateway(route.Route{Path: "/", To: "s"})}
	r.apply()
	for _, url := range ways {
		for protocol, want := range map[string]string{
			"h2c": "[] [] []", "H2C": "[] [] []", "h2": "[] [] []", "HTTP/2.0": "[] [] []", "TLS/1.2": "[] [] []",
			"websocket, h2c": "[] [] []", "h2c,websocket": "[] [] []",
			"websocket": `["websocket"] ["upgrade"] []`, "IRC/6.9": `["IRC/6.9"] ["upgrade"] []`, "h2cat": `["h2cat"] ["upgrade"] []`,
		} {
			for _, option := range []string{"Upgrade", "Upgrade, HTTP2-Settings"} {
				req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, url, nil)
				req.Header = http.Header{"Upgrade": {protocol}, "Connection": {option}, "Http2-Settings": {"AAMAAABkAAQCAAAAAAIAAAAA"}}
				if _, body := do(t, client(t), req); body != want {
					t.Errorf("%s with %s: %s, want %s", protocol, option, body, want)
				}
			}
		}
	}
}

// TestUpgradeUnasked: a service that switches to what it was not asked for, or
// before it has the request, is a broken one.
func TestUpgradeUnasked(t *testing.T) {
	_, edge := upgradeEdge(t, bare(t, func(c *net.TCPConn, br *bufio.Reader) {
		_, _ = br.ReadSlice('\n')
		_, _ = io.WriteString(c, "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: lines\r\n\r\nHTTP/1.1 200 OK\r\n\r\n")
		_ = c.CloseWrite()
		_, _ = io.Copy(io.Discard, c)
	}))
	for _, request := range []string{
		"GET / HTTP/1.1\r\nHost: s\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: s\r\nUpgrade: lines\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: s\r\nConnection: upgrade\r\nUpgrade: h2c\r\n\r\n",
		"GET / HTTP/1.0\r\nHost: s\r\nConnection: upgrade\r\nUpgrade: lines\r\n\r\n",
		upgradeRequest,
		"POST / HTTP/1.1\r\nHost: s\r\nConnection: upgrade\r\nUpgrade: lines\r\nContent-Length: 10\r\n\r\n",
	} {
		c, err := net.Dial("tcp", edge)
		if err != nil {
			t.Fatal(err)
		}
		_ = c.SetDeadline(time.Now().Add(10 * time.Second))
		_, _ = io.WriteString(c, request)
		resp, err := http.ReadResponse(bufio.NewReader(c), nil)
		if err != nil || resp.StatusCode != http.StatusBadGateway {
			t.Errorf("%q: %+v, %v", request, resp, err)
		}
		_ = c.Close()
	}
}
