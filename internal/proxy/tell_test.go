package proxy

import (
	"strconv"
	"testing"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/proxy/account"
)

// counted is an engine that has counted so many edges.
type counted struct {
	*Engine
	edges int
}

func (c counted) Stats() account.Snapshot {
	s := account.Snapshot{Overflow: 3, Refusals: map[string]uint64{"silent": 4}}
	for i := range c.edges {
		s.Edges = append(s.Edges, account.Edge{Key: account.Key{Caller: strconv.Itoa(i)}})
	}
	return s
}

// TestStatsInParts: no message is large, and the parts make the whole.
func TestStatsInParts(t *testing.T) {
	for _, edges := range []int{0, 1, link.MaxEdges, link.MaxEdges + 1, 3 * link.MaxEdges} {
		n := &session{s: &serving{engine: counted{edges: edges}}, wake: make(chan struct{}, 1)}
		n.tell(7)
		at := 0
		for i, o := range n.out {
			s := o.m.Stats
			if s.Seq != 7 || s.Overflow != 3 || s.Refusals["silent"] != 4 || len(s.Edges) > link.MaxEdges || s.More != (i < len(n.out)-1) {
				t.Errorf("part %d of %d edges: seq %d, more %v, %d edges", i, edges, s.Seq, s.More, len(s.Edges))
			}
			for _, e := range s.Edges {
				if e.Caller != strconv.Itoa(at) {
					t.Fatalf("edge %d is %s", at, e.Caller)
				}
				at++
			}
		}
		if at != edges {
			t.Errorf("%d edges of %d", at, edges)
		}
	}
}
