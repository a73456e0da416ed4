package otlp

import (
	"fmt"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/pmetric"
)

// deltas is a request with a sum, a histogram and an exponential one, each with a
// point of the seconds from and to behind at.
func deltas(from, to int64, value uint64, bounds ...float64) pmetric.Metrics {
	all := pmetric.NewMetrics()
	rm := all.ResourceMetrics().AppendEmpty()
	rm.Resource().Attributes().PutStr("service.name", "order")
	metrics := rm.ScopeMetrics().AppendEmpty().Metrics()
	span := func(p interface {
		SetTimestamp(v pcommon.Timestamp)
		SetStartTimestamp(v pcommon.Timestamp)
	}) {
		p.SetStartTimestamp(pcommon.Timestamp(at + from*int64(time.Second)))
		p.SetTimestamp(pcommon.Timestamp(at + to*int64(time.Second)))
	}
	m := metrics.AppendEmpty()
	m.SetName("jobs")
	sum := m.SetEmptySum()
	sum.SetIsMonotonic(true)
	sum.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	n := sum.DataPoints().AppendEmpty()
	n.SetIntValue(int64(value))
	span(n)
	m = metrics.AppendEmpty()
	m.SetName("size")
	hist := m.SetEmptyHistogram()
	hist.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	h := hist.DataPoints().AppendEmpty()
	h.ExplicitBounds().FromRaw(bounds)
	counts := make([]uint64, len(bounds)+1)
	counts[0] = value
	h.BucketCounts().FromRaw(counts)
	h.SetCount(value)
	h.SetSum(float64(value) / 2)
	span(h)
	m = metrics.AppendEmpty()
	m.SetName("took")
	exp := m.SetEmptyExponentialHistogram()
	exp.SetAggregationTemporality(pmetric.AggregationTemporalityDelta)
	e := exp.DataPoints().AppendEmpty()
	e.SetScale(2)
	e.Positive().SetOffset(int32(from))
	e.Positive().BucketCounts().FromRaw([]uint64{value})
	e.SetCount(value)
	e.SetSum(float64(value))
	span(e)
	return all
}

