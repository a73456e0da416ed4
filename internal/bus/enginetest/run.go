package enginetest

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// wait bounds what should not take long at all.
const wait = 30 * time.Second

// Subject is an engine with its storage, for one test.
type Subject struct {
	// Open opens the engine; what was stored before is there.
	Open func(t testing.TB) engine.Engine
	// Crash ends an engine the hard way; nil: there is no way but Close.
	Crash func(e engine.Engine)
	// Advance moves the clock that retention goes by; nil: it cannot be moved.
	Advance func(d time.Duration)
	// Topic is a name that no other test uses.
	Topic string
}

// Run tests an engine; subject makes it anew for each test.
func Run(t *testing.T, subject func(tb testing.TB) Subject) {
	t.Helper()
	for _, c := range []struct {
		name string
		test func(h *harness)
	}{
		{"stored", stored}, {"survives", survives}, {"largest", largest},
		{"duplicate", duplicate}, {"duplicate after a crash", duplicateAfterCrash}, {"duplicate at once", duplicateAtOnce}, {"window", window},
		{"order", keyOrder}, {"cursor", cursorGoesOn}, {"waits", waits}, {"positions", positions}, {"find", find},
		{"full", fullTopic}, {"drop oldest", dropOldest}, {"age", age}, {"gone", gone},
		{"refused", refused}, {"ended", ended}, {"closed", closed}, {"known", known},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := subject(t)
			h := &harness{TB: t, Subject: s, e: s.Open(t)}
			t.Cleanup(func() { _ = h.e.Close() })
			c.test(h)
		})
	}
}

// harness is one test's.
type harness struct {
	testing.TB
	Subject
	e engine.Engine
}

// base is when the records of the tests were accepted.
var base = time.Date(2026, 1, 2, 3, 4, 5, 6000, time.UTC)

func (h *harness) ensure(change func(*engine.Topic)) {
	h.Helper()
	topic := engine.Topic{Name: h.Topic, Dedup: time.Hour, MaxEvent: 1 << 20, Groups: []string{"g"}}
	if change != nil {
		change(&topic)
	}
	if err := h.e.Ensure(h.Context(), []engine.Topic{topic}); err != nil {
		h.Fatal(err)
	}
}

// again crashes the engine, or closes it, and opens it.
func (h *harness) again(change func(*engine.Topic)) {
	h.Helper()
	if h.Crash != nil {
		h.Crash(h.e)
	} else if err := h.e.Close(); err != nil {
		h.Fatal(err)
	}
	h.e = h.Open(h)
	h.ensure(change)
}

// record number n, of a key.
func record(n int, key string) engine.Record {
	return engine.Record{
		ID: engine.IDOf("/test", strconv.Itoa(n)), Key: key, Time: base.Add(time.Duration(n) * time.Second), Dedup: time.Hour,
		Attrs: []engine.Attr{{Name: "id", Value: strconv.Itoa(n)}, {Name: "source", Value: "/test"}, {Name: "empty"}},
		Data:  fmt.Appendf(nil, "event %d of %s", n, key),
	}
}

func records(from, to int) (all []engine.Record) {
	for n := from; n <= to; n++ {
		all = append(all, record(n, "k"))
	}
	return all
}

func (h *harness) publish(rs ...engine.Record) []engine.Placed {
	h.Helper()
	placed, err := h.e.Publish(h.Context(), h.Topic, rs)
	if err != nil {
		h.Fatal(err)
	}
	if len(placed) != len(rs) {
		h.Fatalf("%d records are placed as %d", len(rs), len(placed))
	}
	return placed
}

func (h *harness) stat() engine.Stat {
	h.Helper()
	s, err := h.e.Stat(h.Context(), h.Topic)
	if err != nil {
		h.Fatal(err)
	}
	return s
}

// all returns what the topic holds, partition by partition.
func (h *harness) all() (all []engine.Stored) {
	h.Helper()
	if !h.e.Can().Replay {
		return h.drain()
	}
	for _, p := range h.stat().Partitions {
		for at := p.Start; at.Offset < p.End.Offset; {
			got, err := h.e.Read(h.Context(), h.Topic, at, 7)
			if err != nil {
				h.Fatal(err)
			}
			if len(got) == 0 || len(got) > 7 {
				h.Fatalf("%d records come after %v, and %v is the end", len(got), at, p.End)
			}
			all = append(all, got...)
			at = got[len(got)-1].Position
		}
	}
	return all
}

// drain reads by a cursor until nothing more comes, for engines that cannot do
// otherwise. What it read is Done, or they might not give the rest.
func (h *harness) drain() (all []engine.Stored) {
	h.Helper()
	c := h.open(nil)
	defer c.Close()
	for {
		ctx, cancel := context.WithTimeout(h.Context(), 2*time.Second)
		got, err := c.Next(ctx, 7)
		cancel()
		if errors.Is(err, context.DeadlineExceeded) {
			return all
		}
		if err != nil {
			h.Fatal(err)
		}
		all = append(all, got...)
		var done []engine.Position
		for _, g := range got {
			done = append(done, g.Position)
		}
		if err := c.Done(h.Context(), done); err != nil {
			h.Fatal(err)
		}
	}
}

func (h *harness) open(from []engine.Position) engine.Cursor {
	h.Helper()
	c, err := h.e.Open(h.Context(), h.Topic, "g", from)
	if err != nil {
		h.Fatal(err)
	}
	return c
}

// take reads n records by a cursor.
func (h *harness) take(c engine.Cursor, n int) (all []engine.Stored) {
	h.Helper()
	ctx, cancel := context.WithTimeout(h.Context(), wait)
	defer cancel()
	for len(all) < n {
		got, err := c.Next(ctx, n-len(all))
		if err != nil {
			h.Fatalf("after %d records of %d: %v", len(all), n, err)
		}
		if len(got) == 0 || len(got) > n-len(all) {
			h.Fatalf("Next gave %d records, and at most %d were asked for", len(got), n-len(all))
		}
		all = append(all, got...)
	}
	return all
}

// same holds what was read against what was published. Of engines with one
// partition the order counts; of others the tests of order say what does.
func (h *harness) same(got []engine.Stored, want []engine.Record) {
	h.Helper()
	if len(got) != len(want) {
		h.Fatalf("%d records are stored, not %d", len(got), len(want))
	}
	byID := map[engine.ID]engine.Record{}
	for _, w := range want {
		byID[w.ID] = w
	}
	ordered := len(h.stat().Partitions) == 1
	for i, g := range got {
		w := byID[g.ID]
		if ordered {
			w = want[i]
		}
		if g.ID != w.ID || g.Key != w.Key || !g.Time.Equal(w.Time) || !bytes.Equal(g.Data, w.Data) || g.Dedup != w.Dedup ||
			fmt.Sprint(g.Attrs) != fmt.Sprint(w.Attrs) {
			h.Errorf("record %d is\n%+v, not\n%+v", i, g.Record, w)
		}
	}
}

// atOnce runs f n times at the same time.
func atOnce(n int, f func(i int)) {
	var group sync.WaitGroup
	for i := range n {
		group.Go(func() { f(i) })
	}
	group.Wait()
}
