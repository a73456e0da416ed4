package proxy

import (
	"slices"

	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/proxy/cache"
	"github.com/banyanrun/banyan/internal/proxy/policy"
	"github.com/banyanrun/banyan/internal/route"
)

// table is a snapshot compiled for lookups. It never changes; what changes
// (instances, budgets, breakers) is shared with the tables before and after.
// What two snapshots have in common, their tables share; no table leads to
// another one.
type table struct {
	version   route.Version
	services  map[string]*service
	absent    map[string]*service // callees that the snapshot does not have
	edges     []edge              // by lane.slot; a free slot has no lane
	listeners map[string]*entry
	gateway   *gatewayTable // nil: there is none

	// For the compiler.
	calls  []*lane         // in the snapshot's order
	routes []*gatewayRoute // in the snapshot's order
	joined []*lane         // those that lead to others
	free   []int           // slots
}

// newer is ed as t has it; it has no lane if t does not have it.
func (t *table) newer(ed edge) edge {
	if ed.slot < len(t.edges) {
		if n := t.edges[ed.slot]; n.lane != nil && n.state == ed.state {
			return n
		}
	}
	return edge{}
}

type service struct {
	name      string
	protocol  route.Protocol
	instances []*instance
	limits    []*limit      // of each instance
	split     *policy.Split // nil: all instances are alike
	shares    []route.Share // of split
	sticky    *route.Sticky // nil: requests are split at random
	// proxyProtocol is the version of the PROXY header that TCP instances get; 0: none.
	proxyProtocol int

	target target        // of edges that have nothing of their own
	source route.Service // what it was compiled from
	absent bool          // the snapshot does not have it
}

// entry is what a listener leads to.
type entry struct {
	route.Listener
	table    *table
	edge     *edge // nil: none is declared, calls are refused
	settings settings
}

// edgeKey names what leads to a service: a declared call, or a route of the gateway.
type edgeKey struct {
	caller, callee string
	route          string // "", or the route's host and path
	part           string // "", or what the edge is to another one: "fallback of order"
	copies         bool   // it is a mirror to another one
}

// to names the way to another service that belongs to the edge k.
func (k edgeKey) to(part, callee string) edgeKey {
	k.part, k.callee, k.copies = part+" of "+k.callee, callee, part == mirrorPart
	return k
}

// What an edge may be to another one.
const (
	fallbackPart = "fallback"
	mirrorPart   = "mirror"
)

// edge is one way to a service and where it leads to by one table.
type edge struct {
	*lane
	*target
}

// lane is what the edges of several tables have in common while the description
// of the call or route is the same, whatever becomes of the service's instances.
type lane struct {
	edgeKey

	callerName []byte
	policy     route.Policy
	outlier    route.Outlier
	budget     *policy.Budget
	state      *edgeState
	cache      *cache.Cache    // nil: none
	accounts   []*account.Live // by worker, each touched on its loop only
	instead    *lane           // of target.fallback; nil: none
	copied     *lane           // of target.mirror; nil: none
	slot       int             // in table.edges
	order      int             // of a call, in table.calls; guarded by Engine.mu
}

// plain reports whether edges of the lane have the service's own target.
func (ln *lane) plain() bool {
	return ln.policy.Breaker == nil && ln.policy.Balance == nil && !ln.joins()
}

// joins reports whether the lane leads to others.
func (ln *lane) joins() bool { return ln.instead != nil || ln.copied != nil }

// target is where requests go.
type target struct {
	svc      *service
	pools    []pool // one, or one for each share of the service's split
	fallback *edge  // nil: none
	mirror   *edge  // nil: none
}

// ids are the distinct names of instances, sorted.
func ids(instances []*instance) []string {
	list := make([]string, 0, len(instances))
	for _, i := range instances {
		list = append(list, i.id)
	}
	slices.Sort(list)
	return slices.Compact(list)
}
