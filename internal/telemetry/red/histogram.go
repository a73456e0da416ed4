package red

import (
	"math"

	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// scale has eight buckets to a power of two, as many as account's histograms have.
// Their bounds differ, so that a bucket of one goes as a whole into that of the other
// which holds what stands for it: a quantile is off by at most a bucket more.
const scale = 3

// histogram is h in seconds.
func histogram(h *account.Histogram) *metrics.Histogram {
	to := &metrics.Histogram{Sum: h.Sum().Seconds(), Scale: scale}
	for b := range h.All() {
		i := index(b.Value().Seconds())
		p := &to.Positive
		if len(p.Counts) == 0 {
			p.Offset = i
		}
		for len(p.Counts) <= i-p.Offset { // buckets come in rising order
			p.Counts = append(p.Counts, 0)
		}
		p.Counts[i-p.Offset] += b.Count
		to.Count += b.Count
	}
	return to
}

// index is the bucket of a value greater than zero.
func index(v float64) int { return int(math.Ceil(math.Log2(v)*(1<<scale))) - 1 }
