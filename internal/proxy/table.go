package proxy

import (
	"cmp"
	"fmt"
	"slices"

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
}

// entry is what a listener leads to.
type entry struct {
	route.Listener
	edge *edge // nil: none is declared, calls are refused
}

// edgeKey names what leads to a service: a declared call, or a route of the gateway.
type edgeKey struct {
	caller, callee string
	route          string // "", or the route's host and path
}

// edge is one way to a service.
type edge struct {
	edgeKey
	policy route.Policy
	svc    *service
	pool   pool
	state  *edgeState
}

// edgeState is what an edge keeps over tables.
type edgeState struct {
	budget   budget
	breakers map[*instance]*breaker // touched under Engine.mu only
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
		t.services[name] = e.compileService(name, rs, instances)
	}
	states := make(map[edgeKey]*edgeState, len(e.edges))
	for i := range s.Edges {
		k := edgeKey{caller: s.Edges[i].Caller, callee: s.Edges[i].Callee}
		t.edges[k] = e.compileEdge(t, k, s.Edges[i].Policy, states)
	}
	for _, l := range s.Listeners {
		if t.listeners[l.ID] != nil {
			return nil, fmt.Errorf("listener %s is there twice", l.ID)
		}
		en := &entry{Listener: l}
		if l.Role == route.RoleEdge {
			en.edge = t.edges[edgeKey{caller: l.Caller, callee: l.Callee}]
		}
		t.listeners[l.ID] = en
	}
	if s.Gateway != nil {
		t.gateway = e.compileGateway(t, s.Gateway, states)
	}
	e.nextInstances, e.nextEdges = instances, states
	return t, nil
}

func (e *Engine) compileService(name string, rs *route.Service, all map[instanceKey]*instance) *service {
	svc := &service{name: name, protocol: rs.Protocol, instances: make([]*instance, 0, len(rs.Instances))}
	for _, ri := range rs.Instances {
		k := instanceKey{id: ri.ID, addr: ri.Addr, protocol: rs.Protocol}
		inst := cmp.Or(all[k], e.instances[k], e.draining[k])
		if inst == nil {
			inst = &instance{instanceKey: k, service: name, revision: ri.Revision, onIdle: e.idle}
		}
		all[k] = inst
		svc.instances = append(svc.instances, inst)
	}
	return svc
}

func (e *Engine) compileEdge(t *table, k edgeKey, p route.Policy, states map[edgeKey]*edgeState) *edge {
	ed := &edge{edgeKey: k, policy: p, svc: t.services[k.callee]}
	if ed.svc == nil {
		ed.svc = &service{name: k.callee}
	}
	old := e.edges[k]
	ed.state = old
	if old == nil {
		ed.state = new(edgeState)
	}
	states[k] = ed.state
	ed.pool.instances = ed.svc.instances
	if p.Breaker != nil {
		ed.pool.breakers = ed.state.breakersFor(*p.Breaker, ed.svc.instances)
	}
	return ed
}

// breakersFor returns a breaker for each instance, those that are there already where their settings hold.
func (s *edgeState) breakersFor(cfg route.Breaker, instances []*instance) []*breaker {
	next := make(map[*instance]*breaker, len(instances))
	list := make([]*breaker, len(instances))
	for i, inst := range instances {
		b := s.breakers[inst]
		if b == nil || b.cfg != cfg {
			b = newBreaker(cfg)
		}
		next[inst], list[i] = b, b
	}
	s.breakers = next
	return list
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
