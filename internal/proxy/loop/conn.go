package loop

import (
	"crypto/tls"
	"errors"
	"io"
	"net/netip"
	"syscall"

	"golang.org/x/sys/unix"
)

// Conn is a stream socket of a loop. Input is gathered in a buffer, output in
// another that is sent at the turn's end; both are there only while they hold
// something.
type Conn struct {
	// Data is the user's.
	Data any
	// Remote is the peer's address; for accepted connections only.
	Remote netip.AddrPort

	loop  *Loop
	token uint64
	fd    int

	canRead, canWrite bool  // as far as is known: no call has said otherwise since the last event
	ended             bool  // the peer sends no more; what it sent may not be read yet
	broke             bool  // nothing can be sent or received any more, though no read or write has said so yet
	dirty             bool  // in loop.dirty
	closing           bool  // close once out is sent
	halfClosing       bool  // end the sending side once out is sent
	err               error // of no use any more
	writeErr          error // nothing can be sent any more, but there may be something to read
	sent              int64 // bytes, over all

	in, out []byte
	inAt    int // of in, what was consumed
	outAt   int // of out, what was sent

	turn int64 // of the loop, in which took bytes were read
	took int
	held bool // it was read enough in this turn: there may be more
	more bool // the last read filled what it was given: there is probably more

	closeRound uint8 // of waiting for the peer to take what is left

	reader, writer *Task
	serve          func(*Task)
	task           func(*Task) // run, made once
	secure         *secure
	idleAt         int64
	onIdle         func()
	onClose        func()
	gather         func()
	timer          timer
}

// fairShare is how much of one connection's input is read in a turn, in bytes:
// a peer that never stops sending must not keep the loop from the others.
const fairShare = 256 << 10

func (l *Loop) newConn(fd int) (*Conn, error) {
	c := &Conn{loop: l, fd: fd, idleAt: never}
	c.timer.owner = c
	c.task = c.run
	c.token = l.take(c, nil)
	if err := l.poll.add(fd, c.token); err != nil {
		l.give(c.token)
		_ = unix.Close(fd)
		return nil, err
	}
	l.conns.Add(1)
	return c, nil
}

// Loop is the connection's.
func (c *Conn) Loop() *Loop { return c.loop }

// Serve makes fn run as a task whenever there is something to read (or the end of
// it) while no task reads. It looks for what is there already.
func (c *Conn) Serve(fn func(*Task)) {
	c.serve = fn
	if c.CanRead() {
		c.begin()
	}
}

func (c *Conn) begin() {
	if c.serve != nil && c.reader == nil && c.fd >= 0 && !c.closing {
		c.reader = c.loop.Go(c.task)
	}
}

// run is the task that serves the connection until it waits for its peer again.
func (c *Conn) run(t *Task) {
	if c.serve != nil { // it was not closed since the task was made
		c.serve(t)
	}
	c.reader = nil
	c.release()
	if !c.held && c.CanRead() && c.err == nil { // it came while the task ended
		c.begin()
	}
}

// event notes what the poller saw and wakes who waits for it.
func (c *Conn) event(bits uint32) {
	if bits&endOfFile != 0 {
		c.ended = true
	}
	if bits&broken != 0 {
		c.broke = true
	}
	if bits&readable != 0 {
		c.canRead = true
		c.wakeInput()
		if c.ended && c.secure != nil { // what was decrypted may be unread, and its task waits for that
			c.wakeReader()
		}
	}
	if bits&writable != 0 {
		c.canWrite = true
		if c.pending() > 0 || c.closing || c.halfClosing {
			c.mark()
		}
		c.writer.Wake()
	}
}

// wakeInput wakes who reads from the socket.
func (c *Conn) wakeInput() {
	if c.secure != nil {
		c.secure.task.Wake()
	} else {
		c.wakeReader()
	}
}

func (c *Conn) wakeReader() {
	if c.reader != nil {
		c.reader.Wake()
	} else {
		c.begin()
	}
}

// Reader makes t the task that is woken when there is something to read; nil: none.
// It returns the one before.
func (c *Conn) Reader(t *Task) *Task {
	old := c.reader
	c.reader = t
	return old
}

// Writer makes t the task that is woken when output was sent or cannot be; nil: none.
func (c *Conn) Writer(t *Task) { c.writer = t }

// WriteErr is why nothing can be sent any more; nil: it can.
func (c *Conn) WriteErr() error {
	if c.err != nil {
		return c.err
	}
	return c.writeErr
}

// Sent is how many bytes the kernel took over all, in the wire's form.
func (c *Conn) Sent() int64 { return c.sent }

// Ended reports whether the peer is known to send no more, by closing or by a
// reset. What it sent before may still be unread.
func (c *Conn) Ended() bool { return c.ended || c.err != nil || c.writeErr != nil }

// Broken reports whether the connection is known to be of no use in either
// direction: by the peer's reset, or because both sides have ended. Unlike Err it
// needs no read to learn that; what the peer sent before it ended may be unread.
func (c *Conn) Broken() bool { return c.broke || c.err != nil }

// CanRead reports whether a read may find something.
func (c *Conn) CanRead() bool {
	if c.secure != nil {
		return len(c.in) > c.inAt || len(c.secure.in) > 0 || c.secure.err != nil
	}
	return c.canRead || len(c.in) > c.inAt
}

