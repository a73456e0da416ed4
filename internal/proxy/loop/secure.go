package loop

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"time"
)

// secure is the TLS half of a connection. crypto/tls wants to block, so a task
// reads for it; what it writes is gathered and never waits. So no lock of a
// tls.Conn is held while a writer waits, and a reader that must answer (a key
// update) cannot stop the loop.
type secure struct {
	conn     *tls.Conn
	task     *Task // that reads
	deadline int64 // of the handshake
	shaken   bool  // the handshake is done: reads wait in decrypt, without a buffer
	in       []byte
	err      error  // why no more comes
	out      []byte // records to be sent
	outAt    int
	notified bool // close_notify was said
}

// maxRecords bounds pending records, in bytes. Output that the connection's user
// makes stays far below; the answers to a peer's key updates have no other bound.
const maxRecords = 8 << 20

var errRecords = errors.New("tls: too much output is pending")

func (s *secure) pending() int { return len(s.out) - s.outAt }

// Secure makes the connection speak TLS as a server and does the handshake.
// What was read before is part of it. deadline as in Task.Wait.
func (c *Conn) Secure(t *Task, cfg *tls.Config, deadline int64) error {
	s := &secure{task: t, deadline: deadline}
	s.conn = tls.Server(&rawConn{c: c, s: s, early: c.in[c.inAt:]}, cfg)
	c.in, c.inAt = nil, 0
	c.secure = s
	if err := s.conn.HandshakeContext(context.Background()); err != nil {
		c.flush() // the alert
		return err
	}
	s.deadline, s.shaken = 0, true
	s.task = c.loop.Go(c.decrypt)
	return nil
}

// errNothing is why a read after the handshake ends that finds nothing. It is a
// net.Error that is temporary, after which crypto/tls goes on where it was, in
// the middle of a record, too.
var errNothing net.Error = nothing{}

type nothing struct{}

func (nothing) Error() string   { return "nothing to read now" }
func (nothing) Timeout() bool   { return true }
func (nothing) Temporary() bool { return true }

// decrypt reads as long as somebody takes what was read.
func (c *Conn) decrypt(t *Task) {
	s := c.secure
	for s.err == nil {
		for len(s.in) > 0 { // while a read is on its way, in is its alone
			if s.err = c.err; s.err != nil { // nobody takes it any more
				return
			}
			if s.err = t.Wait(0); s.err != nil {
				return
			}
		}
		if s.in == nil {
			s.in = c.loop.buffers.get(Small)
		}
		n, err := s.conn.Read(s.in[:cap(s.in)])
		s.in = s.in[:n]
		if errors.Is(err, errNothing) {
			err = nil
			if n == 0 {
				c.loop.buffers.put(s.in)
				s.in = nil
				err = t.Wait(0)
			}
		}
		s.err = err
		if n > 0 || err != nil {
			c.wakeReader()
		}
	}
}

// take moves what was decrypted to the connection's input.
func (s *secure) take(c *Conn) (int, error) {
	n := len(s.in)
	if n == 0 {
		return 0, s.err
	}
	c.in = append(c.loop.buffers.grow(c.in, n), s.in...)
	s.in = s.in[:0]
	s.task.Wake()
	return n, nil
}

// seal moves the gathered output into records, and says the end where there is one.
func (c *Conn) seal() {
	s := c.secure
	if c.err == nil && len(c.out) > c.outAt {
		_, err := s.conn.Write(c.out[c.outAt:])
		c.loop.buffers.put(c.out)
		c.out, c.outAt = nil, 0
		if err != nil {
			c.failWrite(err)
		}
	}
	if (c.closing || c.halfClosing) && !s.notified && c.WriteErr() == nil {
		s.notified = true
		_ = s.conn.CloseWrite() // close_notify; an error says that the handshake is not done
	}
}

// rawConn is the socket as crypto/tls sees it.
type rawConn struct {
	c     *Conn
	s     *secure
	early []byte // read before TLS began
}

func (r *rawConn) Read(p []byte) (int, error) {
	if len(r.early) > 0 {
		n := copy(p, r.early)
		r.early = r.early[n:]
		return n, nil
	}
	c := r.c
	for {
		if c.err != nil {
			return 0, c.err
		}
		if c.canRead {
			if n, err := c.receive(p); n > 0 || err != nil {
				return n, err
			}
		}
		if r.s.shaken {
			return 0, errNothing
		}
		c.flush() // what the handshake has to say
		if err := r.s.task.Wait(r.s.deadline); err != nil {
			return 0, err
		}
	}
}

func (r *rawConn) Write(p []byte) (int, error) {
	if err := r.c.WriteErr(); err != nil {
		return 0, err
	}
	s := r.s
	if s.pending() > maxRecords {
		return 0, errRecords
	}
	if s.outAt >= len(s.out)-s.outAt {
		compact(&s.out, &s.outAt)
	}
	s.out = append(r.c.loop.buffers.grow(s.out, len(p)), p...)
	r.c.mark()
	return len(p), nil
}

func (r *rawConn) Close() error                     { return nil }
func (r *rawConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (r *rawConn) RemoteAddr() net.Addr             { return net.TCPAddrFromAddrPort(r.c.Remote) }
func (r *rawConn) SetDeadline(time.Time) error      { return nil }
func (r *rawConn) SetReadDeadline(time.Time) error  { return nil }
func (r *rawConn) SetWriteDeadline(time.Time) error { return nil }
