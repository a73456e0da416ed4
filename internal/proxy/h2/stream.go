package h2

// state is what happened to a stream.
type state uint8

const (
	remoteEnded state = 1 << iota // the peer sends no more
	localEnded                    // we send no more
	finished                      // the connection does not know it any more
	dead                          // it was reset
	gotFinal                      // the request, or the response's final head, was read
	sentFinal                     // the request, or the response's final head, was written
	toHead                        // the request was a HEAD
	toConnect                     // the request was a CONNECT
)

// Stream is a request and its response. It belongs to its connection's
// goroutine. See the package's comment on ownership.
type Stream struct {
	// Owner is the owner's.
	Owner any

	c           *Conn
	id          uint32
	state       state
	unprocessed bool
	starved     bool // it waits for its own window
	queued      bool // it waits in Conn.ready
	interim     int  // 1xx responses that came
	fault       string

	sendWin int64 // what we may send
	recvWin int64 // what the peer may send
	owed    int64 // what was passed on and not consumed
	credit  int64 // what was consumed and the peer was not told
	expect  int64 // what the body still has to bring; -1: not known

	prev, next    *Stream
	before, after *Stream // in Conn.ready
}

// ID is the stream's identifier.
func (s *Stream) ID() uint32 { return s.id }

// Conn is the stream's connection.
func (s *Stream) Conn() *Conn { return s.c }

// Dead reports whether the stream was reset, by either side or with the connection.
func (s *Stream) Dead() bool { return s.state&dead != 0 }

// Unprocessed reports, after Handler.Reset, whether the peer is known not to
// have looked at the request: it may be sent again, whatever its method (RFC
// 9113 section 8.7).
func (s *Stream) Unprocessed() bool { return s.unprocessed }

// Fault says for people, after Handler.Reset, what was wrong with the peer's
// message; empty if it was not that, or is not known.
func (s *Stream) Fault() string { return s.fault }

// local reports whether we opened the stream.
func (s *Stream) local() bool { return s.id&1 == 1 != s.c.cfg.Server }

// newStream makes a stream that is open.
func (c *Conn) newStream(id uint32) *Stream {
	s := c.streams.take()
	s.c, s.id, s.expect = c, id, -1
	s.sendWin, s.recvWin = c.peerWindow, c.initialWindow()
	c.streams.add(s)
	return s
}

// idle reports whether the stream was never opened.
func (c *Conn) idle(id uint32) bool {
	if id&1 == 1 == c.cfg.Server {
		return id > c.lastPeer
	}
	return id >= c.nextID
}

// end lets the connection forget a stream. Its owner still has it.
func (c *Conn) end(s *Stream, how ending) {
	c.ready.remove(s)
	c.streams.remove(s)
	c.remember(s.id, how)
	s.state |= finished
	if how != endedWell {
		s.state |= dead
	}
	switch {
	case s.local():
		c.opened--
	case how == endedWell, s.state&localEnded != 0: // a peer may well answer the reset that ends the rest of its request by one of its own
		c.bounds.resets.give(1)
	}
}

func (c *Conn) remember(id uint32, how ending) {
	if c.history == nil {
		c.history = new(history)
	}
	c.history.set(id, how)
}

func (c *Conn) endRemote(s *Stream) {
	if s.state |= remoteEnded; s.state&localEnded != 0 {
		c.end(s, endedWell)
	}
}

func (c *Conn) endLocal(s *Stream) {
	if s.state |= localEnded; s.state&remoteEnded != 0 {
		c.end(s, endedWell)
	}
}

// reset appends RST_STREAM for a stream that is not open, or not any more.
func (c *Conn) reset(id uint32, code Code) {
	if c.err != nil {
		return
	}
	c.out = appendReset(c.out, id, code)
	c.reply(frameHeader + resetOctets)
	if c.history == nil || !c.history.replace(id, resetByUs) {
		c.remember(id, resetByUs)
	}
}

// refuse answers an error of the peer on a stream that has no owner.
func (c *Conn) refuse(id uint32, code Code) error {
	c.reset(id, code)
	return c.provoked()
}

// streamError answers an error of the peer on a stream.
func (c *Conn) streamError(s *Stream, code Code) error {
	c.end(s, resetByUs)
	c.reset(s.id, code)
	err := c.provoked()
	c.h.Reset(s, code)
	return err
}

func (c *Conn) provoked() error {
	if !c.bounds.provoked.take(c.cfg.Limits.Provoked, c.now) {
		return c.flood(ProvokedReset, "too many stream errors")
	}
	return nil
}

// Reset ends the stream in both directions. Handler.Reset is not called. It
// does nothing to a stream that has ended.
func (s *Stream) Reset(code Code) {
	if s.state&finished == 0 {
		s.c.end(s, resetByUs)
		s.c.reset(s.id, code)
	}
}

// Release ends the owner's use of the stream, which must be forgotten. One that
// has not ended is reset: with NO_ERROR if its response was sent in full (RFC
// 9113 section 8.1), else with CANCEL.
func (s *Stream) Release() {
	c := s.c
	code := Cancel
	if c.cfg.Server && s.state&localEnded != 0 {
		code = NoError
	}
	s.Reset(code)
	c.refund(s.owed)
	if !s.local() {
		c.accepted--
	}
	c.streams.recycle(s)
}
