package proxy

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/h2"
	"github.com/banyanrun/banyan/internal/proxy/h2/hpack"
	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/route"
)

// Types and flags of HTTP/2 frames (RFC 9113, 6).
const (
	frameData = iota
	frameHeaders
	framePriority
	frameReset
	frameSettings
	framePush
	framePing
	frameGoAway
	frameWindow
	frameContinuation
)

const (
	endStream  = 1
	endHeaders = 4
)

// frame2 is an HTTP/2 frame.
func frame2(kind, flags byte, stream uint32, payload string) string {
	n := len(payload)
	b := binary.BigEndian.AppendUint32([]byte{byte(n >> 16), byte(n >> 8), byte(n), kind, flags}, stream)
	return string(b) + payload
}

// literals is a header block of literals, given as name, value, name, value, …
func literals(list ...string) string {
	var b bytes.Buffer
	for i, s := range list {
		if i%2 == 0 {
			b.WriteByte(0)
		}
		n := len(s)
		if n < 127 {
			b.WriteByte(byte(n))
		} else {
			b.WriteByte(127)
			for n -= 127; n >= 128; n >>= 7 {
				b.WriteByte(byte(n | 128))
			}
			b.WriteByte(byte(n))
		}
		b.WriteString(s)
	}
	return b.String()
}

// ask2 is a request's header block.
func ask2(method, path string, more ...string) string {
	return literals(append([]string{":method", method, ":scheme", "http", ":path", path, ":authority", "a"}, more...)...)
}

func octets4(n uint32) string { return string(binary.BigEndian.AppendUint32(nil, n)) }

// raw2 is an HTTP/2 client that may do anything.
type raw2 struct {
	net.Conn

	t      *testing.T
	dec    hpack.Decoder
	status map[uint32]string
	ended  map[uint32]bool
	reset  map[uint32]h2.Code
	body   map[uint32]int
	goaway *h2.Code
}

func dial2(t *testing.T, url string) *raw2 {
	t.Helper()
	c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = c.Close() })
	_ = c.SetDeadline(time.Now().Add(20 * time.Second))
	r := &raw2{Conn: c, t: t, status: map[uint32]string{}, ended: map[uint32]bool{}, reset: map[uint32]h2.Code{}, body: map[uint32]int{}}
	r.send(h2.Preface + frame2(frameSettings, 0, 0, ""))
	return r
}

// send writes, and says whether the peer takes it.
func (r *raw2) send(s string) bool {
	_, err := io.WriteString(r.Conn, s)
	return err == nil
}

// read takes a frame.
func (r *raw2) read() error {
	var head [9]byte
	if _, err := io.ReadFull(r.Conn, head[:]); err != nil {
		return err
	}
	p := make([]byte, int(head[0])<<16|int(head[1])<<8|int(head[2]))
	if _, err := io.ReadFull(r.Conn, p); err != nil {
		return err
	}
	id := binary.BigEndian.Uint32(head[5:])
	switch head[3] {
	case frameHeaders:
		var h message.Head
		r.dec.Begin(p, &h, 1<<20)
		var f hpack.Field
		for ok, err := r.dec.Next(&f); ok && err == nil; ok, err = r.dec.Next(&f) {
			if f.Pseudo == hpack.Status {
				r.status[id] = string(f.Value)
			}
		}
	case frameData:
		r.body[id] += len(p)
	case frameReset:
		r.reset[id] = h2.Code(binary.BigEndian.Uint32(p))
	case frameGoAway:
		r.goaway = new(h2.Code(binary.BigEndian.Uint32(p[4:])))
	}
	if head[3] <= frameHeaders && head[4]&endStream != 0 {
		r.ended[id] = true
	}
	return nil
}

// until reads until ok or the connection's end.
func (r *raw2) until(ok func() bool) error {
	for !ok() {
		if err := r.read(); err != nil {
			return err
		}
	}
	return nil
}

// closed reads to the end and fails the test if there is none.
func (r *raw2) closed(what string) {
	r.t.Helper()
	err := r.until(func() bool { return false })
	if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
		r.t.Errorf("%s: the connection does not end", what)
	}
}

// flooded is an engine, and a client that is served all the while.
func flooded(t *testing.T) (r *rig, url string, served func()) {
	t.Helper()
	r = newRigWith(t, Options{Loops: 1}) // others share the loop with those that flood it
	r.service("s", route.HTTP1, "s-1", backend(t, text("hello")))
	url = r.gateway(route.Route{Path: "/s", To: "s"})
	r.snap.Gateway.IdleTimeout, r.snap.Gateway.HeaderTimeout = time.Second, time.Second
	r.snap.Gateway.AccessLog = false
	r.apply()
	c := client(t)
	return r, url, func() {
		t.Helper()
		began := time.Now()
		if resp, body := get(t, c, url+"/s"); resp.StatusCode != 200 || body != "hello" {
			t.Errorf("another client gets %s %q", resp.Status, body)
		}
		if d := time.Since(began); d > 5*time.Second {
			t.Errorf("another client waits %v", d)
		}
	}
}

