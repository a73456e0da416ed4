package metrics

import (
	"math"
	"reflect"
	"testing"
)

// TestSamples: what was appended comes out as it went in, by time.
func TestSamples(t *testing.T) {
	s := open(t, Options{})
	exponential := Histogram{
		Count: 12, Sum: 3.5, Scale: 3, Zero: 2, ZeroThreshold: 1e-9,
		Positive: Buckets{Offset: -4, Counts: []uint64{1, 0, 0, 0, 4, 2}}, Negative: Buckets{Offset: 7, Counts: []uint64{3}},
	}
	explicit := Histogram{Count: 6, Sum: 9, Bounds: []float64{1, 2, 4}, Positive: Buckets{Counts: []uint64{0, 0, 5, 1}}}
	put(t, s, at(0, 1, "a", "x", "1"), at(0, 7, "b"))
	put(t, s, at(10, 2, "a", "x", "1"), Sample{Labels: Named("h"), Time: at(10, 0, "h").Time, Histogram: &exponential})
	put(t, s, at(20, StaleMarker, "a", "x", "1"), Sample{Labels: Named("e"), Time: at(20, 0, "e").Time, Histogram: &explicit})
	from := at(0, 0, "").Time
	names, err := s.Names(t.Context(), from, from+20_000)
	if err != nil || !reflect.DeepEqual(names, []string{"a", "b", "e", "h"}) {
		t.Errorf("names %q, %v", names, err)
	}
	read := func(name string, after, to int64) []Stretch {
		t.Helper()
		all, err := s.Samples(t.Context(), name, from+after, from+to)
		if err != nil {
			t.Fatal(err)
		}
		return all
	}
	all := read("a", 0, 20_000) // what is at its beginning is not of it
	if len(all) != 1 || len(all[0].Points) != 2 || all[0].Points[0].Value != 2 || !IsStale(all[0].Points[1].Value) || all[0].Labels.Get("x") != "1" {
		t.Errorf("a: %+v", all)
	}
	if all := read("a", 10_001, 19_999); len(all) != 0 {
		t.Errorf("between: %+v", all)
	}
	for name, want := range map[string]Histogram{"h": exponential, "e": explicit} {
		all := read(name, 0, 20_000)
		if len(all) != 1 || len(all[0].Histograms) != 1 {
			t.Fatalf("%s: %+v", name, all)
		}
		if got := all[0].Histograms[0].Histogram; !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n%+v, want\n%+v", name, got, want)
		}
	}
}

// TestWideHistogram: one whose buckets are far apart costs no memory.
func TestWideHistogram(t *testing.T) {
	h, err := native(&Histogram{Count: 2, Scale: 8, Positive: Buckets{Offset: -500_000, Counts: []uint64{1}}})
	if err != nil {
		t.Fatal(err)
	}
	h.PositiveSpans = append(h.PositiveSpans, h.PositiveSpans[0])
	h.PositiveSpans[1].Offset, h.PositiveBuckets = math.MaxInt32-8, append(h.PositiveBuckets, 0)
	if _, ok := appended(h); ok {
		t.Error("it was read")
	}
}
