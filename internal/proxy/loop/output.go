package loop

import (
	"syscall"

	"golang.org/x/sys/unix"
)

// HighWater is how much output may be pending before a writer should wait for
// Drain, in bytes.
const HighWater = 128 << 10

// Out is the gathered output: the caller appends to it and gives it to SetOut.
func (c *Conn) Out() []byte {
	if c.out == nil {
		c.out = c.loop.buffers.get(Small)
	}
	if c.outAt >= len(c.out)-c.outAt {
		compact(&c.out, &c.outAt)
	}
	return c.out
}

// compact drops the first *at bytes, which were sent: a buffer of a peer that
// always lags behind would grow for ever.
func compact(buf *[]byte, at *int) {
	if *at > 0 {
		*buf, *at = (*buf)[:copy(*buf, (*buf)[*at:])], 0
	}
}

// SetOut takes back what Out returned, with more at its end; it goes out at the turn's end.
func (c *Conn) SetOut(out []byte) {
	c.out = out
	c.mark()
}

// Reserve returns room for at least n bytes of output, to be filled and given to Commit.
func (c *Conn) Reserve(n int) []byte {
	out := c.Out()
	if cap(out)-len(out) < n {
		compact(&c.out, &c.outAt)
		c.out = c.loop.buffers.grow(c.out, n)
	}
	return c.out[len(c.out):cap(c.out)]
}

// Commit adds n bytes that were filled into Reserve's room.
func (c *Conn) Commit(n int) {
	c.out = c.out[:len(c.out)+n]
	c.mark()
}

// Write gathers p.
func (c *Conn) Write(p []byte) {
	c.Commit(copy(c.Reserve(len(p)), p))
}

// Pending is how much output was not sent yet, in bytes.
func (c *Conn) Pending() int { return c.pending() }

func (c *Conn) pending() int {
	n := len(c.out) - c.outAt
	if c.secure != nil {
		n += c.secure.pending()
	}
	return n
}

// mark has the connection flushed at the end of the turn.
func (c *Conn) mark() {
	if !c.dirty && c.fd >= 0 {
		c.dirty = true
		c.loop.dirty = append(c.loop.dirty, c)
	}
}

// Gather has fn called before output is sent, to write what it has. Mark is for
// its user to say that it has something.
func (c *Conn) Gather(fn func()) { c.gather = fn }

// Mark has the connection flushed at the end of the turn.
func (c *Conn) Mark() { c.mark() }

// Flush sends now what can be sent.
func (c *Conn) Flush() { c.flush() }

// Drain waits until at most limit bytes of output are pending. deadline as in Task.Wait.
func (c *Conn) Drain(t *Task, limit int, deadline int64) error {
	if c.pending() > limit {
		c.flush()
	}
	for c.pending() > limit {
		if err := c.WriteErr(); err != nil {
			return err
		}
		before := c.writer
		c.writer = t
		err := t.Wait(deadline)
		c.writer = before
		if err != nil {
			return err
		}
	}
	return c.WriteErr()
}

// CloseWrite ends the sending side once the output was sent.
func (c *Conn) CloseWrite() {
	c.halfClosing = true
	c.mark()
}

// flush sends the gathered output as far as the socket takes it. What gather
// writes marks the connection again, so that it is asked for more; and so does
// what was pending before, once it is sent: gather may have waited for that.
func (c *Conn) flush() {
	if c.fd < 0 {
		return
	}
	waited := false
	if c.gather != nil {
		waited = c.pending() > 0
		c.gather()
	}
	if c.writeErr != nil {
		c.dropOutput()
	}
	buf, at := &c.out, &c.outAt
	if c.secure != nil {
		c.seal()
		buf, at = &c.secure.out, &c.secure.outAt
	}
	if c.err == nil && !c.send(buf, at, false) {
		if c.closing && c.closeRound == 0 {
			c.patience()
		}
		return
	}
	if waited && c.pending() == 0 && c.WriteErr() == nil {
		c.mark()
	}
	switch {
	case c.gather != nil && c.dirty && c.WriteErr() == nil: // there is more
	case c.closing:
		c.Abort()
	case c.halfClosing && c.err == nil:
		c.halfClosing = false
		_ = unix.Shutdown(c.fd, unix.SHUT_WR)
	}
}

// send writes *buf from *at on and reports whether nothing is left. more says
// that more follows at once, so that the last packet need not go out half full.
func (c *Conn) send(buf *[]byte, at *int, more bool) bool {
	sent := false
	for len(*buf) > *at {
		n, errno := write(c.fd, (*buf)[*at:], more)
		if errno == syscall.EAGAIN {
			c.canWrite = false
			break
		}
		if errno != 0 {
			c.failWrite(errno)
			return true
		}
		*at += n
		c.sent += int64(n)
		sent = true
	}
	if sent {
		c.writer.Wake()
	}
	if len(*buf) > *at {
		return false
	}
	if *buf != nil {
		c.loop.buffers.put(*buf)
		*buf, *at = nil, 0
	}
	return true
}

func (c *Conn) dropOutput() {
	c.out, c.outAt = nil, 0
	if c.secure != nil {
		c.secure.out, c.secure.outAt = nil, 0
	}
}
