package metrics

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"
	"unicode/utf8"

	"github.com/prometheus/prometheus/model/exemplar"
	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/storage"

	"github.com/banyanrun/banyan/internal/fault"
)

const (
	// ahead is how far a sample may be ahead of the clock: one from a clock that is
	// wrong would make all that come after it too old.
	ahead = 10 * time.Minute
	// A series has at most so many labels, of at most so many bytes each.
	maxLabels     = 64
	maxLabelBytes = 4 << 10
)

// reasons are those why samples are dropped; counters.byReason has their order.
var reasons = [...]string{DroppedOld, DroppedDuplicate, DroppedFuture, DroppedSeries, DroppedInvalid, DroppedExemplar, DroppedDisk, DroppedUnwritten}

type counters struct {
	appended atomic.Uint64
	byReason [len(reasons)]atomic.Uint64
}

func (c *counters) drop(reason string, n int) {
	for i, r := range reasons {
		if r == reason {
			c.byReason[i].Add(uint64(n))
		}
	}
}

func (c *counters) dropped() map[string]uint64 {
	m := make(map[string]uint64, len(reasons))
	for i, r := range reasons {
		m[r] = c.byReason[i].Load()
	}
	return m
}

// Append takes samples. One that cannot be taken is counted in Status and left out;
// an error means that none of them was taken, and they are counted, too.
//
// What is kept of later times than the clock has been at for some while, since it was
// ahead, is set aside: nothing could follow it until that time comes.
func (s *Store) Append(ctx context.Context, samples []Sample) error {
	if len(samples) == 0 {
		return nil
	}
	err := s.append(ctx, samples)
	if err != nil {
		s.counts.drop(DroppedUnwritten, len(samples))
	}
	if s.due.Swap(false) {
		s.rewind(ctx)
	}
	return err
}

func (s *Store) append(ctx context.Context, samples []Sample) error {
	ctx, done, err := s.use(ctx)
	if err != nil {
		return err
	}
	defer done()
	s.watchClock()
	if s.keep.full() {
		s.counts.drop(DroppedDisk, len(samples))
		s.sync.touch() // there may be room soon
		return nil
	}
	a := appending{
		store: s, app: s.db.AppenderV2(ctx), builder: labels.NewScratchBuilder(16),
		latest: s.options.Now().Add(ahead).UnixMilli(), dropped: map[string]int{},
	}
	for i := range samples {
		if reason := a.append(&samples[i]); reason != "" {
			a.dropped[reason]++
		} else {
			a.taken++
			a.newest = max(a.newest, samples[i].Time)
		}
	}
	if err := a.app.Commit(); err != nil {
		return fault.New(fault.Unavailable, "metrics cannot be written: %w", err).At(s.options.Dir).
			Fix("see that its disk has space")
	}
	for reason, n := range a.dropped {
		s.counts.drop(reason, n)
	}
	s.counts.appended.Add(a.taken)
	s.keep.saw(a.newest)
	s.sync.touch()
	return nil
}

// appending is one call of Append.
type appending struct {
	store   *Store
	app     storage.AppenderV2
	builder labels.ScratchBuilder
	scratch labels.Labels
	latest  int64

	taken   uint64
	newest  int64
	dropped map[string]int
}

// append takes a sample, or says why not.
func (a *appending) append(sample *Sample) string {
	if sample.Time > a.latest {
		return DroppedFuture
	}
	ref, ls, reason := a.series(sample.Labels)
	if reason != "" {
		return reason
	}
	var h *histogram.Histogram
	if sample.Histogram != nil {
		var err error
		if h, err = native(sample.Histogram); err != nil {
			return DroppedInvalid
		}
	}
	_, err := a.app.Append(ref, ls, 0, sample.Time, sample.Value, h, nil, storage.AOptions{Exemplars: exemplars(sample.Exemplars)})
	if partial, ok := errors.AsType[*storage.AppendPartialError](err); ok {
		a.dropped[DroppedExemplar] += len(partial.ExemplarErrors)
		return ""
	}
	switch {
	case err == nil:
		return ""
	case errors.Is(err, storage.ErrDuplicateSampleForTimestamp):
		return DroppedDuplicate
	case errors.Is(err, storage.ErrOutOfOrderSample), errors.Is(err, storage.ErrOutOfBounds), errors.Is(err, storage.ErrTooOldSample):
		return DroppedOld
	}
	return DroppedInvalid
}

// series finds the series with the labels, or makes sure that it may be created.
func (a *appending) series(ls Labels) (storage.SeriesRef, labels.Labels, string) {
	a.builder.Reset()
	for _, l := range ls {
		if l.Value != "" {
			a.builder.Add(l.Name, l.Value)
		}
	}
	a.builder.Sort()
	a.builder.Overwrite(&a.scratch)
	if known, ok := a.app.(storage.GetRef); ok {
		if ref, kept := known.GetRef(a.scratch, a.scratch.Hash()); ref != 0 {
			return ref, kept, ""
		}
	}
	fresh := a.builder.Labels()
	if validate(fresh) != nil {
		return 0, labels.EmptyLabels(), DroppedInvalid
	}
	if !a.store.shares.admit(fresh, int(a.store.db.Head().NumSeries()), a.store.options.MaxSeries) {
		return 0, labels.EmptyLabels(), DroppedSeries
	}
	return 0, fresh, ""
}

func validate(ls labels.Labels) error {
	if ls.Get(NameLabel) == "" || ls.Len() > maxLabels {
		return errors.New("no name, or too many labels")
	}
	return ls.Validate(func(l labels.Label) error {
		if l.Name == "" || len(l.Name) > maxLabelBytes || len(l.Value) > maxLabelBytes || !utf8.ValidString(l.Name) || !utf8.ValidString(l.Value) {
			return fmt.Errorf("label %q", l.Name)
		}
		return nil
	})
}

func exemplars(es []Exemplar) []exemplar.Exemplar {
	if len(es) == 0 {
		return nil
	}
	out := make([]exemplar.Exemplar, len(es))
	for i, e := range es {
		b := labels.NewScratchBuilder(len(e.Labels))
		for _, l := range e.Labels {
			b.Add(l.Name, l.Value)
		}
		b.Sort()
		out[i] = exemplar.Exemplar{Labels: b.Labels(), Value: e.Value, Ts: e.Time, HasTs: e.Time != 0}
	}
	return out
}
