package proxy

import (
	"bytes"
	"errors"
	"net/netip"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/h1"
	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/message"
)

// client1 is a client's HTTP/1 connection. While it waits for a request it
// holds no task, no buffer and no exchange.
type client1 struct {
	w      *worker
	c      *loop.Conn
	in     *ingress
	parser h1.Parser
	body   body1
	x      *exchange // the request that is being read or served

	answering h1.ResponseOptions
	chunked   bool
	closing   bool // no request after this one
	secure    bool
	used      bool  // some of a request was read
	asked     bool  // a whole head was
	serving   bool  // one is being served
	arrived   int64 // when the first byte of the head that is being read came
	stay      stay
	abort     func() // c.Abort
}

// preface begins an HTTP/2 connection (RFC 9113, 3.4).
var preface = []byte("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n")

// linger is how long a client may go on sending after the answer, so that it
// gets to read it before the connection is reset.
const linger = 500 * time.Millisecond

// lingerMost bounds that time for a client that goes on sending, or takes the
// answer slowly.
const lingerMost = 30 * time.Second

// pipelined is how many requests of one connection are served in a row before
// others get their turn.
const pipelined = 32

// serve reads and answers requests until there is nothing to read.
func (cl *client1) serve(t *loop.Task) {
	for served := 1; ; served++ {
		if served%pipelined == 0 {
			t.Yield()
		}
		if !cl.drained(t) {
			return
		}
		switch n, err := cl.nextHead(t); {
		case err != nil:
			cl.refuse(t, err)
			return
		case n == 0:
			return
		}
		if !cl.request(t) {
			return
		}
	}
}

// drained waits until the client has taken what it was sent before: one that
// only asks, and never reads, gets no more answers.
func (cl *client1) drained(t *loop.Task) bool {
	if cl.c.Pending() <= loop.HighWater/2 {
		return true
	}
	err := cl.c.Drain(t, loop.HighWater/2, cl.w.after(cl.in.settings().idleTimeout))
	if errors.Is(err, loop.ErrTimeout) {
		cl.w.refuse(refusedSlowRead)
	}
	if err != nil {
		cl.c.Reset()
	}
	return err == nil
}

// nextHead reads the next request's head into cl.x; 0: the connection is idle
// again, or ended.
func (cl *client1) nextHead(t *loop.Task) (int, error) {
	for {
		if b := cl.c.Buffered(); b != nil {
			if cl.x == nil {
				if cl.isHTTP2(b) {
					if cl.preface(t, b) {
						continue
					}
					return 0, nil
				}
				cl.c.Idle(0, nil)
				cl.used = true
				cl.arrived = cl.w.loop.Now()
				cl.x = cl.w.exchange(t, cl)
			}
			cl.x.task = t
			n, err := cl.parser.Request(b, cl.x.req)
			if n > 0 || err != nil {
				cl.c.Consume(n)
				return n, err
			}
		}
		if ok := cl.more(t); !ok {
			return 0, nil
		}
	}
}

// preface makes an HTTP/2 connection of one whose first input is b, or reads on,
// and then reports true.
func (cl *client1) preface(t *loop.Task, b []byte) bool {
	if len(b) >= len(preface) {
		cl.w.serveHTTP2(cl)
		return false
	}
	err := cl.c.Fill(t, cl.waitUntil())
	if err != nil {
		cl.c.Abort()
	}
	return err == nil
}

// more reads; false: there is nothing now and the connection waits without a
// task, or it is over.
func (cl *client1) more(t *loop.Task) bool {
	n, err := cl.c.TryFill()
	switch {
	case n > 0:
		return true
	case err == nil && cl.x == nil && cl.c.Buffered() == nil:
		if cl.used {
			cl.c.Idle(cl.w.after(cl.in.settings().idleTimeout), cl.abort)
		}
		return false
	case err == nil:
		err = cl.c.Fill(t, cl.waitUntil())
	}
	switch {
	case err == nil:
		return true
	case errors.Is(err, loop.ErrTimeout) && cl.x != nil:
		cl.w.refuse(refusedSlowHeader)
		cl.refuse(t, errHeaderTimeout)
	default:
		cl.over()
		cl.c.Close()
	}
	return false
}

// waitUntil is when a client that sends nothing is left.
func (cl *client1) waitUntil() int64 {
	if cl.x != nil {
		return cl.arrived + int64(cl.in.settings().headerTimeout)
	}
	return cl.w.after(cl.in.settings().idleTimeout)
}

var errHeaderTimeout = &h1.Error{Status: 408, Reason: "the head took too long", Kind: h1.TooLarge}

// isHTTP2 reports whether a first input is, or may become, HTTP/2's preface.
func (cl *client1) isHTTP2(b []byte) bool {
	n := min(len(b), len(preface))
	return !cl.secure && n >= 3 && bytes.Equal(b[:n], preface[:n])
}

// request serves the request whose head was read, and reports whether another one may follow.
func (cl *client1) request(t *loop.Task) bool {
	x := cl.x
	cl.body.start(x.req)
	// What follows a CONNECT is meant for the tunnel, also if there is to be none.
	connect := string(x.req.Method) == "CONNECT"
	cl.asked = true
	cl.closing = cl.closing || x.req.Close || cl.in.leaving.Load() || connect
	cl.chunked = false
	cl.answering = h1.ResponseOptions{
		HTTP10: x.req.Minor == 0, Close: cl.closing, Head: string(x.req.Method) == "HEAD", Connect: connect,
	}
	x.req.Close = false
	cl.c.Release() // the next connection's input finds it in the cache
	cl.c.Writer(t)
	cl.serving = true
	x.serve(cl.in)
	cl.serving = false
	cl.stay.over(cl.w)
	cl.c.Writer(nil)
	done := x.done
	cl.over()
	switch {
	case !done:
		cl.breakOff()
	case cl.c.Closed():
	case !cl.body.ended:
		cl.lingerClose(t)
	case cl.closing:
		cl.c.Close()
	default:
		return true
	}
	return false
}

