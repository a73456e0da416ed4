package h2

import (
	"encoding/binary"
	"errors"

	"github.com/banyanrun/banyan/internal/proxy/h2/hpack"
	"github.com/banyanrun/banyan/internal/proxy/message"
)

// ErrClosed says that the connection has ended.
var ErrClosed = errors.New("h2: the connection has ended")

// Conn is an HTTP/2 connection. Create one with New.
type Conn struct {
	cfg Config
	h   Handler
	err error // why the connection was given up
	now int64

	input  input
	out    []byte
	off    int // out before it was written
	paid   int // octets of replies that were appended, less what was written since
	dec    hpack.Decoder
	enc    hpack.Encoder
	spare  *message.Head // one that a Handler made and no message needed
	bounds bounds

	streams  streams
	history  *history // how streams ended lately
	ready    queue    // streams that wait for room or for the connection's window
	draining bool

	lastPeer uint32 // the highest stream that the peer has opened
	nextID   uint32 // the next stream that we open
	accepted int    // streams that the peer opened and the owner has not released
	opened   int    // streams that we opened and that have not ended

	acked      bool  // the peer has our settings
	peerMax    int   // streams that the peer allows at a time
	peerWindow int64 // the peer's initial stream window
	sendWin    int64 // what we may send
	recvWin    int64 // what the peer may send
	credit     int64 // what was consumed and the peer was not told

	peerGone bool   // the peer sent GOAWAY
	peerLast uint32 // and this was the last stream that it said it would process
	shutdown shutdown
}

// bounds are the counters of Limits.
type bounds struct{ resets, provoked, settings, pings, empty, windows, priorities bucket }

// New makes a connection whose first output is pending: settings, and a client's preface.
func New(cfg Config, h Handler) *Conn {
	c := &Conn{
		cfg: cfg.withDefaults(), h: h,
		peerMax: defaultMaxStream, peerWindow: defaultWindow, sendWin: defaultWindow, nextID: 1,
	}
	c.recvWin = int64(c.cfg.ConnWindow)
	if c.cfg.Server {
		c.nextID, c.input.preface = 2, len(Preface)
	} else {
		c.out = append(c.out, Preface...)
		c.peerMax = min(c.peerMax, c.cfg.MaxStreams)
	}
	c.writeSettings()
	if more := c.recvWin - defaultWindow; more > 0 {
		c.out = appendWindow(c.out, 0, more)
	}
	return c
}

// Out is the output that is pending. It is valid until the next call of a method of c or of a stream.
func (c *Conn) Out() []byte { return c.out[c.off:] }

// Flushed says that the first n bytes of Out are written. It may call Handler.Writable.
func (c *Conn) Flushed(n int) {
	const move = 64 << 10 // half as much as is worth a move
	c.off += n
	switch {
	case c.off == len(c.out):
		c.out, c.off = c.out[:0], 0
	case c.off > move && c.off > len(c.out)/2:
		c.out, c.off = c.out[:copy(c.out, c.out[c.off:])], 0
	}
	c.paid = max(0, min(c.paid-n, c.pending()))
	c.drain()
}

// Lend gives the connection a buffer for its output, whose content is lost. It
// does nothing while output is pending. With Reclaim, connections that have
// nothing to write can share one buffer.
func (c *Conn) Lend(buf []byte) {
	if c.pending() == 0 {
		c.out, c.off = buf[:0], 0
	}
}

// Reclaim takes the output buffer, grown perhaps, from the connection; nil if output is pending.
func (c *Conn) Reclaim() []byte {
	if c.pending() > 0 {
		return nil
	}
	buf := c.out
	c.out = nil
	return buf[:0]
}

func (c *Conn) pending() int { return len(c.out) - c.off }

// reply counts n octets of output that the peer caused.
func (c *Conn) reply(n int) { c.paid += n }

// fail gives the connection up.
func (c *Conn) fail(code Code, kind Kind, text string) error {
	if c.err == nil {
		c.err = &Error{Code: code, Kind: kind, Text: text}
		c.out = appendGoAway(c.out, c.lastPeer, code, text)
	}
	return c.err
}

// violation is fail for a breach of the protocol.
func (c *Conn) violation(code Code, text string) error { return c.fail(code, Violation, text) }

// flood is fail for a bound that was exceeded.
func (c *Conn) flood(kind Kind, text string) error { return c.fail(EnhanceYourCalm, kind, text) }

// Close ends the connection, whose transport is gone: streams that have not
// ended get Handler.Reset with code. Output is of no use any more.
func (c *Conn) Close(code Code) {
	if c.err == nil {
		c.err = ErrClosed
	}
	c.abandon(code)
}

// Abort ends the connection by our own decision, at once: GOAWAY with code is
// the last of Out, and streams that have not ended get Handler.Reset with it.
func (c *Conn) Abort(code Code) {
	if c.err == nil {
		c.err = ErrClosed
		c.out = appendGoAway(c.out, c.lastPeer, code, "")
	}
	c.abandon(code)
}

// abandon tells the owners of all streams that they have ended.
func (c *Conn) abandon(code Code) {
	for c.streams.first != nil {
		s := c.streams.first
		c.end(s, resetByUs)
		c.h.Reset(s, code)
	}
}

// Err is why the connection was given up: an *Error or ErrClosed; nil while it works.
func (c *Conn) Err() error { return c.err }

// Streams is how many streams there are: those that the peer opened until they
// are released, and ours until they have ended.
func (c *Conn) Streams() int { return c.accepted + c.opened }

// Capacity is how many streams Open takes now.
func (c *Conn) Capacity() int {
	if c.openable() != nil {
		return 0
	}
	return c.peerMax - c.opened
}

// Ping appends a PING; Handler.Pong tells of its answer. The highest bit of data is cleared.
func (c *Conn) Ping(data uint64) {
	if c.err == nil {
		c.out = appendPing(c.out, 0, data&^shutdownPing)
	}
}

// ping answers a PING or takes an answer.
func (c *Conn) ping(f frame, p []byte) error {
	if f.stream != 0 {
		return c.violation(ProtocolError, "PING on a stream")
	}
	data := binary.BigEndian.Uint64(p)
	if f.has(flagAck) {
		if data == shutdownPing {
			c.finishShutdown()
		} else {
			c.h.Pong(data)
		}
		return nil
	}
	if !c.bounds.pings.take(c.cfg.Limits.Pings, c.now) {
		return c.flood(PingFlood, "too many PING frames")
	}
	c.out = appendPing(c.out, flagAck, data)
	c.reply(frameHeader + pingOctets)
	return nil
}
