//go:build linux

package load

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"
	"strconv"

	"golang.org/x/sys/unix"
)

// Backend answers a load on a free port of the loopback interface, until the
// loop is closed. What reaches it and is not what s sends ends the loop's run.
func (l *Loop) Backend(s Spec) (netip.AddrPort, error) {
	if s.Kind == GRPC {
		return l.listen(func(fd int) error { return l.add(fd, newH2Backend(l, fd, s)) })
	}
	b := &answers{spec: s, whole: answer(s)}
	return l.listen(func(fd int) error {
		return l.add(fd, &h1backend{out: out{loop: l, fd: fd, to: socket(fd)}, answers: b})
	})
}

// answers are what all connections of a backend send.
type answers struct {
	spec  Spec
	whole []byte
}

func answer(s Spec) []byte {
	if s.Kind == WebSocket {
		return switching()
	}
	head := "HTTP/1.1 200 OK\r\nDate: Sat, 21 Nov 2026 12:00:00 GMT\r\nContent-Type: application/octet-stream\r\nContent-Length: " +
		strconv.Itoa(s.Down) + "\r\n\r\n"
	return append([]byte(head), bytes.Repeat([]byte{'d'}, s.Down)...)
}

// h1backend is a connection on which the proxy sends requests by HTTP/1.1.
type h1backend struct {
	out
	*answers
	reader

	checked bool  // the first request had what it must have
	echo    *echo // after an upgrade
}

func (b *h1backend) ready(events uint32) error {
	if events&unix.EPOLLOUT != 0 && b.flush() != nil {
		b.loop.remove(b.fd)
		return nil //nolint:nilerr // the proxy is gone; a client that misses its answer will say so
	}
	n, err := b.to.read(b.loop.scratch)
	switch {
	case errors.Is(err, unix.EAGAIN):
		return nil
	case n == 0:
		b.loop.remove(b.fd)
		return nil // a proxy may close connections as it likes, and reset them
	}
	p := b.loop.scratch[:n]
	if b.echo == nil {
		if p, err = b.take(p, b.asked, b.respond); err != nil {
			return fmt.Errorf("the backend: %w", err)
		}
	}
	if b.echo != nil {
		return b.echo.take(p)
	}
	return nil
}

// asked checks a request's head and returns the length of its body.
func (b *h1backend) asked(head []byte) (int, error) {
	if !b.checked {
		for _, name := range b.spec.Headers {
			if len(value(head, name)) == 0 {
				return 0, fmt.Errorf("a request without %s: %.1000q", name, head)
			}
		}
		b.checked = true
	}
	if b.spec.Kind == WebSocket {
		if !bytes.EqualFold(value(head, "upgrade"), []byte("websocket")) {
			return 0, fmt.Errorf("a request that asks for no WebSocket: %.200q", head)
		}
		return 0, nil
	}
	if b.spec.Up == 0 {
		if head[0] != 'G' {
			return 0, fmt.Errorf("want a GET: %.200q", head)
		}
		return 0, nil
	}
	if got := value(head, "content-length"); string(got) != strconv.Itoa(b.spec.Up) {
		return 0, fmt.Errorf("a request's Content-Length is %q, want %d", got, b.spec.Up)
	}
	return b.spec.Up, nil
}

func (b *h1backend) respond() (bool, error) {
	err := b.send(b.whole)
	if b.spec.Kind == WebSocket {
		b.echo = &echo{out: &b.out, size: b.spec.Up}
		return false, err
	}
	if err != nil { // the proxy is gone
		b.pending = nil
	}
	return true, nil
}
