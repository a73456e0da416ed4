package h2

import (
	"encoding/binary"
	"errors"
)

// Errors of Open.
var (
	// ErrNoStreams: the peer allows no more streams at a time.
	ErrNoStreams = errors.New("h2: no more streams are allowed at a time")
	// ErrGoingAway: the connection takes no new streams.
	ErrGoingAway = errors.New("h2: the connection is going away")
)

// shutdown is how far Shutdown has come.
type shutdown uint8

const (
	running           shutdown = iota
	shutdownAnnounced          // a GOAWAY that refuses nothing was sent, and a PING to learn when it has arrived
	shutdownFinal              // new streams are not processed
)

// shutdownPing is the content of that PING, and the bit that no other has.
const shutdownPing = 1 << 63

// Shutdown ends the connection gracefully (RFC 9113 section 6.8): the peer is
// asked to open no more streams; those that there are go on. A server goes on
// to accept streams until the peer has read that. Done says when all have ended.
func (c *Conn) Shutdown() {
	if c.err != nil || c.shutdown != running {
		return
	}
	if !c.cfg.Server {
		c.shutdown = shutdownFinal
		c.out = appendGoAway(c.out, 0, NoError, "")
		return
	}
	c.shutdown = shutdownAnnounced
	c.out = appendGoAway(c.out, maxStreamID, NoError, "")
	c.out = appendPing(c.out, 0, shutdownPing)
}

// finishShutdown refuses new streams: the peer knows.
func (c *Conn) finishShutdown() {
	if c.shutdown == shutdownAnnounced {
		c.shutdown = shutdownFinal
		c.out = appendGoAway(c.out, c.lastPeer, NoError, "")
	}
}

// Done reports whether the connection may be closed once Out is written: it was
// given up, or it was shut down and all streams have ended and are released.
func (c *Conn) Done() bool {
	return c.err != nil || c.shutdown == shutdownFinal && c.streams.first == nil && c.accepted == 0
}

// goAway takes GOAWAY (RFC 9113 section 6.8).
func (c *Conn) goAway(f frame, p []byte) error {
	if f.stream != 0 {
		return c.violation(ProtocolError, "GOAWAY on a stream")
	}
	if len(p) < goAwayOctets {
		return c.violation(FrameSizeError, "GOAWAY of the wrong size")
	}
	last := binary.BigEndian.Uint32(p) &^ highBit
	code := Code(binary.BigEndian.Uint32(p[4:]))
	if c.peerGone && last > c.peerLast {
		return c.violation(ProtocolError, "a GOAWAY that takes back another")
	}
	if c.peerGone && !c.bounds.settings.take(c.cfg.Limits.Settings, c.now) {
		return c.flood(SettingsFlood, "too many GOAWAY frames")
	}
	c.peerGone, c.peerLast = true, last
	c.h.GoAway(last, code)
	if c.cfg.Server {
		return nil
	}
	for s := c.streams.last; s != nil && s.id > last; s = c.streams.last {
		s.unprocessed = true
		c.end(s, resetByUs)
		c.h.Reset(s, RefusedStream)
	}
	return nil
}

// openable says why no stream can be opened; nil: it can.
func (c *Conn) openable() error {
	switch {
	case c.cfg.Server || c.err != nil:
		return ErrClosed
	case c.peerGone || c.shutdown != running || c.nextID > maxStreamID:
		return ErrGoingAway
	case c.opened >= c.peerMax:
		return ErrNoStreams
	}
	return nil
}

// resetFrame takes RST_STREAM (RFC 9113 section 6.4).
func (c *Conn) resetFrame(f frame, p []byte) error {
	s := c.streams.get(f.stream)
	if s == nil {
		if c.idle(f.stream) || f.stream == 0 {
			return c.violation(ProtocolError, "RST_STREAM on an idle stream")
		}
		return c.rapid()
	}
	code := Code(binary.BigEndian.Uint32(p))
	s.unprocessed = code == RefusedStream
	early := s.state&localEnded == 0
	c.end(s, resetByPeer)
	var err error
	if early {
		err = c.rapid()
	}
	c.h.Reset(s, code)
	return err
}

// rapid counts a request that was reset before it was answered.
func (c *Conn) rapid() error {
	if c.cfg.Server && !c.bounds.resets.take(c.cfg.Limits.Resets, c.now) {
		return c.flood(RapidReset, "too many streams that are reset")
	}
	return nil
}

// priority checks PRIORITY, which means nothing here (RFC 9113 section 5.3.2).
func (c *Conn) priority(f frame, p []byte) error {
	switch {
	case f.stream == 0:
		return c.violation(ProtocolError, "PRIORITY on no stream")
	case binary.BigEndian.Uint32(p)&^highBit == f.stream:
		return c.violation(ProtocolError, "a stream that depends on itself")
	}
	return c.prioritised()
}

// prioritised counts PRIORITY and PRIORITY_UPDATE.
func (c *Conn) prioritised() error {
	if !c.bounds.priorities.take(c.cfg.Limits.Priorities, c.now) {
		return c.flood(PriorityFlood, "too many priorities")
	}
	return nil
}
