package otlp

import (
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/prometheus/otlptranslator"
)

// Why data points are not taken.
const (
	whyKind  = "it says neither that it is cumulative nor that it is a delta"
	whyName  = "its metric has no name that Prometheus can have"
	whyEmpty = "its metric has no data"
	whyTime  = "its time is missing, or after the year 2262"
	whyShape = "its buckets do not fit its bounds"
	whyScale = "its buckets are more, or wider, than a native histogram's can be"

	whyOverlap = "it is of a time that another point of its series is of, or that was before that; " +
		"processes that share a service.instance.id cannot send deltas"
	whySums = "there are too many series of delta temporality; set OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=cumulative, " +
		"which is OpenTelemetry's default"
)

// metricReader turns the metrics of a request into samples.
type metricReader struct {
	families map[familyKey]*Family
	samples  []Sample
	no       refusals

	sums *sums
	now  time.Time

	base    []Label // of the resource
	scratch []pair
	key     []byte
}

// familyKey is what a family is made of.
type familyKey struct {
	name, unit string
	typ        otlptranslator.MetricType
}

// readMetrics decodes a request. Samples without a time are refused, not of now:
// their order would be that of the network.
func (r *Receiver) readMetrics(f form, body []byte, from string) ([]Sample, refusals, error) {
	all, err := f.metrics(body)
	if err != nil {
		return nil, refusals{}, err
	}
	m := &metricReader{families: map[familyKey]*Family{}, samples: make([]Sample, 0, all.DataPointCount()), sums: r.sums, now: r.now()}
	for _, rm := range all.ResourceMetrics().All() {
		attrs := rm.Resource().Attributes()
		m.resource(attrs, from)
		latest := int64(0)
		for _, sm := range rm.ScopeMetrics().All() {
			for _, metric := range sm.Metrics().All() {
				n := len(m.samples)
				m.metric(metric)
				for i := n; i < len(m.samples); i++ {
					latest = max(latest, m.samples[i].Time)
				}
			}
		}
		if latest != 0 {
			m.target(attrs, latest)
		}
	}
	return m.samples, m.no, nil
}

func (m *metricReader) metric(in pmetric.Metric) {
	switch in.Type() {
	case pmetric.MetricTypeGauge:
		m.numbers(in, in.Gauge().DataPoints(), otlptranslator.MetricTypeGauge, false)
	case pmetric.MetricTypeSum:
		sum, typ := in.Sum(), otlptranslator.MetricType(otlptranslator.MetricTypeNonMonotonicCounter)
		if sum.IsMonotonic() {
			typ = otlptranslator.MetricTypeMonotonicCounter
		}
		if delta, ok := m.isDelta(sum.AggregationTemporality(), sum.DataPoints().Len()); ok {
			m.numbers(in, sum.DataPoints(), typ, delta)
		}
	case pmetric.MetricTypeHistogram:
		h := in.Histogram()
		if delta, ok := m.isDelta(h.AggregationTemporality(), h.DataPoints().Len()); ok {
			m.histograms(in, h.DataPoints(), delta)
		}
	case pmetric.MetricTypeExponentialHistogram:
		h := in.ExponentialHistogram()
		if delta, ok := m.isDelta(h.AggregationTemporality(), h.DataPoints().Len()); ok {
			m.exponentials(in, h.DataPoints(), delta)
		}
	case pmetric.MetricTypeSummary:
		m.summaries(in, in.Summary().DataPoints())
	case pmetric.MetricTypeEmpty:
		m.refuse(1, whyEmpty)
	}
}

// isDelta tells which of the two a temporality is; not ok: neither, and the points are refused.
func (m *metricReader) isDelta(t pmetric.AggregationTemporality, points int) (delta, ok bool) {
	switch t {
	case pmetric.AggregationTemporalityCumulative:
		return false, true
	case pmetric.AggregationTemporalityDelta:
		return true, true
	case pmetric.AggregationTemporalityUnspecified:
	}
	m.refuse(points, whyKind)
	return false, false
}

