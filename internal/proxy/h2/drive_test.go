package h2

import (
	"errors"
	"net"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// drive runs a connection over conn until it ends: the smallest driver there can
// be. Calls are functions to be run between reads and writes.
func drive(conn net.Conn, c *Conn, calls <-chan func()) error {
	defer conn.Close()
	type chunk struct {
		p   []byte
		err error
	}
	reads, more := make(chan chunk), make(chan struct{})
	defer close(more)
	go func() {
		buf := make([]byte, 32<<10)
		for {
			n, err := conn.Read(buf)
			select {
			case reads <- chunk{buf[:n], err}:
			case <-more:
				return
			}
			if _, ok := <-more; !ok || err != nil {
				return
			}
		}
	}()
	start := time.Now()
	for {
		for len(c.Out()) > 0 {
			n, err := conn.Write(c.Out())
			if err != nil {
				c.Close(InternalError)
				return err
			}
			c.Flushed(n)
		}
		if c.Err() != nil {
			return c.Err()
		}
		select {
		case r := <-reads:
			_ = c.Feed(r.p, int64(time.Since(start))) // is c.Err
			if r.err != nil {
				c.Close(InternalError)
				return r.err
			}
			more <- struct{}{}
		case f, ok := <-calls:
			if !ok {
				c.Close(Cancel)
				return nil
			}
			f()
		}
	}
}

// ignore is a Handler that does nothing, for others to embed.
type ignore struct{}

func (ignore) NewHead() *message.Head                      { return new(message.Head) }
func (ignore) Headers(*Stream, *message.Head, bool)        {}
func (ignore) TooLarge(s *Stream, _ *message.Head, _ bool) { s.Release() }
func (ignore) Data(*Stream, []byte, bool)                  {}
func (ignore) Trailers(*Stream, *message.Head)             {}
func (ignore) Reset(*Stream, Code)                         {}
func (ignore) Writable(*Stream)                            {}
func (ignore) Settings()                                   {}
func (ignore) GoAway(uint32, Code)                         {}
func (ignore) Pong(uint64)                                 {}

// echo is a server that answers a request with its body; one without a body gets a greeting.
type echo struct{ ignore }

const greeting = "hello, world"

// echoing is an echo's state of a stream.
type echoing struct {
	rest     []byte
	end      bool
	trailers []message.Field
}

func (e echo) Headers(s *Stream, h *message.Head, end bool) {
	x := &echoing{}
	s.Owner = x
	answer := message.Head{Status: 200}
	for _, f := range h.Fields {
		if len(f.Name) > 2 && string(f.Name[:2]) == "x-" {
			answer.Fields = append(answer.Fields, f)
		}
	}
	if h.Expect {
		s.WriteHead(&message.Head{Status: 100}, false)
	}
	s.WriteHead(&answer, false)
	if end {
		x.rest = append(x.rest, greeting...)
	}
	e.write(s, end)
}

func (e echo) Data(s *Stream, p []byte, end bool) {
	x := s.Owner.(*echoing)
	x.rest = append(x.rest, p...)
	e.write(s, end)
}

func (e echo) Trailers(s *Stream, h *message.Head) {
	s.Owner.(*echoing).trailers = h.Fields
	e.write(s, true)
}

func (e echo) Writable(s *Stream) { e.write(s, false) }

func (echo) Reset(s *Stream, _ Code) { s.Release() }

func (echo) write(s *Stream, end bool) {
	x := s.Owner.(*echoing)
	x.end = x.end || end
	n := s.WriteData(x.rest, x.end && x.trailers == nil)
	x.rest = x.rest[n:]
	s.Consumed(n)
	if x.end && len(x.rest) == 0 && x.trailers != nil && !s.sentAll() {
		s.WriteTrailers(x.trailers)
	}
	if s.sentAll() && s.gotAll() {
		s.Release()
	}
}

// serveEcho listens on loopback and returns the address.
func serveEcho(t *testing.T, cfg Config) string {
	t.Helper()
	cfg.Server = true
	return listen(t, func(conn net.Conn) { _ = drive(conn, New(cfg, echo{}), nil) })
}

// listen serves connections on loopback and returns the address.
func listen(t *testing.T, serve func(net.Conn)) string {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := l.Accept()
			if err != nil {
				if !errors.Is(err, net.ErrClosed) {
					t.Error(err)
				}
				return
			}
			go serve(conn)
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-done
	})
	return l.Addr().String()
}

// gotAll reports whether the peer has sent all that it sends.
func (s *Stream) gotAll() bool { return s.state&(remoteEnded|dead) != 0 }

// sentAll reports whether we have sent all that we send.
func (s *Stream) sentAll() bool { return s.state&(localEnded|dead) != 0 }
