package enginetest

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/fault"
)

// reopen closes a cursor and opens it after what it gave, which is Done.
func (h *harness) reopen(c engine.Cursor, got []engine.Stored) engine.Cursor {
	h.Helper()
	last := map[int32]engine.Position{}
	var done []engine.Position
	for _, g := range got {
		done = append(done, g.Position)
		last[g.Partition] = g.Position
	}
	if err := errors.Join(c.Done(h.Context(), done), c.Close()); err != nil {
		h.Fatal(err)
	}
	var from []engine.Position
	for _, p := range last {
		from = append(from, p)
	}
	return h.open(from)
}

// cursorGoesOn: what was not Done comes again, after a crash as well.
func cursorGoesOn(h *harness) {
	h.ensure(nil)
	c := h.open(nil)
	h.publish(records(1, 10)...)
	c = h.reopen(c, h.take(c, 4))
	seen := h.take(c, 3) // not Done
	var from []engine.Position
	for _, s := range seen {
		if h.e.Can().Replay && len(from) == 0 {
			from = []engine.Position{s.Before()}
		}
	}
	h.again(nil)
	if len(h.stat().Partitions) > 1 {
		return // which of them is next depends on the partition
	}
	c = h.open(from)
	defer c.Close()
	h.same(h.take(c, 6), records(5, 10))
}

// waits: Next waits for a record, and for the context's end, and Close ends it.
func waits(h *harness) {
	h.ensure(nil)
	c := h.open(nil)
	type result struct {
		got []engine.Stored
		err error
	}
	next := func(ctx context.Context) <-chan result {
		out := make(chan result, 1)
		go func() {
			got, err := c.Next(ctx, 10)
			out <- result{got, err}
		}()
		return out
	}
	out := next(h.Context())
	h.publish(record(1, "k"))
	if r := within(h, out, func(r result) error { return r.err }); len(r.got) != 1 {
		h.Errorf("Next gave %d records", len(r.got))
	}
	ctx, cancel := context.WithCancel(h.Context())
	out = next(ctx)
	cancel()
	if r := within(h, out, func(result) error { return nil }); !errors.Is(r.err, context.Canceled) {
		h.Errorf("Next ended with %v", r.err)
	}
	out = next(h.Context())
	if err := c.Close(); err != nil {
		h.Error(err)
	}
	if r := within(h, out, func(result) error { return nil }); !errors.Is(r.err, engine.ErrClosed) {
		h.Errorf("Next ended with %v", r.err)
	}
}

// within waits for a result, and fails the test when none comes or it is an error.
func within[T any](h *harness, out <-chan T, failed func(T) error) (r T) {
	h.Helper()
	select {
	case r = <-out:
		if err := failed(r); err != nil {
			h.Fatal(err)
		}
	case <-time.After(wait):
		h.Fatal("the call did not return")
	}
	return r
}

// replays ends a test of an engine that does not.
func (h *harness) replays() {
	if !h.e.Can().Replay {
		h.Skip("the engine cannot read what was read")
	}
}

func positions(h *harness) {
	h.replays()
	h.ensure(nil)
	if s := h.stat(); s.Health != engine.OK || s.Why != nil || s.Partitions[0].Start != s.Partitions[0].End {
		h.Errorf("an empty topic is %+v", s)
	}
	h.publish(records(1, 30)...)
	all := h.all()
	for i, want := range all {
		for range 2 {
			got, err := h.e.Read(h.Context(), h.Topic, want.Before(), 1)
			if err != nil || len(got) != 1 || got[0].ID != want.ID {
				h.Fatalf("record %d, at %v, is read as %v, %v", i, want.Position, got, err)
			}
		}
	}
	for _, p := range h.stat().Partitions {
		if got, err := h.e.Read(h.Context(), h.Topic, p.End, 1); err != nil || len(got) != 0 {
			h.Errorf("at the end are %d records, %v", len(got), err)
		}
		c := h.open([]engine.Position{p.Start})
		if got := h.take(c, 1); p.Start.Offset < p.End.Offset && len(h.stat().Partitions) == 1 && got[0].ID != all[0].ID {
			h.Errorf("a cursor begins with %v", got[0].Position)
		}
		if err := c.Close(); err != nil {
			h.Error(err)
		}
	}
}

