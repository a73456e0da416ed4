package h2

import "encoding/binary"

// Consumed says that n bytes that Handler.Data passed on are used: the peer may send as many more.
func (s *Stream) Consumed(n int) {
	used := min(int64(n), s.owed)
	s.owed -= used
	s.refund(used)
	s.c.refund(used)
}

// refund returns n bytes to the stream's window. The peer is told of half a window at a time.
func (s *Stream) refund(n int64) {
	s.credit += n
	if s.state&(remoteEnded|finished) != 0 || s.credit == 0 || s.credit < int64(s.c.cfg.StreamWindow)/2 || s.c.err != nil {
		return
	}
	s.c.out = appendWindow(s.c.out, s.id, s.credit)
	s.recvWin += s.credit
	s.credit = 0
}

// refund returns n bytes to the connection's window. What the peer was not told
// of is less than a stream's window, however large the connection's: where that
// is all of its streams' together, the last one that is not held up can go on.
func (c *Conn) refund(n int64) {
	c.credit += n
	if c.credit < int64(min(c.cfg.ConnWindow, max(c.cfg.StreamWindow, defaultWindow)))/2 || c.err != nil {
		return
	}
	c.out = appendWindow(c.out, 0, c.credit)
	c.recvWin += c.credit
	c.credit = 0
}

// windowUpdate takes WINDOW_UPDATE (RFC 9113 section 6.9).
func (c *Conn) windowUpdate(f frame, p []byte) error {
	if !c.bounds.windows.take(c.cfg.Limits.Windows, c.now) {
		return c.flood(WindowFlood, "too many WINDOW_UPDATE frames")
	}
	n := int64(binary.BigEndian.Uint32(p) &^ highBit)
	if f.stream == 0 {
		if n == 0 {
			return c.violation(ProtocolError, "a WINDOW_UPDATE by nothing")
		}
		if c.sendWin += n; c.sendWin > maxWindow {
			return c.violation(FlowControlError, "a WINDOW_UPDATE that overflows the connection's window")
		}
		return nil
	}
	s := c.streams.get(f.stream)
	switch {
	case s == nil && c.idle(f.stream):
		return c.violation(ProtocolError, "WINDOW_UPDATE on an idle stream")
	case s == nil:
		return nil
	case n == 0:
		return c.streamError(s, ProtocolError)
	}
	if s.sendWin += n; s.sendWin > maxWindow {
		return c.streamError(s, FlowControlError)
	}
	c.wake(s)
	return nil
}

// wake lets a stream go on whose own window has opened.
func (c *Conn) wake(s *Stream) {
	if s.starved && s.sendWin > 0 {
		s.starved = false
		c.ready.push(s)
	}
}

// open reports whether any stream may send content.
func (c *Conn) open() bool {
	return c.sendWin > 0 && c.pending() < c.cfg.HighWater && c.err == nil
}

// drain lets streams write that wait, in turn, while there is room. One that
// could write more goes to the end of the queue again.
func (c *Conn) drain() {
	if c.draining {
		return
	}
	c.draining = true
	for c.ready.first != nil && c.open() {
		s := c.ready.first
		c.ready.remove(s)
		c.h.Writable(s)
	}
	c.draining = false
}

// WriteData appends DATA of as much of p as may be sent now and returns how much
// that is. If it is not all, Handler.Writable says when to call again with the
// rest. end: p ends the body; it takes effect when all of p was taken. A stream
// that cannot send takes nothing; if it is not Dead, that is because its head
// was not written, or its end was.
func (s *Stream) WriteData(p []byte, end bool) int {
	c := s.c
	if s.state&(dead|localEnded|sentFinal) != sentFinal || c.err != nil {
		return 0
	}
	c.ready.remove(s)
	s.starved = false
	n, most := 0, len(p)
	if c.ready.first != nil {
		most = min(most, minFrame) // others wait: one frame each
	}
	for n < most && c.open() {
		k := int(min(int64(min(most-n, minFrame)), s.sendWin, c.sendWin))
		if k <= 0 {
			break
		}
		last := end && n+k == len(p)
		c.appendData(s.id, p[n:n+k], last)
		s.sendWin -= int64(k)
		c.sendWin -= int64(k)
		if n += k; last {
			c.endLocal(s)
		}
	}
	switch {
	case n < len(p) && s.sendWin <= 0:
		s.starved = true
	case n < len(p):
		c.ready.push(s)
	case len(p) == 0 && end:
		c.appendData(s.id, nil, true)
		c.endLocal(s)
	}
	return n
}

func (c *Conn) appendData(id uint32, p []byte, end bool) {
	flags := uint8(0)
	if end {
		flags = flagEndStream
	}
	c.out = append(appendFrame(c.out, len(p), typeData, flags, id), p...)
	const updates = 4 // that a peer may well send for a frame, of both windows
	c.bounds.windows.give(updates)
	c.bounds.pings.give(1)
}
