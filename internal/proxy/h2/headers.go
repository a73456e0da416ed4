package h2

import (
	"encoding/binary"

	"github.com/banyanrun/banyan/internal/proxy/h2/hpack"
	"github.com/banyanrun/banyan/internal/proxy/message"
)

// block is a header block that comes in several frames, or one frame's.
type block struct {
	stream uint32 // 0: none
	end    bool   // with END_STREAM
	code   Code   // the stream is to be reset with it; NoError: it is not
	frames int    // CONTINUATION frames
	buf    []byte
}

// headers takes HEADERS (RFC 9113 section 6.2).
func (c *Conn) headers(f frame, p []byte) error {
	if f.stream == 0 {
		return c.violation(ProtocolError, "HEADERS on no stream")
	}
	b := &c.input.block
	*b = block{stream: f.stream, end: f.has(flagEndStream), buf: b.buf[:0]}
	if f.has(flagPadded) {
		if len(p) == 0 {
			return c.violation(FrameSizeError, "HEADERS without its pad length")
		}
		pad := int(p[0])
		if p = p[1:]; pad > len(p) {
			return c.violation(ProtocolError, "HEADERS with more padding than payload")
		}
		p = p[:len(p)-pad]
	}
	if f.has(flagPriority) {
		if len(p) < priorityOctets {
			return c.violation(FrameSizeError, "HEADERS without its priority")
		}
		if binary.BigEndian.Uint32(p)&^highBit == f.stream {
			b.code = ProtocolError // it depends on itself
		}
		p = p[priorityOctets:]
	}
	if f.has(flagEndHeaders) {
		return c.endBlock(p)
	}
	b.buf = append(b.buf, p...)
	return nil
}

// continuation takes CONTINUATION (RFC 9113 section 6.10).
func (c *Conn) continuation(f frame, p []byte) error {
	b := &c.input.block
	b.frames++
	if b.frames > c.cfg.Limits.Continuations || len(b.buf)+len(p) > 2*c.cfg.MaxHeaderBytes {
		return c.flood(HeaderFlood, "a header block without end")
	}
	if len(p) == 0 && !c.bounds.empty.take(c.cfg.Limits.Empty, c.now) {
		return c.flood(EmptyFrames, "too many CONTINUATION frames without content")
	}
	b.buf = append(b.buf, p...)
	if !f.has(flagEndHeaders) {
		return nil
	}
	err := c.endBlock(b.buf)
	const keep = 4 << 10
	if cap(b.buf) > keep {
		b.buf = nil
	}
	return err
}

// endBlock takes a block that is whole. Whatever becomes of it, it is decoded: the table depends on it.
func (c *Conn) endBlock(p []byte) error {
	b := &c.input.block
	id := b.stream
	b.stream = 0
	s := c.streams.get(id)
	switch {
	case s != nil && s.state&remoteEnded != 0:
		return c.dropBlock(p, func() error { return c.streamError(s, StreamClosed) })
	case s != nil && b.code != NoError:
		return c.dropBlock(p, func() error { return c.streamError(s, b.code) })
	case s != nil && s.state&gotFinal != 0:
		return c.trailers(s, p, b.end)
	case s != nil:
		return c.response(s, p, b.end)
	case !c.idle(id):
		return c.dropBlock(p, func() error { return c.lateHeaders(id) })
	case !c.cfg.Server || id&1 == 0:
		return c.violation(ProtocolError, "a stream with an identifier that is not the peer's")
	}
	c.lastPeer = id
	c.bounds.priorities.give(2)
	switch {
	case c.shutdown == shutdownFinal:
		return c.dropBlock(p, func() error { c.remember(id, resetByUs); return nil })
	case b.code != NoError:
		return c.dropBlock(p, func() error { return c.refuse(id, b.code) })
	case c.accepted >= c.allowed():
		return c.dropBlock(p, func() error { return c.overload(id) })
	}
	return c.request(id, p, b.end)
}

// dropBlock decodes a block for the table alone and does then what its stream needs.
func (c *Conn) dropBlock(p []byte, then func() error) error {
	c.dec.Begin(p, nil, 0)
	if _, err := c.dec.Next(new(hpack.Field)); err != nil {
		return c.violation(CompressionError, err.Error())
	}
	return then()
}

