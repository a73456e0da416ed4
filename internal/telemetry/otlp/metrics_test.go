package otlp

import (
	"fmt"
	"math"
	"slices"
	"strings"
	"testing"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

const at = 1_800_000_000_000_000_000

// someMetrics has a metric of each type.
func someMetrics() pmetric.Metrics {
	all := pmetric.NewMetrics()
	rm := all.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "order")
	rm.Resource().Attributes().PutStr("service.instance.id", "order-3")
	rm.Resource().Attributes().PutStr("os.type", "linux")
	metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
	add := func(name, unit string) pmetric.Metric {
		m := metrics.AppendEmpty()
		m.SetName(name)
		m.SetUnit(unit)
		return m
	}
	g := add("process.memory.usage", "By").SetEmptyGauge().DataPoints().AppendEmpty()
	g.SetIntValue(5)
	g.SetTimestamp(at)
	sum := add("http.requests", "{request}").SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	c := sum.DataPoints().AppendEmpty()
	c.SetDoubleValue(7)
	c.SetTimestamp(at)
	c.SetStartTimestamp(at - 5)
	c.Attributes().PutStr("http.route", "/orders/{id}")
	c.Attributes().PutStr("service", "mine")
	c.Attributes().PutInt("http_route", 3)
	e := c.Exemplars().AppendEmpty()
	e.SetTraceID(traceID)
	e.SetTimestamp(at - 1)
	e.SetIntValue(1)
	hist := add("http.server.duration", "s").SetEmptyHistogram()
	hist.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	h := hist.DataPoints().AppendEmpty()
	h.SetTimestamp(at)
	h.SetCount(6)
	h.SetSum(2.5)
	h.ExplicitBounds().FromRaw([]float64{0.1, 1})
	h.BucketCounts().FromRaw([]uint64{1, 2, 3})
	x := h.Exemplars().AppendEmpty()
	x.SetTraceID(traceID)
	x.SetSpanID(spanID)
	x.SetDoubleValue(0.5)
	x.SetTimestamp(at)
	exp := add("rpc.duration", "ms").SetEmptyExponentialHistogram()
	exp.SetAggregationTemporality(pmetric.AggregationTemporalityCumulative)
	p := exp.DataPoints().AppendEmpty()
	p.SetTimestamp(at)
	p.SetCount(6)
	p.SetSum(3)
	p.SetScale(9)
	p.SetZeroCount(1)
	p.Positive().SetOffset(-3)
	p.Positive().BucketCounts().FromRaw([]uint64{1, 2, 1, 1})
	s := add("gc", "").SetEmptySummary().DataPoints().AppendEmpty()
	s.SetTimestamp(at)
	s.SetCount(2)
	s.SetSum(1)
	q := s.QuantileValues().AppendEmpty()
	q.SetQuantile(1)
	q.SetValue(0.7)
	return all
}

func encodeMetrics(tb testing.TB, m pmetric.Metrics) []byte {
	tb.Helper()
	b, err := (&pmetric.ProtoMarshaler{}).MarshalMetrics(m)
	if err != nil {
		tb.Fatal(err)
	}
	return b
}

// write shows a sample as a line.
func write(s *Sample) string {
	var b strings.Builder
	b.WriteString(s.Name + "{")
	for i, l := range s.Labels {
		if i > 0 {
			b.WriteByte(',')
		}
		fmt.Fprintf(&b, "%s=%q", l.Name, l.Value)
	}
	b.WriteString("} ")
	switch h := s.Histogram; {
	case h != nil:
		fmt.Fprintf(&b, "schema %d, %d in %d, sum %v, +%v from %d, -%v", h.Schema, h.Count, h.ZeroCount, h.Sum, h.Positive.Counts, h.Positive.Offset, h.Negative.Counts)
	case IsStale(s.Value):
		b.WriteString("stale")
	default:
		fmt.Fprint(&b, s.Value)
	}
	for _, e := range s.Exemplars {
		fmt.Fprintf(&b, " # %v %v", e.Value, e.Labels)
	}
	return b.String()
}

