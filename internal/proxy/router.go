package proxy

import (
	"cmp"
	"maps"
	"slices"
	"strings"
	"sync/atomic"
)

// node is one place in the tree of path segments. Routers share the nodes that
// are the same in both; a node is changed only while its router is built.
type node struct {
	routes  []*gatewayRoute  // best first
	segment string           // of only
	only    *node            // the child, where there is one; nil: see several
	several map[string]*node // children

	edit    uint64 // the builder that may change the node
	spacing uint64 // the builder that may change several
}

func (n *node) child(segment string) *node {
	if n.only != nil {
		if n.segment == segment {
			return n.only
		}
		return nil
	}
	return n.several[segment]
}

func (n *node) empty() bool { return len(n.routes) == 0 && n.only == nil && len(n.several) == 0 }

// routerBuilder makes a router of another one, which it leaves as it is.
type routerBuilder struct {
	router

	edit     uint64 // tells the nodes that are the builder's own
	ownExact bool

	// Nil where nodes of another router are reused: those would have neighbours in
	// memory that lead to nodes of routers before, and these to others.
	nodes *slab[node]
	lists *slab[*gatewayRoute]
}

// edits numbers builders.
var edits atomic.Uint64

// newRouter returns a router of these routes alone, in their order.
func newRouter(routes []*gatewayRoute) *router {
	for i, gr := range routes {
		gr.order, gr.depth = i, depthOf(gr.Path)
	}
	return (&router{}).with(&routerChange{new: routes, all: func() []*gatewayRoute { return routes }, pause: func(int) {}})
}

// routerChange is how a router differs from one before. Moved routes have come
// before others that were before them.
type routerChange struct {
	gone, moved, new []*gatewayRoute
	all              func() []*gatewayRoute // of the new router, in their order
	pause            func(work int)         // is told of work
}

// with returns r with some changes; r itself if there are none. The order of all
// routes must be set.
func (r *router) with(ch *routerChange) *router {
	n := len(ch.gone) + len(ch.moved) + len(ch.new)
	if n == 0 {
		return r
	}
	b := &routerBuilder{edit: edits.Add(1)}
	size := r.size + len(ch.new) - len(ch.gone)
	if n > size/2 {
		b.nodes, b.lists = new(slab[node]), new(slab[*gatewayRoute])
		ch = &routerChange{new: ch.all(), pause: ch.pause}
	} else {
		b.router = router{exact: r.exact, wild: slices.Clone(r.wild), any: r.any}
	}
	for _, gr := range slices.Concat(ch.gone, ch.moved) {
		ch.pause(workMake)
		b.remove(gr)
	}
	for _, gr := range slices.Concat(ch.moved, ch.new) {
		ch.pause(workMake)
		b.add(gr)
	}
	return &router{exact: b.exact, wild: b.wild, any: b.any, size: size}
}

// own is n, or a copy of it, that the builder may change; a new node for nil.
func (b *routerBuilder) own(n *node) *node {
	if n != nil && n.edit == b.edit {
		return n
	}
	c := b.newNode()
	if n != nil {
		*c = *n
		c.routes = slices.Clone(n.routes)
	}
	c.edit = b.edit
	return c
}

func (b *routerBuilder) newNode() *node {
	if b.nodes == nil {
		return new(node)
	}
	return b.nodes.next()
}

// root is the root of a host's tree, to be changed.
func (b *routerBuilder) root(host string) *node {
	if host == "" || host == "*" {
		b.any = b.own(b.any)
		return b.any
	}
	if suffix, ok := strings.CutPrefix(host, "*"); ok {
		i, found := b.wildcard(suffix)
		if !found {
			b.wild = slices.Insert(b.wild, i, wildcard{suffix: suffix})
		}
		b.wild[i].root = b.own(b.wild[i].root)
		return b.wild[i].root
	}
	if !b.ownExact {
		b.ownExact = true
		if b.exact = maps.Clone(b.exact); b.exact == nil {
			b.exact = map[string]*node{}
		}
	}
	before := b.exact[host]
	n := b.own(before)
	if n != before {
		b.exact[host] = n
	}
	return n
}

// wildcard is the place of a suffix: longer ones come first.
func (b *routerBuilder) wildcard(suffix string) (int, bool) {
	return slices.BinarySearchFunc(b.wild, suffix, func(w wildcard, s string) int {
		return cmp.Or(cmp.Compare(len(s), len(w.suffix)), cmp.Compare(w.suffix, s))
	})
}

// dropRoot forgets a host without routes.
func (b *routerBuilder) dropRoot(host string) {
	if suffix, ok := strings.CutPrefix(host, "*"); ok && suffix != "" {
		if i, found := b.wildcard(suffix); found {
			b.wild = slices.Delete(b.wild, i, i+1)
		}
		return
	}
	delete(b.exact, host)
}

func (b *routerBuilder) add(gr *gatewayRoute) {
	n := b.root(strings.ToLower(gr.Host))
	for segment := range strings.SplitSeq(gr.Path, "/") {
		if segment != "" {
			n = b.child(n, segment)
		}
	}
	i := len(n.routes)
	for i > 0 && before(gr, n.routes[i-1]) {
		i--
	}
	if n.routes == nil && b.lists != nil {
		n.routes = b.lists.list(1)[:0]
	}
	n.routes = slices.Insert(n.routes, i, gr)
}

// before reports whether a is looked at before b, which has the same path.
func before(a, b *gatewayRoute) bool {
	return cmp.Or(cmp.Compare(b.conditions(), a.conditions()), cmp.Compare(a.order, b.order)) < 0
}

// child is n's child, to be changed.
func (b *routerBuilder) child(n *node, segment string) *node {
	old := n.child(segment)
	c := b.own(old)
	if c != old {
		b.setChild(n, segment, c)
	}
	return c
}

// setChild puts c in the place of n's child; nil takes it out.
func (b *routerBuilder) setChild(n *node, segment string, c *node) {
	switch {
	case c == nil && n.only != nil:
		n.segment, n.only = "", nil
		return
	case n.only != nil && n.segment == segment, n.only == nil && len(n.several) == 0:
		n.segment, n.only, n.several = segment, c, nil
		return
	case n.only != nil:
		n.several, n.spacing = map[string]*node{n.segment: n.only}, b.edit
		n.segment, n.only = "", nil
	case n.spacing != b.edit:
		n.several, n.spacing = maps.Clone(n.several), b.edit
	}
	if c == nil {
		delete(n.several, segment)
		return
	}
	n.several[segment] = c
}

func (b *routerBuilder) remove(gr *gatewayRoute) {
	host := strings.ToLower(gr.Host)
	root := b.root(host)
	b.removeBelow(root, gr.Path, gr)
	if root.empty() {
		if root == b.any {
			b.any = nil
			return
		}
		b.dropRoot(host)
	}
}

// removeBelow takes gr out of the tree of n, at path, and with it the nodes that
// lead to nothing.
func (b *routerBuilder) removeBelow(n *node, path string, gr *gatewayRoute) {
	path = strings.TrimLeft(path, "/")
	if path == "" {
		if i := slices.Index(n.routes, gr); i >= 0 {
			n.routes = slices.Delete(n.routes, i, i+1)
		}
		return
	}
	segment, rest, _ := strings.Cut(path, "/")
	c := b.child(n, segment)
	b.removeBelow(c, rest, gr)
	if c.empty() {
		b.setChild(n, segment, nil)
	}
}

// depthOf is how many segments path has.
func depthOf(path string) int {
	n := 0
	for segment := range strings.SplitSeq(path, "/") {
		if segment != "" {
			n++
		}
	}
	return n
}
