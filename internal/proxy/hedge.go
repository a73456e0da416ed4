package proxy

import (
	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/policy"
)

// hedge is one more try of a request whose first gives no answer, at another
// instance. It is a shadow of the exchange, in a task of its own, up to the
// answer's head; if that is the first, the exchange takes it over.
type hedge struct {
	x      *exchange // nil: it failed
	client *shadow
	owner  *exchange // nil: the answer is not wanted any more
	ready  bool      // the answer's head is there, and the owner's task is woken by what comes
}

// planHedge notes when another try is due, counted from the one that begins.
func (x *exchange) planHedge() {
	h := x.edg.policy.Hedge
	x.hedgeAt = 0
	if h != nil && x.hedged < h.Max && idempotent(x.req.Method) && len(x.req.Upgrade) == 0 {
		x.hedgeAt = x.w.after(h.After)
	}
}

// hedgeDue is when to look again; 0: another try is not to come, or waits for the request's body.
func (x *exchange) hedgeDue() int64 {
	if x.hedgeAt > x.w.loop.Now() {
		return x.hedgeAt
	}
	return 0
}

// overtaken begins another try where one is due. It reports whether one was
// quicker than that of the exchange, and is its own now.
func (x *exchange) overtaken() bool {
	if x.adopt() {
		return true
	}
	if x.hedgeAt != 0 && x.w.loop.Now() >= x.hedgeAt && x.body.ended {
		x.launchHedge()
	}
	return false
}

// launchHedge begins another try, if there is an instance and a retry left.
func (x *exchange) launchHedge() {
	x.hedgeAt = 0
	if x.body.lost && !x.body.none || len(x.client.trailers()) > 0 {
		return
	}
	c, ok := x.pick(sound)
	if !ok {
		return
	}
	if !x.edg.budget.Take(x.w.loop.Now()) {
		c.breaker.Done(x.w.loop.Now(), policy.Neutral, c.trial)
		c.inst.release()
		return
	}
	x.tried = append(x.tried, c.inst)
	x.tries++
	x.hedged++
	x.planHedge()
	hg := &hedge{owner: x}
	hg.x, hg.client = x.shadowOf(&x.edg)
	h := hg.x
	h.hedged = x.edg.policy.Hedge.Max // it has no hedges itself
	h.deadline, h.limit, h.own, h.grpcEnd = x.deadline, x.limit, x.own, x.grpcEnd
	h.begun(c)
	x.hedges = append(x.hedges, hg)
	x.w.loop.Go(hg.run)
}

// run makes the try. An error status is no answer: that of the first try may
// be better.
func (hg *hedge) run(t *loop.Task) {
	h := hg.x
	h.task = t
	v := policy.Neutral
	if hg.owner != nil {
		err := h.try(h.chosen.inst)
		for err != nil && hg.stale(err) {
			err = h.try(h.chosen.inst)
		}
		switch {
		case err != nil:
			_, v = h.explain(err, h.chosen.inst)
		case hg.owner != nil && h.resp.Status < 500:
			hg.ready = true
			h.up.wakes(hg.owner.task)
			hg.owner.task.Wake()
			return
		default:
			v = statusVerdict(h.resp.Status)
		}
	}
	hg.end(v)
	if hg.owner != nil {
		hg.owner.task.Wake()
	}
}

// stale reports whether the try failed only because its pooled connection had
// been closed, and prepares another one. As for the exchange's own, that is no
// fault of the instance.
func (hg *hedge) stale(err error) bool {
	h := hg.x
	if hg.owner == nil || h.stale >= maxStale || h.up == nil || !h.up.untouched() {
		return false
	}
	if _, v := h.explain(err, h.chosen.inst); v != policy.Bad || h.timedOut {
		return false
	}
	h.stale++
	h.finish(false)
	hg.client.rewind(h)
	return true
}

// end gives back what the hedge has.
func (hg *hedge) end(v policy.Verdict) {
	h := hg.x
	hg.x = nil
	h.finish(false)
	h.judge(h.chosen, v)
	h.chosen.inst.release()
	h.w.done(h)
}

// adopt makes the try of a hedge that has its answer's head the exchange's own,
// and gives up all others.
func (x *exchange) adopt() bool {
	for _, hg := range x.hedges {
		if hg.ready && hg.x != nil {
			x.takeOver(hg)
			x.dropHedges()
			return true
		}
	}
	return false
}

func (x *exchange) takeOver(hg *hedge) {
	if x.up != nil { // its own try is on
		x.finish(false)
		x.judge(x.chosen, policy.Neutral)
		x.chosen.inst.release()
	}
	h := hg.x
	hg.x = nil
	x.up, h.up = h.up, nil
	x.resp, h.resp = h.resp, x.resp
	x.chosen, x.tryBegan, x.timedOut = h.chosen, h.tryBegan, false
	x.body.at, x.body.over = int(h.body.taken), h.body.over
	x.tried = append(x.tried, x.chosen.inst) // the last is who answered
	x.w.done(h)
}

// dropHedges gives up all hedges.
func (x *exchange) dropHedges() {
	x.hedgeAt = 0
	for i, hg := range x.hedges {
		x.hedges[i] = nil
		hg.owner = nil
		switch {
		case hg.x == nil:
		case hg.x.task == nil: // nothing was sent, nor will be
			x.untry(hg.x.chosen.inst)
			x.hedged--
			hg.x.edg.budget.Return()
		case hg.ready:
			hg.end(policy.Neutral)
		default:
			hg.client.left = true
			hg.x.task.Wake()
		}
	}
	x.hedges = x.hedges[:0]
}

// awaitHedges waits, after the exchange's own try failed, for those that are
// still on. It reports whether one of them has an answer.
func (x *exchange) awaitHedges() (bool, error) {
	for {
		if x.adopt() {
			return true, nil
		}
		on := false
		for _, hg := range x.hedges {
			on = on || hg.x != nil
		}
		if !on {
			x.dropHedges()
			return false, nil
		}
		if err := x.wait(x.deadline); err != nil {
			x.dropHedges()
			return false, err
		}
	}
}