// TestFloods2: what costs a peer little and the engine much ends the connection.
func TestFloods2(t *testing.T) {
	r, url, served := flooded(t)
	get1 := ask2("GET", "/s")
	for _, c := range []struct {
		kind  h2.Kind
		first string
		next  func(i int) string // after the first, again and again
	}{
		{h2.RapidReset, "", func(i int) string {
			id := uint32(2*i + 1)
			return frame2(frameHeaders, endHeaders|endStream, id, get1) + frame2(frameReset, 0, id, octets4(uint32(h2.Cancel)))
		}},
		{h2.ProvokedReset, "", func(i int) string {
			return frame2(frameHeaders, endHeaders|endStream, uint32(2*i+1), ask2("GET", "no path"))
		}},
		{h2.HeaderFlood, frame2(frameHeaders, endStream, 1, get1), func(int) string {
			return frame2(frameContinuation, 0, 1, literals("x", strings.Repeat("y", 2000)))
		}},
		{h2.HeaderFlood, frame2(frameHeaders, endStream, 1, get1), func(int) string { return frame2(frameContinuation, 0, 1, literals("x", "y")) }},
		{h2.HeaderFlood, frame2(frameHeaders, endStream, 1, get1), func(int) string { return frame2(frameContinuation, 0, 1, "") }},
		{h2.PingFlood, "", func(int) string { return frame2(framePing, 0, 0, "12345678") }},
		{h2.SettingsFlood, "", func(int) string { return frame2(frameSettings, 0, 0, "\x00\x03\x00\x00\x00\x64") }},
		{h2.SettingsFlood, "", func(int) string { return frame2(frameGoAway, 0, 0, octets4(0)+octets4(0)) }},
		{h2.EmptyFrames, frame2(frameHeaders, endHeaders, 1, ask2("POST", "/s")), func(int) string { return frame2(frameData, 0, 1, "") }},
		{h2.EmptyFrames, "", func(int) string { return frame2(0x77, 0, 0, "") }},
		{h2.WindowFlood, "", func(int) string { return frame2(frameWindow, 0, 0, octets4(1)) }},
		{h2.PriorityFlood, "", func(int) string { return frame2(framePriority, 0, 3, octets4(0)+"x") }},
		// Breaches of the protocol.
		{h2.Violation, "", func(int) string { return frame2(frameData, 0, 1, "x") }},
		{h2.Violation, "", func(int) string { return frame2(frameHeaders, endHeaders|endStream, 2, get1) }},
		{h2.Violation, "", func(int) string { return frame2(frameHeaders, endHeaders|endStream, 1, "\xff\xff\xff\xff\xff") }},
		{h2.Violation, "", func(int) string { return frame2(framePush, endHeaders, 1, octets4(2)+get1) }},
		{h2.Violation, "", func(int) string { return frame2(framePing, 0, 0, "1") }},
		{h2.Violation, "", func(int) string { return frame2(frameWindow, 0, 0, octets4(0)) }},
		{h2.Violation, "", func(int) string { return "\xff\xff\xff" + frame2(frameData, 0, 1, "")[3:] }},
	} {
		name := "h2_" + c.kind.String()
		before := r.e.Refusals()[name]
		p := dial2(t, url)
		p.send(c.first)
		for i := range 20_000 {
			if !p.send(c.next(i)) {
				break
			}
			if i%500 == 0 && c.kind != h2.Violation {
				served()
			}
			if r.e.Refusals()[name] > before {
				break
			}
		}
		p.closed(name)
		if got := r.e.Refusals()[name]; got != before+1 {
			t.Errorf("%s: counted %d times: %v", name, got-before, r.e.Refusals())
		}
		served()
		eventually(t, "nothing is in flight after "+name, func() bool { return r.e.InFlight() == 0 })
	}
}

