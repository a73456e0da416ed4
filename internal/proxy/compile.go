package proxy

import (
	"cmp"
	"fmt"
	"runtime"
	"slices"

	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/policy"
	"github.com/banyanrun/banyan/internal/route"
)

// compiler makes a table of a snapshot and the table before. It looks at
// everything in the snapshot, but makes anew only what differs. It works in two
// steps: prepare refuses what cannot be served and changes nothing; commit
// cannot fail. Engine.mu is held.
type compiler struct {
	e      *Engine
	s      *route.Snapshot
	old, t *table

	fresh    []*service            // those that were made anew
	replaced map[*service]*service // by those of the old table
	added    []*lane
	dropped  []*lane

	new, gone, moved []*gatewayRoute

	lanes    slab[lane]
	states   slab[edgeState]
	paths    slab[gatewayRoute]
	accounts slab[*account.Live]
	work     int
}

func (e *Engine) compiler(s *route.Snapshot) *compiler {
	return &compiler{
		e: e, s: s, old: e.table.Load(), replaced: map[*service]*service{},
		t: &table{version: s.Version, listeners: make(map[string]*entry, len(s.Listeners)), absent: map[string]*service{}},
	}
}

// Units of work, each of some tens of nanoseconds.
const (
	workCompare = 1
	workMake    = 16
	workSlice   = 128 // after that others have their turn
)

// pause lets loops run that wait for a processor, now and then: a large table is
// compiled while they serve, and the scheduler would let them wait for 10 ms.
func (c *compiler) pause(work int) {
	if c.work += work; c.work >= workSlice {
		c.work = 0
		runtime.Gosched()
	}
}

func (c *compiler) prepare() error {
	entries := make([]entry, len(c.s.Listeners))
	for i, l := range c.s.Listeners {
		if c.t.listeners[l.ID] != nil {
			return fmt.Errorf("listener %s is there twice", l.ID)
		}
		c.pause(workCompare)
		entries[i] = entry{Listener: l, table: c.t, settings: internalSettings}
		c.t.listeners[l.ID] = &entries[i]
	}
	if err := c.prepareServices(); err != nil {
		return err
	}
	return c.prepareGateway() // last: it keeps what it finds
}

func (c *compiler) prepareServices() error {
	c.t.services = make(map[string]*service, len(c.s.Services))
	made := map[instanceKey]*instance{}
	for name, rs := range c.s.Services {
		before := c.old.services[name]
		if before != nil && before.source.Equal(rs) {
			c.pause(workCompare)
			c.t.services[name] = before
			continue
		}
		c.pause(workMake)
		svc, err := c.service(name, rs, made)
		if err != nil {
			return err
		}
		c.t.services[name] = svc
		c.fresh = append(c.fresh, svc)
		if before = cmp.Or(before, c.old.absent[name]); before != nil {
			c.replaced[before] = svc
		}
	}
	for name, before := range c.old.services {
		if c.t.services[name] == nil {
			c.replaced[before] = c.callee(name)
		}
	}
	return nil
}

// service compiles one; made are instances that are new with this snapshot.
func (c *compiler) service(name string, rs *route.Service, made map[instanceKey]*instance) (*service, error) {
	svc := &service{
		name: name, protocol: rs.Protocol, instances: make([]*instance, 0, len(rs.Instances)), proxyProtocol: rs.ProxyProtocol,
		limits: make([]*limit, 0, len(rs.Instances)), sticky: rs.Sticky, source: *rs,
	}
	svc.source.Instances = slices.Clone(rs.Instances)
	if len(rs.Split) > 0 {
		svc.split, svc.shares = policy.NewSplit(rs.Split), rs.Split
	}
	for _, ri := range rs.Instances {
		k := instanceKey{id: ri.ID, addr: ri.Addr, protocol: rs.Protocol}
		inst := cmp.Or(c.e.instances[k], c.e.draining[k], made[k])
		if inst == nil {
			addr, err := loop.ParseAddress(ri.Addr)
			if err != nil {
				return nil, fmt.Errorf("instance %s: %w", ri.ID, err)
			}
			inst = &instance{
				instanceKey: k, service: name, revision: ri.Revision, address: addr, onIdle: c.e.idle,
				pools: make([]upstreamPool, len(c.e.workers)), workers: c.e.workers,
			}
			made[k] = inst
		}
		svc.instances = append(svc.instances, inst)
	}
	return svc, nil
}

