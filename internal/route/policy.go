package route

import (
	"time"

	"github.com/banyanrun/banyan/appfile"
)

// compilePolicy is the policy of a call or a route. What it names is read as it
// is: the app file's checks have refused what cannot work.
func compilePolicy(from *appfile.Policy) Policy {
	p := Policy{
		Timeout: value(from.Timeout), TryTimeout: time.Duration(from.TryTimeout),
		Retries: *from.Retries, RetryBudget: from.RetryBudget, Bulkhead: from.Bulkhead,
	}
	if b := from.Breaker; b != nil {
		p.Breaker = &Breaker{
			FailureRatio: b.FailureRatio, MinRequests: b.MinRequests,
			Window: time.Duration(b.Window), OpenFor: time.Duration(b.OpenFor),
		}
	}
	if o := from.Outlier; o != nil {
		p.Outlier = &Outlier{
			Errors: *o.Errors, Base: time.Duration(o.Base), Max: time.Duration(o.Max), MaxPercent: o.MaxPercent,
		}
	}
	if b := from.Balance; b != nil {
		p.Balance = &Balance{By: BalanceBy(b.By), Header: b.Header, Cookie: b.Cookie, Source: b.Source}
	}
	if h := from.Hedge; h != nil {
		p.Hedge = &Hedge{After: time.Duration(h.After), Max: h.Max}
	}
	if f := from.Fallback; f != nil {
		p.Fallback = &Fallback{Stale: time.Duration(f.Stale), Service: f.Service, Status: f.Status, Type: f.Type, Body: f.Body}
	}
	if m := from.Mirror; m != nil {
		p.Mirror = &Mirror{To: m.To, Percent: m.Percent}
	}
	if c := from.Cache; c != nil {
		p.Cache = &Cache{
			MaxBytes: int64(c.MaxBytes), MaxObject: int64(c.MaxObject),
			DefaultTTL: time.Duration(c.DefaultTTL), StaleIfError: time.Duration(c.StaleIfError),
		}
	}
	if f := from.Fault; f != nil {
		p.Fault = &Fault{
			Delay: time.Duration(f.Delay), DelayPercent: f.DelayPercent, Abort: f.Abort, AbortPercent: f.AbortPercent,
		}
	}
	return p
}

// standIns are the services that a policy sends requests to besides its callee.
func (p *Policy) standIns() []string {
	var names []string
	if p.Fallback != nil && p.Fallback.Service != "" {
		names = append(names, p.Fallback.Service)
	}
	if p.Mirror != nil {
		names = append(names, p.Mirror.To)
	}
	return names
}
