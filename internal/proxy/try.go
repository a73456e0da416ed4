package proxy

import (
	"errors"
	"slices"

	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/proxy/policy"
)

// What is sent again. Always within the edge's Retries and its retry budget,
// never after the answer's head was relayed or the edge's timeout, and only if
// the body can be replayed (none, or at most replayLimit bytes of it were taken):
//
//   - a request that surely was not sent: no connection was made, or a pooled
//     one was closed before a byte of it was written (this last one does not
//     count as a retry, it is a fault of pooling). Where the data plane itself
//     is short of what a connection needs, only while another instance is there,
//     to which it may have a connection;
//   - an idempotent request (RFC 9110, 9.2.2) whose connection broke, or whose
//     answer did not come within the time for one try;
//   - an idempotent request answered 503 without Retry-After, while another
//     instance is there: with Retry-After the service asks for patience.

// maxStale is how many pooled connections may turn out closed by their instance
// before anything was answered, for one request; then it gets a new one.
const maxStale = 2

// outcome is what a try led to.
type outcome uint8

const (
	answered outcome = iota
	again            // another try is due
	given            // up
)

// tryAll sends the request until there is an answer to relay; its head is in
// x.resp and the instance stays acquired. Without an answer x.fail says why.
func (x *exchange) tryAll() bool {
	for x.choose() {
		switch x.tryChosen() {
		case answered:
			return true
		case given:
			x.dropHedges()
			return false
		case again:
		}
	}
	x.dropHedges()
	return false
}

// tryChosen makes a try with the instance that was chosen, and settles it.
func (x *exchange) tryChosen() outcome {
	err := x.try(x.chosen.inst)
	if err == nil {
		x.dropHedges()
		return x.weigh()
	}
	c := x.chosen
	pooled := x.up != nil && x.up.untouched()
	neverSent := x.neverSent(err)
	x.finish(false)
	f, v := x.explain(err, c.inst)
	x.fail = f
	repeatable := neverSent || idempotent(x.req.Method)
	if v == policy.Bad && pooled && !x.timedOut && x.stale < maxStale && repeatable && x.body.replayable() {
		x.stale++
		x.judge(c, policy.Neutral)
		c.inst.release()
		x.untry(c.inst)
		return again
	}
	x.judge(c, v)
	c.inst.release()
	short := f.code == OutOfResources
	if v != policy.Bad && !short || errors.Is(err, errTimeout) || !repeatable {
		return given
	}
	if len(x.hedges) > 0 {
		switch won, err := x.awaitHedges(); {
		case won:
			return x.weigh()
		case err != nil:
			x.fail, _ = x.explain(err, c.inst)
			return given
		}
	}
	if (!short || x.anotherInstance()) && x.mayRetry() {
		return again
	}
	return given
}

// weigh decides whether the answer whose head came is relayed.
func (x *exchange) weigh() outcome {
	c := x.chosen
	if !x.retryAnswer() {
		x.judge(c, statusVerdict(x.resp.Status))
		return answered
	}
	x.finish(false)
	x.judge(c, policy.Bad)
	c.inst.release()
	return again
}

// untry takes back that inst was tried last: nothing was sent. Hedges may have
// been tried since.
func (x *exchange) untry(inst *instance) {
	for i, tried := range slices.Backward(x.tried) {
		if tried == inst {
			x.tried = slices.Delete(x.tried, i, i+1)
			x.tries--
			return
		}
	}
}

// try sends the request to inst once and waits for the head of the answer.
func (x *exchange) try(inst *instance) error {
	x.until = sooner(x.deadline, x.w.after(x.edg.policy.TryTimeout))
	up, err := x.reach(inst)
	if err != nil {
		return x.whichTimeout(err)
	}
	x.up = up
	x.resp.Reset()
	x.body.attempt()
	x.tellDeadline()
	up.send(x.req, x.body.none)
	if x.body.none {
		x.sendMirror()
	}
	x.planHedge()
	return x.awaitHead()
}

// whichTimeout makes a timeout the one whose time has come.
func (x *exchange) whichTimeout(err error) error {
	now := x.w.loop.Now()
	switch {
	case !errors.Is(err, errTimeout):
		return err
	case x.deadline != 0 && now >= x.deadline:
		return errTimeout
	case x.until != 0 && now >= x.until:
		return errTryTimeout
	}
	return dialError{err}
}

// awaitHead sends the body as far as it is there until the answer's head comes.
func (x *exchange) awaitHead() error {
	progress := x.w.loop.Now()
	for {
		moved, err := x.body.push(x.up)
		if err != nil {
			return err
		}
		there, err := x.up.head(x)
		if err != nil {
			return err
		}
		if there {
			if !x.informational() {
				return nil
			}
			continue
		}
		if moved {
			progress = x.w.loop.Now()
		}
		pace := int64(0)
		if x.pace > 0 && !x.body.over && x.up.room() > 0 {
			pace = progress + int64(x.pace)
		}
		if x.overtaken() {
			return nil
		}
		if err := x.waitForHead(pace); err != nil {
			return err
		}
	}
}

// waitForHead gives way until something happens, the try's time is over, the
// client made no progress until pace (0: it need not), or another try is due.
func (x *exchange) waitForHead(pace int64) error {
	end := sooner(x.until, pace)
	err := x.wait(sooner(end, x.hedgeDue()))
	switch {
	case !errors.Is(err, errTimeout):
		return err
	case end == 0 || x.w.loop.Now() < end:
		return nil
	case end == pace:
		return errPace
	}
	return x.whichTimeout(err)
}

// informational passes a 1xx on and reports whether it was one that more answers follow.
func (x *exchange) informational() bool {
	h := x.resp
	if h.Status >= 200 || h.Status == 101 {
		return false
	}
	if x.req.Minor > 0 || x.req.Major > 1 { // HTTP/1.0 has none
		h.Remove(message.BanyanError)
		x.client.respond(h, true)
	}
	h.Reset()
	return true
}

// finish ends the use of the upstream; complete: it can serve another request.
func (x *exchange) finish(complete bool) {
	if x.up != nil {
		x.up.finish(complete)
		x.up = nil
	}
}

// neverSent reports that no byte of the request can have reached the instance.
func (x *exchange) neverSent(err error) bool {
	_, dialFailed := errors.AsType[dialError](err)
	return dialFailed || x.up != nil && x.up.unsent()
}

// idempotent reports whether method may be sent twice.
func idempotent(method []byte) bool {
	switch string(method) {
	case "GET", "HEAD", "OPTIONS", "PUT", "DELETE", "TRACE":
		return true
	}
	return false
}

// retryAnswer decides about an answer.
func (x *exchange) retryAnswer() bool {
	return x.resp.Status == 503 && idempotent(x.req.Method) &&
		!x.resp.Has(message.RetryAfter) && x.anotherInstance() && x.mayRetry()
}

// mayRetry takes a retry out of what the request and its edge have.
func (x *exchange) mayRetry() bool {
	if x.retries >= x.edg.policy.Retries || !x.body.replayable() || !x.edg.budget.Take(x.w.loop.Now()) {
		return false
	}
	x.retries++
	return true
}

// anotherInstance reports whether one that was not tried takes requests.
func (x *exchange) anotherInstance() bool {
	v := view{e: x.e, tried: x.tried, now: x.w.loop.Now()}
	for i := range x.edg.pools {
		v.members = x.edg.pools[i].members
		for k := range v.members {
			if v.Fit(k) {
				return true
			}
		}
	}
	return false
}

func statusVerdict(status int) policy.Verdict {
	if status >= 500 {
		return policy.Bad
	}
	return policy.Good
}
