//go:build linux

package load

import (
	"bytes"
	"errors"
	"fmt"
	"strconv"
	"time"

	"golang.org/x/sys/unix"
)

// head is the part of a message that HTTP/1.1 ends with an empty line.
var headEnd = []byte("\r\n\r\n")

// request is a whole request of HTTP/1.1.
func request(s Spec, t Target) []byte {
	var b bytes.Buffer
	method := "GET"
	if s.Up > 0 && s.Kind != WebSocket {
		method = "POST"
	}
	fmt.Fprintf(&b, "%s %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: bench\r\nAccept: */*\r\n", method, t.Path, t.Host)
	switch {
	case s.Kind == WebSocket:
		b.WriteString("Connection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\nSec-WebSocket-Key: " + socketKey + "\r\n\r\n")
		return b.Bytes()
	case s.Kind == Fresh:
		b.WriteString("Connection: close\r\n")
	}
	if s.Up > 0 {
		fmt.Fprintf(&b, "Content-Type: application/octet-stream\r\nContent-Length: %d\r\n", s.Up)
	}
	b.WriteString("\r\n")
	b.Write(bytes.Repeat([]byte{'u'}, s.Up))
	return b.Bytes()
}

// prepare makes the requests that the run sends.
func (r *run) prepare() {
	for _, t := range r.spec.targets() {
		r.requests = append(r.requests, request(r.spec, t))
	}
	r.spec.Streams = max(1, r.spec.Streams)
}

func (r *run) nextRequest() []byte {
	p := r.requests[r.turn]
	r.turn++
	if r.turn == len(r.requests) {
		r.turn = 0
	}
	return p
}

// value finds a field of a head; name is in lower case. Empty: there is none.
func value(head []byte, name string) []byte {
	for {
		i := bytes.IndexByte(head, '\n')
		if i < 0 || i+1 >= len(head) {
			return nil
		}
		head = head[i+1:]
		if len(head) > len(name) && head[len(name)] == ':' && equalLower(head[:len(name)], name) {
			v := head[len(name)+1:]
			if i := bytes.IndexByte(v, '\r'); i >= 0 {
				v = v[:i]
			}
			return bytes.TrimSpace(v)
		}
	}
}

func equalLower(p []byte, lower string) bool {
	for i, c := range p {
		if c >= 'A' && c <= 'Z' {
			c |= 0x20
		}
		if c != lower[i] {
			return false
		}
	}
	return true
}

// reader takes messages of HTTP/1.1 with a Content-Length apart.
type reader struct {
	rest []byte // of a head that has not come whole
	left int    // bytes of body to come
	body bool   // a head has come, its body has not ended
}

// take gives whole heads to begin, which returns the length of the body, and
// calls end where a message ends. It returns what follows a message for which
// end wants no more of them.
func (m *reader) take(p []byte, begin func(head []byte) (int, error), end func() (more bool, err error)) ([]byte, error) {
	for {
		if !m.body {
			if len(m.rest) > 0 {
				p = append(m.rest, p...)
				m.rest = nil
			}
			i := bytes.Index(p, headEnd)
			if i < 0 {
				m.rest = append(m.rest, p...)
				return nil, nil
			}
			n, err := begin(p[:i+2])
			if err != nil {
				return nil, err
			}
			p = p[i+len(headEnd):]
			m.body, m.left = true, n
		}
		n := min(len(p), m.left)
		m.left -= n
		p = p[n:]
		if m.left > 0 {
			return nil, nil
		}
		m.body = false
		if more, err := end(); err != nil || !more || len(p) == 0 {
			return p, err
		}
	}
}

// h1client sends requests by HTTP/1.1, one at a time.
type h1client struct {
	out
	run  *run
	due  time.Time
	busy bool
	reader
}

func (c *h1client) start(due time.Time) error {
	c.due, c.busy = due, true
	return c.send(c.run.nextRequest())
}

func (c *h1client) inFlight() int {
	if c.busy {
		return 1
	}
	return 0
}

func (c *h1client) close() { c.loop.remove(c.fd) }

func (c *h1client) ready(events uint32) error {
	if events&unix.EPOLLOUT != 0 {
		if err := c.flush(); err != nil {
			return err
		}
	}
	n, err := c.to.read(c.loop.scratch)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return nil
	case err != nil:
		return fmt.Errorf("read an answer: %w", err)
	case n == 0:
		return errors.New("the proxy closed a connection")
	}
	if !c.busy {
		return fmt.Errorf("%d bytes that belong to no request", n)
	}
	rest, err := c.take(c.loop.scratch[:n], c.answer, c.answered)
	if err == nil && len(rest) > 0 {
		err = fmt.Errorf("%d bytes too many after an answer", len(rest))
	}
	return err
}

// answer checks an answer's head.
func (c *h1client) answer(head []byte) (int, error) {
	if !bytes.HasPrefix(head, []byte("HTTP/1.1 200")) {
		return 0, fmt.Errorf("an answer of %.200q", head)
	}
	want := strconv.Itoa(c.run.spec.Down)
	if got := value(head, "content-length"); string(got) != want {
		return 0, fmt.Errorf("an answer's Content-Length is %q, want %s", got, want)
	}
	return c.run.spec.Down, nil
}

func (c *h1client) answered() (bool, error) {
	c.busy = false
	return false, c.run.answered(c, c.due)
}
