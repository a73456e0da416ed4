package enginetest

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

func stored(h *harness) {
	h.ensure(nil)
	want := records(1, 20)
	want[3].Data, want[3].Key, want[3].Attrs = nil, "", nil
	want[4].Dedup = 0
	mine := slices.Clone(want)
	for i := range mine {
		mine[i].Data = slices.Clone(mine[i].Data)
	}
	placed := h.publish(mine[:5]...)
	placed = append(placed, h.publish(mine[5:]...)...)
	for i := range mine {
		clear(mine[i].Data) // they are not kept
	}
	got := h.all()
	h.same(got, want)
	where := map[engine.ID]engine.Position{}
	for _, g := range got {
		where[g.ID] = g.Position
	}
	for i, p := range placed {
		if p.Duplicate || h.e.Can().Replay && p.Position != where[want[i].ID] {
			h.Errorf("record %d was placed at %+v, and is at %+v", i, p, where[want[i].ID])
		}
	}
	if len(h.publish()) != 0 {
		h.Error("nothing was placed somewhere")
	}
}

func survives(h *harness) {
	h.ensure(nil)
	h.publish(records(1, 10)...)
	h.again(nil)
	h.publish(records(11, 12)...)
	h.again(nil)
	h.same(h.all(), records(1, 12))
}

func largest(h *harness) {
	h.ensure(nil)
	big := record(1, strings.Repeat("k", 1024))
	big.Attrs = []engine.Attr{{Name: "long", Value: strings.Repeat("v", 60<<10)}}
	big.Data = bytes.Repeat([]byte("x"), 1<<20)
	h.publish(big)
	small := make([]engine.Record, engine.MaxRecords)
	for i := range small {
		small[i] = record(i+2, "k")
	}
	h.publish(small...)
	h.again(nil)
	h.same(h.all(), append([]engine.Record{big}, small...))
}

// deduplicates ends a test of an engine that does not.
func (h *harness) deduplicates() {
	if h.e.Can().Dedup < time.Hour {
		h.Skip("the engine does not look for duplicates for an hour")
	}
	h.ensure(nil)
}

// firsts checks that each record was placed once, and where a duplicate is said to be.
func (h *harness) firsts(placed []engine.Placed, at map[int]engine.Position, n func(i int) int) {
	h.Helper()
	for i, p := range placed {
		first, seen := at[n(i)]
		switch {
		case p.Duplicate != seen:
			h.Errorf("record %d: duplicate is %v", i, p.Duplicate)
		case !seen:
			at[n(i)] = p.Position
		case p.Position != first && p.Position != engine.Position{}:
			h.Errorf("record %d is at %v, and was at %v", i, p.Position, first)
		}
	}
}

func duplicate(h *harness) {
	h.deduplicates()
	at := map[int]engine.Position{}
	same := func(i int) int { return i }
	h.firsts(h.publish(records(0, 9)...), at, same)
	h.firsts(h.publish(records(0, 9)...), at, same)
	mixed := []engine.Record{record(10, "k"), record(3, "k"), record(10, "other"), record(11, "k")}
	h.firsts(h.publish(mixed...), at, func(i int) int { return []int{10, 3, 10, 11}[i] })
	h.same(h.all(), records(0, 11))

	free := record(3, "k")
	free.Dedup = 0
	if p := h.publish(free, free); p[0].Duplicate || p[1].Duplicate {
		h.Error("a record without a window is taken for a duplicate")
	}
}

func duplicateAfterCrash(h *harness) {
	h.deduplicates()
	at := map[int]engine.Position{}
	h.firsts(h.publish(records(0, 9)...), at, func(i int) int { return i })
	h.again(nil)
	h.firsts(h.publish(records(0, 9)...), at, func(i int) int { return i })
	h.same(h.all(), records(0, 9))
}

func duplicateAtOnce(h *harness) {
	h.deduplicates()
	const ids, times = 20, 16
	placed := make([][]engine.Placed, times)
	atOnce(times, func(i int) {
		for n := range ids {
			p, err := h.e.Publish(h.Context(), h.Topic, []engine.Record{record(n, "k")})
			if err != nil {
				h.Error(err)
				return
			}
			placed[i] = append(placed[i], p[0])
		}
	})
	if h.Failed() {
		return
	}
	for n := range ids {
		firsts := 0
		for i := range times {
			if !placed[i][n].Duplicate {
				firsts++
			}
		}
		if firsts != 1 {
			h.Errorf("record %d was stored %d times", n, firsts)
		}
	}
	if got := h.all(); len(got) != ids {
		h.Errorf("%d records are stored, not %d", len(got), ids)
	}
}

// window: an id is remembered for its record's own window, and no longer.
func window(h *harness) {
	if h.Advance == nil {
		h.Skip("the engine's clock cannot be moved")
	}
	h.deduplicates()
	first := record(1, "k")
	h.publish(first)
	late := first
	late.Time = first.Time.Add(time.Hour - time.Microsecond)
	if p := h.publish(late); !p[0].Duplicate {
		h.Error("the window ended early")
	}
	late.Time = first.Time.Add(time.Hour + time.Second)
	if p := h.publish(late); p[0].Duplicate {
		h.Error("the window did not end")
	}
	if p := h.publish(late); !p[0].Duplicate {
		h.Error("the second window did not begin")
	}
}

func keyOrder(h *harness) {
	h.ensure(nil)
	const keys, each = 8, 40
	want := func(key, n int) engine.Record { return record(key*1000+n, fmt.Sprint("key", key)) }
	c := h.open(nil)
	atOnce(keys, func(key int) {
		for n := range each {
			if _, err := h.e.Publish(h.Context(), h.Topic, []engine.Record{want(key, n)}); err != nil {
				h.Error(err)
				return
			}
		}
	})
	if h.Failed() {
		return
	}
	next := map[string]int{}
	check := func(got []engine.Stored) {
		for _, g := range got {
			var key int
			if _, err := fmt.Sscanf(g.Key, "key%d", &key); err != nil {
				h.Fatal(err)
			}
			if g.ID != want(key, next[g.Key]).ID {
				h.Fatalf("of %s, %s came when %d was next", g.Key, g.Data, next[g.Key])
			}
			next[g.Key]++
		}
	}
	got := h.take(c, keys*each/2)
	check(got)
	c = h.reopen(c, got)
	check(h.take(c, keys*each-len(got)))
	if err := c.Close(); err != nil {
		h.Error(err)
	}
}
