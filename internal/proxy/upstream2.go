package proxy

import (
	"fmt"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/h2"
	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/message"
)

// idleHTTP2 is how long an HTTP/2 connection without streams is kept: the
// protocol says GOAWAY before it closes.
const idleHTTP2 = time.Minute

// Streams of one connection are of many clients, of which some read slowly. The
// connection's window is all of its streams' together: no client can use it up
// and so stop the others.
const (
	maxCalls   = 1000
	callWindow = 128 << 10 // bytes of a stream's body that may wait for its client
)

// mux is a worker's HTTP/2 connections to one instance. Requests share them.
type mux struct {
	conns   []*server2
	dialing bool
	waiting []*loop.Task
}

// drop ends the connections as soon as their streams have ended.
func (m *mux) drop() {
	for _, sc := range m.conns {
		sc.h.Shutdown()
		sc.c.Mark()
	}
}

// pick returns the connection to open a stream on; nil: none takes any.
func (m *mux) pick() *server2 {
	for _, sc := range m.conns {
		if sc.h.Capacity() > 0 {
			return sc
		}
	}
	return nil
}

// server2 is an HTTP/2 connection to an instance.
type server2 struct {
	conn2
	inst *instance
}

// connect2 returns a stream to inst, on a connection that is there or on a new one.
func (x *exchange) connect2(inst *instance) (upstream, error) {
	m := &inst.pools[x.w.loop.Index].mux
	for {
		if sc := m.pick(); sc != nil {
			sc.c.Idle(0, nil)
			return &call2{sc: sc, task: x.task}, nil
		}
		if !m.dialing {
			if err := x.dial2(inst, m); err != nil {
				return nil, err
			}
			continue
		}
		if !slices.Contains(m.waiting, x.task) {
			m.waiting = append(m.waiting, x.task)
		}
		if err := x.wait(sooner(x.until, x.w.after(dialTimeout))); err != nil {
			return nil, err
		}
	}
}

// dial2 opens a connection for all who wait for one.
func (x *exchange) dial2(inst *instance, m *mux) error {
	m.dialing = true
	c, err := x.dial(inst)
	m.dialing = false
	for _, t := range m.waiting {
		t.Wake()
	}
	m.waiting = m.waiting[:0]
	if err != nil {
		return err
	}
	sc := &server2{conn2: conn2{w: x.w, c: c}, inst: inst}
	sc.h = h2.New(h2.Config{
		MaxHeaderBytes: maxResponseHead, MaxStreams: maxCalls, StreamWindow: callWindow, ConnWindow: maxCalls * callWindow,
	}, sc)
	sc.lost = func() { m.remove(sc) }
	m.conns = append(m.conns, sc)
	sc.start()
	return nil
}

func (m *mux) remove(sc *server2) {
	for i, other := range m.conns {
		if other == sc {
			m.conns = append(m.conns[:i], m.conns[i+1:]...)
			return
		}
	}
}

// rest lets an unused connection end after a while.
func (sc *server2) rest() {
	if sc.h.Streams() == 0 {
		sc.c.Idle(sc.w.after(idleHTTP2), func() {
			if sc.h.Streams() == 0 {
				sc.h.Shutdown()
				sc.c.Mark()
			}
		})
	}
}

// The handler of what the instance does.

func (sc *server2) NewHead() *message.Head { return sc.w.head() }

func (sc *server2) Headers(s *h2.Stream, h *message.Head, end bool) {
	call, ok := s.Owner.(*call2)
	if !ok {
		sc.w.putHead(h)
		return
	}
	call.heads = append(call.heads, h)
	call.body.ended = end
	call.task.Wake()
}

func (sc *server2) TooLarge(s *h2.Stream, h *message.Head, _ bool) {
	sc.w.putHead(h)
	s.Reset(h2.Cancel)
	sc.wake(s)
}

