package proxy

import (
	"errors"
	"io"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/h1"
	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/route"
)

const (
	// dialTimeout bounds one connect; on one machine it takes microseconds.
	dialTimeout = 3 * time.Second
	// idleUpstream is how long an unused connection to an instance is kept. It
	// is shorter than the keep-alive timeouts of common servers (gunicorn 2 s,
	// Node.js 5 s): a request must not meet a server that is just closing.
	// Opening a new one on loopback costs about 100 µs.
	idleUpstream = 1500 * time.Millisecond
	// maxIdleUpstream bounds unused connections to one instance, per worker.
	maxIdleUpstream = 256
	// maxResponseHead bounds what a service may send as head, in bytes.
	maxResponseHead = 1 << 20
)

// dialError marks a failure before anything could be sent.
type dialError struct{ error }

func (e dialError) Unwrap() error { return e.error }

// upstreamPool is a worker's unused connections to one instance, the last used first.
type upstreamPool struct {
	idle []*upstream1
	mux  mux
}

// take returns an unused connection, nil if there is none. One that something
// came on is not unused any more: its instance closes it, or speaks unasked.
func (p *upstreamPool) take() *upstream1 {
	for u := p.pop(); u != nil; u = p.pop() {
		if !u.c.CanRead() {
			return u
		}
		u.c.Abort()
	}
	return nil
}

func (p *upstreamPool) pop() *upstream1 {
	n := len(p.idle)
	if n == 0 {
		return nil
	}
	u := p.idle[n-1]
	p.idle[n-1] = nil
	p.idle = p.idle[:n-1]
	return u
}

// drop closes the unused connections.
func (p *upstreamPool) drop() {
	for u := p.pop(); u != nil; u = p.pop() {
		u.c.Abort()
	}
	p.mux.drop()
}

// remove takes u out, which its peer closed.
func (p *upstreamPool) remove(u *upstream1) {
	for i, other := range p.idle {
		if other == u {
			p.idle = append(p.idle[:i], p.idle[i+1:]...)
			return
		}
	}
}

// upstream1 is an HTTP/1 connection to an instance.
type upstream1 struct {
	w      *worker
	inst   *instance
	c      *loop.Conn
	parser h1.Parser
	body   body1

	method  []byte // of the request, valid during the exchange
	reused  bool
	before  int64 // c.Sent when the request began
	touched bool  // some of the answer came
	headed  bool  // the answer's final head came
	closes  bool  // the instance closes after this answer
	chunked bool  // the request's body is
	written bool  // the request was sent whole
	interim int   // 1xx answers that came
	expire  func()
}

// maxInterim bounds the 1xx answers to a request.
const maxInterim = 32

var errInterim = errors.New("too many interim responses")

// connect returns a connection to inst: an unused one, or a new one. A request for which as many
// unused ones as it may meet were closed gets a new one: all may be, where the instance has died.
func (x *exchange) connect(inst *instance) (upstream, error) {
	if inst.protocol == route.H2C {
		return x.connect2(inst)
	}
	pool := &inst.pools[x.w.loop.Index]
	if x.stale < maxStale {
		if u := pool.take(); u != nil {
			u.reused = true
			u.open(x.task)
			return u, nil
		}
	}
	c, err := x.dial(inst)
	if err != nil {
		return nil, err
	}
	u := &upstream1{w: x.w, inst: inst, c: c, parser: h1.Parser{Limits: h1.Limits{MaxHead: maxResponseHead, MaxFields: maxFields}}}
	u.expire = func() { u.unexpected(nil) }
	u.open(x.task)
	c.Serve(u.unexpected)
	return u, nil
}

// dial connects to inst within the time that is left for the try, unless the client leaves.
func (x *exchange) dial(inst *instance) (*loop.Conn, error) {
	c, err := x.w.loop.Dial(x.task, inst.address, sooner(x.until, x.w.after(dialTimeout)), x.client.gone)
	switch {
	case errors.Is(err, loop.ErrGivenUp):
		return nil, errClientGone
	case errors.Is(err, loop.ErrTimeout) && x.until != 0 && x.w.loop.Now() >= x.until:
		return nil, errTimeout
	case errors.Is(err, loop.ErrClosed):
		return nil, err
	case err != nil:
		return nil, dialError{err}
	}
	return c, nil
}

