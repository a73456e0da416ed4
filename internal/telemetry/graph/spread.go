package graph

import (
	"math"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// spread is how durations are distributed: the rate of each bucket, by its bounds in
// seconds. The zero value is empty.
type spread struct {
	buckets map[[2]float64]float64
	total   float64
}

func (s *spread) add(d *metrics.Distribution) {
	if s.buckets == nil {
		s.buckets = map[[2]float64]float64{}
	}
	for _, b := range d.Buckets {
		if b.Count > 0 {
			s.buckets[[2]float64{b.Lower, b.Upper}] += b.Count
			s.total += b.Count
		}
	}
}

// percentiles sets those of r, if there are durations.
func (s *spread) percentiles(r *Rates) {
	if s.total <= 0 {
		return
	}
	bounds := make([][2]float64, 0, len(s.buckets))
	for b := range s.buckets {
		bounds = append(bounds, b)
	}
	slices.SortFunc(bounds, func(a, b [2]float64) int { return slices.Compare(a[:], b[:]) })
	for q, to := range map[float64]*time.Duration{0.5: &r.P50, 0.95: &r.P95, 0.99: &r.P99} {
		rank := q * s.total
		for _, b := range bounds {
			n := s.buckets[b]
			if rank <= n || b == bounds[len(bounds)-1] {
				*to = time.Duration(within(b, min(1, rank/n)) * float64(time.Second))
				break
			}
			rank -= n
		}
	}
}

// within is the value below which a part of a bucket lies whose values grow by equal factors.
func within(b [2]float64, part float64) float64 {
	if b[0] <= 0 {
		return b[1] * part
	}
	return b[0] * math.Pow(b[1]/b[0], part)
}
