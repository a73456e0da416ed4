package account

import (
	"encoding/json"
	"errors"
	"iter"
	"math"
	"math/bits"
	"time"
)

// The scale is log-linear, as HDR histograms' is: 40 powers of two, from 2⁹ ns
// (half a microsecond) to 2⁴⁹ ns (six days), each in 8 equal buckets. A bucket's
// width is at most an eighth of its lower bound, so that Bucket.Value is off by
// at most 1/17 = 5.9 %.
const (
	leastBits = 9
	mostBits  = 49
	partBits  = 3
	parts     = 1 << partBits
	// Buckets is how many a histogram has.
	Buckets = (mostBits - leastBits) * parts

	pageLen = 64 // a page spans 8 powers of two: most histograms need two
	pages   = Buckets / pageLen
)

// Histogram counts durations. What is shorter or longer than its scale counts at
// its ends. The zero value is empty and holds no memory but a few pointers.
type Histogram struct {
	sum   uint64
	pages [pages]*[pageLen]uint64
}

// indexOf is the bucket of d.
func indexOf(d time.Duration) int {
	v := uint64(min(max(d, 1<<leastBits), 1<<mostBits-1))
	exp := bits.Len64(v) - 1
	return (exp-leastBits)<<partBits | int(v>>(exp-partBits))&(parts-1)
}

// lowerBound is the least duration of bucket i ≤ Buckets.
func lowerBound(i int) time.Duration {
	return time.Duration(parts|i&(parts-1)) << (i>>partBits + leastBits - partBits)
}

// Observe counts d. It allocates when d is the first in its part of the scale.
func (h *Histogram) Observe(d time.Duration) {
	h.sum += uint64(max(d, 0))
	h.add(indexOf(d), 1)
}

func (h *Histogram) add(i int, n uint64) {
	p := h.pages[i/pageLen]
	if p == nil {
		p = new([pageLen]uint64)
		h.pages[i/pageLen] = p
	}
	p[i%pageLen] += n
}

// Add adds the counts of o.
func (h *Histogram) Add(o *Histogram) {
	h.sum += o.sum
	for i, from := range o.pages {
		if from == nil {
			continue
		}
		if h.pages[i] == nil {
			h.pages[i] = new([pageLen]uint64)
		}
		for k, n := range from {
			h.pages[i][k] += n
		}
	}
}

// Clone is a copy that shares nothing.
func (h *Histogram) Clone() Histogram {
	c := Histogram{sum: h.sum}
	for i, p := range h.pages {
		if p != nil {
			c.pages[i] = new([pageLen]uint64)
			*c.pages[i] = *p
		}
	}
	return c
}

// Bucket is the durations from From up to, but not including, To.
type Bucket struct {
	From, To time.Duration
	Count    uint64
}

// Value stands for the bucket's durations: of all values it has the least
// relative error in the worst case.
func (b Bucket) Value() time.Duration {
	from, to := float64(b.From), float64(b.To)
	return time.Duration(math.Round(2 * from * to / (from + to)))
}

// All are the buckets that are not empty, the shortest durations first.
func (h *Histogram) All() iter.Seq[Bucket] {
	return func(yield func(Bucket) bool) {
		for i, n := range h.counts() {
			if !yield(Bucket{From: lowerBound(i), To: lowerBound(i + 1), Count: n}) {
				return
			}
		}
	}
}

// counts are the buckets that are not empty, by index.
func (h *Histogram) counts() iter.Seq2[int, uint64] {
	return func(yield func(int, uint64) bool) {
		for i, p := range h.pages {
			if p == nil {
				continue
			}
			for k, n := range p {
				if n > 0 && !yield(i*pageLen+k, n) {
					return
				}
			}
		}
	}
}

// Count is how many durations were observed.
func (h *Histogram) Count() uint64 {
	total := uint64(0)
	for _, n := range h.counts() {
		total += n
	}
	return total
}

// Sum is that of the durations, exact.
func (h *Histogram) Sum() time.Duration { return time.Duration(min(h.sum, math.MaxInt64)) }

// Quantile is the duration that the fraction q, 0 to 1, of all is not longer
// than, with the error of the scale; 0 for an empty histogram.
func (h *Histogram) Quantile(q float64) time.Duration {
	rank := uint64(max(1, math.Ceil(q*float64(h.Count()))))
	for b := range h.All() {
		if b.Count >= rank {
			return b.Value()
		}
		rank -= b.Count
	}
	return 0
}

// IsZero reports whether nothing was observed, for JSON's omitzero.
func (h Histogram) IsZero() bool { return h.Count() == 0 }

// wireHistogram is a histogram's JSON: buckets as index, count, index, count, ….
type wireHistogram struct {
	Sum     uint64   `json:"sum"`
	Buckets []uint64 `json:"buckets"`
}

// MarshalJSON implements json.Marshaler.
func (h Histogram) MarshalJSON() ([]byte, error) {
	w := wireHistogram{Sum: h.sum}
	for i, n := range h.counts() {
		w.Buckets = append(w.Buckets, uint64(i), n)
	}
	return json.Marshal(w)
}

var errHistogram = errors.New("not a histogram")

// UnmarshalJSON implements json.Unmarshaler.
func (h *Histogram) UnmarshalJSON(data []byte) error {
	var w wireHistogram
	if err := json.Unmarshal(data, &w); err != nil {
		return err
	}
	if len(w.Buckets)%2 != 0 {
		return errHistogram
	}
	*h = Histogram{sum: w.Sum}
	for i := 0; i < len(w.Buckets); i += 2 {
		if w.Buckets[i] >= Buckets {
			return errHistogram
		}
		h.add(int(w.Buckets[i]), w.Buckets[i+1])
	}
	return nil
}