// open begins an exchange on the connection.
func (u *upstream1) open(t *loop.Task) {
	u.c.Idle(0, nil)
	u.c.Reader(t)
	u.c.Writer(t)
	u.interim = 0
	u.before, u.touched, u.headed, u.closes, u.written = u.c.Sent(), false, false, false, false
}

// unexpected is called for input while nobody waits for any: the instance
// closed the connection, or sends what was not asked for.
func (u *upstream1) unexpected(*loop.Task) {
	u.inst.pools[u.w.loop.Index].remove(u)
	u.c.Abort()
}

func (u *upstream1) send(h *message.Head, alone bool) {
	u.method = h.Method
	u.chunked = h.Body == message.Streamed
	u.written = alone
	u.c.SetOut(h1.AppendRequest(u.c.Out(), h))
}

func (u *upstream1) room() int { return u.c.Room() }

func (u *upstream1) write(p []byte) int { return writeOn(u.c, p, u.chunked) }

func (u *upstream1) end(trailers []message.Field) {
	u.written = true
	if u.chunked {
		u.c.SetOut(h1.AppendLastChunk(u.c.Out(), trailers))
	}
}

func (u *upstream1) head(x *exchange) (bool, error) {
	h := x.resp
	for {
		if b := u.c.Buffered(); b != nil {
			u.touched = true
			n, err := u.parser.Response(b, u.method, h)
			if err != nil {
				return false, err
			}
			if n > 0 {
				u.c.Consume(n)
				if u.begin(h); u.interim > maxInterim {
					return false, errInterim
				}
				return true, nil
			}
		}
		n, err := u.c.TryFill()
		if errors.Is(err, io.EOF) {
			err = io.ErrUnexpectedEOF
		}
		if n == 0 || err != nil {
			return false, err
		}
	}
}

// begin notes what the answer's head says about the connection.
func (u *upstream1) begin(h *message.Head) {
	if h.Status < 200 && h.Status != 101 {
		u.interim++
		return
	}
	u.headed, u.closes = true, h.Close || h.Body == message.UntilClose
	h.Close = false
	u.body.start(h)
}

func (u *upstream1) read() ([]byte, bool, error) { return u.body.read(u.c) }

func (u *upstream1) consume(n int) { u.body.consume(u.c, n) }

func (u *upstream1) trailers() []message.Field { return u.body.dec.Trailers() }

func (u *upstream1) unsent() bool { return u.c.Sent() == u.before }

func (u *upstream1) untouched() bool { return u.reused && !u.touched }

func (u *upstream1) stream() *loop.Conn { return u.c }

func (u *upstream1) wakes(t *loop.Task) {
	u.c.Reader(t)
	u.c.Writer(t)
}

func (u *upstream1) plain() *loop.Conn {
	if u.chunked {
		return nil
	}
	return u.c
}

func (u *upstream1) pullInto(to *loop.Conn, limit int) (n int, done bool, err error) {
	return u.body.pullInto(u.c, to, limit)
}

func (u *upstream1) finish(complete bool) {
	u.c.Reader(nil)
	u.c.Writer(nil)
	u.method = nil
	u.parser.Reset()
	pool := &u.inst.pools[u.w.loop.Index]
	if !complete || !u.reusable() || u.inst.draining.Load() || len(pool.idle) >= maxIdleUpstream {
		u.c.Abort()
		return
	}
	u.c.Release()
	pool.idle = append(pool.idle, u)
	u.c.Idle(u.w.after(idleUpstream), u.expire)
}

// reusable reports whether the connection can serve another request: this one is
// over in both directions, and nothing follows its answer.
func (u *upstream1) reusable() bool {
	if !u.headed || !u.written || !u.body.ended || u.closes || u.c.WriteErr() != nil {
		return false
	}
	return u.c.Quiet()
}