// callee is the service of this name; one without instances if there is none.
func (c *compiler) callee(name string) *service {
	if svc := c.t.services[name]; svc != nil {
		return svc
	}
	svc := cmp.Or(c.t.absent[name], c.old.absent[name])
	if svc == nil {
		svc = &service{name: name, absent: true}
		svc.target = target{svc: svc, pools: poolsOf(svc, nil)}
	}
	c.t.absent[name] = svc
	return svc
}

// commit makes the table. Instances that are new are served from now on;
// retire is for those that are not in it.
func (c *compiler) commit() *table {
	for _, svc := range c.fresh {
		c.adopt(svc)
	}
	c.compareCalls()
	c.compareRoutes()
	c.forget()
	c.place()
	c.aim()
	c.join()
	for _, en := range c.t.listeners {
		if en.Role == route.RoleEdge {
			if st := c.e.edges[edgeKey{caller: en.Caller, callee: en.Callee}]; st != nil && st.lane != nil {
				en.edge = &c.t.edges[st.lane.slot]
			}
		}
	}
	c.commitGateway()
	return c.t
}

// adopt takes a new service's instances into the engine.
func (c *compiler) adopt(svc *service) {
	e := c.e
	for _, inst := range svc.instances {
		inst.named++
		e.instances[inst.instanceKey] = inst
		if inst.draining.Load() {
			inst.revive()
			delete(e.draining, inst.instanceKey)
		}
		svc.limits = append(svc.limits, inst.limitFor(svc.source.Concurrency))
	}
	svc.target = target{svc: svc, pools: poolsOf(svc, membersOf(svc))}
}

// retire drains the instances that the new table, which is in force, does not name.
func (c *compiler) retire() {
	e := c.e
	for svc := range c.replaced {
		for _, inst := range svc.instances {
			if inst.named--; inst.named > 0 {
				continue
			}
			delete(e.instances, inst.instanceKey)
			if inst.drain() {
				e.draining[inst.instanceKey] = inst
			}
		}
	}
}

// compareCalls finds out which declared calls are new and which are gone.
func (c *compiler) compareCalls() {
	r := newReuse(c.old.calls)
	c.t.calls = make([]*lane, len(c.s.Edges))
	for i := range c.s.Edges {
		re := &c.s.Edges[i]
		equal := func(w *lane) bool {
			return w.caller == re.Caller && w.callee == re.Callee && w.policy.Equal(&re.Policy)
		}
		k := edgeKey{caller: re.Caller, callee: re.Callee}
		w, ok := r.beside(i, equal)
		if st := c.e.edges[k]; !ok && st != nil && st.lane != nil {
			w, ok = r.at(st.lane.order, i, st.lane, equal)
		}
		if ok {
			c.pause(workCompare)
		} else {
			c.pause(workMake)
			w = c.lane(k, &re.Policy)
		}
		if w.order != i {
			w.order = i
		}
		w.state.lane = w
		c.t.calls[i] = w
	}
	for w := range r.rest() {
		c.drop(w)
	}
}

// lane makes one, with those that belong to it.
func (c *compiler) lane(k edgeKey, p *route.Policy) *lane {
	st := c.e.edges[k]
	if st == nil {
		st = c.states.next()
		c.e.edges[k] = st
	}
	st.lanes++
	w := &lane{}
	if p.Cache == nil {
		w = c.lanes.next()
	}
	*w = lane{edgeKey: k, policy: *p, outlier: policy.OutlierConfig(p.Outlier), state: st, budget: st.budgetFor(p.RetryBudget)}
	w.callerName = gatewayCaller
	if k.caller != route.GatewayCaller {
		w.callerName = []byte(k.caller)
	}
	var err error
	if w.cache, err = st.cacheFor(p.Cache); err != nil {
		c.e.log.Error("cache", "caller", k.caller, "service", k.callee, "error", err) // the edge goes without
	}
	if f := p.Fallback; f != nil && f.Service != "" {
		w.instead = c.lane(k.to(fallbackPart, f.Service), &route.Policy{Timeout: p.Timeout, TryTimeout: p.TryTimeout, Retries: p.Retries})
	}
	if m := p.Mirror; m != nil {
		w.copied = c.lane(k.to(mirrorPart, m.To), &route.Policy{})
	}
	w.accounts = c.accounts.list(len(c.e.workers))
	c.added = append(c.added, w)
	return w
}