func TestMetrics(t *testing.T) {
	j, err := (&pmetric.JSONMarshaler{}).MarshalMetrics(someMetrics())
	if err != nil {
		t.Fatal(err)
	}
	const who = `instance="order-3",service="order"`
	want := []string{
		`process_memory_usage_bytes{` + who + `} 5`,
		`http_requests_total{exported_service="mine",http_route="/orders/{id};3",` + who + `} 7 # 1 [{trace_id 0102030405060708090a0b0c0d0e0f10}]`,
		`http_server_duration_seconds_sum{` + who + `} 2.5`,
		`http_server_duration_seconds_count{` + who + `} 6`,
		`http_server_duration_seconds_bucket{instance="order-3",le="0.1",service="order"} 1`,
		`http_server_duration_seconds_bucket{instance="order-3",le="1.0",service="order"} 3 # 0.5 [{span_id 0102030405060708} {trace_id 0102030405060708090a0b0c0d0e0f10}]`,
		`http_server_duration_seconds_bucket{instance="order-3",le="+Inf",service="order"} 6`,
		`rpc_duration_milliseconds{` + who + `} schema 8, 6 in 1, sum 3, +[1 3 1] from -1, -[]`,
		`gc_sum{` + who + `} 1`,
		`gc_count{` + who + `} 2`,
		`gc{instance="order-3",quantile="1.0",service="order"} 0.7`,
		`target_info{instance="order-3",os_type="linux",service="order"} 1`,
	}
	for media, body := range map[string][]byte{protobuf: encodeMetrics(t, someMetrics()), jsonType: j} {
		s := &sink{}
		w := post(t, s, "/v1/metrics", media, body)
		var got []string
		for i := range s.samples {
			got = append(got, write(&s.samples[i]))
		}
		if w.Code != 200 || w.Body.Len() > 2 || !slices.Equal(got, want) {
			t.Errorf("%s: %d %s\n%s\nwant\n%s", media, w.Code, w.Body, strings.Join(got, "\n"), strings.Join(want, "\n"))
		}
		if c := s.samples[1]; c.Time != at || c.Start != at-5 || c.Family.Type != Counter || c.Family.Unit != "{request}" {
			t.Errorf("%+v %+v", c, c.Family)
		}
	}
}

func TestRejectedPoints(t *testing.T) {
	metric := func(m pmetric.Metrics, i int) pmetric.Metric {
		return m.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(i)
	}
	for why, spoil := range map[string]func(pmetric.Metrics){
		whyKind: func(m pmetric.Metrics) {
			metric(m, 1).Sum().SetAggregationTemporality(pmetric.AggregationTemporalityUnspecified)
		},
		whyTime:  func(m pmetric.Metrics) { metric(m, 0).Gauge().DataPoints().At(0).SetTimestamp(0) },
		whyName:  func(m pmetric.Metrics) { metric(m, 0).SetName("??"); metric(m, 0).SetUnit("") },
		whyShape: func(m pmetric.Metrics) { metric(m, 2).Histogram().DataPoints().At(0).BucketCounts().Append(1) },
		whyScale: func(m pmetric.Metrics) { metric(m, 3).ExponentialHistogram().DataPoints().At(0).SetScale(-5) },
		whyEmpty: func(m pmetric.Metrics) { pmetric.NewMetric().CopyTo(metric(m, 4)) },
	} {
		m := someMetrics()
		spoil(m)
		_, no, err := newReceiver(&sink{}).readMetrics(binary, encodeMetrics(t, m), "order")
		if err != nil || no.count != 1 || no.why != why {
			t.Errorf("%+v, %v; want %s", no, err, why)
		}
	}
}

// TestEnded: a point without a value ends the series.
func TestEnded(t *testing.T) {
	m := someMetrics()
	list := m.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	none := pmetric.DefaultDataPointFlags.WithNoRecordedValue(true)
	list.At(0).Gauge().DataPoints().At(0).SetFlags(none)
	list.At(1).Sum().DataPoints().At(0).SetFlags(none)
	list.At(2).Histogram().DataPoints().At(0).SetFlags(none)
	list.At(3).ExponentialHistogram().DataPoints().At(0).SetFlags(none)
	list.At(4).Summary().DataPoints().At(0).SetFlags(none)
	samples, no, err := newReceiver(&sink{}).readMetrics(binary, encodeMetrics(t, m), "order")
	if err != nil || no.count != 0 {
		t.Fatal(no, err)
	}
	for i := range samples[:len(samples)-1] { // the last is target_info
		if s := &samples[i]; !IsStale(s.Value) || s.Histogram != nil {
			t.Error(write(s))
		}
	}
}

func TestBuckets(t *testing.T) {
	for _, c := range []struct {
		offset, shift int32
		in            []uint64
		from          int32
		want          []uint64
		ok            bool
	}{
		{0, 0, []uint64{1, 2}, 1, []uint64{1, 2}, true},
		{-2, 1, []uint64{1, 2, 3, 4}, 0, []uint64{3, 7}, true},
		{-1, 100, []uint64{1, 2}, 0, []uint64{1, 2}, true},
		{math.MaxInt32, 0, []uint64{1}, 0, nil, false},
		{math.MinInt32, 0, []uint64{1}, math.MinInt32 + 1, []uint64{1}, true},
		{0, 0, make([]uint64, maxBuckets+1), 0, nil, false},
		{0, 0, nil, 0, nil, true},
	} {
		in := pmetric.NewExponentialHistogramDataPointBuckets()
		in.SetOffset(c.offset)
		in.BucketCounts().FromRaw(c.in)
		got, ok := bucketsOf(in, c.shift)
		if ok != c.ok || got.Offset != c.from || !slices.Equal(got.Counts, c.want) {
			t.Errorf("%+v: %+v, %v", c, got, ok)
		}
	}
}

func TestFormatBound(t *testing.T) {
	for f, want := range map[float64]string{1: "1.0", -5: "-5.0", 0.25: "0.25", 1e300: "1e+300", math.Inf(1): "+Inf", math.Inf(-1): "-Inf", 1e20: "1e+20"} {
		if got := FormatBound(f); got != want {
			t.Errorf("%v is %s, want %s", f, got, want)
		}
	}
}
