package proxy

import (
	"slices"

	"github.com/banyanrun/banyan/internal/gateway"
	"github.com/banyanrun/banyan/internal/proxy/cache"
	"github.com/banyanrun/banyan/internal/proxy/policy"
	"github.com/banyanrun/banyan/internal/route"
)

// edgeState is what an edge keeps over tables, as far as its settings hold. But
// for bulkhead it is touched under Engine.mu only: edges have what they need of it.
type edgeState struct {
	bulkhead  policy.Bulkhead
	first     policy.Budget
	budget    *policy.Budget // nil: there is none yet
	share     float64        // of budget
	breakers  map[*instance]*policy.Breaker
	balancers map[string]keptBalancer // by revision; "": of all instances
	cache     *cache.Cache            // nil: none
	limiter   *gateway.Limiter        // nil: none

	lanes  int           // of the table in force that have it
	lane   *lane         // of a call: the last one in the table in force
	route  *gatewayRoute // the last that was compiled; it may be gone
	vacant int           // slot + 1 that the lane before leaves to the next; 0: none
}

// clear lets go of all that a request in flight does not use by the state.
func (s *edgeState) clear() {
	s.breakers, s.balancers, s.cache, s.limiter, s.lane, s.route = nil, nil, nil, nil, nil, nil
}

// keptBalancer is a balancer and what it was made of.
type keptBalancer struct {
	*policy.Balancer

	cfg   route.Balance
	names []string
}

func (s *edgeState) budgetFor(share float64) *policy.Budget {
	switch {
	case s.budget == nil:
		s.first.Init(share)
		s.budget = &s.first
	case s.share != share:
		s.budget = policy.NewBudget(share)
	}
	s.share = share
	return s.budget
}

// cacheFor returns the cache that cfg wants; nil: none.
func (s *edgeState) cacheFor(cfg *route.Cache) (*cache.Cache, error) {
	var err error
	switch {
	case cfg == nil:
		s.cache = nil
	case s.cache == nil || s.cache.Config() != *cfg:
		s.cache, err = cache.New(*cfg)
	}
	return s.cache, err
}

// poolsFor returns the pools of an edge with policy p to svc.
func (s *edgeState) poolsFor(svc *service, p *route.Policy) []pool {
	pools := poolsOf(svc, s.membersFor(svc, p.Breaker))
	s.balance(pools, p.Balance)
	return pools
}

// poolsOf are the pools of an edge that has all members: one, or one for each
// share of the service's split. A share of weight 0 gets nothing.
func poolsOf(svc *service, all []member) []pool {
	if svc.split == nil {
		return []pool{{members: all, balancer: twoChoices}}
	}
	pools := make([]pool, 0, len(svc.shares))
	for _, share := range svc.shares {
		of := pool{revision: share.Revision, balancer: twoChoices}
		for _, m := range all {
			if share.Weight > 0 && m.inst.revision == share.Revision {
				of.members = append(of.members, m)
			}
		}
		pools = append(pools, of)
	}
	return pools
}

// membersOf returns svc's instances.
func membersOf(svc *service) []member {
	list := make([]member, len(svc.instances))
	for i, inst := range svc.instances {
		list[i] = member{inst: inst, limit: svc.limits[i]}
	}
	return list
}

// membersFor returns svc's instances with their breakers, those that are there
// already where their settings hold.
func (s *edgeState) membersFor(svc *service, cfg *route.Breaker) []member {
	list := membersOf(svc)
	if cfg == nil {
		s.breakers = nil
		return list
	}
	next := make(map[*instance]*policy.Breaker, len(list))
	for i := range list {
		b := s.breakers[list[i].inst]
		if b == nil || b.Config() != *cfg {
			b = policy.NewBreaker(*cfg)
		}
		next[list[i].inst], list[i].breaker = b, b
	}
	s.breakers = next
	return list
}

// twoChoices is the balancer of edges that do not say how. It has no state.
var twoChoices = policy.NewBalancer(nil, nil)

// balance gives each pool its balancer.
func (s *edgeState) balance(pools []pool, cfg *route.Balance) {
	if cfg == nil {
		s.balancers = nil
		return
	}
	next := make(map[string]keptBalancer, len(pools))
	for i := range pools {
		p := &pools[i]
		names := make([]string, 0, len(p.members))
		for _, m := range p.members {
			names = append(names, m.inst.id)
		}
		b := s.balancers[p.revision]
		if b.Balancer == nil || b.cfg != *cfg || !slices.Equal(b.names, names) {
			b = keptBalancer{policy.NewBalancer(cfg, names), *cfg, names}
		}
		next[p.revision], p.balancer = b, b.Balancer
	}
	s.balancers = next
}

// limiterFor returns the limiter of clients' rates that cfg wants; nil: none.
func (s *edgeState) limiterFor(cfg *route.RateLimit) *gateway.Limiter {
	switch {
	case cfg == nil:
		s.limiter = nil
	case s.limiter == nil || s.limiter.Config() != *cfg:
		s.limiter = gateway.NewLimiter(*cfg)
	}
	return s.limiter
}