// drop notes that the new table does not have w.
func (c *compiler) drop(w *lane) {
	if w == nil {
		return
	}
	c.pause(workMake)
	c.dropped = append(c.dropped, w)
	c.drop(w.instead)
	c.drop(w.copied)
}

// forget ends the state of edges that are not there any more.
func (c *compiler) forget() {
	for _, w := range c.dropped {
		if w.state.lanes--; w.state.lanes == 0 {
			delete(c.e.edges, w.edgeKey)
			w.state.clear()
		}
	}
}

// place gives new lanes their slots: a lane that comes in place of another one with
// the same key gets that one's. From here on the table's edges are those of the
// old one with these exchanged.
func (c *compiler) place() {
	t := c.t
	t.edges = make([]edge, len(c.old.edges), len(c.old.edges)+len(c.added))
	copy(t.edges, c.old.edges)
	t.free = c.old.free
	if len(c.dropped)+len(c.added) > 0 {
		t.free = slices.Clone(t.free)
	}
	for _, w := range c.dropped {
		if w.state.vacant == 0 {
			w.state.vacant = w.slot + 1
		} else {
			t.vacate(w.slot)
		}
	}
	for _, w := range c.added {
		c.pause(workCompare)
		switch n := len(t.free); {
		case w.state.vacant > 0:
			w.slot, w.state.vacant = w.state.vacant-1, 0
		case n > 0:
			w.slot, t.free = t.free[n-1], t.free[:n-1]
		default:
			w.slot = len(t.edges)
			t.edges = append(t.edges, edge{})
		}
		t.edges[w.slot] = edge{lane: w}
	}
	for _, w := range c.dropped {
		if w.state.vacant == w.slot+1 {
			w.state.vacant = 0
			t.vacate(w.slot)
		}
	}
}

func (t *table) vacate(slot int) {
	t.edges[slot] = edge{}
	t.free = append(t.free, slot)
}

// aim lets edges lead to the services that are new; the others lead where they did.
func (c *compiler) aim() {
	for i := range c.t.edges {
		ed := &c.t.edges[i]
		if i%512 == 0 {
			c.pause(workSlice)
		}
		switch {
		case ed.lane == nil:
			continue
		case ed.target == nil:
			c.lead(ed, c.callee(ed.callee))
		case len(c.replaced) > 0:
			if svc := c.replaced[ed.svc]; svc != nil {
				c.lead(ed, svc)
			}
		}
		if ed.svc.absent {
			c.t.absent[ed.svc.name] = ed.svc
		}
	}
}

// lead sets the target of an edge but for what join does.
func (c *compiler) lead(ed *edge, svc *service) {
	if ed.plain() {
		ed.target = &svc.target
		return
	}
	c.pause(workMake)
	ed.target = &target{svc: svc, pools: ed.state.poolsFor(svc, &ed.policy)}
}

// join leads edges to the others that belong to them.
func (c *compiler) join() {
	gone := map[*lane]bool{}
	for _, w := range c.dropped {
		if w.joins() {
			gone[w] = true
		}
	}
	for _, w := range slices.Concat(c.old.joined, c.added) {
		if !w.joins() || gone[w] {
			continue
		}
		c.pause(workCompare)
		c.t.joined = append(c.t.joined, w)
		ed := &c.t.edges[w.slot]
		fallback, mirror := c.edgeOf(w.instead), c.edgeOf(w.copied)
		if !sameEdge(ed.fallback, fallback) || !sameEdge(ed.mirror, mirror) {
			ed.target = &target{svc: ed.svc, pools: ed.pools, fallback: fallback, mirror: mirror}
		}
	}
}

// edgeOf is the edge of w in the new table, by itself: who keeps it does not keep the table.
func (c *compiler) edgeOf(w *lane) *edge {
	if w == nil {
		return nil
	}
	return &edge{w, c.t.edges[w.slot].target}
}

func sameEdge(a, b *edge) bool { return a == b || a != nil && b != nil && *a == *b }