func find(h *harness) {
	h.replays()
	h.ensure(nil)
	h.publish(records(1, 100)...)
	all := h.all()
	for _, n := range []int{0, 1, 2, 50, 99, 100, 101} {
		at := base.Add(time.Duration(n) * time.Second)
		found, err := h.e.Find(h.Context(), h.Topic, at)
		if err != nil || len(found) != len(h.stat().Partitions) {
			h.Fatalf("Find returned %v, %v", found, err)
		}
		for _, from := range found {
			i := slices.IndexFunc(all, func(s engine.Stored) bool { return s.Partition == from.Partition && !s.Time.Before(at) })
			got, err := h.e.Read(h.Context(), h.Topic, from, 1)
			switch {
			case err != nil:
				h.Error(err)
			case i < 0 && len(got) != 0, i >= 0 && (len(got) != 1 || got[0].ID != all[i].ID):
				h.Errorf("at second %d, partition %d: %d records were found, and %d is the first", n, from.Partition, len(got), i)
			}
		}
	}
}

func refused(h *harness) {
	h.ensure(func(t *engine.Topic) { t.MaxEvent = 100 })
	large := record(1, "k")
	large.Data = make([]byte, 101)
	for what, rs := range map[string][]engine.Record{
		"a large event":   {record(2, "k"), large},
		"too many events": records(1, engine.MaxRecords+1),
	} {
		if _, err := h.e.Publish(h.Context(), h.Topic, rs); fault.CodeOf(err) != fault.Invalid {
			h.Errorf("%s: %v", what, err)
		}
	}
	if _, err := h.e.Publish(h.Context(), h.Topic+"-not", records(1, 1)); !errors.Is(err, engine.ErrNoTopic) {
		h.Errorf("an unknown topic: %v", err)
	}
	if got := h.all(); len(got) != 0 {
		h.Errorf("%d records are stored", len(got))
	}
}

func ended(h *harness) {
	h.ensure(nil)
	ctx, cancel := context.WithCancel(h.Context())
	cancel()
	if _, err := h.e.Publish(ctx, h.Topic, records(1, 1)); !errors.Is(err, context.Canceled) {
		h.Errorf("Publish: %v", err)
	}
	if _, err := h.e.Stat(ctx, h.Topic); !errors.Is(err, context.Canceled) {
		h.Errorf("Stat: %v", err)
	}
	if got := h.all(); len(got) != 0 {
		h.Errorf("%d records are stored", len(got))
	}
}

func closed(h *harness) {
	h.ensure(nil)
	c := h.open(nil)
	out := make(chan error, 1)
	go func() {
		_, err := c.Next(h.Context(), 1)
		out <- err
	}()
	if err := errors.Join(h.e.Close(), h.e.Close()); err != nil {
		h.Fatal(err)
	}
	if err := within(h, out, func(error) error { return nil }); !errors.Is(err, engine.ErrClosed) {
		h.Errorf("Next: %v", err)
	}
	if _, err := h.e.Publish(h.Context(), h.Topic, records(1, 1)); !errors.Is(err, engine.ErrClosed) {
		h.Errorf("Publish: %v", err)
	}
}

// known: a topic that ends before an end that was seen has lost something.
func known(h *harness) {
	h.replays()
	h.ensure(nil)
	h.publish(records(1, 3)...)
	ends := func(more uint64) func(*engine.Topic) {
		var all []engine.Position
		for _, p := range h.stat().Partitions {
			all = append(all, engine.Position{Partition: p.End.Partition, Offset: p.End.Offset + more})
		}
		return func(t *engine.Topic) { t.Known = all }
	}
	h.again(ends(0))
	h.publish(record(4, "k"))
	h.again(ends(1))
	if s := h.stat(); s.Health != engine.Stopped || !errors.Is(s.Why, engine.ErrDamaged) {
		h.Errorf("the topic is %v: %v", s.Health, s.Why)
	}
	if _, err := h.e.Publish(h.Context(), h.Topic, records(5, 5)); !errors.Is(err, engine.ErrDamaged) {
		h.Errorf("Publish: %v", err)
	}
	if got, err := h.e.Read(h.Context(), h.Topic, engine.Position{}, 100); err != nil || len(got) == 0 {
		h.Errorf("what is there cannot be read: %v", err)
	}
}
