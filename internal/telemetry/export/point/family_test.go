package point

import (
	"fmt"
	"math"
	"reflect"
	"slices"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// series are stretches by name, of one value a millisecond.
func series(all ...metrics.Stretch) (names []string, by map[string][]metrics.Stretch) {
	by = map[string][]metrics.Stretch{}
	for _, s := range all {
		name := s.Labels.Get(metrics.NameLabel)
		by[name] = append(by[name], s)
		names = append(names, name)
	}
	slices.Sort(names)
	return slices.Compact(names), by
}

func line(values []float64, name string, pairs ...string) metrics.Stretch {
	s := metrics.Stretch{Labels: metrics.Named(name, pairs...)}
	for i, v := range values {
		s.Points = append(s.Points, metrics.Point{Time: int64(i + 1), Value: v})
	}
	return s
}

// points are all points of series, as texts.
func points(described map[string]metrics.Metadata, targets []metrics.Stretch, all ...metrics.Stretch) (texts []string, left int) {
	names, by := series(all...)
	of := NewResources(targets, "banyan")
	for _, f := range Families(names, described) {
		ps, n := f.Points(by, of)
		left += n
		for i := range ps {
			texts = append(texts, text(&ps[i]))
		}
	}
	return texts, left
}

func text(p *Point) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s %s %s/%s %d", p.Metric.Name, p.Metric.Type, p.Resource.Service, p.Resource.Instance, p.Time/1e6)
	for _, a := range append(slices.Clone(p.Resource.Attrs), p.Attrs...) {
		fmt.Fprintf(&b, " %s=%s", a.Key, a.Value.Text)
	}
	switch {
	case p.Ended:
		b.WriteString(" ended")
	case p.Metric.Type <= Sum:
		fmt.Fprintf(&b, " %v", p.Value)
	case p.Metric.Type == Histogram:
		fmt.Fprintf(&b, " n%d s%v %v %v", p.Count, p.Sum, p.Bounds, p.Counts)
	case p.Metric.Type == Summary:
		fmt.Fprintf(&b, " n%d s%v %v", p.Count, p.Sum, p.Quantiles)
	default:
		fmt.Fprintf(&b, " n%d s%v %d %v", p.Count, p.Sum, p.Scale, p.Positive)
	}
	return b.String()
}

func same(t *testing.T, got []string, want ...string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("got\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestNumbers: what counts and what does not, of whom it is, and when it ends.
func TestNumbers(t *testing.T) {
	target := line([]float64{1}, "target_info", "service", "order", "instance", "order-1", "host_name", "h")
	got, left := points(
		map[string]metrics.Metadata{"temp": {Type: "gauge", Unit: "celsius"}, "odd": {Type: "counter"}}, []metrics.Stretch{target},
		line([]float64{1, 2}, "hits_total", "service", "order", "instance", "order-1", "revision", "r", "path", "/"),
		line([]float64{5, metrics.StaleMarker}, "temp", "service", "order", "revision", "r"), line([]float64{3}, "odd"), line([]float64{4}, "plain"), target,
	)
	if left != 0 {
		t.Errorf("%d are left", left)
	}
	same(t, got,
		"hits_total sum order/order-1 1 host_name=h path=/ 1", "hits_total sum order/order-1 2 host_name=h path=/ 2",
		"odd sum banyan/ 1 3", "plain gauge banyan/ 1 4", "target_info gauge order/order-1 1 host_name=h host_name=h 1",
		"temp gauge order/ 1 revision=r 5", "temp gauge order/ 2 revision=r ended")
	if f := Families([]string{"temp"}, map[string]metrics.Metadata{"temp": {Type: "gauge", Unit: "celsius"}}); f[0].Unit != "Cel" {
		t.Errorf("%+v", f)
	}
}

// TestClassic: series of a histogram and of a summary are joined, whether or not it is
// known what they are.
func TestClassic(t *testing.T) {
	all := []metrics.Stretch{
		line([]float64{1, 4}, "d_bucket", "le", "0.5", "path", "/"), line([]float64{3, 7}, "d_bucket", "le", "2", "path", "/"), line([]float64{4, 9}, "d_bucket", "le", "+Inf", "path", "/"),
		line([]float64{2.5, 8}, "d_sum", "path", "/"), line([]float64{4, 9}, "d_count", "path", "/"),
		line([]float64{1}, "d_bucket", "le", "+Inf", "path", "/b"), line([]float64{1}, "d_count", "path", "/b"),
		line([]float64{metrics.StaleMarker}, "d_count", "path", "/c"), line([]float64{metrics.StaleMarker}, "d_bucket", "path", "/c", "le", "1"),
		line([]float64{0.3}, "q", "quantile", "0.9"), line([]float64{0.1}, "q", "quantile", "0.5"), line([]float64{7}, "q_sum"), line([]float64{20}, "q_count"),
		line([]float64{6}, "alone_count"),
	}
	for _, described := range []map[string]metrics.Metadata{nil, {"d": {Type: "histogram"}, "q": {Type: "summary"}}} {
		got, left := points(described, nil, all...)
		if left != 0 {
			t.Errorf("%d are left", left)
		}
		same(t, got,
			"alone_count gauge banyan/ 1 6",
			"d histogram banyan/ 1 path=/ n4 s2.5 [0.5 2] [1 2 1]", "d histogram banyan/ 2 path=/ n9 s8 [0.5 2] [4 3 2]",
			"d histogram banyan/ 1 path=/b n1 s0 [] [1]", "d histogram banyan/ 1 path=/c ended",
			"q summary banyan/ 1 n20 s7 [{0.5 0.1} {0.9 0.3}]")
	}
}

// TestNative: native histograms, and those with bounds of their own.
func TestNative(t *testing.T) {
	h := metrics.Histogram{Count: 3, Sum: 4, Scale: 2, Positive: metrics.Buckets{Offset: -1, Counts: []uint64{1, 2}}}
	bounded := metrics.Histogram{Count: 3, Sum: 4, Bounds: []float64{1, 2, 3}, Positive: metrics.Buckets{Counts: []uint64{1, 2}}}
	gauge := h
	gauge.Gauge = true
	stretch := func(h metrics.Histogram, name string) metrics.Stretch {
		return metrics.Stretch{Labels: metrics.Named(name), Histograms: []metrics.Observed{{Time: 1, Histogram: h}}, Points: []metrics.Point{{Time: 2, Value: metrics.StaleMarker}}}
	}
	got, left := points(nil, nil, stretch(h, "a"), stretch(bounded, "b"), stretch(gauge, "c"))
	if left != 1 {
		t.Errorf("%d are left", left)
	}
	same(t, got, "a exponential_histogram banyan/ 1 n3 s4 2 {-1 [1 2]}", "a exponential_histogram banyan/ 2 ended",
		"b histogram banyan/ 1 n3 s4 [1 2 3] [1 2 0 0]", "b histogram banyan/ 2 ended", "c exponential_histogram banyan/ 2 ended")
}

// TestWhole: counts are whole, whatever was kept.
func TestWhole(t *testing.T) {
	for v, want := range map[float64]uint64{-1: 0, 2.9: 2, math.Inf(1): 1 << 63} {
		if got := whole(v); !reflect.DeepEqual(got, want) {
			t.Errorf("%v: %d", v, got)
		}
	}
	if whole(math.NaN()) != 0 {
		t.Error("NaN")
	}
}
