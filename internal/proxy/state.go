package proxy

import (
	"slices"

	"github.com/banyanrun/banyan/internal/proxy/cache"
	"github.com/banyanrun/banyan/internal/proxy/policy"
	"github.com/banyanrun/banyan/internal/route"
)

// edgeState is what an edge keeps over tables, as far as its settings hold. But
// for bulkhead it is touched under Engine.mu only: edges have what they need of it.
type edgeState struct {
	bulkhead  policy.Bulkhead
	budget    *policy.Budget
	share     float64 // of budget
	breakers  map[*instance]*policy.Breaker
	balancers map[string]keptBalancer // by revision; "": of all instances
	cache     *cache.Cache            // nil: none
}

// keptBalancer is a balancer and what it was made of.
type keptBalancer struct {
	*policy.Balancer

	cfg   route.Balance
	names []string
}

func (s *edgeState) budgetFor(share float64) *policy.Budget {
	if s.budget == nil || s.share != share {
		s.budget, s.share = policy.NewBudget(share), share
	}
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

// poolsFor returns the pools of an edge with policy p to svc: one, or one for
// each share of its split. A share of weight 0 gets nothing.
func (s *edgeState) poolsFor(svc *service, p *route.Policy) []pool {
	all := s.membersFor(svc, p.Breaker)
	pools := []pool{{members: all}}
	if svc.split != nil {
		pools = pools[:0]
		for _, share := range svc.shares {
			of := pool{revision: share.Revision}
			for _, m := range all {
				if share.Weight > 0 && m.inst.revision == share.Revision {
					of.members = append(of.members, m)
				}
			}
			pools = append(pools, of)
		}
	}
	s.balance(pools, p.Balance)
	return pools
}

// membersFor returns svc's instances with their breakers, those that are there
// already where their settings hold.
func (s *edgeState) membersFor(svc *service, cfg *route.Breaker) []member {
	list := make([]member, len(svc.instances))
	for i, inst := range svc.instances {
		list[i] = member{inst: inst, limit: svc.limits[i]}
	}
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
		for i := range pools {
			pools[i].balancer = twoChoices
		}
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
