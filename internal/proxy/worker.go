package proxy

import (
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/message"
)

// worker is the engine's part of one loop: what requests use without sharing.
// Everything here but inFlight is touched on that loop only.
type worker struct {
	e         *Engine
	loop      *loop.Loop
	inFlight  atomic.Int64    // requests, upgraded connections, TCP relays
	mirrors   int             // copies of requests in flight
	exchanges []*exchange     // unused
	heads     []*message.Head // unused
	streams2  []*stream2      // unused
	outs      [][]byte        // output buffers of HTTP/2 connections, unused
	clients   map[leaver]struct{}
	log       logBuffer
	record    record // the one that is being logged
	counts    *account.Set
	unseen    *account.Live // counts what is no traffic, for nobody
	spans     *spanBuffer   // nil: none are recorded
	refusals  [refusedKinds]atomic.Uint64
	lastCall  *loop.Timer // to those that were asked to leave
}

// leaver is a client's connection.
type leaver interface {
	// leave asks the client to open no more requests, and ends the connection if it has none.
	leave()
	// expel ends a connection that was asked to leave and has no request.
	expel()
}

func newWorker(e *Engine, l *loop.Loop) *worker {
	w := &worker{e: e, loop: l, clients: map[leaver]struct{}{}, counts: account.NewSet(), unseen: account.NewSet().Edge(account.Key{})}
	w.log.access, w.log.loop = e.access, l
	w.log.timer = l.NewTimer(w.log.flush)
	w.lastCall = l.NewTimer(w.expel)
	return w
}

// leave asks all clients to leave.
func (w *worker) leave() {
	for cl := range w.clients {
		cl.leave()
	}
	w.lastCall.Set(w.after(grace))
}

// expel ends the connections whose stay is over.
func (w *worker) expel() {
	for cl := range w.clients {
		cl.expel()
	}
}

// grace is how long clients may take to learn that they were asked to leave: a
// request of theirs may be on its way.
const grace = time.Second

// stay counts a connection without requests as in flight while its client may
// not know yet that it was asked to leave. The zero value is none.
type stay bool

func (s *stay) begin(w *worker) {
	if !*s {
		*s = true
		w.inFlight.Add(1)
	}
}

func (s *stay) over(w *worker) {
	if *s {
		*s = false
		w.ended()
	}
}

// ended counts one out of flight.
func (w *worker) ended() {
	if w.inFlight.Add(-1) == 0 {
		select {
		case w.e.idleBell <- struct{}{}:
		default:
		}
	}
}

// exchange takes an exchange out of the pool, for one request.
func (w *worker) exchange(t *loop.Task, cl downstream) *exchange {
	var x *exchange
	if n := len(w.exchanges); n > 0 {
		x = w.exchanges[n-1]
		w.exchanges = w.exchanges[:n-1]
	} else {
		x = &exchange{e: w.e, w: w, req: w.head(), resp: w.head()}
	}
	x.task, x.client = t, cl
	return x
}

// head takes an empty head out of the pool.
func (w *worker) head() *message.Head {
	n := len(w.heads)
	if n == 0 {
		return new(message.Head)
	}
	h := w.heads[n-1]
	w.heads = w.heads[:n-1]
	return h
}

// putHead puts a head back that nobody uses any more.
func (w *worker) putHead(h *message.Head) {
	if h != nil && len(w.heads) < keepExchanges {
		h.Reset()
		w.heads = append(w.heads, h)
	}
}

// takeOut takes an output buffer out of the pool; nil: there is none.
func (w *worker) takeOut() []byte {
	n := len(w.outs)
	if n == 0 {
		return nil
	}
	buf := w.outs[n-1]
	w.outs[n-1] = nil
	w.outs = w.outs[:n-1]
	return buf
}

// putOut puts one back that nobody uses any more.
func (w *worker) putOut(buf []byte) {
	const most = 32
	if len(w.outs) < most {
		w.outs = append(w.outs, buf)
	}
}

// keepExchanges bounds unused exchanges of a worker.
const keepExchanges = 1024

// done puts it back.
func (w *worker) done(x *exchange) {
	x.reset()
	if len(w.exchanges) < keepExchanges {
		w.exchanges = append(w.exchanges, x)
	}
}

// after is the loop's time d from now; 0 for d ≤ 0: never.
func (w *worker) after(d time.Duration) int64 {
	if d <= 0 {
		return 0
	}
	return w.loop.Now() + int64(d)
}

// sooner is the earlier of two deadlines, of which 0 is none.
func sooner(a, b int64) int64 {
	if a == 0 || b != 0 && b < a {
		return b
	}
	return a
}

// str is b as a string that shares its memory: valid only while b is, so it must
// not be kept beyond the exchange.
func str(b []byte) string { return unsafe.String(unsafe.SliceData(b), len(b)) }
