package elastic

import (
	"math"
	"slices"

	"github.com/banyanrun/banyan/internal/telemetry/export/point"
)

// histogram is Elasticsearch's field type of that name: values that rise, each the
// middle of a bucket, and how often they were.
type histogram struct {
	Values []float64 `json:"values"`
	Counts []uint64  `json:"counts"`
}

func (h *histogram) add(value float64, count uint64) {
	if count > 0 {
		h.Values, h.Counts = append(h.Values, value), append(h.Counts, count)
	}
}

// explicit is one of buckets with bounds. Of the first and the last, which have one
// bound only, that is the value; of a first one of times or sizes it is half of it.
func explicit(p *point.Point) *histogram {
	h := &histogram{Values: []float64{}, Counts: []uint64{}}
	for i, n := range p.Counts {
		switch {
		case len(p.Bounds) == 0:
			h.add(p.Sum/math.Max(1, float64(p.Count)), n)
		case i == 0 && p.Bounds[0] > 0:
			h.add(p.Bounds[0]/2, n)
		case i == 0:
			h.add(p.Bounds[0], n)
		case i < len(p.Bounds):
			h.add((p.Bounds[i-1]+p.Bounds[i])/2, n)
		default:
			h.add(p.Bounds[len(p.Bounds)-1], n)
		}
	}
	return h
}

// exponential is one of exponential buckets.
func exponential(p *point.Point) *histogram {
	h := &histogram{Values: []float64{}, Counts: []uint64{}}
	width := math.Exp2(-float64(p.Scale))
	middle := func(index int) float64 {
		low := math.Exp2(float64(index) * width)
		return math.Min(low*(1+math.Exp2(width))/2, math.MaxFloat64)
	}
	for i, n := range slices.Backward(p.Negative.Counts) {
		h.add(-middle(p.Negative.Offset+i), n)
	}
	h.add(0, p.Zero)
	for i, n := range p.Positive.Counts {
		h.add(middle(p.Positive.Offset+i), n)
	}
	return h
}
