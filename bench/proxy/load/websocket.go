//go:build linux

package load

import (
	"bytes"
	"encoding/binary"
	"errors"
	"fmt"
	"time"

	"golang.org/x/sys/unix"
)

// The handshake's key, and what RFC 6455, 4.2.2 makes of it: the example of 1.3.
const (
	socketKey    = "dGhlIHNhbXBsZSBub25jZQ=="
	socketAccept = "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
)

func switching() []byte {
	return []byte("HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Accept: " +
		socketAccept + "\r\n\r\n")
}

// message is one binary message in a frame (RFC 6455, 5.2). A client's is
// masked, with the key zero, which leaves the bytes as they are.
func message(size int, masked bool) []byte {
	mask := byte(0)
	if masked {
		mask = 0x80
	}
	b := []byte{0x82}
	if size < 126 {
		b = append(b, mask|byte(size))
	} else {
		b = binary.BigEndian.AppendUint16(append(b, mask|126), uint16(size))
	}
	if masked {
		b = append(b, 0, 0, 0, 0)
	}
	return append(b, bytes.Repeat([]byte{'m'}, size)...)
}

// expect compares what comes with a message that comes again and again.
type expect struct {
	message []byte
	seen    int // bytes of the next
}

// take returns how often the message ended in p.
func (e *expect) take(p []byte) (int, error) {
	ended := 0
	for len(p) > 0 {
		n := min(len(p), len(e.message)-e.seen)
		if !bytes.Equal(p[:n], e.message[e.seen:e.seen+n]) {
			return ended, fmt.Errorf("not the bytes of the message: %.40q", p[:n])
		}
		p, e.seen = p[n:], e.seen+n
		if e.seen == len(e.message) {
			ended, e.seen = ended+1, 0
		}
	}
	return ended, nil
}

// echo sends a client's messages back.
type echo struct {
	out    *out
	size   int
	expect expect
	back   []byte
}

func (e *echo) take(p []byte) error {
	if e.back == nil {
		e.expect.message, e.back = message(e.size, true), message(e.size, false)
	}
	n, err := e.expect.take(p)
	if err != nil {
		return fmt.Errorf("the backend: %w", err)
	}
	for range n {
		if err := e.out.send(e.back); err != nil {
			e.out.pending = nil // the proxy is gone
		}
	}
	return nil
}

// socketClient sends messages, one at a time.
type socketClient struct {
	h1client
	message []byte
	expect  expect
	open    bool // the upgrade is done
}

func newSocketClient(r *run, o out) *socketClient {
	return &socketClient{
		h1client: h1client{out: o, run: r},
		message:  message(r.spec.Up, true), expect: expect{message: message(r.spec.Up, false)},
	}
}

func (c *socketClient) start(due time.Time) error {
	c.due, c.busy = due, true
	if !c.open {
		return c.send(c.run.nextRequest())
	}
	return c.send(c.message)
}

func (c *socketClient) ready(uint32) error {
	n, err := c.to.read(c.loop.scratch)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return nil
	case err != nil:
		return fmt.Errorf("read a message: %w", err)
	case n == 0:
		return errors.New("the proxy closed a WebSocket")
	}
	p := c.loop.scratch[:n]
	if !c.open {
		return c.upgrade(p)
	}
	ended, err := c.expect.take(p)
	if err != nil || ended == 0 {
		return err
	}
	c.busy = false
	return c.run.answered(c, c.due)
}

func (c *socketClient) upgrade(p []byte) error {
	p, err := c.take(p, func(head []byte) (int, error) {
		if !bytes.HasPrefix(head, []byte("HTTP/1.1 101")) || string(value(head, "sec-websocket-accept")) != socketAccept {
			return 0, fmt.Errorf("no upgrade: %.200q", head)
		}
		return 0, nil
	}, func() (bool, error) { c.open = true; return false, nil })
	if err != nil || !c.open {
		return err
	}
	if len(p) > 0 {
		return errors.New("a message that nobody sent")
	}
	return c.send(c.message)
}