func (sc *server2) Data(s *h2.Stream, p []byte, end bool) {
	call, ok := s.Owner.(*call2)
	if !ok {
		s.Consumed(len(p))
		return
	}
	call.body.add(p, end)
	call.task.Wake()
}

func (sc *server2) Trailers(s *h2.Stream, h *message.Head) {
	call, ok := s.Owner.(*call2)
	if !ok {
		sc.w.putHead(h)
		return
	}
	call.body.finish(h)
	call.task.Wake()
}

func (sc *server2) Reset(s *h2.Stream, code h2.Code) {
	if call, ok := s.Owner.(*call2); ok {
		call.code, call.fault = code, s.Fault()
	}
	sc.wake(s)
}

func (sc *server2) Writable(s *h2.Stream) { sc.wake(s) }

func (sc *server2) wake(s *h2.Stream) {
	if call, ok := s.Owner.(*call2); ok {
		call.blocked = false
		call.task.Wake()
	}
}

func (sc *server2) Settings()              {}
func (sc *server2) GoAway(uint32, h2.Code) {}
func (sc *server2) Pong(uint64)            {}

// call2 is a request on an HTTP/2 connection to an instance.
type call2 struct {
	sc      *server2
	s       *h2.Stream // nil: it could not be opened
	task    *loop.Task
	err     error // why not
	heads   []*message.Head
	body    body2
	blocked bool
	code    h2.Code
	fault   string // what was wrong with the answer; empty: nothing, or it is not known
}

func (u *call2) send(h *message.Head, alone bool) {
	u.sc.borrow()
	u.s, u.err = u.sc.h.Open(h, alone)
	if u.err == nil {
		u.s.Owner = u
		u.sc.c.Mark()
	}
}

func (u *call2) head(x *exchange) (bool, error) {
	if len(u.heads) > 0 {
		u.sc.w.putHead(x.resp)
		x.resp = u.heads[0]
		u.heads = u.heads[1:]
		return true, nil
	}
	return false, u.broken()
}

// broken is why nothing more comes; nil: it may.
func (u *call2) broken() error {
	switch {
	case u.err != nil:
		return u.err
	case u.s.Dead() && u.fault != "":
		return fmt.Errorf("stream reset: %s: %s", u.code, u.fault)
	case u.s.Dead():
		return fmt.Errorf("stream reset: %s", u.code)
	}
	return nil
}

func (u *call2) read() ([]byte, bool, error) {
	p, end := u.body.rest()
	if len(p) == 0 && !end {
		return nil, false, u.broken()
	}
	return p, end, nil
}

func (u *call2) consume(n int) {
	u.body.at += n
	u.s.Consumed(n)
	u.sc.c.Mark()
}

func (u *call2) trailers() []message.Field { return u.body.trailers() }

func (u *call2) room() int {
	if u.blocked || u.err != nil || u.s.Dead() {
		return 0
	}
	return loop.HighWater
}

func (u *call2) write(p []byte) int {
	n := u.s.WriteData(p, false)
	u.blocked = n < len(p)
	u.sc.c.Mark()
	return n
}

func (u *call2) end(trailers []message.Field) {
	if len(trailers) > 0 {
		u.s.WriteTrailers(trailers)
	} else {
		u.s.WriteData(nil, true)
	}
	u.sc.c.Mark()
}

func (u *call2) unsent() bool { return u.err != nil || u.s.Unprocessed() }

func (u *call2) untouched() bool { return u.unsent() }

func (u *call2) stream() *loop.Conn { return nil }

func (u *call2) plain() *loop.Conn { return nil }

func (u *call2) wakes(t *loop.Task) { u.task = t }

func (u *call2) finish(bool) {
	for _, h := range u.heads {
		u.sc.w.putHead(h)
	}
	u.heads = nil
	if u.s != nil {
		u.s.Owner = nil
		u.s.Release()
		u.sc.c.Mark()
	}
	u.body.reset(u.sc.w)
	u.sc.rest()
}
