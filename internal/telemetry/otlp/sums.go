package otlp

import (
	"cmp"
	"slices"
	"sync"
	"time"

	"go.opentelemetry.io/collector/pdata/pmetric"
)

// sumsMost bounds the memory of sums, in bytes, about.
const sumsMost = 16 << 20

// sumsRest is how long a sum is kept that nothing comes for.
const sumsRest = time.Hour

// sums add up what comes with delta temporality: what was counted since the point
// before becomes what was counted since the first. Its methods are safe for concurrent
// use.
type sums struct {
	most int64

	mu    sync.Mutex
	of    map[string]*sum
	size  int64
	swept time.Time
}

// sum is what a series has come to.
type sum struct {
	start int64    // when the first point began
	last  interval // of the last point
	used  time.Time
	size  int64

	value       float64
	classic     classic
	exponential *Histogram // never changed: samples have it
}

// classic is a histogram with bounds of its own.
type classic struct {
	bounds []float64
	counts []uint64
	count  uint64
	sum    float64
	hasSum bool
}

func newSums(most int64) *sums { return &sums{most: most, of: map[string]*sum{}} }

// sumSize is what one takes beside its key and buckets.
const sumSize = 256

// interval is the time that a point of delta temporality is of. from is 0 where it is
// not known.
type interval struct{ from, to int64 }

// add has a point added to its series' sum by more, which returns how many buckets the
// sum has then, and calls show with the sum. A point that came before, as when its
// sender heard no answer, is not added again. Why says why a point is not taken.
func (s *sums) add(key string, of interval, now time.Time, more func(*sum) (int, bool), show func(*sum)) (why string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.sweep(now)
	at := s.of[key]
	switch {
	case at == nil:
		at = &sum{start: cmp.Or(of.from, of.to)}
		if s.size+sumSize+int64(len(key)) > s.most {
			return whySums
		}
	case of == at.last: // it came before
		show(at)
		return ""
	case of.to <= at.last.to || of.from != 0 && of.from < at.last.to:
		return whyOverlap
	}
	buckets, ok := more(at)
	if !ok {
		return whyScale
	}
	at.last, at.used = of, now
	size := sumSize + int64(len(key)) + 8*int64(buckets)
	s.size += size - at.size
	at.size, s.of[key] = size, at
	show(at)
	return ""
}

// end forgets a series.
func (s *sums) end(key string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if at := s.of[key]; at != nil {
		s.size -= at.size
		delete(s.of, key)
	}
}

// sweep forgets, now and then, what nothing came for.
func (s *sums) sweep(now time.Time) {
	if now.Sub(s.swept) < time.Minute {
		return
	}
	s.swept = now
	for key, at := range s.of {
		if now.Sub(at.used) >= sumsRest {
			s.size -= at.size
			delete(s.of, key)
		}
	}
}

// number makes a point its series' sum, which began at start.
func (s *sums) number(key string, of interval, p pmetric.NumberDataPoint, now time.Time) (start int64, why string) {
	v := p.DoubleValue()
	if p.ValueType() == pmetric.NumberDataPointValueTypeInt {
		v = float64(p.IntValue())
	}
	why = s.add(key, of, now, func(at *sum) (int, bool) {
		at.value += v
		return 0, true
	}, func(at *sum) {
		p.SetDoubleValue(at.value)
		start = at.start
	})
	return start, why
}

// histogram makes a point its series' sum. One with other bounds begins anew, which
// queries see as a counter that does.
func (s *sums) histogram(key string, of interval, p pmetric.HistogramDataPoint, now time.Time) (start int64, why string) {
	why = s.add(key, of, now, func(at *sum) (int, bool) {
		c, bounds := &at.classic, p.ExplicitBounds().AsRaw()
		if c.counts == nil || !slices.Equal(c.bounds, bounds) || len(c.counts) != p.BucketCounts().Len() {
			*c = classic{bounds: bounds, counts: make([]uint64, p.BucketCounts().Len()), hasSum: true}
			at.start = cmp.Or(of.from, of.to)
		}
		for i := range c.counts {
			c.counts[i] += p.BucketCounts().At(i)
		}
		c.count += p.Count()
		c.sum += p.Sum()
		c.hasSum = c.hasSum && p.HasSum()
		return 2 * len(c.counts), true
	}, func(at *sum) {
		p.BucketCounts().FromRaw(at.classic.counts)
		p.SetCount(at.classic.count)
		p.RemoveSum()
		if at.classic.hasSum {
			p.SetSum(at.classic.sum)
		}
		start = at.start
	})
	return start, why
}

// exponential returns the sum of a series to which h is added.
func (s *sums) exponential(key string, of interval, h *Histogram, now time.Time) (total *Histogram, start int64, why string) {
	why = s.add(key, of, now, func(at *sum) (int, bool) {
		next := h
		if at.exponential != nil {
			next = at.exponential.plus(h)
		}
		if next == nil {
			return 0, false
		}
		at.exponential = next
		return len(next.Positive.Counts) + len(next.Negative.Counts), true
	}, func(at *sum) { total, start = at.exponential, at.start })
	return total, start, why
}
