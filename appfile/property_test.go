package appfile

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"
)

// TestJSONRoundTrip: any valid App with its defaults is the same after JSON.
func TestJSONRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := drawApp(t)
		a.ApplyDefaults("/srv/shop")
		if err := a.Validate(); err != nil {
			t.Fatalf("the generator makes invalid apps: %v", err)
		}
		roundTrip(t, a)
	})
}

var (
	words     = rapid.StringMatching(`[ -#%-~é]{1,12}`)
	seconds   = rapid.Map(rapid.IntRange(1, 100_000), func(n int) Duration { return Duration(n) * Duration(time.Millisecond) })
	variables = rapid.StringMatching(`V[A-Z_]{0,6}`)
)

func maybe[T any](t *rapid.T, g *rapid.Generator[T]) *T {
	if !rapid.Bool().Draw(t, "set") {
		return nil
	}
	return new(g.Draw(t, "value"))
}

func drawCommand(t *rapid.T) Command {
	return append(Command{"./program"}, rapid.SliceOfN(words, 1, 3).Draw(t, "arguments")...)
}

func drawEnvironment(t *rapid.T) Environment {
	return rapid.MapOfN(variables, words, 1, 3).Draw(t, "environment")
}

func drawApp(t *rapid.T) *App {
	a := &App{Services: map[string]*Service{}}
	n := rapid.IntRange(1, 4).Draw(t, "services")
	for i := range n {
		a.Services[fmt.Sprintf("s%d", i)] = drawService(t, i)
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "jobs") {
		if a.Jobs == nil {
			a.Jobs = map[string]*Job{}
		}
		a.Jobs[fmt.Sprintf("j%d", i)] = &Job{
			Command: drawCommand(t), Environment: drawEnvironment(t), Timeout: seconds.Draw(t, "timeout"),
			Retries: rapid.IntRange(0, 100).Draw(t, "retries"), Schedule: rapid.SampledFrom([]string{"", "@daily", "1 2 3 * *"}).Draw(t, "schedule"),
		}
	}
	if rapid.Bool().Draw(t, "topics") {
		a.Topics = map[string]*Topic{"placed": drawTopic(t), "unused": nil}
	}
	if rapid.Bool().Draw(t, "gateway") {
		a.Gateway = drawGateway(t, n)
	}
	return a
}

func drawService(t *rapid.T, i int) *Service {
	s := &Service{
		Command: drawCommand(t), Environment: drawEnvironment(t), Replicas: maybe(t, rapid.IntRange(0, 5)),
		StopGracePeriod: maybe(t, seconds), StartTimeout: seconds.Draw(t, "start"), Owner: words.Draw(t, "owner"),
		Protocol: rapid.SampledFrom([]string{"", "http", "h2c"}).Draw(t, "protocol"),
		Update:   maybe(t, rapid.Map(rapid.SampledFrom(strategies), func(s string) Update { return Update{Strategy: s} })),
	}
	if rapid.Bool().Draw(t, "publishes") {
		s.Publishes = []string{"placed", fmt.Sprintf("of.s%d", i)}
	}
	if rapid.Bool().Draw(t, "subscribes") {
		s.Subscribes = map[string]*Subscription{"placed": drawSubscription(t), "others": {Path: "/events"}}
	}
	if rapid.Bool().Draw(t, "limited") {
		s.Concurrency = &Concurrency{Max: rapid.IntRange(1, 1000).Draw(t, "max"), Adaptive: rapid.Bool().Draw(t, "adaptive")}
	}
	if rapid.Bool().Draw(t, "volume") {
		s.Volumes = []Volume{{"files", "FILES_DIR"}}
	}
	if rapid.Bool().Draw(t, "resources") {
		s.Resources = &Resources{CPU: rapid.Float64Range(0, 64).Draw(t, "cpu"), Memory: Bytes(rapid.Int64Range(0, 1<<40).Draw(t, "memory"))}
	}
	if rapid.Bool().Draw(t, "probe") {
		s.Readiness = &Probe{HTTP: "/healthz", Period: seconds.Draw(t, "period")}
		s.Liveness = &Probe{Exec: drawCommand(t)}
	}
	if i > 0 {
		callee := fmt.Sprintf("s%d", i-1)
		s.Calls = Calls{callee: &Call{drawPolicy(t, fmt.Sprintf("s%d", i-2), i > 1)}}
		s.DependsOn = DependsOn{callee: &Dependency{Condition: rapid.SampledFrom(conditions[:2]).Draw(t, "condition")}}
	}
	return s
}

func drawSubscription(t *rapid.T) *Subscription {
	first := seconds.Draw(t, "first")
	return &Subscription{
		Path: "/placed", From: rapid.SampledFrom([]string{"", FromNew, FromAll, "2026-11-01T00:00:00Z"}).Draw(t, "from"),
		Concurrency: rapid.IntRange(0, 1000).Draw(t, "concurrency"), Timeout: seconds.Draw(t, "timeout"),
		MaxAttempts: maybe(t, rapid.IntRange(0, 20)), DeadLetter: rapid.SampledFrom([]string{"", "failed"}).Draw(t, "dead letter"),
		Backoff: maybe(t, rapid.SampledFrom([]Backoff{{}, {First: first}, {Most: first}, {First: first, Most: first + 1}})),
	}
}

