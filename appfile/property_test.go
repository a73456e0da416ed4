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
		s.Calls = Calls{callee: &Call{Timeout: maybe(t, seconds), Retries: maybe(t, rapid.IntRange(0, 10)), Breaker: maybe(t, rapid.Just(Breaker{FailureRatio: 0.25}))}}
		s.DependsOn = DependsOn{callee: &Dependency{Condition: rapid.SampledFrom(conditions[:2]).Draw(t, "condition")}}
	}
	return s
}

func drawGateway(t *rapid.T, services int) *Gateway {
	g := &Gateway{MaxBody: Bytes(rapid.Int64Range(1, 1<<40).Draw(t, "max_body")), AccessLog: maybe(t, rapid.Bool())}
	for i := range rapid.IntRange(1, 3).Draw(t, "routes") {
		r := &Route{
			Path: "/" + strings.Repeat("a", i), To: fmt.Sprintf("s%d", rapid.IntRange(0, services-1).Draw(t, "to")),
			Timeout: maybe(t, seconds), Retries: maybe(t, rapid.IntRange(0, 10)), MaxBody: maybe(t, rapid.Just(Bytes(0))),
		}
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
