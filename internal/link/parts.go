package link

import (
	"maps"
	"slices"

	"github.com/banyanrun/banyan/internal/route"
)

// Part is a piece of a snapshot on its way. A snapshot comes as its lists
// (listeners, edges, services, routes), each described by what it keeps of the
// same list of the snapshot before and by what is new. Parts are small, so that
// reading one holds up nobody; [Packer] makes them and [Assembler] puts them together.
type Part struct {
	Version route.Version `json:"version"` // of the snapshot that it belongs to
	// Base is the snapshot whose items are kept. Zero: none, so that all are here.
	Base   route.Version `json:"base,omitzero"`
	Number int           `json:"number"` // from 0, without gaps
	// Serial is the number of the first item in this part: sent items are
	// numbered from the link's beginning, in the order of the fields.
	Serial uint64 `json:"serial"`

	// In the first part: the snapshot without its lists, and how long they are.
	Rest  *route.Snapshot `json:"rest,omitempty"`
	Sizes *Sizes          `json:"sizes,omitempty"`

	Listeners []Run[route.Listener] `json:"listeners,omitempty"`
	Edges     []Run[route.Edge]     `json:"edges,omitempty"`
	Services  []Run[Named]          `json:"services,omitempty"`
	Routes    []Run[route.Route]    `json:"routes,omitempty"`

	Last bool `json:"last,omitempty"`
	// Sum is, in the last part, that over the serials of all items in their order:
	// both sides have the same things in the same places.
	Sum uint64 `json:"sum,omitempty"`
}

// Sizes are the lengths of a snapshot's lists.
type Sizes struct {
	Listeners int `json:"listeners"`
	Edges     int `json:"edges"`
	Services  int `json:"services"`
	Routes    int `json:"routes"`
}

// Run is a stretch of a list: Keep items of the base's, from the one at From on, and then Items.
type Run[T any] struct {
	From  int `json:"from,omitempty"`
	Keep  int `json:"keep,omitempty"`
	Items []T `json:"items,omitempty"`
}

// Named is an entry of Snapshot.Services.
type Named struct {
	Name    string         `json:"name"`
	Service *route.Service `json:"service"`
}

// list is one of a snapshot's, with the serials of its items.
type list[T any] struct {
	items   []T
	serials []uint64
}

// content is a snapshot as its lists.
type content struct {
	version   route.Version
	listeners list[route.Listener]
	edges     list[route.Edge]
	services  list[Named]
	routes    list[route.Route]
}

// sum is FNV-1a over the serials, 64 bits at a time, with the lengths between.
func (c *content) sum() uint64 {
	sum := uint64(14695981039346656037)
	for _, serials := range [][]uint64{c.listeners.serials, c.edges.serials, c.services.serials, c.routes.serials} {
		for _, n := range serials {
			sum = (sum ^ n) * 1099511628211
		}
		sum = (sum ^ uint64(len(serials))) * 1099511628211
	}
	return sum
}

func (c *content) sizes() Sizes {
	return Sizes{len(c.listeners.items), len(c.edges.items), len(c.services.items), len(c.routes.items)}
}

// listsOf takes s apart; the lists are s's own.
func listsOf(s *route.Snapshot) (c content, rest *route.Snapshot) {
	c = content{version: s.Version}
	c.listeners.items, c.edges.items = s.Listeners, s.Edges
	for _, name := range slices.Sorted(maps.Keys(s.Services)) {
		c.services.items = append(c.services.items, Named{name, s.Services[name]})
	}
	bare := *s
	bare.Listeners, bare.Edges, bare.Services = nil, nil, nil
	if s.Gateway != nil {
		c.routes.items = s.Gateway.Routes
		g := *s.Gateway
		g.Routes = nil
		bare.Gateway = &g
	}
	return c, &bare
}

// snapshot is the inverse of listsOf.
func (c *content) snapshot(rest *route.Snapshot, pause func()) *route.Snapshot {
	s := *rest
	s.Listeners, s.Edges = c.listeners.items, c.edges.items
	s.Services = make(map[string]*route.Service, len(c.services.items))
	for i, n := range c.services.items {
		s.Services[n.Name] = n.Service
		if i%stretch == stretch-1 {
			pause()
		}
	}
	if s.Gateway != nil {
		g := *s.Gateway
		g.Routes = c.routes.items
		s.Gateway = &g
	}
	return &s
}
