package h2

// input is how far the connection's input was read.
type input struct {
	preface int    // octets of the client's preface that are still to come
	settled bool   // the first SETTINGS came
	buf     []byte // the beginning of a frame that is not whole
	skip    int    // octets to be ignored
	body    body   // the DATA frame that is being read
	block   block  // the header block that is being read
}

// Feed takes what was read from the peer, all of it. now is the time in
// nanoseconds, of any clock that does not go back. An error means: write what is
// in Out, then close the connection; it is an [*Error], or ErrClosed after Close
// or Abort. All streams have got Handler.Reset by then.
func (c *Conn) Feed(p []byte, now int64) error {
	if c.err != nil {
		return c.err
	}
	c.now = now
	for len(p) > 0 && c.err == nil {
		p = c.step(p)
		if c.err == nil && c.paid > c.cfg.Limits.Replies {
			_ = c.flood(SlowRead, "too many replies pending")
		}
	}
	if c.err != nil {
		code := InternalError
		if e, ok := c.err.(*Error); ok { //nolint:errorlint // it is never wrapped here
			code = e.Code
		}
		c.abandon(code)
		return c.err
	}
	c.drain()
	return nil
}

// step reads something from p and returns the rest. c.err says whether it went wrong.
func (c *Conn) step(p []byte) []byte {
	in := &c.input
	switch {
	case in.preface > 0:
		return c.readPreface(p)
	case in.skip > 0:
		n := min(in.skip, len(p))
		in.skip -= n
		return p[n:]
	case in.body.left > 0:
		return c.readBody(p)
	case len(in.buf) == 0:
		if n := c.readFrame(p); n > 0 || c.err != nil {
			return p[n:]
		}
		in.buf = append(in.buf, p...)
		return nil
	}
	return c.complete(p)
}

// complete adds to a frame that began in an earlier Feed.
func (c *Conn) complete(p []byte) []byte {
	in := &c.input
	for len(p) > 0 {
		n := min(c.missing(), len(p))
		in.buf, p = append(in.buf, p[:n]...), p[n:]
		if c.readFrame(in.buf) > 0 || c.err != nil {
			const keep = 1 << 10 // what an idle connection may hold
			if in.buf = in.buf[:0]; cap(in.buf) > keep {
				in.buf = nil
			}
			return p
		}
	}
	return nil
}

// missing is how many octets the frame in buf needs at least.
func (c *Conn) missing() int {
	buf := c.input.buf
	if len(buf) < frameHeader {
		return frameHeader - len(buf)
	}
	f := parseFrame(buf)
	if f.kind == typeData {
		return 1
	}
	return frameHeader + f.length - len(buf)
}

func (c *Conn) readPreface(p []byte) []byte {
	in := &c.input
	n := min(in.preface, len(p))
	at := len(Preface) - in.preface
	if string(p[:n]) != Preface[at:at+n] {
		_ = c.violation(ProtocolError, "no HTTP/2 preface")
		return nil
	}
	in.preface -= n
	return p[n:]
}

// readFrame reads the frame that p begins with and returns how much of p that
// was; 0: it is not whole. Of DATA, and of frames that are not known, only the
// beginning must be there.
func (c *Conn) readFrame(p []byte) int {
	if len(p) < frameHeader {
		return 0
	}
	f := parseFrame(p)
	if c.admit(f) != nil {
		return 0
	}
	rest := p[frameHeader:]
	switch {
	case f.kind == typeData:
		n := c.beginBody(f, rest)
		if n < 0 {
			return 0
		}
		return frameHeader + n
	case f.kind > typeContinuation:
		c.input.skip = f.length
		_ = c.ignored(f) // is c.err
		return frameHeader
	case len(rest) < f.length:
		return 0
	}
	_ = c.frame(f, rest[:f.length]) // is c.err
	return frameHeader + f.length
}

// ignored counts a frame that means nothing here.
func (c *Conn) ignored(f frame) error {
	if f.kind == typePriorityUpdate {
		return c.prioritised()
	}
	if !c.bounds.empty.take(c.cfg.Limits.Empty, c.now) {
		return c.flood(EmptyFrames, "too many unknown frames")
	}
	return nil
}

// admit checks what a frame's header tells.
func (c *Conn) admit(f frame) error {
	in := &c.input
	switch {
	case f.length > c.cfg.MaxFrame:
		return c.violation(FrameSizeError, "a frame larger than allowed")
	case !in.settled && (f.kind != typeSettings || f.has(flagAck)):
		return c.violation(ProtocolError, "the first frame is not SETTINGS")
	case in.block.stream != 0 && (f.kind != typeContinuation || f.stream != in.block.stream):
		return c.violation(ProtocolError, "a header block is interrupted")
	case in.block.stream == 0 && f.kind == typeContinuation:
		return c.violation(ProtocolError, "CONTINUATION without HEADERS")
	}
	if f.kind <= typeContinuation && fixed[f.kind] != 0 && f.length != int(fixed[f.kind]) {
		return c.violation(FrameSizeError, "a frame of the wrong size")
	}
	return nil
}

// fixed is the length of frames that have one.
var fixed = [typeContinuation + 1]uint8{
	typePriority: priorityOctets, typeReset: resetOctets, typePing: pingOctets, typeWindow: windowOctets,
}

// frame handles a frame that is whole.
func (c *Conn) frame(f frame, p []byte) error {
	switch f.kind {
	case typeHeaders:
		return c.headers(f, p)
	case typeContinuation:
		return c.continuation(f, p)
	case typePriority:
		return c.priority(f, p)
	case typeReset:
		return c.resetFrame(f, p)
	case typeSettings:
		return c.settings(f, p)
	case typePing:
		return c.ping(f, p)
	case typeGoAway:
		return c.goAway(f, p)
	case typeWindow:
		return c.windowUpdate(f, p)
	}
	return c.violation(ProtocolError, "PUSH_PROMISE")
}
