package proxy

import (
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/route"
)

// decoded is s as it comes over the link: nothing of it is shared with s.
func (r *rig) decoded() *route.Snapshot {
	r.t.Helper()
	text, err := json.Marshal(&r.snap)
	if err != nil {
		r.t.Fatal(err)
	}
	s := new(route.Snapshot)
	if err := json.Unmarshal(text, s); err != nil {
		r.t.Fatal(err)
	}
	return s
}

// applyDecoded puts the rig's snapshot in force as it comes over the link.
func (r *rig) applyDecoded() {
	r.t.Helper()
	kept := r.snap
	r.snap = *r.decoded()
	r.apply()
	kept.Version = r.snap.Version
	r.snap = kept
}

// leaves are the routes of a router by host and path, in the order in which they
// are tried. It fails on nodes that lead to nothing.
func leaves(t *testing.T, r *router) []string {
	t.Helper()
	var list []string
	var walk func(n *node, at string)
	walk = func(n *node, at string) {
		if n.empty() {
			t.Errorf("%s leads to nothing", at)
		}
		if n.only != nil && len(n.several) > 0 {
			t.Errorf("%s has children in two places", at)
		}
		for _, gr := range n.routes {
			text, _ := json.Marshal(&gr.Route)
			list = append(list, fmt.Sprintf("%s depth %d: %s %s", at, gr.depth, gr.name, text))
		}
		if n.only != nil {
			walk(n.only, at+"/"+n.segment)
		}
		for _, k := range sortedKeys(n.several) {
			walk(n.several[k], at+"/"+k)
		}
	}
	for _, h := range sortedKeys(r.exact) {
		walk(r.exact[h], h)
	}
	for _, w := range r.wild {
		walk(w.root, "*"+w.suffix)
	}
	if r.any != nil {
		walk(r.any, "")
	}
	return list
}

// consistent checks what is true of the table in force and of what the engine
// keeps, however it came to be.
func (r *rig) consistent(t *testing.T, s *route.Snapshot) {
	t.Helper()
	tb := r.e.table.Load()
	var web, tunnels []*gatewayRoute
	for i := range s.Gateway.Routes {
		rt := &s.Gateway.Routes[i]
		fresh := &gatewayRoute{Route: *rt, name: routeName(routeKey(rt), rt)}
		if rt.Connect {
			tunnels = append(tunnels, fresh)
		} else {
			web = append(web, fresh)
		}
		gr := tb.routes[i]
		r.aimed(t, tb, gr.lane, &rt.Policy, rt.To)
		if (gr.limiter != nil) != (rt.RateLimit != nil) || gr.limiter != nil && gr.limiter.Config() != *rt.RateLimit || (gr.cors != nil) != (rt.CORS != nil) {
			t.Errorf("filters of %s", gr.name)
		}
	}
	for got, want := range map[*router]*router{tb.gateway.router: newRouter(web), tb.gateway.tunnels: newRouter(tunnels)} {
		if g, w := leaves(t, got), leaves(t, want); !slices.Equal(g, w) || got.size != len(g) {
			t.Fatalf("routes\n%s\nwant\n%s", strings.Join(g, "\n"), strings.Join(w, "\n"))
		}
	}
	for i, re := range s.Edges {
		r.aimed(t, tb, tb.calls[i], &re.Policy, re.Callee)
	}
	r.kept(t, tb)
}

// aimed checks the edge of one call or route.
func (r *rig) aimed(t *testing.T, tb *table, l *lane, p *route.Policy, callee string) {
	t.Helper()
	ed := tb.edges[l.slot]
	svc := tb.services[callee]
	if svc == nil {
		svc = tb.absent[callee]
	}
	switch {
	case ed.lane != l || ed.svc == nil || ed.svc != svc || !ed.policy.Equal(p):
		t.Fatalf("the edge to %s is another: %+v", callee, ed)
	case (ed.fallback != nil) != (p.Fallback != nil && p.Fallback.Service != ""), (ed.mirror != nil) != (p.Mirror != nil), (ed.cache != nil) != (p.Cache != nil):
		t.Fatalf("what belongs to the edge to %s: %+v", callee, ed)
	}
	if ed.fallback != nil {
		r.aimed(t, tb, ed.fallback.lane, &ed.fallback.policy, p.Fallback.Service)
		if *ed.fallback != tb.edges[ed.instead.slot] {
			t.Fatalf("the fallback of %s is not of this table", callee)
		}
	}
	if ed.mirror != nil && *ed.mirror != tb.edges[ed.copied.slot] {
		t.Fatalf("the mirror of %s is not of this table", callee)
	}
	n := 0
	for _, pl := range ed.pools {
		for _, m := range pl.members {
			n++
			if !slices.Contains(svc.instances, m.inst) || (m.breaker != nil) != (p.Breaker != nil) || m.inst.draining.Load() {
				t.Fatalf("a member of the edge to %s", callee)
			}
		}
	}
	if svc.split == nil && n != len(svc.instances) || (len(ed.pools) > 1) != (svc.split != nil && len(svc.shares) > 1) {
		t.Fatalf("%d members in %d pools of the edge to %s", n, len(ed.pools), callee)
	}
}

// kept checks that the engine keeps what the table needs, and no more.
func (r *rig) kept(t *testing.T, tb *table) {
	t.Helper()
	r.e.mu.Lock()
	defer r.e.mu.Unlock()
	lanes, free := map[*edgeState]int{}, 0
	for i, ed := range tb.edges {
		if ed.lane == nil {
			free++
			continue
		}
		if ed.slot != i || r.e.edges[ed.edgeKey] != ed.state {
			t.Fatalf("slot %d has %+v", i, ed.edgeKey)
		}
		lanes[ed.state]++
	}
	for k, st := range r.e.edges {
		if st.lanes != lanes[st] || st.lanes == 0 || st.vacant != 0 {
			t.Fatalf("%+v has %d edges, not %d", k, lanes[st], st.lanes)
		}
	}
	if free != len(tb.free) {
		t.Fatalf("%d slots are free, not %d", free, len(tb.free))
	}
	named := map[*instance]int{}
	for _, svc := range tb.services {
		for _, inst := range svc.instances {
			named[inst]++
		}
	}
	for _, inst := range r.e.instances {
		if named[inst] != inst.named || inst.named == 0 {
			t.Fatalf("%s is named %d times, not %d", inst.id, named[inst], inst.named)
		}
	}
	if len(named) != len(r.e.instances) {
		t.Fatalf("%d instances, not %d", len(r.e.instances), len(named))
	}
}
