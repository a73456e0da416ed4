package proxy

import (
	"net/netip"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/h2"
	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/message"
)

// client2 is a client's HTTP/2 connection.
type client2 struct {
	conn2
	in     *ingress
	secure bool
	stay   stay
}

// uploadWindow is how much of a request's body may be under way, in bytes, and
// stalledUploads how many such bodies a connection holds that nobody takes before
// they stop the others: few clients have as many, and what a client can make the
// data plane hold stays at 8 MiB a connection.
const (
	uploadWindow   = 128 << 10
	stalledUploads = 64
)

// serveHTTP2 makes an HTTP/2 connection of one whose preface came, or whose TLS
// handshake agreed on it.
func (w *worker) serveHTTP2(cl *client1) {
	set := cl.in.settings()
	cc := &client2{conn2: conn2{w: w, c: cl.c}, in: cl.in, secure: cl.secure}
	cc.h = h2.New(h2.Config{
		Server: true, ExtendedConnect: true, MaxStreams: set.streams, MaxHeaderBytes: set.maxHeader,
		StreamWindow: uploadWindow, ConnWindow: stalledUploads * uploadWindow,
	}, cc)
	cc.lost = func() {
		cc.stay.over(w)
		delete(w.clients, cc)
	}
	cc.refused = func(k h2.Kind) { w.refuse(refusedH2 + refused(k)) }
	cc.patience = func() time.Duration { return cc.in.settings().idleTimeout }
	cl.stay.over(w)
	delete(w.clients, cl)
	w.clients[cc] = struct{}{}
	cc.start()
	cc.wait()
	if cl.in.leaving.Load() {
		cc.leave()
	}
}

// leave asks the client to open no more streams. Until it says that it knows, it
// may have opened some.
func (cc *client2) leave() {
	if !cc.c.Closed() {
		cc.stay.begin(cc.w)
	}
	cc.h.Shutdown()
	cc.c.Mark()
}

func (cc *client2) expel() {
	cc.stay.over(cc.w)
	if cc.h.Streams() == 0 {
		cc.c.Close()
	}
}

// wait closes the connection if it stays without streams.
func (cc *client2) wait() {
	if cc.h.Streams() == 0 {
		cc.c.Idle(cc.w.after(cc.in.settings().idleTimeout), cc.expire)
	}
}

func (cc *client2) expire() {
	if cc.h.Streams() > 0 {
		return
	}
	cc.h.Shutdown()
	cc.c.Mark()
	cc.c.Idle(cc.w.after(linger), cc.c.Abort)
}

// stream2 is a request on an HTTP/2 connection.
type stream2 struct {
	cc      *client2
	s       *h2.Stream
	x       *exchange
	body    body2
	blocked bool // the client takes no more now
	ended   bool // the answer was
	run     func(*loop.Task)
}

func (w *worker) stream2() *stream2 {
	if n := len(w.streams2); n > 0 {
		st := w.streams2[n-1]
		w.streams2 = w.streams2[:n-1]
		return st
	}
	st := new(stream2)
	st.run = st.serve
	return st
}

// begin starts the exchange for a new stream.
func (cc *client2) begin(s *h2.Stream, h *message.Head, end bool) *stream2 {
	st := cc.w.stream2()
	st.cc, st.s = cc, s
	st.body.ended = end
	s.Owner = st
	st.x = cc.w.exchange(nil, st)
	cc.w.putHead(st.x.req)
	st.x.req = h
	cc.c.Idle(0, nil)
	return st
}

func (st *stream2) serve(t *loop.Task) {
	cc, x := st.cc, st.x
	x.task = t
	switch {
	case st.s.Dead(): // it was reset before its turn came
	case x.tooLarge:
		cc.w.refuse(refusedLargeHeader)
		x.refuseLarge(cc.in)
	default:
		x.takeExtended()
		x.serve(cc.in)
	}
	switch {
	case x.done:
	case !st.ended:
		st.s.Reset(h2.InternalError)
	}
	st.s.Owner = nil
	st.s.Release()
	cc.w.done(x)
	st.body.reset(cc.w)
	*st = stream2{run: st.run, body: st.body}
	if len(cc.w.streams2) < keepExchanges {
		cc.w.streams2 = append(cc.w.streams2, st)
	}
	cc.c.Mark()
	cc.wait()
}

