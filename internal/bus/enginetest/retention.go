package enginetest

import (
	"errors"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/fault"
)

// bound is small, so that a few hundred records meet it.
const bound = 256 << 10

func large(n int) engine.Record {
	r := record(n, "k")
	r.Data = make([]byte, 4096)
	return r
}

// fill publishes until the topic is full and returns how many records it took.
func (h *harness) fill() int {
	h.Helper()
	for n := range 10_000 {
		_, err := h.e.Publish(h.Context(), h.Topic, []engine.Record{large(n)})
		if errors.Is(err, engine.ErrFull) {
			return n
		}
		if err != nil {
			h.Fatal(err)
		}
	}
	h.Fatal("it never was full")
	return 0
}

func (h *harness) releaseAll() {
	h.Helper()
	var low []engine.Position
	for _, p := range h.stat().Partitions {
		low = append(low, p.End)
	}
	if err := h.e.Release(h.Context(), h.Topic, low); err != nil {
		h.Fatal(err)
	}
}

func fullTopic(h *harness) {
	if !h.e.Can().Refuse {
		h.Skip("the engine cannot refuse")
	}
	h.ensure(func(t *engine.Topic) { t.MaxBytes = bound })
	n := h.fill()
	if n < bound/8192 {
		h.Errorf("it was full after %d records", n)
	}
	// Nothing of a call that does not fit is stored, though its beginning would.
	if _, err := h.e.Publish(h.Context(), h.Topic, []engine.Record{record(20_000, "k"), large(20_001), large(20_002)}); !errors.Is(err, engine.ErrFull) ||
		fault.CodeOf(err) != fault.Unavailable {
		h.Errorf("Publish: %v", err)
	}
	if got := len(h.all()); got != n {
		h.Errorf("%d records are stored, not %d", got, n)
	}
	h.again(func(t *engine.Topic) { t.MaxBytes = bound })
	if p := h.publishedOrFull(large(0)); h.e.Can().Dedup >= time.Hour && (len(p) == 0 || !p[0].Duplicate) {
		h.Errorf("a duplicate needs no room, and was placed as %v", p)
	}
	h.releaseAll()
	for i := range 4 * n {
		h.publish(large(10_000 + i))
		h.releaseAll()
	}
	if s := h.stat(); s.Bytes > 2*bound {
		h.Errorf("it holds %d bytes", s.Bytes)
	}
}

func (h *harness) publishedOrFull(r engine.Record) []engine.Placed {
	placed, err := h.e.Publish(h.Context(), h.Topic, []engine.Record{r})
	if err != nil && !errors.Is(err, engine.ErrFull) {
		h.Fatal(err)
	}
	if err != nil {
		return nil
	}
	return placed
}

func dropOldest(h *harness) {
	if !h.e.Can().Retention {
		h.Skip("the engine keeps what is not read, and nothing else")
	}
	h.ensure(func(t *engine.Topic) { t.MaxBytes, t.DropOldest = bound, true })
	const n = 4 * bound / 4096
	for i := range n {
		h.publish(large(i))
	}
	got := h.all()
	if len(got) < bound/8192 || len(got) > 2*bound/4096 {
		h.Errorf("%d records are left", len(got))
	}
	if last := got[len(got)-1]; len(h.stat().Partitions) == 1 && last.ID != large(n-1).ID {
		h.Errorf("the last one is %v", last.Position)
	}
}

func age(h *harness) {
	if h.Advance == nil || !h.e.Can().Retention {
		h.Skip("the engine's clock cannot be moved")
	}
	settings := func(t *engine.Topic) { t.MaxAge = time.Hour }
	h.ensure(settings)
	for n := range 300 {
		h.publish(large(n))
	}
	h.releaseAll()
	if got := len(h.all()); got != 300 {
		h.Errorf("%d records are left of 300 that are young", got)
	}
	h.Advance(3 * time.Hour)
	later := large(1000)
	later.Time = base.Add(3 * time.Hour)
	h.publish(later)
	h.again(settings)
	h.releaseAll()
	deadline := time.Now().Add(wait)
	for h.stat().Partitions[0].Start.Offset == 0 {
		if time.Now().After(deadline) {
			h.Fatal("nothing was removed")
		}
		h.releaseAll()
	}
	for _, p := range h.stat().Partitions {
		got, err := h.e.Read(h.Context(), h.Topic, p.End.Before(), 1)
		if err == nil && len(got) == 1 && got[0].ID == later.ID {
			return
		}
	}
	h.Error("the young one was removed")
}

// gone: what retention removed is told, not passed over.
func gone(h *harness) {
	h.replays()
	if !h.e.Can().Retention {
		h.Skip("the engine removes nothing by itself")
	}
	h.ensure(func(t *engine.Topic) { t.MaxBytes, t.DropOldest = bound, true })
	h.publish(large(0))
	c := h.open(nil)
	got := h.take(c, 1)
	for i := range 4 * bound / 4096 {
		h.publish(large(i + 1))
	}
	if _, err := c.Next(h.Context(), 1); !errors.Is(err, engine.ErrGone) {
		h.Errorf("Next: %v", err)
	}
	if _, err := h.e.Read(h.Context(), h.Topic, got[0].Position, 1); !errors.Is(err, engine.ErrGone) {
		h.Errorf("Read: %v", err)
	}
	if err := c.Close(); err != nil {
		h.Error(err)
	}
	s := h.stat()
	c = h.open([]engine.Position{s.Partitions[0].Start})
	defer c.Close()
	h.take(c, 1)
}
