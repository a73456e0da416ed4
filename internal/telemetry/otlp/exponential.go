package otlp

import (
	"math"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// The schemas of Prometheus' exponential histograms.
const (
	minSchema = -4
	maxSchema = 8
)

// defaultZero is the width of the zero bucket where the sender does not say it, as
// Prometheus has it.
const defaultZero = 1e-128

func (m *metricReader) exponentials(in pmetric.Metric, points pmetric.ExponentialHistogramDataPointSlice, delta bool) {
	f := m.family(in, otlptranslator.MetricTypeExponentialHistogram, points.Len())
	if f == nil {
		return
	}
	for _, p := range points.All() {
		h := exponential(p)
		if h == nil {
			m.no.add(whyScale)
			continue
		}
		s, ok := m.sample(f, p)
		if ok && delta {
			ok = m.summed(&s, p, func(key string, of interval) (start int64, why string) {
				h, start, why = m.sums.exponential(key, of, h, m.now)
				return start, why
			})
		}
		if !ok {
			continue
		}
		if p.Flags().NoRecordedValue() {
			s.Value = Stale()
		} else {
			s.Histogram = h
		}
		s.Exemplars = exemplarsOf(p.Exemplars())
		m.samples = append(m.samples, s)
	}
}

// exponential turns a data point into Prometheus' form; nil: it has none.
func exponential(p pmetric.ExponentialHistogramDataPoint) *Histogram {
	schema := p.Scale()
	shift := int32(0)
	if schema > maxSchema {
		shift, schema = schema-maxSchema, maxSchema
	}
	if schema < minSchema {
		return nil
	}
	positive, ok1 := bucketsOf(p.Positive(), shift)
	negative, ok2 := bucketsOf(p.Negative(), shift)
	if !ok1 || !ok2 {
		return nil
	}
	h := &Histogram{
		Schema: schema, ZeroThreshold: p.ZeroThreshold(), ZeroCount: p.ZeroCount(),
		Count: p.Count(), Sum: math.NaN(), Positive: positive, Negative: negative,
	}
	if p.HasSum() {
		h.Sum = p.Sum()
	}
	if !(h.ZeroThreshold > 0) { // it may be NaN
		h.ZeroThreshold = defaultZero
	}
	return h
}

// bucketsOf merges 2^shift buckets into one. OpenTelemetry's bucket n begins at
// base^n, and Prometheus' ends there.
func bucketsOf(in pmetric.ExponentialHistogramDataPointBuckets, shift int32) (Buckets, bool) {
	counts := in.BucketCounts()
	n := counts.Len()
	if n == 0 {
		return Buckets{}, true
	}
	// A shift of more than 31 makes all of them one of two buckets: below 1, and above.
	move := uint(min(shift, 62))
	from := int64(in.Offset())>>move + 1
	to := (int64(in.Offset())+int64(n)-1)>>move + 1
	if n > maxBuckets || to > math.MaxInt32 {
		return Buckets{}, false
	}
	b := Buckets{Offset: int32(from), Counts: make([]uint64, to-from+1)}
	for i := range n {
		b.Counts[(int64(in.Offset())+int64(i))>>move+1-from] += counts.At(i)
	}
	return b, true
}