// TestDeltas: what comes with delta temporality is added up.
func TestDeltas(t *testing.T) {
	r := newReceiver(&sink{})
	now := time.Unix(0, at)
	r.now = func() time.Time { return now }
	one := func(sum, le1, inf int, first int64, exp string) []string {
		return []string{
			fmt.Sprintf("jobs_total %d since %d", sum, first), fmt.Sprintf("size_sum %v since %d", float64(inf)/2, first), fmt.Sprintf("size_count %d since %d", inf, first),
			fmt.Sprintf("size_bucket %d since %d", le1, first), fmt.Sprintf("size_bucket %d since %d", inf, first), "took " + exp,
		}
	}
	for _, c := range []struct {
		name     string
		from, to int64
		value    uint64
		want     []string
		why      string
	}{
		{"the first", 0, 10, 5, one(5, 5, 5, 0, "5 from 1 [5]"), ""},
		{"the next", 10, 20, 3, one(8, 8, 8, 0, "8 from 1 [5 0 0 0 0 0 0 0 0 0 3]"), ""},
		{"again", 10, 20, 3, one(8, 8, 8, 0, "8 from 1 [5 0 0 0 0 0 0 0 0 0 3]"), ""},
		{"in the midst of it", 15, 25, 3, nil, whyOverlap},
		{"before it", 0, 10, 5, nil, whyOverlap},
		{"behind a gap", 30, 40, 1, one(9, 9, 9, 0, "9 from 1 [5 0 0 0 0 0 0 0 0 0 3 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 0 1]"), ""},
	} {
		samples, no, err := r.readMetrics(binary, encodeMetrics(t, deltas(c.from, c.to, c.value, 1)), "order")
		if err != nil || no.why != c.why || c.why != "" && no.count != 3 {
			t.Fatal(c.name, no, err)
		}
		if got := brief(samples); !slices.Equal(got, c.want) {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
	samples, no, err := r.readMetrics(binary, encodeMetrics(t, deltas(40, 50, 2, 7)), "order") // other bounds
	if err != nil || no.count != 0 || samples[2].Value != 2 || samples[2].Start != at+40e9 || samples[0].Value != 11 {
		t.Error(brief(samples), no, err)
	}
	gone := deltas(50, 60, 0)
	gone.ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics().At(0).Sum().DataPoints().At(0).SetFlags(pmetric.DefaultDataPointFlags.WithNoRecordedValue(true))
	if samples, _, err = r.readMetrics(binary, encodeMetrics(t, gone), "order"); err != nil || !IsStale(samples[0].Value) {
		t.Error(brief(samples), err)
	}
	if samples, _, err = r.readMetrics(binary, encodeMetrics(t, deltas(60, 70, 4)), "order"); err != nil || samples[0].Value != 4 || samples[0].Start != at+60e9 {
		t.Error(brief(samples), err)
	}
	now = now.Add(sumsRest)
	if samples, _, err = r.readMetrics(binary, encodeMetrics(t, deltas(70, 80, 1)), "order"); err != nil || samples[0].Value != 1 || len(r.sums.of) != 3 {
		t.Error(brief(samples), err)
	}
}

func brief(samples []Sample) []string {
	var all []string
	for i := range samples {
		s := &samples[i]
		if h := s.Histogram; h != nil {
			all = append(all, fmt.Sprintf("%s %d from %d %v", s.Name, h.Count, h.Positive.Offset, h.Positive.Counts))
			continue
		}
		all = append(all, fmt.Sprintf("%s %v since %d", s.Name, s.Value, (s.Start-at)/1e9))
	}
	return all
}

// TestSumsAreBounded: series that there is no room for are refused, and room comes
// back; those that there are go on.
func TestSumsAreBounded(t *testing.T) {
	s := newSums(10 * (sumSize + 2))
	now := time.Unix(0, at)
	add := func(key string, to int64) string {
		return s.add(key, interval{to - 1, to}, now, func(*sum) (int, bool) { return 0, true }, func(*sum) {})
	}
	for i := range 10 {
		if why := add(fmt.Sprintf("%02d", i), 10); why != "" {
			t.Fatal(i, why)
		}
	}
	if why := add("10", 10); why != whySums {
		t.Error(why)
	}
	if why := add("05", 20); why != "" {
		t.Error(why)
	}
	now = now.Add(sumsRest)
	if why := add("10", 10); why != "" || s.size != sumSize+2 {
		t.Error(why, s.size)
	}
	if s.end("10"); s.size != 0 || len(s.of) != 0 {
		t.Error(s.size)
	}
}

// TestMergeOfHistograms: whatever is merged, nothing is lost, and each value stays in
// a bucket that holds it.
func TestMergeOfHistograms(t *testing.T) {
	rng := rand.New(rand.NewPCG(1, 2))
	some := func() (*Histogram, []float64) {
		h := &Histogram{Schema: rng.Int32N(maxSchema-minSchema+1) + minSchema, ZeroThreshold: defaultZero}
		if rng.IntN(4) == 0 {
			h.ZeroThreshold = rng.Float64()
		}
		var values []float64
		middle := rng.NormFloat64() * 20
		for range rng.IntN(50) {
			v := math.Exp(middle + rng.NormFloat64())
			values = append(values, v)
			h.Count++
			h.Sum += v
			if v <= h.ZeroThreshold {
				h.ZeroCount++
				continue
			}
			n := int64(math.Ceil(math.Log2(v) * math.Exp2(float64(h.Schema))))
			one := Buckets{Offset: int32(n), Counts: []uint64{1}}
			if !near(h.Positive, one) {
				h.Count--
				h.Sum -= v
				values = values[:len(values)-1]
				continue
			}
			h.Positive = h.Positive.plus(one)
		}
		return h, values
	}
	for range 2000 {
		a, va := some()
		b, vb := some()
		sum := a.plus(b)
		if sum == nil {
			t.Fatalf("%+v and %+v", a, b)
		}
		total := sum.ZeroCount
		for _, n := range sum.Positive.Counts {
			total += n
		}
		if total != sum.Count || sum.Count != uint64(len(va)+len(vb)) || len(sum.Positive.Counts) > maxBuckets {
			t.Fatalf("%d in buckets of %d: %+v", total, sum.Count, sum)
		}
		below := sum.ZeroCount // as many values as there are up to each bound
		up := func(to float64) (n uint64) {
			for _, v := range append(slices.Clone(va), vb...) {
				if v <= to*(1+1e-9) {
					n++
				}
			}
			return n
		}
		if got := up(sum.ZeroThreshold); got < below {
			t.Fatalf("%d zeros of %d: %+v + %+v", below, got, a, b)
		}
		for i, n := range sum.Positive.Counts {
			below += n
			if got := up(bound(sum.Schema, int64(sum.Positive.Offset)+int64(i))); got != below {
				t.Fatalf("%d up to bucket %d, which has %d: %+v", got, i, below, sum)
			}
		}
	}
	far := &Histogram{Schema: minSchema, Positive: Buckets{Offset: math.MaxInt32 - 1, Counts: []uint64{1}}}
	if sum := far.plus(&Histogram{Schema: minSchema, Positive: Buckets{Offset: math.MinInt32, Counts: []uint64{1}}}); sum != nil {
		t.Error("buckets that are too far from each other are kept together")
	}
}
