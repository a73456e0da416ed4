package otlp

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"

	"github.com/banyanrun/banyan/internal/telemetry/export/point"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// scopeName says who made metrics: whose they were is not kept with them.
const scopeName = "banyan"

type metricOf struct {
	resource *signal.Resource
	metric   *point.Metric
}

// points are points as OpenTelemetry has them. Since when they count is not known, and
// not said.
func points(from []point.Point) pmetric.Metrics {
	out := pmetric.NewMetrics()
	resources, metrics := map[*signal.Resource]pmetric.MetricSlice{}, map[metricOf]pmetric.Metric{}
	for i := range from {
		p := &from[i]
		m, ok := metrics[metricOf{p.Resource, p.Metric}]
		if !ok {
			in, ok := resources[p.Resource]
			if !ok {
				of := out.ResourceMetrics().AppendEmpty()
				putResource(of.Resource().Attributes(), p.Resource)
				scope := of.ScopeMetrics().AppendEmpty()
				scope.Scope().SetName(scopeName)
				in = scope.Metrics()
				resources[p.Resource] = in
			}
			m = in.AppendEmpty()
			putMetric(m, p.Metric)
			metrics[metricOf{p.Resource, p.Metric}] = m
		}
		putPoint(m, p)
	}
	return out
}

func putMetric(to pmetric.Metric, m *point.Metric) {
	to.SetName(m.Name)
	to.SetDescription(m.Help)
	to.SetUnit(m.Unit)
	switch m.Type {
	case point.Gauge:
		to.SetEmptyGauge()
	case point.Sum:
		sum := to.SetEmptySum()
		sum.SetIsMonotonic(true)
		sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	case point.Histogram:
		to.SetEmptyHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	case point.Exponential:
		to.SetEmptyExponentialHistogram().SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	case point.Summary:
		to.SetEmptySummary()
	}
}

// putResource writes a resource, with what has a place of its own in it.
func putResource(to pcommon.Map, r *signal.Resource) {
	to.PutStr("service.name", r.Service)
	if r.Instance != "" {
		to.PutStr("service.instance.id", r.Instance)
	}
	if r.Revision != "" {
		to.PutStr("banyan.revision", r.Revision)
	}
	putAttrs(to, r.Attrs)
}

// putAttrs writes attributes, which are texts and differ.
func putAttrs(to pcommon.Map, attrs signal.Attrs) {
	to.EnsureCapacity(to.Len() + len(attrs))
	for i := range attrs {
		to.PutStr(attrs[i].Key, attrs[i].Value.String())
	}
}

// ended says that a point has no value, since its series has ended.
var ended = pmetric.DefaultDataPointFlags.WithNoRecordedValue(true)

func putPoint(m pmetric.Metric, p *point.Point) {
	switch p.Metric.Type {
	case point.Gauge:
		putNumber(m.Gauge().DataPoints().AppendEmpty(), p)
	case point.Sum:
		putNumber(m.Sum().DataPoints().AppendEmpty(), p)
	case point.Histogram:
		to := m.Histogram().DataPoints().AppendEmpty()
		putCommon(to, p)
		if !p.Ended {
			to.SetCount(p.Count)
			to.SetSum(p.Sum)
			to.ExplicitBounds().FromRaw(p.Bounds)
			to.BucketCounts().FromRaw(p.Counts)
		}
	case point.Exponential:
		to := m.ExponentialHistogram().DataPoints().AppendEmpty()
		putCommon(to, p)
		if !p.Ended {
			to.SetCount(p.Count)
			to.SetSum(p.Sum)
			to.SetScale(int32(p.Scale))
			to.SetZeroCount(p.Zero)
			to.SetZeroThreshold(p.ZeroThreshold)
			putBuckets(to.Positive(), p.Positive)
			putBuckets(to.Negative(), p.Negative)
		}
	case point.Summary:
		to := m.Summary().DataPoints().AppendEmpty()
		putCommon(to, p)
		if !p.Ended {
			to.SetCount(p.Count)
			to.SetSum(p.Sum)
			for _, q := range p.Quantiles {
				at := to.QuantileValues().AppendEmpty()
				at.SetQuantile(q.At)
				at.SetValue(q.Value)
			}
		}
	}
}

// common is what all kinds of points have.
type common interface {
	Attributes() pcommon.Map
	SetTimestamp(at pcommon.Timestamp)
	SetFlags(flags pmetric.DataPointFlags)
}

func putCommon(to common, p *point.Point) {
	putAttrs(to.Attributes(), p.Attrs)
	to.SetTimestamp(pcommon.Timestamp(max(p.Time, 0)))
	if p.Ended {
		to.SetFlags(ended)
	}
}

func putNumber(to pmetric.NumberDataPoint, p *point.Point) {
	putCommon(to, p)
	if !p.Ended {
		to.SetDoubleValue(p.Value)
	}
}

func putBuckets(to pmetric.ExponentialHistogramDataPointBuckets, b point.Buckets) {
	to.SetOffset(int32(b.Offset))
	to.BucketCounts().FromRaw(b.Counts)
}
