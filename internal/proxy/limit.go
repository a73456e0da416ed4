package proxy

import (
	"github.com/banyanrun/banyan/internal/proxy/policy"
	"github.com/banyanrun/banyan/internal/route"
)

// limit bounds the requests in flight to one instance, whoever sends them. Nil
// is no bound.
type limit struct {
	cfg      route.Concurrency
	adaptive *policy.Adaptive // nil: it is cfg.Max
}

// limitFor returns the limit that cfg wants: the instance's own, if it is that.
// Engine.mu is held.
func (i *instance) limitFor(cfg *route.Concurrency) *limit {
	switch {
	case cfg == nil || cfg.Max <= 0:
		i.limit = nil
	case i.limit == nil || i.limit.cfg != *cfg:
		i.limit = &limit{cfg: *cfg}
		if cfg.Adaptive {
			i.limit.adaptive = policy.NewAdaptive(cfg.Max)
		}
	}
	return i.limit
}

// most is how many requests may be in flight now; 0: any number.
func (l *limit) most() int {
	switch {
	case l == nil:
		return 0
	case l.adaptive != nil:
		return l.adaptive.Limit()
	}
	return l.cfg.Max
}

// observe notes an answer whose head took rtt ns, while inFlight requests were in flight.
func (l *limit) observe(now, rtt, inFlight int64) {
	if l != nil && l.adaptive != nil {
		l.adaptive.Observe(now, rtt, inFlight)
	}
}