// allowed is how many streams the peer may have open. Until it has acknowledged
// our settings it may go by what RFC 9113 section 6.5.2 recommends at least.
func (c *Conn) allowed() int {
	if !c.acked {
		return max(c.cfg.MaxStreams, defaultMaxStream)
	}
	return c.cfg.MaxStreams
}

// lateHeaders judges HEADERS on a stream that is not open any more (RFC 9113 section 5.1).
func (c *Conn) lateHeaders(id uint32) error {
	switch c.history.how(id) {
	case resetByUs:
		return nil // it was under way when we reset the stream
	case endedWell:
		return c.violation(StreamClosed, "HEADERS on a stream that has ended")
	case neverKnown:
		if !c.history.full() {
			return c.violation(ProtocolError, "a stream identifier that is lower than an earlier one")
		}
	case resetByPeer:
	}
	return c.refuse(id, StreamClosed)
}

// overload refuses a stream beyond MaxStreams. It may be retried (RFC 9113 section 8.7).
func (c *Conn) overload(id uint32) error {
	c.reset(id, RefusedStream)
	if !c.bounds.resets.take(c.cfg.Limits.Resets, c.now) {
		return c.flood(RapidReset, "too many streams beyond the limit")
	}
	return nil
}

// head returns an empty Head.
func (c *Conn) head() *message.Head {
	if h := c.spare; h != nil {
		c.spare = nil
		return h
	}
	return c.h.NewHead()
}

// keep takes a Head back that no message needed.
func (c *Conn) keep(h *message.Head) {
	h.Reset()
	c.spare = h
}

// request takes the header block of a new stream.
func (c *Conn) request(id uint32, p []byte, end bool) error {
	h := c.head()
	r := reading{h: h, end: end, length: -1, extended: c.cfg.ExtendedConnect}
	if err := c.read(&r, p); err != nil {
		return err
	}
	if r.bad || !r.over && !r.request() {
		c.keep(h)
		return c.refuse(id, ProtocolError)
	}
	s := c.newStream(id)
	c.accepted++
	s.state |= gotFinal
	s.expect = r.length
	if string(h.Method) == "CONNECT" {
		s.state |= toConnect
	}
	if end {
		s.state |= remoteEnded
	}
	c.bounds.pings.give(1)
	if r.over {
		s.expect = -1
		c.h.TooLarge(s, h, end)
		return c.err
	}
	c.h.Headers(s, h, end)
	return c.err
}

// response takes the header block of a response, interim ones included.
func (c *Conn) response(s *Stream, p []byte, end bool) error {
	h := c.head()
	r := reading{h: h, end: end, length: -1}
	if err := c.read(&r, p); err != nil {
		return err
	}
	switch {
	case r.bad || !r.over && !r.response(s.state&(toHead|toConnect)):
		c.keep(h)
		s.fault = r.fault
		return c.streamError(s, ProtocolError)
	case r.over:
		c.keep(h)
		return c.streamError(s, EnhanceYourCalm)
	}
	c.bounds.pings.give(1)
	if h.Status < 200 {
		if s.interim++; s.interim > c.cfg.Limits.Interim {
			c.keep(h)
			return c.flood(EmptyFrames, "too many interim responses")
		}
		c.h.Headers(s, h, false)
		return c.err
	}
	s.state |= gotFinal
	s.expect = r.length
	if end {
		c.endRemote(s)
	}
	c.h.Headers(s, h, end)
	return c.err
}

// trailers takes the header block that ends a body.
func (c *Conn) trailers(s *Stream, p []byte, end bool) error {
	h := c.head()
	r := reading{h: h, end: end, length: -1, trailers: true}
	if err := c.read(&r, p); err != nil {
		return err
	}
	switch {
	case r.bad || !end || s.expect > 0, c.cfg.Server && s.state&toConnect != 0: // RFC 9113 section 8.5
		c.keep(h)
		s.fault = r.fault
		return c.streamError(s, ProtocolError)
	case r.over:
		c.keep(h)
		return c.streamError(s, EnhanceYourCalm)
	}
	c.endRemote(s)
	c.h.Trailers(s, h)
	return c.err
}
