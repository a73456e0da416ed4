package account

import (
	"encoding/json"
	"math/rand/v2"
	"reflect"
	"slices"
	"strconv"
	"testing"
	"time"
)

var shop = Key{Caller: "order", Callee: "user"}

func end(l *Live, now int64, revision string, o Outcome) {
	l.Begin()
	l.End(now, revision, &o)
}

// all reads a set as the engine does, piece by piece.
func all(s *Set) []Edge {
	var edges []Edge
	for more := true; more; {
		var piece []Edge
		piece, more = s.Copy(len(edges), 3)
		edges = append(edges, piece...)
	}
	return edges
}

func TestCounts(t *testing.T) {
	s := NewSet()
	l := s.Edge(shop)
	if s.Edge(shop) != l || s.Edge(Key{Caller: "order", Callee: "user", Route: "/"}) == l {
		t.Error("keys are mixed up")
	}
	end(l, 1, "r1", Outcome{Status: 200, Tries: 1, In: 3, Out: 5, Latency: time.Millisecond, Upstream: time.Microsecond})
	end(l, 2, "r1", Outcome{Status: 503, Failed: true, Tries: 3, Code: "upstream-reset"})
	end(l, 3, "", Outcome{Status: 503, Failed: true, Code: "no-ready-instance"})
	end(l, 4, "r2", Outcome{Status: 999, Tries: 1})
	l.Begin()

	got := Merge(all(s))[0]
	if got.Key != shop || got.InFlight != 1 || len(got.Revisions) != 3 {
		t.Fatalf("%+v", got)
	}
	r1 := got.Revisions[1]
	if r1.Revision != "r1" || r1.Requests != 2 || r1.Status != [6]uint64{2: 1, 5: 1} || r1.Errors != 1 || r1.Retries != 2 ||
		r1.BytesIn != 3 || r1.BytesOut != 5 || r1.Latency.Count() != 1 || r1.Upstream.Count() != 1 || r1.Codes["upstream-reset"] != 1 {
		t.Errorf("%+v", r1)
	}
	total := got.Total()
	if total.Requests != 4 || total.Errors != 2 || total.Status != [6]uint64{0: 1, 2: 1, 5: 2} || len(total.Codes) != 2 {
		t.Errorf("%+v", total)
	}
}

func TestCopiesShareNothing(t *testing.T) {
	s := NewSet()
	l := s.Edge(shop)
	o := Outcome{Status: 500, Code: "x", Latency: time.Second}
	end(l, 1, "r1", o)
	before := all(s)
	end(l, 2, "r1", o)
	end(l, 3, "r2", o)
	if c := before[0].Total(); c.Requests != 1 || c.Codes["x"] != 1 || c.Latency.Count() != 1 {
		t.Errorf("%+v", c)
	}
}

func TestMergeAddsUp(t *testing.T) {
	a, b := NewSet(), NewSet()
	end(a.Edge(shop), 1, "r1", Outcome{Status: 200, Latency: time.Second})
	end(b.Edge(shop), 2, "r1", Outcome{Status: 404, Code: "no-route"})
	end(b.Edge(shop), 2, "r0", Outcome{Status: 200})
	end(b.Edge(Key{Caller: "gateway"}), 2, "", Outcome{Status: 404, Code: "no-route"})
	got := Merge(all(a), all(b))
	if len(got) != 2 || got[0].Caller != "gateway" || got[1].Caller != "order" {
		t.Fatalf("%+v", got)
	}
	rs := got[1].Revisions
	if len(rs) != 2 || rs[0].Revision != "r0" || rs[1].Requests != 2 || rs[1].Codes["no-route"] != 1 || rs[1].used != 2 {
		t.Errorf("%+v", rs)
	}
}

// TestOldRevisionsAreDropped: they end, and the edge's totals stay.
func TestOldRevisionsAreDropped(t *testing.T) {
	a, b := NewSet(), NewSet()
	end(a.Edge(shop), 10, "r1", Outcome{Status: 200})
	end(b.Edge(shop), 20, "r1", Outcome{Status: 200})
	end(a.Edge(shop), 15, "", Outcome{Status: 503})
	if stale := FindStale(Merge(all(a), all(b)), 100); len(stale) != 0 {
		t.Fatalf("the only revision is stale: %v", stale)
	}
	end(b.Edge(shop), 30, "r2", Outcome{Status: 200})
	if stale := FindStale(Merge(all(a), all(b)), 19); len(stale) != 0 {
		t.Fatalf("used on the other loop later: %v", stale)
	}
	stale := FindStale(Merge(all(a), all(b)), 20)
	if want := []Stale{{Key: shop, Revision: "r1", Used: 20}}; !slices.Equal(stale, want) {
		t.Fatalf("%v, want %v", stale, want)
	}
	a.Drop(stale)
	end(b.Edge(shop), 40, "r1", Outcome{Status: 200}) // meanwhile
	b.Drop(stale)
	got := Merge(all(a), all(b))[0]
	if total := got.Total(); total.Requests != 5 || got.Past.Requests != 1 || len(got.Revisions) != 3 {
		t.Errorf("%+v", got)
	}
	b.Drop([]Stale{{Key: shop, Revision: "r1", Used: 40}, {Key: Key{Caller: "gone"}, Revision: "r1"}})
	got = Merge(all(a), all(b))[0]
	if total := got.Total(); total.Requests != 5 || got.Past.Requests != 3 || len(got.Revisions) != 2 {
		t.Errorf("%+v", got)
	}
}

