package account

import (
	"encoding/json"
	"math"
	"math/rand/v2"
	"slices"
	"testing"
	"time"
)

// durations are evenly distributed over the scale's powers of two, and its ends.
func durations(r *rand.Rand, n int) []time.Duration {
	list := []time.Duration{time.Microsecond, time.Hour}
	for range n {
		list = append(list, time.Duration(math.Exp(r.Float64()*math.Log(3.6e9))*1e3))
	}
	return list
}

func TestEachValueIsClose(t *testing.T) {
	for _, d := range durations(rand.New(rand.NewPCG(1, 2)), 100_000) {
		var h Histogram
		h.Observe(d)
		for b := range h.All() {
			if (d < b.From || d >= b.To) && d >= 1<<leastBits {
				t.Fatalf("%v is not within %+v", d, b)
			}
		}
		if got := h.Quantile(1); math.Abs(float64(got-d)) > 0.06*float64(d) {
			t.Fatalf("%v is told as %v", d, got)
		}
	}
}

func TestBucketsJoin(t *testing.T) {
	for i := range Buckets {
		from, to := lowerBound(i), lowerBound(i+1)
		if indexOf(from) != i || indexOf(to-1) != i {
			t.Errorf("bucket %d: %v to %v are in %d and %d", i, from, to, indexOf(from), indexOf(to-1))
		}
	}
	if indexOf(math.MinInt64) != 0 || indexOf(0) != 0 || indexOf(math.MaxInt64) != Buckets-1 {
		t.Error("what is off the scale is not at its ends")
	}
}

func TestQuantiles(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	list := durations(r, 10_000)
	var h, a, b Histogram
	sum := time.Duration(0)
	for i, d := range list {
		sum += d
		h.Observe(d)
		if i%2 == 0 {
			a.Observe(d)
		} else {
			b.Observe(d)
		}
	}
	a.Add(&b)
	slices.Sort(list)
	for _, q := range []float64{0, 0.01, 0.5, 0.9, 0.99, 1} {
		want := list[max(0, int(math.Ceil(q*float64(len(list))))-1)]
		if got := h.Quantile(q); math.Abs(float64(got-want)) > 0.06*float64(want) {
			t.Errorf("quantile %v: %v, want about %v", q, got, want)
		}
		if a.Quantile(q) != h.Quantile(q) {
			t.Errorf("quantile %v of the sum differs", q)
		}
	}
	if h.Count() != uint64(len(list)) || h.Sum() != sum || a.Sum() != sum {
		t.Errorf("%d, %v; %v", h.Count(), h.Sum(), a.Sum())
	}
	var none Histogram
	if none.Quantile(0.5) != 0 || !none.IsZero() {
		t.Error("an empty histogram has a median")
	}
}

func TestClonesShareNothing(t *testing.T) {
	var h Histogram
	h.Observe(time.Millisecond)
	c := h.Clone()
	h.Observe(time.Millisecond)
	if c.Count() != 1 || h.Count() != 2 {
		t.Errorf("%d, %d", c.Count(), h.Count())
	}
}

func FuzzHistogramJSON(f *testing.F) {
	f.Add([]byte(`{"sum":5,"buckets":[0,1,319,18446744073709551615]}`))
	f.Add([]byte(`{"sum":0,"buckets":null}`))
	f.Add([]byte(`{"buckets":[320,1]}`))
	f.Add([]byte(`{"buckets":[1]}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var h, again Histogram
		if json.Unmarshal(data, &h) != nil {
			return
		}
		encoded, err := json.Marshal(h)
		if err != nil {
			t.Fatal(err)
		}
		if err := json.Unmarshal(encoded, &again); err != nil {
			t.Fatal(err)
		}
		if again.sum != h.sum || !slices.Equal(slices.Collect(h.All()), slices.Collect(again.All())) {
			t.Fatalf("%s became %s", data, encoded)
		}
	})
}
