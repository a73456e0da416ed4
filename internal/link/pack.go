package link

import "github.com/banyanrun/banyan/internal/route"

// partWeight is how much is put in one part: a route or an edge weighs one. Such
// a part is read in 0.1 to 0.2 ms.
const partWeight = 32

// Packer makes parts of snapshots for one link: of the first one all of it, then
// what differs from the last one that the other side has. It is not safe for
// concurrent use.
type Packer struct {
	agreed *content // the other side has it; nil: nothing
	sent   *content // it was told, and has not answered
	serial uint64
}

// Pack returns the parts of s, to be sent in this order. They and later calls
// share memory with s, which must not be changed.
func (p *Packer) Pack(s *route.Snapshot) []*Part {
	base := p.agreed
	if base == nil {
		base = &content{}
	}
	c, rest := listsOf(s)
	sizes := c.sizes()
	k := &packing{version: s.Version, base: base.version, serial: &p.serial}
	first := k.begin()
	first.Rest, first.Sizes = rest, &sizes
	pack(k, base.listeners, &c.listeners, listeners)
	pack(k, base.edges, &c.edges, edges)
	pack(k, base.services, &c.services, services)
	pack(k, base.routes, &c.routes, routes)
	last := k.part()
	last.Last, last.Sum = true, c.sum()
	p.sent = &c
	return k.parts
}

// Whole reports whether what was packed last keeps nothing of what the other side has.
func (p *Packer) Whole() bool { return p.agreed == nil }

// Agree notes that the other side has put in force what was packed last: the
// next one keeps what it can of it.
func (p *Packer) Agree() { p.agreed, p.sent = p.sent, nil }

// Forget has the next snapshot packed as a whole.
func (p *Packer) Forget() { p.agreed, p.sent = nil, nil }

// packing is one call of Pack.
type packing struct {
	version, base route.Version
	serial        *uint64
	parts         []*Part
	weight        int // of the last part
}

func (k *packing) begin() *Part {
	p := &Part{Version: k.version, Base: k.base, Number: len(k.parts), Serial: *k.serial}
	k.parts, k.weight = append(k.parts, p), 0
	return p
}

func (k *packing) part() *Part { return k.parts[len(k.parts)-1] }

// kind is what packing has to know of a list.
type kind[T any] struct {
	in     func(*Part) *[]Run[T]
	equal  func(a, b *T) bool
	key    func(*T) key // equal items have equal keys
	weight func(*T) int
}

// key is what an item is looked for by.
type key [3]string

var (
	listeners = kind[route.Listener]{
		in:     func(p *Part) *[]Run[route.Listener] { return &p.Listeners },
		equal:  func(a, b *route.Listener) bool { return *a == *b },
		key:    func(l *route.Listener) key { return key{l.ID} },
		weight: func(*route.Listener) int { return 1 },
	}
	edges = kind[route.Edge]{
		in: func(p *Part) *[]Run[route.Edge] { return &p.Edges },
		equal: func(a, b *route.Edge) bool {
			return a.Caller == b.Caller && a.Callee == b.Callee && a.Policy.Equal(&b.Policy)
		},
		key:    func(e *route.Edge) key { return key{e.Caller, e.Callee} },
		weight: func(*route.Edge) int { return 1 },
	}
	services = kind[Named]{
		in: func(p *Part) *[]Run[Named] { return &p.Services },
		equal: func(a, b *Named) bool {
			return a.Name == b.Name && (a.Service == b.Service || a.Service != nil && b.Service != nil && a.Service.Equal(b.Service))
		},
		key: func(n *Named) key { return key{n.Name} },
		weight: func(n *Named) int {
			if n.Service == nil {
				return 1
			}
			return 1 + len(n.Service.Instances)/4
		},
	}
	routes = kind[route.Route]{
		in:     func(p *Part) *[]Run[route.Route] { return &p.Routes },
		equal:  (*route.Route).Equal,
		key:    func(r *route.Route) key { return key{r.Host, r.Path, r.To} },
		weight: func(*route.Route) int { return 1 },
	}
)

// pack describes now by was, and gives what is new its serials. Most lists are
// what they were but for a few items, which stand where their like stood.
func pack[T any](k *packing, was list[T], now *list[T], how kind[T]) {
	now.serials = make([]uint64, 0, len(now.items))
	var (
		index map[key]int // of was; made when it is needed
		run   *Run[T]     // the last one in the last part; nil: there is none of this list
		next  int         // where in was the next item is expected
	)
	begin := func(from int) {
		k.weight++
		l := how.in(k.part())
		*l = append(*l, Run[T]{From: from})
		run = &(*l)[len(*l)-1]
	}
	for i := range now.items {
		item := &now.items[i]
		if k.weight >= partWeight {
			k.begin()
			run = nil
		}
		j := next
		if j >= len(was.items) || !how.equal(&was.items[j], item) {
			if index == nil {
				index = indexOf(was.items, how.key)
			}
			var ok bool
			if j, ok = index[how.key(item)]; !ok || !how.equal(&was.items[j], item) {
				if run == nil {
					begin(0)
				}
				k.weight += how.weight(item)
				run.Items = append(run.Items, *item)
				now.serials = append(now.serials, *k.serial)
				*k.serial++
				continue
			}
		}
		if run == nil || len(run.Items) > 0 || run.From+run.Keep != j {
			begin(j)
		}
		run.Keep++
		next = j + 1
		now.serials = append(now.serials, was.serials[j])
	}
}

func indexOf[T any](items []T, keyOf func(*T) key) map[key]int {
	index := make(map[key]int, len(items))
	for i := range items {
		index[keyOf(&items[i])] = i
	}
	return index
}
