package proxy

import (
	"fmt"
	"iter"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/proxy/policy"
)

// judge tells the breaker, the outlier detection and the balancing what became
// of the try with c that began last.
func (x *exchange) judge(c choice, v policy.Verdict) {
	now := x.w.loop.Now()
	x.observe(now, c, v)
	if change := c.breaker.Done(now, v, c.trial); change != policy.Same {
		x.breakerChanged(c.inst, change)
	}
	x.suspect(c.inst, v)
}

// observe notes how long the try took.
func (x *exchange) observe(now int64, c choice, v policy.Verdict) {
	took, latency := now-x.tryBegan, &c.inst.latency
	if v == policy.Good || x.timedOut {
		c.limit.observe(now, took, c.inst.inFlight.InFlight())
	}
	if v == policy.Good {
		latency.Observe(now, took)
		return
	}
	// One that fails at once is no quick one: it costs its callers what it did before, at least.
	if cost := latency.Cost(now); cost > 0 || x.timedOut {
		latency.Observe(now, max(took, int64(cost)))
	}
}

func (x *exchange) breakerChanged(inst *instance, change policy.Change) {
	ed := x.edg
	ev := link.Event{Kind: "breaker-closed", Caller: ed.caller, Service: ed.callee, Instance: inst.id}
	if change == policy.Opened {
		ev.Kind, ev.Detail = "breaker-open", fmt.Sprintf("for %s", ed.policy.Breaker.OpenFor)
	}
	x.e.events.send(ev)
}

// suspect tells the outlier detection what an instance did.
func (x *exchange) suspect(inst *instance, v policy.Verdict) {
	switch v {
	case policy.Good:
		inst.outlier.OK()
	case policy.Bad:
		if inst.outlier.Fail(&x.edg.outlier) {
			x.eject(inst)
		}
	case policy.Neutral:
	}
}

// eject takes inst out of balancing, if enough others remain.
func (x *exchange) eject(inst *instance) {
	e, w, ed := x.e, x.w, x.edg
	d := e.ejector.Eject(w.loop.Now(), &ed.outlier, &inst.outlier, ed.svc.outliers())
	if d == 0 {
		return
	}
	e.events.send(link.Event{
		Kind: "ejected", Service: ed.svc.name, Instance: inst.id,
		Detail: fmt.Sprintf("for %s, after %d errors in a row", d, ed.outlier.Errors),
	})
	// A request that looks at the instance restores it; people are to know even without one.
	w.loop.NewTimer(func() { e.ejected(w.loop.Now(), inst) }).Set(w.after(d))
}

func (s *service) outliers() iter.Seq[*policy.Outlier] {
	return func(yield func(*policy.Outlier) bool) {
		for _, i := range s.instances {
			if !yield(&i.outlier) {
				return
			}
		}
	}
}
