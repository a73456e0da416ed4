package appfile

// Policy is how requests are sent to a service. Calls and routes have the same
// keys; they stand in the call and in the route themselves.
//
// The services that Fallback and Mirror name need not be declared as calls.
type Policy struct {
	// Timeout bounds the time to the response's header, all tries together.
	// Default: 30s; 0s: none. A callee that speaks tcp has none.
	Timeout *Duration `yaml:"timeout,omitempty" json:"timeout,omitempty"`
	// TryTimeout bounds the time of one try to the response's header. Below
	// Timeout. Default: 0s, none.
	TryTimeout Duration `yaml:"try_timeout,omitempty" json:"try_timeout,omitempty"`
	// Retries is how often a request that is safe to repeat is tried again.
	// Range 0–10. Default: 1. A callee that speaks tcp has none.
	Retries *int `yaml:"retries,omitempty" json:"retries,omitempty"`
	// RetryBudget is the share of the requests that may be retries. Range
	// (0, 1]. Default: 0.2. A callee that speaks tcp has none.
	RetryBudget float64 `yaml:"retry_budget,omitempty" json:"retry_budget,omitempty"`
	// Breaker opens the edge to an instance that fails. Absent: no circuit breaker.
	Breaker *Breaker `yaml:"breaker,omitempty" json:"breaker,omitempty"`
	// Outlier takes instances out that fail several times in a row. Absent: it
	// does so with its defaults.
	Outlier *Outlier `yaml:"outlier,omitempty" json:"outlier,omitempty"`
	// Balance says how an instance is picked. Absent: p2c.
	Balance *Balance `yaml:"balance,omitempty" json:"balance,omitempty"`
	// Bulkhead is how many requests of the call or route may be in flight. At
	// least 1. Absent: any number.
	Bulkhead int `yaml:"bulkhead,omitempty" json:"bulkhead,omitempty"`
	// Hedge sends a request that is safe to repeat to another instance too, when
	// the first is slow. Absent: one at a time.
	Hedge *Hedge `yaml:"hedge,omitempty" json:"hedge,omitempty"`
	// Fallback answers in place of a service that cannot. Absent: the error is answered.
	Fallback *Fallback `yaml:"fallback,omitempty" json:"fallback,omitempty"`
	// Mirror sends copies of requests to another service. Absent: none.
	Mirror *Mirror `yaml:"mirror,omitempty" json:"mirror,omitempty"`
	// Cache keeps answers, as RFC 9111 lets a shared cache. Absent: none are kept.
	Cache *Cache `yaml:"cache,omitempty" json:"cache,omitempty"`
	// Fault spoils requests on purpose, to test the callers. Absent: none.
	Fault *Fault `yaml:"fault,omitempty" json:"fault,omitempty"`
}

// Breaker is a circuit breaker per instance over a rolling window.
type Breaker struct {
	// FailureRatio opens the circuit. Range (0, 1]. Default: 0.5.
	FailureRatio float64 `yaml:"failure_ratio,omitempty" json:"failure_ratio,omitempty"`
	// MinRequests is how many requests the window needs before the ratio counts. Default: 20.
	MinRequests int `yaml:"min_requests,omitempty" json:"min_requests,omitempty"`
	// Window is the rolling window. Default: 10s.
	Window Duration `yaml:"window,omitempty" json:"window,omitempty"`
	// OpenFor is how long the circuit stays open before a trial. Default: 5s.
	OpenFor Duration `yaml:"open_for,omitempty" json:"open_for,omitempty"`
}

// Outlier takes an instance that fails again and again out for a while. The
// meanings and the defaults are those of Envoy's outlier detection.
type Outlier struct {
	// Errors is how many failures in a row take an instance out. Range
	// 0–1000000; 0: none ever is. Default: 5.
	Errors *int `yaml:"errors,omitempty" json:"errors,omitempty"`
	// Base is how long it is out the first time; each time again it is so much
	// longer. Default: 30s, or Max where that is less.
	Base Duration `yaml:"base,omitempty" json:"base,omitempty"`
	// Max is the longest time that it is out. At least Base. Default: 300s, or
	// Base where that is more.
	Max Duration `yaml:"max,omitempty" json:"max,omitempty"`
	// MaxPercent is how many of a service's instances may be out at a time, and
	// one may in any case. Range 1–100. Default: 10.
	MaxPercent int `yaml:"max_percent,omitempty" json:"max_percent,omitempty"`
}

