package h2

// body is a DATA frame that is being read.
type body struct {
	stream uint32
	left   int // content that is still to come
	pad    int // padding after it
	end    bool
}

// beginBody takes the beginning of a DATA frame's payload, p, and returns how
// much of it was read; -1: there is too little. The payload counts against the
// windows as a whole, padding included (RFC 9113 section 6.1).
func (c *Conn) beginBody(f frame, p []byte) int {
	b := &c.input.body
	*b = body{stream: f.stream, left: f.length, end: f.has(flagEndStream)}
	read := 0
	if f.has(flagPadded) {
		if f.length == 0 {
			_ = c.violation(FrameSizeError, "DATA without its pad length")
			return -1
		}
		if len(p) == 0 {
			b.left = 0
			return -1
		}
		if b.pad = int(p[0]); b.pad >= f.length {
			_ = c.violation(ProtocolError, "DATA with more padding than payload")
			return -1
		}
		b.left, read = f.length-1-b.pad, 1
	}
	if f.stream == 0 {
		_ = c.violation(ProtocolError, "DATA on no stream")
		return -1
	}
	if c.admitBody(f, f.length-b.left) != nil {
		return -1
	}
	if b.left == 0 {
		c.input.skip = b.pad
		c.emptyBody(b)
	}
	return read
}

// admitBody takes a DATA frame's payload, of which some octets are padding, from the windows.
func (c *Conn) admitBody(f frame, padding int) error {
	n := int64(f.length)
	if n > c.recvWin {
		return c.violation(FlowControlError, "DATA beyond the connection's window")
	}
	c.recvWin -= n
	c.refund(int64(padding))
	s := c.streams.get(f.stream)
	switch {
	case s == nil:
		return c.lateBody(f.stream)
	case s.state&remoteEnded != 0:
		return c.streamError(s, StreamClosed)
	case s.state&gotFinal == 0:
		return c.streamError(s, ProtocolError) // DATA before the response's head
	case n > s.recvWin:
		return c.streamError(s, FlowControlError)
	}
	s.recvWin -= n
	s.refund(int64(padding))
	return nil
}

// lateBody judges DATA on a stream that is not open (RFC 9113 section 5.1).
func (c *Conn) lateBody(id uint32) error {
	if c.idle(id) {
		return c.violation(ProtocolError, "DATA on an idle stream")
	}
	if c.history.how(id) == resetByUs {
		return nil // it was under way when we reset the stream
	}
	return c.refuse(id, StreamClosed)
}

// emptyBody handles DATA without content.
func (c *Conn) emptyBody(b *body) {
	if b.end {
		c.content(nil, b)
		return
	}
	if !c.bounds.empty.take(c.cfg.Limits.Empty, c.now) {
		_ = c.flood(EmptyFrames, "too many DATA frames without content")
	}
}

// readBody passes content on and returns what follows in p.
func (c *Conn) readBody(p []byte) []byte {
	b := &c.input.body
	n := min(b.left, len(p))
	if b.left -= n; b.left == 0 {
		c.input.skip = b.pad
	}
	c.content(p[:n], b)
	return p[n:]
}

// content passes a piece of a body on, if its stream is still there.
func (c *Conn) content(p []byte, b *body) {
	s := c.streams.get(b.stream)
	if s == nil || s.state&remoteEnded != 0 {
		c.refund(int64(len(p)))
		return
	}
	n := int64(len(p))
	end := b.end && b.left == 0
	if s.expect >= 0 {
		if s.expect -= n; s.expect < 0 || end && s.expect > 0 {
			c.refund(n)
			_ = c.streamError(s, ProtocolError)
			return
		}
	}
	s.owed += n
	if n > 0 {
		c.bounds.pings.give(1)
	}
	if end {
		c.endRemote(s)
	}
	c.h.Data(s, p, end)
}
