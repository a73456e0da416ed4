package proxy

import (
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// anyRoute is a route of few hosts, paths and conditions, so that many meet.
func anyRoute() route.Route {
	rt := route.Route{
		Host: pick("", "a.example", "B.example", "*.example", "*.x.example", "*"),
		Path: pick("/", "/a", "/a/", "/a/b", "/a/b/c", "/b", "/c", "/d"), To: pick("s", "t", "none"), Auth: route.AuthNone,
	}
	switch rand.IntN(6) {
	case 0:
		rt.Methods = []string{pick("GET", "POST")}
	case 1:
		rt.Headers = map[string]string{"k": pick("1", "2")}
	case 2:
		rt.RateLimit = &route.RateLimit{Requests: 1 + rand.IntN(2), Per: time.Second, Burst: 1}
	case 3:
		rt.CORS = &route.CORS{Origins: []string{"*"}}
	case 4:
		rt.Connect, rt.Path = true, ""
	}
	rt.Policy = anyPolicy()
	return rt
}

func anyPolicy() route.Policy {
	p := route.Policy{Retries: rand.IntN(2)}
	switch rand.IntN(8) {
	case 0:
		p.Breaker = &route.Breaker{FailureRatio: 0.5, MinRequests: 1 + rand.IntN(2), Window: time.Second, OpenFor: time.Second}
	case 1:
		p.Fallback = &route.Fallback{Service: pick("t", "none")}
	case 2:
		p.Mirror = &route.Mirror{To: pick("t", "none"), Percent: 1}
	case 3:
		p.Balance = &route.Balance{By: route.RoundRobin}
	case 4:
		p.Cache = &route.Cache{MaxBytes: 1 << 20, MaxObject: 1 << 10}
	}
	return p
}

func pick(list ...string) string { return list[rand.IntN(len(list))] }

// mutate changes something in the snapshot.
func (r *rig) mutate() {
	g := r.snap.Gateway
	at := rand.IntN(len(g.Routes) + 1)
	i, k := rand.IntN(len(g.Routes)), rand.IntN(len(g.Routes))
	switch rand.IntN(12) {
	case 0, 1:
		g.Routes = slices.Insert(slices.Clone(g.Routes), at, anyRoute())
	case 2, 3:
		if len(g.Routes) > 1 {
			g.Routes = slices.Delete(slices.Clone(g.Routes), i, i+1)
		}
	case 4:
		g.Routes[i].Policy = anyPolicy()
	case 5:
		g.Routes[i], g.Routes[k] = g.Routes[k], g.Routes[i]
	case 6:
		slices.Reverse(g.Routes)
	case 7:
		g.Routes = append(slices.Clone(g.Routes), g.Routes[i]) // twice
	case 8:
		delete(r.snap.Services, "t")
	case 9:
		r.service("t", pickProtocol(), "t-1", "127.0.0.1:1", "t-2", "127.0.0.1:2")
	case 10:
		r.service("s", route.HTTP1, "s-"+pick("1", "2", "3"), "127.0.0.1:3", "s-4", "127.0.0.1:4")
		if s := r.snap.Services["s"]; rand.IntN(2) == 0 {
			s.Instances[1].Revision = "r2"
			s.Split = []route.Share{{Revision: "r1", Weight: rand.IntN(3)}, {Revision: "r2", Weight: 1}}
		}
	case 11:
		r.snap.Edges = slices.Clone(r.snap.Edges)
		slices.Reverse(r.snap.Edges)
		r.snap.Edges[0].Policy = anyPolicy()
	}
}

func pickProtocol() route.Protocol {
	if rand.IntN(2) == 0 {
		return route.H2C
	}
	return route.HTTP1
}

// TestCompileOfDifference: whatever table is before, a snapshot's table is as if
// there had been none.
func TestCompileOfDifference(t *testing.T) {
	r := newRigWith(t, Options{Loops: 1})
	r.service("s", route.HTTP1, "s-1", "127.0.0.1:3")
	for _, callee := range []string{"s", "t", "none"} {
		r.edge("x", callee, route.Policy{})
	}
	var routes []route.Route
	for range 30 {
		routes = append(routes, anyRoute())
	}
	r.gateway(routes...)
	r.applyDecoded()
	for range 1000 {
		old := r.e.table.Load()
		was, edges := leaves(t, old.gateway.router), slices.Clone(old.edges)
		r.applyDecoded()
		r.consistent(t, r.decoded())
		if now := leaves(t, old.gateway.router); !slices.Equal(was, now) || !slices.Equal(edges, old.edges) {
			t.Fatalf("the table before was\n%s\nand is now\n%s", strings.Join(was, "\n"), strings.Join(now, "\n"))
		}
		if t.Failed() {
			return
		}
		for range 1 + rand.IntN(3) {
			r.mutate()
		}
	}
}

// TestReuse: what a change leaves as it is, is not made anew.
func TestReuse(t *testing.T) {
	r := newRigWith(t, Options{Loops: 1})
	r.service("s", route.HTTP1, "s-1", "127.0.0.1:1", "s-2", "127.0.0.1:2")
	r.service("t", route.HTTP1, "t-1", "127.0.0.1:3")
	breaker := route.Policy{Breaker: &route.Breaker{FailureRatio: 0.5, MinRequests: 2, Window: time.Second, OpenFor: time.Minute}}
	limit := &route.RateLimit{Requests: 1, Per: time.Hour, Burst: 1}
	r.gateway(
		route.Route{Path: "/a", To: "s"}, route.Route{Path: "/b", To: "s", Policy: breaker, RateLimit: limit},
		route.Route{Host: "h.example", Path: "/c", To: "t"}, route.Route{Path: "/", To: "t"})
	r.applyDecoded()
	before := r.e.table.Load()
	now := before
	again := func() {
		t.Helper()
		before = now
		r.applyDecoded()
		now = r.e.table.Load()
		r.consistent(t, r.decoded())
	}
	edgeOf := func(tb *table, i int) edge { return tb.edges[tb.routes[i].lane.slot] }

	again()
	if !slices.Equal(before.routes, now.routes) || before.gateway.router != now.gateway.router || !slices.Equal(before.edges, now.edges) {
		t.Error("the same once more is made anew")
	}

	r.snap.Services["t"].Instances[0].Addr = "127.0.0.1:4"
	again()
	if !slices.Equal(before.routes, now.routes) || before.gateway.router != now.gateway.router || before.services["s"] != now.services["s"] {
		t.Error("an instance of t concerns more than t")
	}
	if edgeOf(before, 0) != edgeOf(now, 0) || edgeOf(before, 2).svc == edgeOf(now, 2).svc {
		t.Error("edges do not lead to the services as they are now")
	}

	first := edgeOf(now, 1)
	r.snap.Services["s"].Instances = append(slices.Clone(r.snap.Services["s"].Instances), route.Instance{ID: "s-3", Revision: "r1", Addr: "127.0.0.1:5"})
	again()
	second := edgeOf(now, 1)
	if first.lane != second.lane || first.pools[0].members[1].breaker != second.pools[0].members[1].breaker || second.pools[0].members[2].breaker == nil {
		t.Error("breakers do not stay with their instances")
	}

	r.snap.Gateway.Routes[1].Policy.Timeout = time.Second
	again()
	third := edgeOf(now, 1)
	if third.policy.Timeout != time.Second || third.lane == second.lane || third.state != second.state || third.budget != second.budget || third.slot != second.slot ||
		third.pools[0].members[1].breaker != second.pools[0].members[1].breaker || before.routes[1].limiter != now.routes[1].limiter {
		t.Error("what a route keeps does not outlast a change of its policy")
	}
	if before.routes[0] != now.routes[0] || before.routes[2] != now.routes[2] || before.gateway.router.exact["h.example"] != now.gateway.router.exact["h.example"] {
		t.Error("a policy of one route concerns others")
	}
	if newer := now.newer(second); newer != third {
		t.Error("a request of the old table does not find its edge in the new one")
	}

	gone := r.snap.Gateway.Routes[1]
	r.snap.Gateway.Routes = slices.Delete(slices.Clone(r.snap.Gateway.Routes), 1, 2)
	again()
	if newer := now.newer(third); newer.lane != nil {
		t.Errorf("an edge that is gone is found: %+v", newer)
	}
	if before.routes[2] != now.routes[1] || before.routes[3] != now.routes[2] {
		t.Error("routes behind one that is gone are made anew")
	}

	r.snap.Gateway.Routes = slices.Insert(slices.Clone(r.snap.Gateway.Routes), 0, gone)
	again()
	fourth := edgeOf(now, 0)
	if fourth.state == third.state || fourth.pools[0].members[0].breaker == third.pools[0].members[0].breaker || now.routes[0].limiter == gone0(before) {
		t.Error("a route that comes back has what it had")
	}
	if newer := now.newer(third); newer.lane != nil {
		t.Error("a request of before takes the new route for its own")
	}
}

func gone0(tb *table) any { return tb.routes[0].limiter }

// TestRefusedChangesNothing: a snapshot that is refused leaves no trace.
func TestRefusedChangesNothing(t *testing.T) {
	r := newRigWith(t, Options{Loops: 1})
	r.service("s", route.HTTP1, "s-1", "127.0.0.1:1")
	r.gateway(route.Route{Path: "/", To: "s"})
	r.applyDecoded()
	before := r.e.table.Load()
	s := r.decoded()
	s.Version.N++
	s.Services["s"].Instances = nil
	s.Services["t"] = &route.Service{Name: "t", Instances: []route.Instance{{ID: "t-1", Addr: "nowhere"}}}
	s.Gateway.Routes = append(s.Gateway.Routes, route.Route{Path: "/t", To: "t"})
	if err := r.e.Apply(s, nil); err == nil || r.e.table.Load() != before {
		t.Fatal(err)
	}
	r.consistent(t, r.decoded())
	r.applyDecoded()
	r.consistent(t, r.decoded())
}