// Quiet reports whether there is nothing to read, not even the end. Unlike
// CanRead it looks at the socket where it must, and so it is exact.
func (c *Conn) Quiet() bool {
	if c.err != nil || c.secure != nil || len(c.in) > c.inAt {
		return c.err == nil && !c.CanRead()
	}
	if !c.canRead {
		return true
	}
	var one [1]byte
	if _, _, err := unix.Recvfrom(c.fd, one[:], unix.MSG_PEEK|unix.MSG_DONTWAIT); !errors.Is(err, unix.EAGAIN) {
		return false
	}
	c.canRead, c.more = false, false // the next edge tells
	return true
}

// Err is why the connection is of no use any more; nil: it is.
func (c *Conn) Err() error { return c.err }

// Buffered is the input that was read and not consumed; valid until the next
// call of a method that reads.
func (c *Conn) Buffered() []byte {
	if c.inAt == len(c.in) {
		return nil
	}
	return c.in[c.inAt:]
}

// Consume takes n bytes of Buffered.
func (c *Conn) Consume(n int) {
	c.inAt += n
	if c.inAt == len(c.in) {
		c.in, c.inAt = c.in[:0], 0
	}
}

// release gives the buffer back while it holds nothing.
func (c *Conn) release() {
	if c.in != nil && c.inAt == len(c.in) {
		c.loop.buffers.put(c.in)
		c.in, c.inAt = nil, 0
	}
}

// TryFill reads what is there without waiting. It returns 0 and nil if there is
// nothing now, io.EOF at the peer's end, else the error that broke the connection.
func (c *Conn) TryFill() (int, error) {
	if c.err != nil {
		return 0, c.err
	}
	if c.secure != nil {
		return c.secure.take(c)
	}
	if !c.mayReceive() {
		c.release()
		return 0, nil
	}
	if c.more && c.inAt == len(c.in) && cap(c.in) < Large {
		c.release()
		c.in = c.loop.buffers.get(Large)
	}
	if c.inAt > 0 && len(c.in)-c.inAt < c.inAt {
		c.in = c.in[:copy(c.in, c.in[c.inAt:])]
		c.inAt = 0
	}
	if cap(c.in)-len(c.in) < 512 {
		c.in = c.loop.buffers.grow(c.in, Small/2)
	}
	n, err := c.receive(c.in[len(c.in):cap(c.in)])
	c.in = c.in[:len(c.in)+n]
	c.release()
	return n, err
}

// Fill waits until more input was read. deadline as in Task.Wait.
func (c *Conn) Fill(t *Task, deadline int64) error {
	for {
		n, err := c.TryFill()
		if n > 0 {
			return nil
		}
		if err != nil {
			return err
		}
		c.release()
		before := c.Reader(t)
		err = t.Wait(deadline)
		c.Reader(before)
		if err != nil {
			return err
		}
	}
}

// mayReceive reports whether there may be something to read, of which the
// connection had not its share in this turn.
func (c *Conn) mayReceive() bool {
	if c.turn != c.loop.turn {
		c.turn, c.took = c.loop.turn, 0
	}
	if c.canRead && c.took >= fairShare && !c.held {
		c.held = true
		c.loop.held = append(c.loop.held, c)
	}
	return c.canRead && c.took < fairShare
}

// receive reads once. A short read means that nothing is left: the next edge tells of more
// (epoll(7)), unless the end has been announced, which must be read, too.
func (c *Conn) receive(p []byte) (int, error) {
	if !c.mayReceive() {
		return 0, nil
	}
	n, errno := read(c.fd, p)
	if n, err := c.received(n, errno); n == 0 {
		return 0, err
	}
	c.more = n == len(p) && n >= Small/2
	if n < len(p) && !c.ended {
		c.canRead = false
	}
	return n, nil
}

// received notes what a read from the socket led to.
func (c *Conn) received(n int, errno syscall.Errno) (int, error) {
	switch {
	case errno == syscall.EAGAIN:
		c.canRead, c.more = false, false
		return 0, nil
	case errno != 0:
		return 0, c.fail(errno)
	case n == 0:
		c.ended = true
		return 0, io.EOF
	}
	c.took += n
	return n, nil
}

// fail notes that the connection is broken and wakes who waits for it.
func (c *Conn) fail(err error) error {
	if c.err == nil {
		c.err = err
		c.dropOutput()
		c.writer.Wake()
		if c.secure != nil {
			c.secure.task.Wake()
		}
		c.wakeReader() // or nobody would close it
	}
	return c.err
}

// failWrite notes that nothing can be sent any more. What the peer said before it
// closed can still be read.
func (c *Conn) failWrite(err error) {
	if c.writeErr == nil {
		c.writeErr = err
		c.canRead = true
		c.writer.Wake()
		if c.secure != nil {
			c.secure.task.Wake()
		}
		c.wakeReader()
	}
	c.dropOutput()
}

// Idle calls fn, on the loop, when the time at (of Loop.Now) has come and Idle
// was not called again; 0: never. Once the connection is closed, or is being
// closed, it does nothing.
func (c *Conn) Idle(at int64, fn func()) {
	switch {
	case c.fd < 0 || c.closing:
	case at == 0:
		c.idleAt = never
	default:
		c.idle(at, fn)
	}
}

func (c *Conn) idle(at int64, fn func()) {
	c.idleAt, c.onIdle = at, fn
	c.loop.timers.arm(&c.timer, at)
}

func (c *Conn) due() int64 { return c.idleAt }

func (c *Conn) expire() {
	c.idleAt = never
	if c.err == nil {
		c.onIdle()
	}
}

// State is that of a connection that speaks TLS; nil: it does not.
func (c *Conn) State() *tls.ConnectionState {
	if c.secure == nil {
		return nil
	}
	s := c.secure.conn.ConnectionState()
	return &s
}

// Release gives the input buffer back if it holds nothing.
func (c *Conn) Release() { c.release() }