func TestRevisionsAreBounded(t *testing.T) {
	s := NewSet()
	l := s.Edge(shop)
	for i := range 100 {
		end(l, int64(i), strconv.Itoa(i), Outcome{Status: 200})
	}
	got := all(s)[0]
	if total := got.Total(); total.Requests != 100 || len(got.Revisions) != maxRevisions || got.Revisions[maxRevisions-1].Revision != "99" {
		t.Errorf("%d requests, %d revisions", total.Requests, len(got.Revisions))
	}
	if s.revisions != maxRevisions {
		t.Errorf("%d revisions are counted", s.revisions)
	}
}

func TestSeriesAreBounded(t *testing.T) {
	s := NewSet()
	for i := range MaxSeries {
		end(s.Edge(Key{Caller: strconv.Itoa(i)}), 1, "r1", Outcome{Status: 200})
	}
	end(s.Edge(Key{Caller: "more"}), 1, "r1", Outcome{Status: 200})
	end(s.Edge(Key{Caller: "7"}), 1, "r2", Outcome{Status: 200})
	if s.Overflow() != 1 || s.revisions != MaxSeries {
		t.Errorf("%d requests over, %d revisions", s.Overflow(), s.revisions)
	}
	edges := Merge(all(s))
	i := slices.IndexFunc(edges, func(e Edge) bool { return e.Caller == "7" })
	if total := edges[i].Total(); len(edges) != MaxSeries || total.Requests != 2 || len(edges[i].Revisions) != 1 {
		t.Errorf("%d edges; %+v", len(edges), edges[i])
	}
}

// TestTotalsNeverDecrease runs two sets at random and reads them between.
func TestTotalsNeverDecrease(t *testing.T) {
	r := rand.New(rand.NewPCG(5, 6))
	sets := []*Set{NewSet(), NewSet()}
	was := map[Key]uint64{}
	for now := range int64(5_000) {
		k := Key{Caller: strconv.Itoa(r.IntN(3)), Callee: "x"}
		end(sets[r.IntN(2)].Edge(k), now, strconv.FormatInt(now/100-int64(r.IntN(2)), 10), Outcome{Status: 200})
		if r.IntN(10) > 0 {
			continue
		}
		merged := Merge(all(sets[0]), all(sets[1]))
		for i := range merged {
			total := merged[i].Total()
			if total.Requests < was[merged[i].Key] {
				t.Fatalf("%v: %d after %d", merged[i].Key, total.Requests, was[merged[i].Key])
			}
			was[merged[i].Key] = total.Requests
		}
		stale := FindStale(merged, now-200)
		sets[0].Drop(stale)
		sets[1].Drop(stale)
	}
	sum := uint64(0)
	for _, n := range was {
		sum += n
	}
	if sum < 4_900 {
		t.Errorf("%d requests at the last look", sum)
	}
}

func TestSnapshotJSON(t *testing.T) {
	s := NewSet()
	end(s.Edge(shop), 1, "r1", Outcome{Status: 502, Failed: true, Code: "upstream-reset", Tries: 2, In: 1, Out: 2, Latency: time.Second})
	want := Snapshot{Since: time.Unix(1, 0).UTC(), Taken: time.Unix(2, 0).UTC(), Edges: Merge(all(s)), Overflow: 3, Refusals: map[string]uint64{"silent": 1}}
	want.Edges[0].Revisions[0].used = 0 // stays here
	data, err := json.Marshal(want)
	if err != nil {
		t.Fatal(err)
	}
	var got Snapshot
	if err := json.Unmarshal(data, &got); err != nil || !reflect.DeepEqual(got, want) {
		t.Errorf("%v\n%s\n%+v\n%+v", err, data, got, want)
	}
}

func TestSpansAreHandedOn(t *testing.T) {
	s := NewSpans()
	b := s.Batch()
	b.Flush()
	for i := range batchLen + 1 {
		b.Next().Status = i
	}
	if b.Len() != 1 {
		t.Errorf("%d are left in the batch", b.Len())
	}
	b.Flush()
	done := make(chan struct{})
	close(done)
	var got []int
	s.Run(done, func(batch []Span) {
		for i := range batch {
			got = append(got, batch[i].Status)
		}
	})
	if len(got) != batchLen+1 || !slices.IsSorted(got) || got[batchLen] != batchLen {
		t.Errorf("%d spans: %v", len(got), got)
	}
	if sp := b.Next(); *sp != (Span{}) {
		t.Errorf("a used one: %+v", sp)
	}
}

func TestSpansAreNotWaitedFor(t *testing.T) {
	s := NewSpans()
	b := s.Batch()
	for range (mostQueue + 2) * batchLen {
		b.Next()
	}
	if b.Flush(); s.Lost() != 2*batchLen {
		t.Errorf("%d are lost", s.Lost())
	}
}

func TestCountingAllocatesNothing(t *testing.T) {
	s, spans := NewSet(), NewSpans()
	b := spans.Batch()
	o := Outcome{Status: 200, Tries: 1, Latency: time.Millisecond, Upstream: time.Millisecond}
	end(s.Edge(shop), 1, "r1", o)
	b.Next()
	n := testing.AllocsPerRun(100, func() {
		l := s.Edge(shop)
		l.Begin()
		l.End(1, "r1", &o)
		b.Next().Status = 200
	})
	if n != 0 {
		t.Errorf("%v allocations a request", n)
	}
}