// summed has a point of delta temporality become its series' sum, which add does;
// false: it is refused.
func (m *metricReader) summed(s *Sample, p point, add func(key string, of interval) (start int64, why string)) bool {
	m.key = append(append(m.key[:0], s.Name...), 0)
	for _, l := range s.Labels {
		m.key = append(append(append(append(m.key, l.Name...), 0), l.Value...), 0)
	}
	if p.Flags().NoRecordedValue() {
		m.sums.end(string(m.key))
		return true
	}
	of := interval{to: s.Time}
	if from, ok := nanos(p.StartTimestamp()); ok && from < s.Time {
		of.from = from
	}
	start, why := add(string(m.key), of)
	if why != "" {
		m.no.add(why)
		return false
	}
	if s.Family.Type != Gauge {
		s.Start = start
	}
	return true
}

func (m *metricReader) refuse(n int, why string) {
	for range n {
		m.no.add(why)
	}
}

// family returns the family of a metric's data points; nil: it can have no name,
// and they are refused.
func (m *metricReader) family(in pmetric.Metric, typ otlptranslator.MetricType, points int) *Family {
	key := familyKey{in.Name(), in.Unit(), typ}
	if f := m.families[key]; f != nil {
		return f
	}
	namer := otlptranslator.NewMetricNamer("", otlptranslator.UnderscoreEscapingWithSuffixes)
	name, err := namer.Build(otlptranslator.Metric{Name: in.Name(), Unit: in.Unit(), Type: typ})
	if err != nil {
		m.refuse(points, whyName)
		return nil
	}
	f := &Family{Name: name, Type: types[typ], Help: utf(in.Description()), Unit: utf(in.Unit())}
	m.families[key] = f
	return f
}

var types = map[otlptranslator.MetricType]Type{
	otlptranslator.MetricTypeGauge: Gauge, otlptranslator.MetricTypeNonMonotonicCounter: Gauge,
	otlptranslator.MetricTypeMonotonicCounter: Counter, otlptranslator.MetricTypeSummary: Summary,
	otlptranslator.MetricTypeHistogram: HistogramType, otlptranslator.MetricTypeExponentialHistogram: HistogramType,
}

// point is what data points of all types have.
type point interface {
	Timestamp() pcommon.Timestamp
	StartTimestamp() pcommon.Timestamp
	Attributes() pcommon.Map
	Flags() pmetric.DataPointFlags
}

// sample begins the sample of a point; false: it has no time, and is refused.
func (m *metricReader) sample(f *Family, p point) (Sample, bool) {
	at, ok := nanos(p.Timestamp())
	if !ok || at == 0 {
		m.no.add(whyTime)
		return Sample{}, false
	}
	s := Sample{Family: f, Name: f.Name, Labels: m.labels(p.Attributes()), Time: at}
	if since, ok := nanos(p.StartTimestamp()); ok && since <= at && f.Type != Gauge {
		s.Start = since
	}
	return s, true
}

func (m *metricReader) numbers(in pmetric.Metric, points pmetric.NumberDataPointSlice, typ otlptranslator.MetricType, delta bool) {
	f := m.family(in, typ, points.Len())
	if f == nil {
		return
	}
	for _, p := range points.All() {
		s, ok := m.sample(f, p)
		if ok && delta {
			ok = m.summed(&s, p, func(key string, of interval) (int64, string) { return m.sums.number(key, of, p, m.now) })
		}
		if !ok {
			continue
		}
		switch {
		case p.Flags().NoRecordedValue():
			s.Value = Stale()
		case p.ValueType() == pmetric.NumberDataPointValueTypeInt:
			s.Value = float64(p.IntValue())
		default:
			s.Value = p.DoubleValue()
		}
		s.Exemplars = exemplarsOf(p.Exemplars())
		m.samples = append(m.samples, s)
	}
}
