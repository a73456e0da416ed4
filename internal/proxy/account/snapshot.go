package account

import (
	"cmp"
	"slices"
	"time"
)

// Snapshot is what the data plane has counted.
type Snapshot struct {
	// Since is when counting began: the data plane's start.
	Since time.Time `json:"since"`
	// Taken is when the counts were read.
	Taken time.Time `json:"taken"`
	// Edges are in the order of their keys.
	Edges []Edge `json:"edges,omitempty"`
	// Overflow is how many requests are in no edge's counts: there were too many edges.
	Overflow uint64 `json:"overflow,omitempty"`
	// LostSpans is how many spans were dropped, because nobody took them in time.
	LostSpans uint64 `json:"lost_spans,omitempty"`
	// Refusals counts the clients that were turned away by what they did with their
	// connections, by kind: h1_syntax, slow_header, … Most of them had no request that
	// an edge could count.
	Refusals map[string]uint64 `json:"refusals,omitempty"`
}

// Edge is what was counted for one edge, or one route of the gateway.
type Edge struct {
	Key
	// InFlight is how many requests are being served.
	InFlight int64 `json:"in_flight,omitempty"`
	// Past is the requests of revisions that are not listed any more.
	Past Counters `json:"past,omitzero"`
	// Revisions are in the order of their names.
	Revisions []Revision `json:"revisions,omitempty"`
}

// Revision is what was counted for one revision of the callee.
type Revision struct {
	// Revision is empty for requests that no instance got.
	Revision string `json:"revision"`
	Counters
	used int64
}

// Total is the edge's counts of all revisions, past ones too.
func (e *Edge) Total() Counters {
	c := e.Past.Clone()
	for i := range e.Revisions {
		c.Add(&e.Revisions[i].Counters)
	}
	return c
}

// Merge adds up the copies of several sets. It takes over what they hold.
func Merge(copies ...[]Edge) []Edge {
	at := map[Key]int{}
	var merged []Edge
	for _, edges := range copies {
		for i := range edges {
			k, there := at[edges[i].Key]
			if !there {
				at[edges[i].Key] = len(merged)
				merged = append(merged, edges[i])
				continue
			}
			merged[k].add(&edges[i])
		}
	}
	for i := range merged {
		slices.SortFunc(merged[i].Revisions, func(a, b Revision) int { return cmp.Compare(a.Revision, b.Revision) })
	}
	slices.SortFunc(merged, func(a, b Edge) int {
		return cmp.Or(cmp.Compare(a.Caller, b.Caller), cmp.Compare(a.Callee, b.Callee), cmp.Compare(a.Route, b.Route))
	})
	return merged
}

func (e *Edge) add(o *Edge) {
	e.InFlight += o.InFlight
	e.Past.Add(&o.Past)
	for i := range o.Revisions {
		from := &o.Revisions[i]
		k := slices.IndexFunc(e.Revisions, func(r Revision) bool { return r.Revision == from.Revision })
		if k < 0 {
			e.Revisions = append(e.Revisions, *from)
			continue
		}
		e.Revisions[k].used = max(e.Revisions[k].used, from.used)
		e.Revisions[k].Add(&from.Counters)
	}
}

// Stale names a revision of an edge, and when it was used last.
type Stale struct {
	Key
	Revision string
	Used     int64
}

// FindStale returns the revisions of merged edges that were last used at or before the
// time before, while another one was used later. They are dropped from all sets at
// once, so that whoever reads a revision's counts sees them end, not shrink.
func FindStale(merged []Edge, before int64) []Stale {
	var stale []Stale
	for i := range merged {
		e := &merged[i]
		last := int64(0)
		for k := range e.Revisions {
			if e.Revisions[k].Revision != "" {
				last = max(last, e.Revisions[k].used)
			}
		}
		for k := range e.Revisions {
			if r := &e.Revisions[k]; r.Revision != "" && r.used <= before && r.used < last {
				stale = append(stale, Stale{Key: e.Key, Revision: r.Revision, Used: r.used})
			}
		}
	}
	return stale
}
