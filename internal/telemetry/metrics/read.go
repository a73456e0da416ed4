package metrics

import (
	"context"
	"slices"

	"github.com/prometheus/prometheus/model/histogram"
	"github.com/prometheus/prometheus/model/labels"
	"github.com/prometheus/prometheus/model/value"
	"github.com/prometheus/prometheus/storage"
	"github.com/prometheus/prometheus/tsdb/chunkenc"

	"github.com/banyanrun/banyan/internal/fault"
)

// Stretch is what was appended to one series within a stretch of time, the oldest
// first. One that changed from numbers to histograms has both.
type Stretch struct {
	Labels     Labels
	Points     []Point // StaleMarker is among the values
	Histograms []Observed
	// Left are histograms whose counts are no whole numbers, or that are spread too
	// wide: they are not among the others.
	Left int
}

// Observed is a histogram as it was appended.
type Observed struct {
	Time int64 // milliseconds since 1970
	Histogram
}

// IsStale reports whether a value is StaleMarker.
func IsStale(v float64) bool { return value.IsStaleNaN(v) }

// Names are the names of all metrics that have a sample later than after and not later
// than to, sorted. Both are in milliseconds since 1970, here and below. There may be
// some that have none then.
func (s *Store) Names(ctx context.Context, after, to int64) (names []string, err error) {
	err = s.between(ctx, after, to, func(ctx context.Context, q storage.Querier) (err error) {
		found, _, err := q.LabelValues(ctx, NameLabel, &storage.LabelHints{})
		for _, n := range found {
			names = append(names, string([]byte(n))) // the store's own goes with its file
		}
		return err
	})
	slices.Sort(names)
	return names, err
}

// Samples are what was appended to the series of a metric, later than after and not
// later than to.
func (s *Store) Samples(ctx context.Context, name string, after, to int64) (all []Stretch, err error) {
	err = s.between(ctx, after, to, func(ctx context.Context, q storage.Querier) error {
		set := q.Select(ctx, false, &storage.SelectHints{Start: after + 1, End: to}, labels.MustNewMatcher(labels.MatchEqual, NameLabel, name))
		var it chunkenc.Iterator
		for set.Next() {
			series := set.At()
			it = series.Iterator(it)
			one := Stretch{Labels: labelsOf(series.Labels())}
			if err := one.read(it); err != nil {
				return err
			}
			if len(one.Points)+len(one.Histograms)+one.Left > 0 {
				all = append(all, one)
			}
		}
		return set.Err()
	})
	return all, err
}

func (s *Store) between(ctx context.Context, after, to int64, read func(context.Context, storage.Querier) error) error {
	ctx, done, err := s.use(ctx)
	if err != nil {
		return err
	}
	defer done()
	ctx, cancel := context.WithTimeout(ctx, s.options.QueryTimeout)
	defer cancel()
	q, err := s.db.Querier(after+1, to)
	if err != nil {
		return fault.New(fault.Damaged, "stored metrics cannot be read: %w", err).At(s.options.Dir)
	}
	defer func() { _ = q.Close() }() // it was only read
	if err := read(ctx, q); err != nil {
		return s.queryError(ctx, err)
	}
	return nil
}

func (s *Stretch) read(it chunkenc.Iterator) error {
	for {
		switch it.Next() {
		case chunkenc.ValNone:
			return it.Err()
		case chunkenc.ValFloat:
			t, v := it.At()
			s.Points = append(s.Points, Point{Time: t, Value: v})
		case chunkenc.ValHistogram:
			t, h := it.AtHistogram(nil)
			if value.IsStaleNaN(h.Sum) {
				s.Points = append(s.Points, Point{Time: t, Value: StaleMarker})
			} else if plain, ok := appended(h); ok {
				s.Histograms = append(s.Histograms, Observed{Time: t, Histogram: plain})
			} else {
				s.Left++
			}
		default:
			s.Left++
		}
	}
}

// appended is what native made h of.
func appended(h *histogram.Histogram) (Histogram, bool) {
	out := Histogram{
		Count: h.Count, Sum: h.Sum, Scale: int(h.Schema), Zero: h.ZeroCount, ZeroThreshold: h.ZeroThreshold,
		Gauge: h.CounterResetHint == histogram.GaugeType,
	}
	shift := 1
	if h.UsesCustomBuckets() {
		shift, out.Scale, out.Bounds = 0, 0, append([]float64{}, h.CustomValues...)
	}
	positive, ok1 := dense(h.PositiveSpans, h.PositiveBuckets, shift)
	negative, ok2 := dense(h.NegativeSpans, h.NegativeBuckets, shift)
	out.Positive, out.Negative = positive, negative
	if out.Bounds != nil && out.Positive.Offset > 0 {
		out.Positive = Buckets{Counts: append(make([]uint64, out.Positive.Offset), out.Positive.Counts...)}
	}
	return out, ok1 && ok2
}

// denseMost bounds the buckets of a histogram that is read, empty ones among them.
const denseMost = 1 << 16

// dense is the opposite of spans.
func dense(runs []histogram.Span, deltas []int64, shift int) (b Buckets, ok bool) {
	n, at := int64(0), 0
	for i, run := range runs {
		if i == 0 {
			b.Offset = int(run.Offset) - shift
		} else {
			if len(b.Counts)+int(run.Offset) > denseMost {
				return b, false
			}
			b.Counts = append(b.Counts, make([]uint64, run.Offset)...)
		}
		for range run.Length {
			if at >= len(deltas) || len(b.Counts) >= denseMost {
				return b, false
			}
			n += deltas[at]
			at++
			b.Counts = append(b.Counts, uint64(max(n, 0)))
		}
	}
	return b, true
}
