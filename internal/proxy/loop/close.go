package loop

import (
	"time"

	"golang.org/x/sys/unix"
)

// closePatience is how long a connection that is being closed may wait for its
// peer to take some output, and closeRounds how often.
const (
	closePatience = 10 * time.Second
	closeRounds   = 6
)

// Close sends what is gathered and closes. Nothing may be written afterwards;
// reads fail. A peer that does not take the output is waited for as long as
// closePatience and closeRounds say, then the connection is reset.
func (c *Conn) Close() {
	if c.err != nil || c.writeErr != nil {
		c.Abort()
	}
	if c.closing || c.fd < 0 {
		return
	}
	c.closing, c.idleAt = true, never
	c.mark()
}

// patience resets a connection that is being closed after a while without progress.
func (c *Conn) patience() {
	if c.closeRound++; c.closeRound > closeRounds {
		c.Reset()
		return
	}
	sent := c.sent
	c.idle(c.loop.now+int64(c.loop.group.patience), func() {
		if c.sent == sent {
			c.Reset()
			return
		}
		c.patience()
	})
}

// Abort closes at once; the peer sees a reset if it has sent what was not read.
func (c *Conn) Abort() {
	if c.fd < 0 {
		return
	}
	c.loop.poll.forget(c.fd)
	_ = unix.Close(c.fd)
	c.fd = -1
	c.loop.give(c.token)
	c.loop.conns.Add(-1)
	c.loop.timers.disarm(&c.timer)
	c.serve = nil
	_ = c.fail(ErrClosed)
	c.err = ErrClosed
	if c.onClose != nil {
		c.onClose()
	}
	c.canRead, c.ended = false, true
	if c.reader == nil {
		c.in = nil
	}
}

// OnClose has fn called, on the loop, when the connection was closed here.
func (c *Conn) OnClose(fn func()) { c.onClose = fn }

// Reset closes at once, and the peer sees a reset: it must not take what it got
// for the end.
func (c *Conn) Reset() {
	if c.fd >= 0 {
		_ = unix.SetsockoptLinger(c.fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	}
	c.Abort()
}

// Closed reports whether Close, Abort or Reset was called.
func (c *Conn) Closed() bool { return c.closing || c.fd < 0 }
