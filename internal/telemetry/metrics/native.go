package metrics

import (
	"errors"
	"math"

	"github.com/prometheus/prometheus/model/histogram"
)

// native is a histogram in Prometheus' form. Its bucket i ends where
// OpenTelemetry's bucket i begins, so that indices differ by one.
func native(h *Histogram) (*histogram.Histogram, error) {
	out := &histogram.Histogram{Count: h.Count, Sum: h.Sum}
	if h.Gauge {
		out.CounterResetHint = histogram.GaugeType
	}
	if h.Bounds != nil {
		if len(h.Positive.Counts) > len(h.Bounds)+1 || h.Positive.Offset != 0 {
			return nil, errors.New("more buckets than bounds")
		}
		out.Schema = histogram.CustomBucketsSchema
		out.CustomValues = append([]float64(nil), h.Bounds...)
		out.PositiveSpans, out.PositiveBuckets = spans(h.Positive, 0)
		return out, nil
	}
	scale, positive, negative := h.Scale, h.Positive, h.Negative
	if scale < int(histogram.ExponentialSchemaMin) || scale > 20 {
		return nil, errors.New("a scale that is not known")
	}
	if by := scale - int(histogram.ExponentialSchemaMax); by > 0 {
		scale, positive, negative = scale-by, merged(positive, by), merged(negative, by)
	}
	if !fits(positive) || !fits(negative) {
		return nil, errors.New("an index that is out of range")
	}
	out.Schema = int32(scale)
	out.ZeroCount, out.ZeroThreshold = h.Zero, h.ZeroThreshold
	out.PositiveSpans, out.PositiveBuckets = spans(positive, 1)
	out.NegativeSpans, out.NegativeBuckets = spans(negative, 1)
	return out, nil
}

// fits says that no bucket's index is far from what a float64 can be at scale 8.
func fits(b Buckets) bool {
	const most = 1 << 20
	return b.Offset > -most && b.Offset < most && len(b.Counts) < most
}

// merged has 2^by buckets in one.
func merged(b Buckets, by int) Buckets {
	if len(b.Counts) == 0 {
		return b
	}
	first, last := b.Offset>>by, (b.Offset+len(b.Counts)-1)>>by
	out := Buckets{Offset: first, Counts: make([]uint64, last-first+1)}
	for i, n := range b.Counts {
		out.Counts[(b.Offset+i)>>by-first] += n
	}
	return out
}

// spans are the runs of buckets that are not empty, and their counts, each as the
// difference to the one before. Gaps of two and less are not worth a run.
func spans(b Buckets, shift int) ([]histogram.Span, []int64) {
	var (
		runs   []histogram.Span
		deltas []int64
		before uint64
		next   int // index behind the last run
	)
	for i := range b.Counts {
		if b.Counts[i] == 0 {
			continue
		}
		at := b.Offset + i + shift
		gap := at - next
		switch {
		case len(runs) > 0 && gap <= 2:
			for range gap {
				deltas = append(deltas, -int64(before))
				before = 0
			}
			runs[len(runs)-1].Length += uint32(gap) + 1
		default:
			runs = append(runs, histogram.Span{Offset: int32(gap), Length: 1})
		}
		deltas = append(deltas, int64(b.Counts[i]-before))
		before = b.Counts[i]
		next = at + 1
	}
	return runs, deltas
}

// distribution is a histogram as queries return it.
func distribution(h *histogram.FloatHistogram) Distribution {
	d := Distribution{Count: h.Count, Sum: h.Sum}
	if h.UsesCustomBuckets() {
		d.Bounds = append([]float64{}, h.CustomValues...)
	}
	for it := h.AllBucketIterator(); it.Next(); {
		if b := it.At(); b.Count != 0 && !math.IsNaN(b.Count) {
			d.Buckets = append(d.Buckets, Bucket{Lower: b.Lower, Upper: b.Upper, ClosedLower: b.LowerInclusive, ClosedUpper: b.UpperInclusive, Count: b.Count})
		}
	}
	return d
}
