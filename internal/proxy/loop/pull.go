package loop

import (
	"io"
	"syscall"
)

// Bulk is how much is moved from socket to socket at a time, in bytes: as much as
// stays in a core's cache together with what the kernel touches.
const Bulk = 128 << 10

// spliceLeast is the least that is worth to be moved without a copy, in bytes.
const spliceLeast = 32 << 10

// Pull moves input of src to the output, as much as is there and at most limit
// bytes, limit > 0. It returns 0 and nil if there is nothing now, or the peer takes nothing
// now (then the writer is woken), else as TryFill. Bytes that src has buffered come
// first. sure says that limit bytes or more are still to come; they may then be
// sent at once, not at the turn's end.
func (c *Conn) Pull(src *Conn, limit int, sure bool) (int, error) {
	if b := src.Buffered(); b != nil {
		n := min(len(b), limit)
		c.Write(b[:n])
		src.Consume(n)
		return n, nil
	}
	src.release()
	if src.err != nil {
		return 0, src.err
	}
	if src.secure != nil { // it is buffered in any case
		n, err := src.TryFill()
		if n == 0 {
			return 0, err
		}
		return c.Pull(src, limit, sure)
	}
	if !src.mayReceive() {
		return 0, nil
	}
	if limit >= spliceLeast && (sure || src.more) && c.secure == nil && c.loop.pipe.ready() {
		return c.splice(src, limit, sure)
	}
	room := c.Reserve(min(limit, Large/2))
	n, err := src.receive(room[:min(len(room), limit)])
	if n > 0 {
		c.Commit(n)
	}
	return n, err
}

// splice is Pull without a copy, where the peer takes all of it. What the peer
// does not take is copied to the output: the pipe is for all.
func (c *Conn) splice(src *Conn, limit int, sure bool) (int, error) {
	if c.canWrite {
		// What it would not take costs a copy and a buffer, for as long as the peer is slow.
		limit = min(limit, Bulk, sendRoom(c.fd))
		c.canWrite = limit > 0
	}
	if !c.canWrite {
		return 0, nil
	}
	p := &c.loop.pipe
	n, errno := p.fill(src.fd, limit)
	if !p.ready() { // it turned out so
		return c.Pull(src, limit, sure)
	}
	if n, err := src.received(n, errno); n == 0 {
		return 0, err
	}
	src.more = n >= spliceLeast
	if c.pending() > 0 {
		c.send(&c.out, &c.outAt, true)
	}
	left := n
	for left > 0 && c.canWrite && c.WriteErr() == nil {
		k, errno := p.empty(c.fd, left)
		switch {
		case errno == syscall.EAGAIN:
			c.canWrite = false
		case errno != 0:
			c.failWrite(errno)
		default:
			left -= k
			c.sent += int64(k)
		}
	}
	c.writer.Wake()
	return n, c.spill(left)
}

// spill copies what is left in the pipe to the output.
func (c *Conn) spill(left int) error {
	for left > 0 && c.WriteErr() == nil {
		n, errno := c.loop.pipe.read(c.Reserve(left)[:left])
		if n <= 0 || errno != 0 { // it has less than it took: nobody knows what is lost
			c.loop.pipe.close()
			return c.fail(io.ErrUnexpectedEOF)
		}
		c.Commit(n)
		left -= n
	}
	if left > 0 { // nobody wants it
		c.loop.pipe.close()
	}
	return nil
}

// Room is how much output the connection takes from who can wait, in bytes: none while the peer
// is known to take none, whatever the buffer would hold.
func (c *Conn) Room() int {
	if c.WriteErr() != nil || !c.canWrite {
		return 0
	}
	return max(0, HighWater-c.pending())
}