// breakOff ends the connection amid an answer. Where the end of the connection
// would be taken for the end of the body, it is a reset; also where the client
// does not take what there is.
func (cl *client1) breakOff() {
	cl.c.Flush()
	if cl.answering.HTTP10 || cl.c.Pending() > 0 {
		cl.c.Reset()
		return
	}
	cl.c.Close()
}

// over gives the exchange back.
func (cl *client1) over() {
	if cl.x != nil {
		cl.w.done(cl.x)
		cl.x = nil
	}
	cl.parser.Reset()
}

// refuse answers a request that cannot be read.
func (cl *client1) refuse(t *loop.Task, err error) {
	if cl.x == nil {
		cl.c.Abort()
		return
	}
	e, ok := errors.AsType[*h1.Error](err)
	if !ok {
		cl.over()
		cl.c.Abort()
		return
	}
	if e != errHeaderTimeout {
		cl.w.refuse(refusedH1 + refused(e.Kind))
	}
	if e.Kind == h1.NotHTTP && !cl.asked { // it would not know what to make of an answer
		cl.over()
		cl.c.Abort()
		return
	}
	cl.answering = h1.ResponseOptions{Close: true}
	cl.c.Writer(t)
	cl.x.malformed(cl.in, e)
	cl.stay.over(cl.w)
	cl.over()
	cl.lingerClose(t)
}

// lingerClose closes after the client had time to read the answer: it may still
// be sending, and a close would reset the connection under the answer.
func (cl *client1) lingerClose(t *loop.Task) {
	c, now := cl.c, cl.w.loop.Now
	c.CloseWrite()
	c.Writer(t)
	most := now() + int64(lingerMost)
	for until := most; now() < until; {
		n, err := c.TryFill()
		c.Consume(len(c.Buffered()))
		if err != nil {
			break
		}
		if until == most && c.Pending() == 0 {
			until = min(most, now()+int64(linger))
		}
		if n == 0 && errors.Is(t.Wait(until), loop.ErrClosed) {
			break
		}
	}
	c.Abort()
}

func (cl *client1) read() ([]byte, bool, error) { return cl.body.read(cl.c) }

func (cl *client1) consume(n int) { cl.body.consume(cl.c, n) }

func (cl *client1) trailers() []message.Field { return cl.body.dec.Trailers() }

func (cl *client1) respond(h *message.Head, alone bool) {
	if h.Status >= 200 || h.Status == 101 {
		if !cl.body.ended { // the client may be sending still, and nobody may read it
			cl.closing = true
		}
		cl.answering.Close = cl.closing && (!cl.answering.Connect || h.Status >= 300) // a tunnel does not close
		cl.chunked, cl.closing = cl.answering.Framing(h)
		cl.chunked = cl.chunked && !alone
	}
	cl.c.SetOut(h1.AppendResponse(cl.c.Out(), h, cl.answering))
}

func (cl *client1) room() int { return cl.c.Room() }

func (cl *client1) write(p []byte) int { return writeOn(cl.c, p, cl.chunked) }

func (cl *client1) end(trailers []message.Field) {
	if cl.chunked {
		cl.c.SetOut(h1.AppendLastChunk(cl.c.Out(), trailers))
	}
}

// gone: a client that ended its side is taken to have left, as by nginx and
// net/http, whether or not its body has been read. Where the request is read
// whole, what follows it is another one, of a client that still wants answers.
func (cl *client1) gone() bool {
	c := cl.c
	if c.Broken() || c.WriteErr() != nil {
		return true
	}
	return c.Ended() && (!cl.body.ended || c.Buffered() == nil)
}

func (cl *client1) discard() {
	if !cl.body.ended {
		cl.closing = true
	}
}

// leave ends the connection after the request that is being served, or now. One
// that is being read, or is the first and did not come yet, is waited for.
func (cl *client1) leave() {
	cl.closing = true
	switch {
	case cl.serving:
	case !cl.used || cl.x != nil || cl.c.CanRead():
		cl.stay.begin(cl.w)
	default:
		cl.c.Close()
	}
}

// closed is called when the connection was.
func (cl *client1) closed() {
	cl.stay.over(cl.w)
	delete(cl.w.clients, cl)
}

// silent ends a connection that was opened and never used.
func (cl *client1) silent() {
	cl.w.refuse(refusedSilent)
	cl.c.Abort()
}

func (cl *client1) expel() {
	if cl.x == nil {
		cl.stay.over(cl.w)
		cl.c.Close()
	}
}

func (cl *client1) overHTTP2() bool { return false }

func (cl *client1) overTLS() bool { return cl.secure }

func (cl *client1) version() string {
	if cl.answering.HTTP10 {
		return "HTTP/1.0"
	}
	return "HTTP/1.1"
}

func (cl *client1) remote() netip.AddrPort { return cl.c.Remote }

func (cl *client1) stream() *loop.Conn { return cl.c }

func (cl *client1) cut() {
	cl.c.Flush()
	cl.c.Reset()
}

func (cl *client1) plain() *loop.Conn {
	if cl.chunked {
		return nil
	}
	return cl.c
}

func (cl *client1) pullInto(to *loop.Conn, limit int) (n int, done bool, err error) {
	return cl.body.pullInto(cl.c, to, limit)
}
