package route

import (
	"maps"
	"slices"
)

// Equal reports whether two routes mean the same. It is called for every route
// of a snapshot, so what most routes differ in comes first.
func (r *Route) Equal(o *Route) bool {
	return r.Path == o.Path && r.Host == o.Host && r.Connect == o.Connect && r.To == o.To && r.Rewrite == o.Rewrite && r.Auth == o.Auth &&
		r.MaxBody == o.MaxBody && same(r.RateLimit, o.RateLimit) && slices.Equal(r.Methods, o.Methods) &&
		equalTexts(r.Headers, o.Headers) && equalTexts(r.Query, o.Query) && r.CORS.equal(o.CORS) && r.Policy.Equal(&o.Policy)
}

// Equal reports whether two policies mean the same.
func (p *Policy) Equal(o *Policy) bool {
	return p.Timeout == o.Timeout && p.TryTimeout == o.TryTimeout && p.Wait == o.Wait && p.Retries == o.Retries && p.RetryBudget == o.RetryBudget &&
		p.Bulkhead == o.Bulkhead && same(p.Breaker, o.Breaker) && same(p.Outlier, o.Outlier) && same(p.Balance, o.Balance) &&
		same(p.Hedge, o.Hedge) && same(p.Fallback, o.Fallback) && same(p.Mirror, o.Mirror) && same(p.Cache, o.Cache) &&
		same(p.Fault, o.Fault)
}

// Equal reports whether two services are the same, instances and their order included.
func (s *Service) Equal(o *Service) bool {
	return s.Name == o.Name && s.Protocol == o.Protocol && s.ProxyProtocol == o.ProxyProtocol && same(s.Sticky, o.Sticky) &&
		same(s.Concurrency, o.Concurrency) && slices.Equal(s.Instances, o.Instances) && slices.Equal(s.Split, o.Split)
}

func (c *CORS) equal(o *CORS) bool {
	if c == nil || o == nil {
		return c == o
	}
	return c.Credentials == o.Credentials && c.MaxAge == o.MaxAge && slices.Equal(c.Origins, o.Origins) &&
		slices.Equal(c.Methods, o.Methods) && slices.Equal(c.Headers, o.Headers) && slices.Equal(c.Expose, o.Expose)
}

// same compares what may be left out.
func same[T comparable](a, b *T) bool {
	return a == b || a != nil && b != nil && *a == *b
}

func equalTexts(a, b map[string]string) bool {
	return len(a)+len(b) == 0 || maps.Equal(a, b)
}