// TestHeaderBombs: heads that are too large get an answer and no memory.
func TestHeaderBombs(t *testing.T) {
	r, url, served := flooded(t)
	// A table entry that is referred to a thousand times, by one octet each.
	entry := "\x40" + literals("bomb", strings.Repeat("x", 3000))[1:]
	p := dial2(t, url)
	p.send(frame2(frameHeaders, endHeaders|endStream, 1, ask2("GET", "/s")+entry+strings.Repeat("\xbe", 10_000)))
	if err := p.until(func() bool { return p.ended[1] || len(p.reset) > 0 }); err != nil || p.status[1] != "431" {
		t.Errorf("HPACK bomb: %v %v %v", p.status, p.reset, err)
	}
	served()
	for name, raw := range map[string]string{
		"many fields":   "GET /s HTTP/1.1\r\nHost: a\r\n" + strings.Repeat("X: y\r\n", 5000) + "\r\n",
		"one large":     "GET /s HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 100_000) + "\r\n\r\n",
		"line too long": "GET /" + strings.Repeat("y", 100_000) + " HTTP/1.1\r\nHost: a\r\n\r\n",
		"no end":        "GET /s HTTP/1.1\r\nHost: a\r\nX: " + strings.Repeat("y", 100_000),
	} {
		answers, rest := converse(t, strings.TrimPrefix(url, "http://"), raw, 0)
		if len(answers) != 1 || answers[0].StatusCode != 431 && answers[0].StatusCode != 414 || !answers[0].Close || len(rest) > 0 {
			t.Errorf("%s: %v, then %q", name, answers, rest)
		}
	}
	eventually(t, "nothing is in flight", func() bool { return r.e.InFlight() == 0 })
	if got := r.e.Refusals(); got["h1_too_large"] != 4 || got["large_header"] != 1 {
		t.Errorf("counted: %v", got)
	}
}

// TestUnreadAnswers: who asks and asks, and never reads, gets no more answers.
func TestUnreadAnswers(t *testing.T) {
	r, url, served := flooded(t)
	ask := map[string]func(i int) string{
		"h1": func(int) string { return strings.Repeat("HEAD /none HTTP/1.1\r\nHost: a\r\n\r\n", 100) },
		"h2": func(i int) string {
			var b strings.Builder
			for k := range 50 { // no more at a time than are allowed
				b.WriteString(frame2(frameHeaders, endHeaders|endStream, uint32(100*i+2*k+1), ask2("HEAD", "/none")))
			}
			return b.String()
		},
	}
	for name, next := range ask {
		var c net.Conn
		var err error
		if name == "h2" {
			c = dial2(t, url).Conn
		} else if c, err = net.Dial("tcp", strings.TrimPrefix(url, "http://")); err != nil {
			t.Fatal(err)
		}
		_ = c.(*net.TCPConn).SetReadBuffer(4096)
		sent := 0
		_ = c.SetWriteDeadline(time.Now().Add(15 * time.Second))
		for i := 0; ; i++ {
			n, err := io.WriteString(c, next(i))
			sent += n
			if err != nil {
				if ne, ok := errors.AsType[net.Error](err); ok && ne.Timeout() {
					t.Errorf("%s: it is not cut off, after %d bytes of requests", name, sent)
				}
				break
			}
			if i%200 == 0 || name == "h2" && i%4 == 3 { // its requests are under way by then
				served()
			}
			if sent > 64<<20 {
				t.Errorf("%s: %d bytes of requests are taken without an answer being read", name, sent)
				break
			}
		}
		_ = c.Close()
		served()
		eventually(t, "nothing is in flight", func() bool { return r.e.InFlight() == 0 })
	}
	if got := r.e.Refusals(); got["slow_read"] == 0 || got["h2_slow_read"] == 0 {
		t.Errorf("counted: %v", got)
	}
}

// TestEndlessStreams: a transfer that never ends does not keep the loop to itself.
func TestEndlessStreams(t *testing.T) {
	r, url, served := flooded(t)
	r.service("endless", route.HTTP1, "e-1", bare(t, func(c *net.TCPConn, br *bufio.Reader) {
		_, err := http.ReadRequest(br)
		_, _ = io.WriteString(c, "HTTP/1.1 200 OK\r\n\r\n")
		for chunk := make([]byte, 1<<20); err == nil; {
			_, err = c.Write(chunk)
		}
	}))
	r.snap.Gateway.Routes = append(r.snap.Gateway.Routes, route.Route{Path: "/endless", To: "endless"})
	r.apply()
	var readers []net.Conn
	for range 3 {
		c, err := net.Dial("tcp", strings.TrimPrefix(url, "http://"))
		if err != nil {
			t.Fatal(err)
		}
		_, _ = fmt.Fprintf(c, "GET /endless HTTP/1.1\r\nHost: a\r\n\r\n")
		go func() { _, _ = io.Copy(io.Discard, c) }()
		readers = append(readers, c)
	}
	eventually(t, "they run", func() bool { return r.e.InFlight() == 3 })
	for range 20 {
		served()
	}
	for _, c := range readers {
		_ = c.Close()
	}
	eventually(t, "nothing is in flight", func() bool { return r.e.InFlight() == 0 })
}
