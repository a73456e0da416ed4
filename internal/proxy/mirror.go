package proxy

import (
	"math/rand/v2"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/proxy/policy"
)

const (
	// maxMirrors bounds the copies of requests that a worker has in flight.
	maxMirrors = 64
	// mirrorTimeout bounds a copy, its answer's body included.
	mirrorTimeout = 30 * time.Second
)

var mirrored = []byte("1")

// planMirror decides whether the request is copied to the edge's mirror.
func (x *exchange) planMirror() {
	m := x.edg.policy.Mirror
	if m != nil && len(x.req.Upgrade) == 0 && policy.Chance(m.Percent, rand.Uint32()) { //nolint:gosec // any will do
		x.mirror = x.edg.mirror
	}
}

// sendMirror sends the copy: an instance was sent the whole request. What is too
// large to be kept, or more than may be in flight, is not copied.
func (x *exchange) sendMirror() {
	to := x.mirror
	if to == nil {
		return
	}
	x.mirror = nil
	if x.body.lost && x.body.taken > 0 || x.w.mirrors >= maxMirrors {
		x.e.events.unmirrored(to.caller, to.callee)
		return
	}
	m, _ := x.shadowOf(to)
	m.limit, m.own = mirrorTimeout, true
	m.deadline = x.w.after(m.limit)
	m.req.Set(message.BanyanMirror, mirrored)
	x.w.mirrors++
	x.w.loop.Go(m.runMirror)
}

// runMirror sends the copy and drops its answer. It counts for the edge of the
// mirror, which no requests of clients count for.
func (x *exchange) runMirror(t *loop.Task) {
	defer func() { x.w.mirrors-- }()
	x.task = t
	x.began = x.w.loop.Now()
	x.countIn(x.edg)
	if x.tryAll() {
		x.upstreamTime = x.w.loop.Now() - x.sent
		x.status, x.relayed = x.resp.Status, true
		err := error(nil)
		if x.resp.Body != message.None {
			err = x.swallow()
		}
		if err == nil {
			x.done = true
			x.grpcFailed = failedGRPC(x.up.trailers())
		} else {
			x.fail, _ = x.explain(err, x.chosen.inst)
		}
		x.finish(x.done && x.body.over)
		x.chosen.inst.release()
	}
	x.countOut(nil)
	x.w.done(x)
}

// swallow reads the answer's body to its end, or until the copy's time is over.
func (x *exchange) swallow() error {
	for {
		p, last, err := x.up.read()
		if err != nil {
			return err
		}
		x.up.consume(len(p))
		x.out += int64(len(p))
		switch {
		case last:
			return nil
		case len(p) > 0:
			continue
		}
		if err := x.wait(x.deadline); err != nil {
			return err
		}
	}
}
