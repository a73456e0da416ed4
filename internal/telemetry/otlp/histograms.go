package otlp

import (
	"math"
	"strconv"

	"github.com/prometheus/otlptranslator"
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// maxBuckets bounds the buckets of a histogram: each is a series, or a number in one.
const maxBuckets = 1000

// histograms become the series that Prometheus' classic histograms have.
func (m *metricReader) histograms(in pmetric.Metric, points pmetric.HistogramDataPointSlice, delta bool) {
	f := m.family(in, otlptranslator.MetricTypeHistogram, points.Len())
	if f == nil {
		return
	}
	for _, p := range points.All() {
		counts, bounds := p.BucketCounts(), p.ExplicitBounds()
		if n := counts.Len(); n > maxBuckets || n != bounds.Len()+1 && n != 0 {
			m.no.add(whyShape)
			continue
		}
		s, ok := m.sample(f, p)
		if ok && delta {
			ok = m.summed(&s, p, func(key string, of interval) (int64, string) { return m.sums.histogram(key, of, p, m.now) })
		}
		if !ok {
			continue
		}
		gone := p.Flags().NoRecordedValue()
		if p.HasSum() {
			m.part(s, "_sum", p.Sum(), gone)
		}
		m.part(s, "_count", float64(p.Count()), gone)
		exemplars := exemplarsOf(p.Exemplars())
		sum, below := uint64(0), math.Inf(-1)
		for i := range counts.Len() {
			bound := math.Inf(1)
			if i < bounds.Len() {
				bound = bounds.At(i)
			}
			sum += counts.At(i)
			b := s
			b.Labels = m.labels(p.Attributes(), "le", FormatBound(bound))
			b.Exemplars = between(exemplars, below, bound)
			m.part(b, "_bucket", float64(sum), gone)
			below = bound
		}
		if counts.Len() == 0 {
			b := s
			b.Labels = m.labels(p.Attributes(), "le", FormatBound(math.Inf(1)))
			b.Exemplars = exemplars
			m.part(b, "_bucket", float64(p.Count()), gone)
		}
	}
}

// part adds one of the series of a histogram or summary.
func (m *metricReader) part(s Sample, suffix string, value float64, gone bool) {
	s.Name += suffix
	s.Value = value
	if gone {
		s.Value = Stale()
	}
	m.samples = append(m.samples, s)
}

func (m *metricReader) summaries(in pmetric.Metric, points pmetric.SummaryDataPointSlice) {
	f := m.family(in, otlptranslator.MetricTypeSummary, points.Len())
	if f == nil {
		return
	}
	for _, p := range points.All() {
		s, ok := m.sample(f, p)
		if !ok {
			continue
		}
		gone := p.Flags().NoRecordedValue()
		m.part(s, "_sum", p.Sum(), gone)
		m.part(s, "_count", float64(p.Count()), gone)
		for _, q := range p.QuantileValues().All() {
			b := s
			b.Labels = m.labels(p.Attributes(), "quantile", FormatBound(q.Quantile()))
			m.part(b, "", q.Value(), gone)
		}
	}
}

// FormatBound writes a bound of a histogram or summary as OpenMetrics does:
// 1.0, not 1, so that a histogram has the same series whichever way it came.
func FormatBound(f float64) string {
	if math.IsInf(f, 1) {
		return "+Inf"
	}
	s := strconv.FormatFloat(f, 'g', -1, 64)
	for _, c := range []byte(s) {
		if (c < '0' || c > '9') && c != '-' {
			return s
		}
	}
	return s + ".0"
}

// exemplarsOf returns those that lead to a trace: others are of no use.
func exemplarsOf(in pmetric.ExemplarSlice) []Exemplar {
	var list []Exemplar
	for _, e := range in.All() {
		at, ok := nanos(e.Timestamp())
		if !ok || e.TraceID().IsEmpty() {
			continue
		}
		x := Exemplar{Value: e.DoubleValue(), Time: at}
		if e.ValueType() == pmetric.ExemplarValueTypeInt {
			x.Value = float64(e.IntValue())
		}
		x.Labels = traceLabels(e.TraceID(), e.SpanID())
		list = append(list, x)
	}
	return list
}

func traceLabels(trace pcommon.TraceID, span pcommon.SpanID) []Label {
	labels := make([]Label, 0, 2)
	if !span.IsEmpty() {
		labels = append(labels, Label{"span_id", span.String()})
	}
	return append(labels, Label{"trace_id", trace.String()})
}

// between returns those above one bound and not above the other.
func between(in []Exemplar, above, upTo float64) []Exemplar {
	var list []Exemplar
	for _, e := range in {
		if e.Value > above && e.Value <= upTo {
			list = append(list, e)
		}
	}
	return list
}
