package proxy

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/proxy/policy"
	"github.com/banyanrun/banyan/internal/route"
)

// member is an instance as one edge has it.
type member struct {
	inst    *instance
	breaker *policy.Breaker // nil: never opens
	limit   *limit          // nil: none
}

// pool is instances that are alike to an edge: all of its service's, or those of
// one revision.
type pool struct {
	revision string // "": all
	members  []member
	balancer *policy.Balancer
}

// choice is an instance that was acquired for one try. The zero value is none.
type choice struct {
	member

	trial bool
}

// demand is what an instance must be to get a request, besides not draining, not
// full and without an open breaker.
type demand uint8

const (
	sound   demand = iota // not ejected, and not tried for this request
	untried               // an ejected one will do
	whoever
)

// view is a request's look at a pool.
type view struct {
	e       *Engine
	members []member
	tried   []*instance
	now     int64
	demand  demand
}

func (v view) Len() int             { return len(v.members) }
func (v view) InFlight(i int) int64 { return v.members[i].inst.inFlight.InFlight() }
func (v view) Cost(i int) float64   { return v.members[i].inst.latency.Cost(v.now) }

func (v view) Fit(i int) bool {
	m := &v.members[i]
	if m.inst.draining.Load() || m.inst.inFlight.Full(m.limit.most()) || !m.breaker.Ready(v.now) {
		return false
	}
	if v.demand < whoever && slices.Contains(v.tried, m.inst) {
		return false
	}
	return v.demand > sound || !v.e.ejected(v.now, m.inst)
}

// choose acquires an instance for a try, from a newer table where this one's all
// drain. If there is none, x.fail says why.
func (x *exchange) choose() bool {
	c, ok := x.pick(whoever)
	for n := 0; !ok && n < 3 && x.edg.drains(); n++ {
		newer := x.e.table.Load().newer(x.edg)
		if newer.lane == nil || newer == x.edg {
			break
		}
		x.edg = newer
		c, ok = x.pick(whoever)
	}
	if !ok {
		x.fail = x.unavailable()
		return false
	}
	x.begun(c)
	return true
}

// begun notes that c gets a try.
func (x *exchange) begun(c choice) {
	x.chosen = c
	x.tried = append(x.tried, c.inst)
	x.tries++
	x.tryBegan, x.timedOut = x.w.loop.Now(), false
}

// pick acquires the instance that the edge's balancer says, of those that meet
// most demands. It does not go below the last demand.
func (x *exchange) pick(last demand) (choice, bool) {
	ed := x.edg
	first, r := x.share(), x.balanceKey()
	v := view{e: x.e, tried: x.tried, now: x.w.loop.Now()}
	for ; v.demand <= last; v.demand++ {
		for k := range ed.pools {
			p := &ed.pools[(first+k)%len(ed.pools)]
			v.members = p.members
			if c, ok := p.take(v, r); ok {
				return c, true
			}
		}
	}
	return choice{}, false
}

// take acquires what the balancer picks. Between its look and the grip an
// instance may fill up or begin to drain; then it looks again.
func (p *pool) take(v view, r uint64) (choice, bool) {
	for range 3 {
		i := policy.Pick(p.balancer, v, r)
		if i < 0 {
			break
		}
		if c, ok := p.members[i].take(v.now); ok {
			return c, true
		}
	}
	return choice{}, false
}

func (m *member) take(now int64) (choice, bool) {
	ok, trial := m.breaker.Allow(now)
	if !ok {
		return choice{}, false
	}
	if !m.inst.acquire(m.limit.most()) {
		m.breaker.Done(now, policy.Neutral, trial)
		return choice{}, false
	}
	return choice{member: *m, trial: trial}, true
}

// balanceKey is the hash of what the edge balances by, if it does so and the
// request has it, else random.
func (x *exchange) balanceKey() uint64 {
	if b := x.edg.policy.Balance; b != nil && b.By == route.HashRing {
		if b.Source && x.client != nil {
			from := x.client.remote().Addr().As16()
			return policy.Hash(from[:])
		}
		if key, ok := keyOf(x.req, b.Header, b.Cookie); ok {
			return policy.Hash(key)
		}
	}
	return rand.Uint64() //nolint:gosec // balancing, not secrecy
}

// drains reports whether no instance is left that takes requests.
func (ed *edge) drains() bool {
	for i := range ed.pools {
		for k := range ed.pools[i].members {
			if !ed.pools[i].members[k].inst.draining.Load() {
				return false
			}
		}
	}
	return true
}

// unavailable says why no instance takes the request.
func (x *exchange) unavailable() *failure {
	now, ed := x.w.loop.Now(), x.edg
	if ed.drains() {
		f := x.failed(NoReadyInstance, nil, fmt.Sprintf("no instance of %s takes requests now", ed.callee))
		f.retryAfter = 1
		return f
	}
	soonest := time.Duration(-1)
	for i := range ed.pools {
		for k := range ed.pools[i].members {
			m := &ed.pools[i].members[k]
			if m.inst.draining.Load() {
				continue
			}
			wait := m.breaker.Wait(now)
			if wait == 0 { // so it is full
				f := x.failed(Overloaded, nil, fmt.Sprintf("all instances of %s are at their limit of requests in flight", ed.callee))
				f.retryAfter = 1
				return f
			}
			if soonest < 0 || wait < soonest {
				soonest = wait
			}
		}
	}
	f := x.failed(BreakerOpen, nil, fmt.Sprintf("%s fails too often; it is tried again soon", ed.callee))
	f.retryAfter = max(1, int((soonest+time.Second-1)/time.Second))
	return f
}

// ejected reports whether inst is ejected, and tells people if it is not any more.
func (e *Engine) ejected(now int64, inst *instance) bool {
	out, restored := inst.outlier.Ejected(now)
	if restored {
		e.events.send(link.Event{Kind: "restored", Service: inst.service, Instance: inst.id})
	}
	return out
}
