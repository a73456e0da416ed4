package proxy

import (
	"bytes"
	"net/netip"

	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/message"
)

// shadow is the client of an exchange that the data plane began by itself: a
// copy of a request. It has the request's whole body, and drops what it is told.
type shadow struct {
	body []byte
	at   int
	from netip.AddrPort
	left bool // nobody wants the answer any more
}

// shadowOf returns an exchange with a copy of x's request, whose body has been
// kept whole, on the way to ed. Nothing in it is x's memory.
func (x *exchange) shadowOf(ed *edge) (*exchange, *shadow) {
	c := &shadow{body: bytes.Clone(x.body.kept), from: x.client.remote()}
	s := x.w.exchange(nil, c)
	s.edg = *ed
	x.req.CopyTo(s.req)
	s.sent = x.w.loop.Now()
	s.body.begin(s)
	s.body.keep, s.body.lost = false, true
	return s, c
}

// rewind lets s, whose client c is, send its body from the start.
func (c *shadow) rewind(s *exchange) {
	c.at = 0
	s.body.taken, s.body.ended = 0, s.body.none
}

func (c *shadow) read() ([]byte, bool, error) { return c.body[c.at:], true, nil }
func (c *shadow) consume(n int)               { c.at += n }
func (c *shadow) trailers() []message.Field   { return nil }
func (c *shadow) room() int                   { return loop.HighWater }
func (c *shadow) write(p []byte) int          { return len(p) }
func (c *shadow) end([]message.Field)         {}
func (c *shadow) respond(*message.Head, bool) {}
func (c *shadow) gone() bool                  { return c.left }
func (c *shadow) discard()                    {}
func (c *shadow) leave()                      {}
func (c *shadow) overHTTP2() bool             { return false }
func (c *shadow) overTLS() bool               { return false }
func (c *shadow) version() string             { return "HTTP/1.1" }
func (c *shadow) remote() netip.AddrPort      { return c.from }
func (c *shadow) stream() *loop.Conn          { return nil }
func (c *shadow) plain() *loop.Conn           { return nil }
func (c *shadow) cut()                        {}
