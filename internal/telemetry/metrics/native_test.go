package metrics

import (
	"encoding/binary"
	"math"
	"testing"
)

// FuzzNative: whatever a client sends as a histogram is refused, or is one that
// Prometheus takes, with the same counts.
func FuzzNative(f *testing.F) {
	f.Add(int8(3), int32(-5), uint64(1), []byte{1, 0, 0, 2, 0, 0, 0, 9}, false)
	f.Add(int8(20), int32(1<<30), uint64(0), []byte{255, 255}, false)
	f.Add(int8(0), int32(0), uint64(0), []byte{1, 2, 3}, true)
	f.Fuzz(func(t *testing.T, scale int8, offset int32, zero uint64, raw []byte, custom bool) {
		h := &Histogram{Scale: int(scale), Zero: zero, Count: zero, Sum: 1, Positive: Buckets{Offset: int(offset)}}
		for i, b := range raw {
			n := uint64(b)
			if b == 255 && len(raw) > i+8 {
				n = binary.LittleEndian.Uint64(raw[i:])
			}
			h.Positive.Counts = append(h.Positive.Counts, n)
			h.Count += n
		}
		if custom {
			h.Zero = 0
			for i := range raw {
				h.Bounds = append(h.Bounds, float64(i))
			}
		} else {
			h.Negative = h.Positive
			for _, n := range h.Negative.Counts {
				h.Count += n
			}
		}
		out, err := native(h)
		if err != nil || out.Validate() != nil {
			return
		}
		sum := out.ZeroCount
		for it := out.PositiveBucketIterator(); it.Next(); {
			sum += it.At().Count
		}
		for it := out.NegativeBucketIterator(); it.Next(); {
			sum += it.At().Count
		}
		if sum != h.Count {
			t.Errorf("%d values of %d: %+v", sum, h.Count, out)
		}
		d := distribution(out.ToFloat(nil))
		for i, b := range d.Buckets {
			if math.IsNaN(b.Lower) || b.Lower > b.Upper || i > 0 && b.Lower < d.Buckets[i-1].Upper {
				t.Errorf("%+v", d.Buckets)
			}
		}
	})
}