// Balance says how an instance is picked; in the file one of the words of By,
// or a mapping. With hash exactly one of Header, Cookie and Source is set.
type Balance struct {
	// By is p2c (the better of two random ones, by requests in flight and recent
	// latency), round_robin, least_request (the fewest requests in flight) or
	// hash (the same instance for the same key). Default: hash where a key is
	// given, otherwise p2c.
	By string `yaml:"by,omitempty" json:"by,omitempty"`
	// Header is the request header that holds the key.
	Header string `yaml:"header,omitempty" json:"header,omitempty"`
	// Cookie is the cookie that holds the key.
	Cookie string `yaml:"cookie,omitempty" json:"cookie,omitempty"`
	// Source takes the client's address as the key.
	Source bool `yaml:"source,omitempty" json:"source,omitempty"`
}

// Hedge sends a request to more than one instance and takes the first answer.
type Hedge struct {
	// After is the wait before the next instance gets the request too. Above 0s,
	// below Timeout.
	After Duration `yaml:"after" json:"after"`
	// Max is how many instances more than the first get it. Range 1–10. Default: 1.
	Max int `yaml:"max,omitempty" json:"max,omitempty"`
}

// Fallback answers in place of a service that cannot. What is possible first is
// used: the cached answer, the other service, the fixed answer. At least one is
// set.
type Fallback struct {
	// Stale is how long past its freshness a cached answer may be used. Needs
	// Cache. Default: 0s, not at all.
	Stale Duration `yaml:"stale,omitempty" json:"stale,omitempty"`
	// Service is another service, which gets the request.
	Service string `yaml:"service,omitempty" json:"service,omitempty"`
	// Status is the fixed answer's. Range 200–599. Default: 200 where Body is
	// set, otherwise no fixed answer.
	Status int `yaml:"status,omitempty" json:"status,omitempty"`
	// Type is the fixed answer's Content-Type. Default: text/plain; charset=utf-8
	// where Body is set.
	Type string `yaml:"type,omitempty" json:"type,omitempty"`
	// Body is the fixed answer's.
	Body string `yaml:"body,omitempty" json:"body,omitempty"`
}

// Mirror sends copies of requests to a service whose answers nobody gets.
type Mirror struct {
	// To is the service that gets the copies.
	To string `yaml:"to" json:"to"`
	// Percent is how many of the requests are copied. Range (0, 100]. Default: 100.
	Percent float64 `yaml:"percent,omitempty" json:"percent,omitempty"`
}

// Cache keeps answers; in the file true, or a mapping.
type Cache struct {
	// MaxBytes bounds what is kept for the call or the route. Default: 16Mi.
	MaxBytes Bytes `yaml:"max_bytes,omitempty" json:"max_bytes,omitempty"`
	// MaxObject bounds one body that is kept. At most MaxBytes. Default: 1Mi, or
	// MaxBytes where that is less.
	MaxObject Bytes `yaml:"max_object,omitempty" json:"max_object,omitempty"`
	// DefaultTTL is how long answers are fresh that do not say it. Default: 0s,
	// they are not kept.
	DefaultTTL Duration `yaml:"default_ttl,omitempty" json:"default_ttl,omitempty"`
	// StaleIfError is how long past their freshness answers are used when the
	// service fails, where they do not say it. Default: 0s, not at all.
	StaleIfError Duration `yaml:"stale_if_error,omitempty" json:"stale_if_error,omitempty"`
}

// Fault spoils requests on purpose. At least one of Delay and Abort is set.
type Fault struct {
	// Delay holds a request up before it is sent. Default: 0s.
	Delay Duration `yaml:"delay,omitempty" json:"delay,omitempty"`
	// DelayPercent is how many of the requests are held up. Range (0, 100].
	// Default: 100 where Delay is set.
	DelayPercent float64 `yaml:"delay_percent,omitempty" json:"delay_percent,omitempty"`
	// Abort is the status that answers a request which is not sent. Range 200–599.
	Abort int `yaml:"abort,omitempty" json:"abort,omitempty"`
	// AbortPercent is how many of the requests get it. Range (0, 100]. Default:
	// 100 where Abort is set.
	AbortPercent float64 `yaml:"abort_percent,omitempty" json:"abort_percent,omitempty"`
}

// Targets are the other services that requests may reach by the policy: the
// fallback's and the mirror's.
func (p *Policy) Targets() []string {
	var names []string
	if p.Fallback != nil && p.Fallback.Service != "" {
		names = append(names, p.Fallback.Service)
	}
	if p.Mirror != nil {
		names = append(names, p.Mirror.To)
	}
	return names
}
