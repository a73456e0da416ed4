//go:build linux

package load

import (
	"errors"
	"fmt"

	"golang.org/x/net/http2/hpack"
)

// Fields of a gRPC server's answers.
var (
	grpcHead = []field{
		{name: ":status", value: "200", static: 8},
		{name: "content-type", value: "application/grpc", staticName: 31},
	}
	grpcTrailers = []field{{name: "grpc-status", value: "0"}}
)

// h2backend is a connection on which the proxy sends gRPC calls.
type h2backend struct {
	h2conn
	spec    Spec
	answer  []byte
	want    int // bytes of a request's body
	greeted bool
	checked bool // the first request had what it must have
	calls   map[uint32]*served
}

// served is a call that is not answered whole.
type served struct {
	sending
	got int // bytes of the request's body
}

func newH2Backend(l *Loop, fd int, s Spec) *h2backend {
	b := &h2backend{
		h2conn: newH2Conn(l, fd), spec: s, calls: map[uint32]*served{},
		answer: grpcMessages(s.units(), s.Down), want: len(grpcMessages(1, s.Up)),
	}
	b.handle = b.frameOf
	return b
}

func (b *h2backend) ready(events uint32) error {
	p, gone := b.fill(events)
	switch {
	case gone != nil:
		b.loop.remove(b.fd)
		return nil //nolint:nilerr // a proxy may close connections as it likes, and reset them
	case len(p) == 0:
		return nil
	case !b.greeted:
		return b.welcome(p)
	}
	return b.take(p)
}

// welcome waits for the preface; frames may follow it at once.
func (b *h2backend) welcome(p []byte) error {
	b.rest = append(b.rest, p...)
	if len(b.rest) < len(preface) {
		return nil
	}
	if string(b.rest[:len(preface)]) != preface {
		return fmt.Errorf("the backend: no preface of HTTP/2: %.100q", b.rest)
	}
	p = b.rest[len(preface):]
	b.rest, b.greeted = nil, true
	b.greet()
	return b.take(p)
}

func (b *h2backend) frameOf(typ, flags byte, id uint32, p []byte) error {
	k := b.calls[id]
	switch typ {
	case frameHeaders:
		if k != nil {
			return errors.New("the backend: trailers of a request")
		}
		if err := b.check(p); err != nil {
			return err
		}
		k = &served{sending: sending{id: id, body: b.answer, window: b.initial, end: grpcTrailers, hold: true}}
		b.calls[id] = k
		b.send(&k.sending)
	case frameData:
		if k != nil {
			k.got += len(p)
		}
	case frameReset:
		b.drop(id)
		return nil
	default:
		return nil
	}
	if flags&flagEndStream == 0 || k == nil {
		return nil
	}
	if k.got != b.want {
		return fmt.Errorf("the backend: a request's body has %d bytes, want %d", k.got, b.want)
	}
	delete(b.calls, id)
	b.headers(id, 0, grpcHead)
	k.hold = false
	b.pump()
	return nil
}

// drop forgets a call that the proxy has given up.
func (b *h2backend) drop(id uint32) {
	delete(b.calls, id)
	for i, s := range b.sending {
		if s.id == id {
			b.sending = append(b.sending[:i], b.sending[i+1:]...)
			return
		}
	}
}

// check reads the first request's fields; those after it are not decoded.
func (b *h2backend) check(p []byte) error {
	if b.checked {
		return nil
	}
	b.checked = true
	fields, err := hpack.NewDecoder(4096, nil).DecodeFull(p)
	if err != nil {
		return fmt.Errorf("the backend: %w", err)
	}
	for _, name := range b.spec.Headers {
		found := false
		for _, f := range fields {
			found = found || f.Name == name && f.Value != ""
		}
		if !found {
			return fmt.Errorf("the backend: a request without %s: %v", name, fields)
		}
	}
	return nil
}