func drawTopic(t *rapid.T) *Topic {
	return &Topic{
		Key: maybe(t, rapid.SampledFrom([]string{"", "subject", "customer"})), MaxEvent: Bytes(rapid.IntRange(0, 1<<20).Draw(t, "max_event")),
		DedupWindow: maybe(t, rapid.Map(rapid.IntRange(0, 604_800), func(n int) Duration { return Duration(n) * Duration(time.Second) })),
		Retention:   maybe(t, rapid.Just(Retention{Full: FullDropOldest})), Schema: rapid.SampledFrom([]string{"", "a.json"}).Draw(t, "schema"),
	}
}

// drawPolicy makes any valid policy; other is a service that can stand in, where there is one.
func drawPolicy(t *rapid.T, other string, hasOther bool) Policy {
	p := Policy{
		Timeout: maybe(t, rapid.Map(rapid.IntRange(100, 1000), func(n int) Duration { return Duration(n) * Duration(time.Second) })),
		Retries: maybe(t, rapid.IntRange(0, 10)), Breaker: maybe(t, rapid.Just(Breaker{FailureRatio: 0.25})),
		Outlier: maybe(t, rapid.Custom(drawOutlier)), Balance: maybe(t, rapid.Custom(drawBalance)),
		Bulkhead: rapid.IntRange(0, 100).Draw(t, "bulkhead"), Cache: maybe(t, rapid.Custom(drawCache)),
		Fault: maybe(t, rapid.Custom(drawFault)), Fallback: maybe(t, rapid.Custom(drawFallback)),
		RetryBudget: rapid.Float64Range(0, 1).Draw(t, "retry_budget"),
		TryTimeout:  Duration(rapid.IntRange(0, 29).Draw(t, "try_timeout")) * Duration(time.Second),
		Hedge:       maybe(t, rapid.Just(Hedge{After: Duration(50 * time.Millisecond)})),
	}
	if p.Fallback != nil && p.Cache != nil {
		p.Fallback.Stale = seconds.Draw(t, "stale")
	}
	if p.Fallback != nil && hasOther {
		p.Fallback.Service = other
	}
	if hasOther {
		p.Mirror = maybe(t, rapid.Just(Mirror{To: other, Percent: 12.5}))
	}
	return p
}

func drawOutlier(t *rapid.T) Outlier {
	base := seconds.Draw(t, "base")
	return Outlier{
		Errors: maybe(t, rapid.IntRange(0, 20)), MaxPercent: rapid.IntRange(0, 100).Draw(t, "max_percent"),
		Base: rapid.SampledFrom([]Duration{0, base}).Draw(t, "base or none"),
		Max:  rapid.SampledFrom([]Duration{0, base + 1}).Draw(t, "max or none"),
	}
}

func drawBalance(t *rapid.T) Balance {
	return rapid.SampledFrom([]Balance{
		{}, {By: "p2c"}, {By: "round_robin"}, {By: "least_request"},
		{Header: "X-User-Id"}, {By: "hash", Cookie: "session"}, {By: "hash", Source: true},
	}).Draw(t, "balance")
}

func drawCache(t *rapid.T) Cache {
	return Cache{
		MaxBytes:   Bytes(rapid.SampledFrom([]int{0, 1, 4096, 1 << 30}).Draw(t, "max_bytes")),
		DefaultTTL: rapid.SampledFrom([]Duration{0, Duration(time.Minute)}).Draw(t, "default_ttl"),
	}
}

func drawFault(t *rapid.T) Fault {
	return rapid.SampledFrom([]Fault{
		{Delay: Duration(time.Second)}, {Abort: 503, AbortPercent: 0.5}, {Delay: 1, DelayPercent: 100, Abort: 404},
	}).Draw(t, "fault")
}

func drawFallback(t *rapid.T) Fallback {
	return rapid.SampledFrom([]Fallback{{Body: "[]"}, {Status: 204}, {Status: 200, Type: "application/json", Body: "{}"}}).Draw(t, "fallback")
}

func drawGateway(t *rapid.T, services int) *Gateway {
	g := &Gateway{MaxBody: Bytes(rapid.Int64Range(1, 1<<40).Draw(t, "max_body")), AccessLog: maybe(t, rapid.Bool())}
	if rapid.Bool().Draw(t, "tls") {
		g.TLS = &TLS{Cert: "cert.pem", Key: "key.pem"}
	}
	g.ProxyProtocol = rapid.Bool().Draw(t, "proxy_protocol")
	for i := range rapid.IntRange(1, 3).Draw(t, "routes") {
		r := &Route{
			Path: "/" + strings.Repeat("a", i), To: fmt.Sprintf("s%d", rapid.IntRange(0, services-1).Draw(t, "to")),
			MaxBody: maybe(t, rapid.Just(Bytes(0))),
		}
		other := fmt.Sprintf("s%d", rapid.IntRange(0, services-1).Draw(t, "other"))
		r.Policy = drawPolicy(t, other, other != r.To)
		if rapid.Bool().Draw(t, "limited") {
			r.RateLimit = &RateLimit{Requests: rapid.IntRange(1, 100).Draw(t, "requests"), Per: seconds.Draw(t, "per")}
		}
		if rapid.Bool().Draw(t, "cors") {
			r.CORS = &CORS{Origins: []string{"*"}, MaxAge: seconds.Draw(t, "max_age")}
		}
		g.Routes = append(g.Routes, r)
	}
	return g
}
