package account

import (
	"cmp"
	"slices"
)

const (
	// MaxSeries bounds the edges of a set, and the revisions of all its edges together.
	MaxSeries = 10_000
	// maxRevisions bounds those of one edge that are counted apart.
	maxRevisions = 16
)

// Key names what leads to a service: a call of another, a route of the gateway, or
// copies of the requests of one of these, whose Route says so.
type Key struct {
	Caller string `json:"caller"`
	Callee string `json:"callee"` // empty: none was found
	Route  string `json:"route,omitempty"`
}

// Set is the counts of one loop, which alone uses it.
type Set struct {
	edges     map[Key]*Live
	order     []*Live
	revisions int
	overflow  Live // where everything goes that would be too much
}

// NewSet returns an empty set.
func NewSet() *Set {
	s := &Set{edges: map[Key]*Live{}}
	s.overflow.set = s
	return s
}

// Edge returns the counts of key, always the same for the same key. Whoever
// counts often keeps them.
func (s *Set) Edge(key Key) *Live {
	if l := s.edges[key]; l != nil {
		return l
	}
	if len(s.order) >= MaxSeries {
		return &s.overflow
	}
	l := &Live{set: s, key: key}
	s.edges[key] = l
	s.order = append(s.order, l)
	return l
}

// Live is the counts of one edge on one loop.
type Live struct {
	set       *Set
	key       Key
	inFlight  int64
	past      Counters
	revisions []*liveRevision
}

type liveRevision struct {
	name string
	used int64
	Counters
}

// Key is what is counted; the zero Key if there are too many edges.
func (l *Live) Key() Key { return l.key }

// Begin counts one request in flight.
func (l *Live) Begin() { l.inFlight++ }

// End counts what became of a request of Begin. revision is the instance's that
// had it last; empty: none had it.
func (l *Live) End(now int64, revision string, o *Outcome) {
	l.inFlight--
	for _, r := range l.revisions { // one or two, nearly always
		if r.name == revision {
			r.used = now
			r.count(o)
			return
		}
	}
	l.begin(now, revision).count(o)
}

// begin makes room for a revision that is new.
func (l *Live) begin(now int64, name string) *Counters {
	if l == &l.set.overflow {
		return &l.past
	}
	if len(l.revisions) >= maxRevisions {
		l.drop(slices.MinFunc(l.revisions, func(a, b *liveRevision) int { return cmp.Compare(a.used, b.used) }))
	}
	if l.set.revisions >= MaxSeries {
		return &l.past
	}
	r := &liveRevision{name: name, used: now}
	l.revisions = append(l.revisions, r)
	l.set.revisions++
	return &r.Counters
}

// drop counts a revision among the past.
func (l *Live) drop(r *liveRevision) {
	l.past.Add(&r.Counters)
	l.revisions = slices.DeleteFunc(l.revisions, func(o *liveRevision) bool { return o == r })
	l.set.revisions--
}

// Drop counts among the past the revisions that stale names and that were not
// used after its time.
func (s *Set) Drop(stale []Stale) {
	for _, d := range stale {
		l := s.edges[d.Key]
		if l == nil {
			continue
		}
		for _, r := range slices.Clone(l.revisions) {
			if r.name == d.Revision && r.used <= d.Used {
				l.drop(r)
			}
		}
	}
}

// Copy copies at most n edges, from the one at index from on, and reports
// whether there are more. Edges keep their places.
func (s *Set) Copy(from, n int) (edges []Edge, more bool) {
	to := min(from+n, len(s.order))
	for _, l := range s.order[min(from, to):to] {
		edges = append(edges, l.copy())
	}
	return edges, to < len(s.order)
}

// Overflow is how many requests were counted for no edge: there are too many.
func (s *Set) Overflow() uint64 { return s.overflow.past.Requests }

func (l *Live) copy() Edge {
	e := Edge{Key: l.key, InFlight: l.inFlight, Past: l.past.Clone()}
	for _, r := range l.revisions {
		e.Revisions = append(e.Revisions, Revision{Revision: r.name, Counters: r.Clone(), used: r.used})
	}
	return e
}
