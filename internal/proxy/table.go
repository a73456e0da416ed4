package proxy

import (
	"cmp"
	"fmt"
	"net/netip"
	"runtime"
	"slices"

	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/proxy/cache"
	"github.com/banyanrun/banyan/internal/proxy/policy"
	"github.com/banyanrun/banyan/internal/route"
)

// table is a snapshot compiled for lookups. It never changes; what changes
// (instances, budgets, breakers) is shared with the tables before and after.
type table struct {
	version   route.Version
	services  map[string]*service
	edges     map[edgeKey]*edge
	listeners map[string]*entry
	gateway   *gatewayTable // nil: there is none
}

type service struct {
	name      string
	protocol  route.Protocol
	instances []*instance
	limits    []*limit      // of each instance
	split     *policy.Split // nil: all instances are alike
	shares    []route.Share // of split
	sticky    *route.Sticky // nil: requests are split at random
	// proxyProtocol is the version of the PROXY header that TCP instances get; 0: none.
	proxyProtocol int
}

// entry is what a listener leads to.
type entry struct {
	route.Listener
	table    *table
	edge     *edge // nil: none is declared, calls are refused
	settings settings
}

// edgeKey names what leads to a service: a declared call, or a route of the gateway.
type edgeKey struct {
	caller, callee string
	route          string // "", or the route's host and path
	part           string // "", or what the edge is to another one: "fallback of order"
}

// to names the way to another service that belongs to the edge k.
func (k edgeKey) to(part, callee string) edgeKey {
	k.part, k.callee = part+" of "+k.callee, callee
	return k
}

// edge is one way to a service.
type edge struct {
	edgeKey

	callerName []byte
	policy     route.Policy
	outlier    route.Outlier
	svc        *service
	pools      []pool // one, or one for each share of the service's split
	budget     *policy.Budget
	state      *edgeState
	cache      *cache.Cache    // nil: none
	fallback   *edge           // nil: none
	mirror     *edge           // nil: none
	accounts   []*account.Live // by worker, each touched on its loop only
}

// compile makes the table for s; the engine's registries supply what is shared. Engine.mu is held.
func (e *Engine) compile(s *route.Snapshot) (*table, error) {
	t := &table{
		version:   s.Version,
		services:  make(map[string]*service, len(s.Services)),
		edges:     make(map[edgeKey]*edge, len(s.Edges)),
		listeners: make(map[string]*entry, len(s.Listeners)),
	}
	instances := make(map[instanceKey]*instance, len(e.instances))
	for name, rs := range s.Services {
		svc, err := e.compileService(name, rs, instances)
		if err != nil {
			return nil, err
		}
		t.services[name] = svc
	}
	states := make(map[edgeKey]*edgeState, len(e.edges))
	for i := range s.Edges {
		k := edgeKey{caller: s.Edges[i].Caller, callee: s.Edges[i].Callee}
		e.compileEdge(t, k, s.Edges[i].Policy, states)
	}
	for _, l := range s.Listeners {
		if t.listeners[l.ID] != nil {
			return nil, fmt.Errorf("listener %s is there twice", l.ID)
		}
		en := &entry{Listener: l, table: t, settings: internalSettings}
		if l.Role == route.RoleEdge {
			en.edge = t.edges[edgeKey{caller: l.Caller, callee: l.Callee}]
		}
		t.listeners[l.ID] = en
	}
	if s.Gateway != nil {
		gt, err := e.compileGateway(t, s.Gateway, states)
		if err != nil {
			return nil, err
		}
		t.gateway = gt
		for _, en := range t.listeners {
			if en.Role == route.RoleGateway {
				en.settings = gt.settings
			}
		}
	}
	e.nextInstances, e.nextEdges = instances, states
	return t, nil
}

// yield lets loops run that wait for a processor, now and then: a large table is
// compiled while they serve, and the scheduler would let them wait for 10 ms.
func yield(i int) {
	if i%16 == 15 {
		runtime.Gosched()
	}
}

func (e *Engine) compileService(name string, rs *route.Service, all map[instanceKey]*instance) (*service, error) {
	svc := &service{
		name: name, protocol: rs.Protocol, instances: make([]*instance, 0, len(rs.Instances)), proxyProtocol: rs.ProxyProtocol,
		limits: make([]*limit, 0, len(rs.Instances)), sticky: rs.Sticky,
	}
	if len(rs.Split) > 0 {
		svc.split, svc.shares = policy.NewSplit(rs.Split), rs.Split
	}
	for _, ri := range rs.Instances {
		k := instanceKey{id: ri.ID, addr: ri.Addr, protocol: rs.Protocol}
		inst := cmp.Or(all[k], e.instances[k], e.draining[k])
		if inst == nil {
			addr, err := netip.ParseAddrPort(ri.Addr)
			if err != nil {
				return nil, fmt.Errorf("instance %s: %w", ri.ID, err)
			}
			inst = &instance{
				instanceKey: k, service: name, revision: ri.Revision, address: addr, onIdle: e.idle,
				pools: make([]upstreamPool, len(e.workers)), workers: e.workers,
			}
		}
		all[k] = inst
		svc.instances = append(svc.instances, inst)
		svc.limits = append(svc.limits, inst.limitFor(rs.Concurrency))
	}
	return svc, nil
}

func (e *Engine) compileEdge(t *table, k edgeKey, p route.Policy, states map[edgeKey]*edgeState) *edge {
	ed := &edge{edgeKey: k, callerName: []byte(k.caller), policy: p, outlier: policy.OutlierConfig(p.Outlier), svc: t.services[k.callee]}
	if ed.svc == nil {
		ed.svc = &service{name: k.callee}
	}
	ed.state = e.edges[k]
	if ed.state == nil {
		ed.state = new(edgeState)
	}
	states[k] = ed.state
	ed.budget = ed.state.budgetFor(p.RetryBudget)
	ed.pools = ed.state.poolsFor(ed.svc, &p)
	var err error
	if ed.cache, err = ed.state.cacheFor(p.Cache); err != nil {
		e.log.Error("cache", "caller", k.caller, "service", k.callee, "error", err) // the edge goes without
	}
	if f := p.Fallback; f != nil && f.Service != "" {
		ed.fallback = e.compileEdge(t, k.to("fallback", f.Service), route.Policy{Timeout: p.Timeout, TryTimeout: p.TryTimeout, Retries: p.Retries}, states)
	}
	if m := p.Mirror; m != nil {
		ed.mirror = e.compileEdge(t, k.to("mirror", m.To), route.Policy{}, states)
	}
	ed.accounts = make([]*account.Live, len(e.workers))
	t.edges[k] = ed
	return ed
}

// ids are the distinct names of instances, sorted.
func ids(instances []*instance) []string {
	list := make([]string, 0, len(instances))
	for _, i := range instances {
		list = append(list, i.id)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