// The handler of what the client does.

func (cc *client2) NewHead() *message.Head { return cc.w.head() }

func (cc *client2) Headers(s *h2.Stream, h *message.Head, end bool) {
	cc.w.loop.Go(cc.begin(s, h, end).run)
}

func (cc *client2) TooLarge(s *h2.Stream, h *message.Head, end bool) {
	st := cc.begin(s, h, end)
	st.x.tooLarge = true
	cc.w.loop.Go(st.run)
}

func (cc *client2) Data(s *h2.Stream, p []byte, end bool) {
	st, ok := s.Owner.(*stream2)
	if !ok {
		s.Consumed(len(p))
		return
	}
	st.body.add(p, end)
	st.x.task.Wake()
}

func (cc *client2) Trailers(s *h2.Stream, h *message.Head) {
	st, ok := s.Owner.(*stream2)
	if !ok {
		cc.w.putHead(h)
		return
	}
	st.body.finish(h)
	st.x.task.Wake()
}

func (cc *client2) Reset(s *h2.Stream, _ h2.Code) { cc.wake(s) }

func (cc *client2) Writable(s *h2.Stream) { cc.wake(s) }

func (cc *client2) wake(s *h2.Stream) {
	if st, ok := s.Owner.(*stream2); ok {
		st.blocked = false
		st.x.task.Wake()
	}
}

func (cc *client2) Settings()              {}
func (cc *client2) GoAway(uint32, h2.Code) {}
func (cc *client2) Pong(uint64)            {}

// The exchange's side.

func (st *stream2) read() ([]byte, bool, error) {
	if st.s.Dead() {
		return nil, false, errClientGone
	}
	p, end := st.body.rest()
	return p, end, nil
}

func (st *stream2) consume(n int) {
	st.body.at += n
	st.s.Consumed(n)
	st.cc.c.Mark()
}

func (st *stream2) trailers() []message.Field { return st.body.trailers() }

func (st *stream2) respond(h *message.Head, alone bool) {
	if alone && h.Body == message.None && h.Length > 0 && h.Status != 304 {
		h.Body = message.Sized // an answer to HEAD: the length is told; with a 304 net/http's client waits for a body
	}
	st.s.WriteHead(h, alone)
	st.ended = st.ended || alone && h.Status >= 200
	st.cc.c.Mark()
}

func (st *stream2) room() int {
	if st.blocked || st.s.Dead() {
		return 0
	}
	return loop.HighWater
}

func (st *stream2) write(p []byte) int {
	n := st.s.WriteData(p, false)
	st.blocked = n < len(p)
	st.cc.c.Mark()
	return n
}

func (st *stream2) end(trailers []message.Field) {
	st.ended = true
	if len(trailers) > 0 {
		st.s.WriteTrailers(trailers)
	} else {
		st.s.WriteData(nil, true)
	}
	st.cc.c.Mark()
}

func (st *stream2) gone() bool             { return st.s.Dead() }
func (st *stream2) discard()               {}
func (st *stream2) leave()                 { st.cc.leave() }
func (st *stream2) overHTTP2() bool        { return true }
func (st *stream2) overTLS() bool          { return st.cc.secure }
func (st *stream2) version() string        { return "HTTP/2.0" }
func (st *stream2) remote() netip.AddrPort { return st.cc.c.Remote }
func (st *stream2) stream() *loop.Conn     { return nil }
func (st *stream2) plain() *loop.Conn      { return nil }

func (st *stream2) cut() {
	code := h2.ConnectError // RFC 9113, 8.5
	if st.x.extended {
		code = h2.Cancel // RFC 8441, 5
	}
	st.s.Reset(code)
	st.cc.c.Mark()
}
