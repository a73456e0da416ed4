package otlp

import "math"

// plus is what both histograms count, in the wider of their buckets; nil: these are
// too far from each other to be kept together. Neither is changed.
func (h *Histogram) plus(more *Histogram) *Histogram {
	schema := min(h.Schema, more.Schema)
	a, b := h.scaled(schema), more.scaled(schema)
	for !near(a.Positive, b.Positive) || !near(a.Negative, b.Negative) {
		if schema--; schema < minSchema {
			return nil
		}
		a, b = a.scaled(schema), b.scaled(schema)
	}
	for a.ZeroThreshold != b.ZeroThreshold { // each may end within a bucket of the other
		zero := max(a.ZeroThreshold, b.ZeroThreshold)
		a, b = a.zeroed(zero), b.zeroed(zero)
	}
	return &Histogram{
		Schema: schema, ZeroThreshold: a.ZeroThreshold, ZeroCount: a.ZeroCount + b.ZeroCount, Count: a.Count + b.Count, Sum: a.Sum + b.Sum,
		Positive: a.Positive.plus(b.Positive), Negative: a.Negative.plus(b.Negative),
	}
}

// scaled is h with the wider buckets of a schema that is not above its own.
func (h *Histogram) scaled(schema int32) *Histogram {
	if schema == h.Schema {
		return h
	}
	to := *h
	to.Schema = schema
	to.Positive, to.Negative = h.Positive.merged(h.Schema-schema), h.Negative.merged(h.Schema-schema)
	return &to
}

// merged has 2^shift buckets in one.
func (b Buckets) merged(shift int32) Buckets {
	if len(b.Counts) == 0 {
		return b
	}
	at := func(i int) int64 { return (int64(b.Offset)+int64(i)-1)>>shift + 1 }
	to := Buckets{Offset: int32(at(0)), Counts: make([]uint64, at(len(b.Counts)-1)-at(0)+1)}
	for i, n := range b.Counts {
		to.Counts[at(i)-at(0)] += n
	}
	return to
}

// span are the first bucket and the one behind the last of both.
func span(a, b Buckets) (from, to int64) {
	from, to = min(int64(a.Offset), int64(b.Offset)), max(a.end(), b.end())
	switch {
	case len(a.Counts) == 0:
		return int64(b.Offset), b.end()
	case len(b.Counts) == 0:
		return int64(a.Offset), a.end()
	}
	return from, to
}

func (b Buckets) end() int64 { return int64(b.Offset) + int64(len(b.Counts)) }

// near reports whether both are few enough buckets together.
func near(a, b Buckets) bool {
	from, to := span(a, b)
	return to-from <= maxBuckets
}

func (b Buckets) plus(more Buckets) Buckets {
	from, to := span(b, more)
	sum := Buckets{Offset: int32(from), Counts: make([]uint64, to-from)}
	for _, one := range []Buckets{b, more} {
		for i, n := range one.Counts {
			sum.Counts[int64(one.Offset)+int64(i)-from] += n
		}
	}
	return sum
}

// zeroed is h with what lies below a threshold counted as zero. It may end later than
// that: where a bucket does in which it lies.
func (h *Histogram) zeroed(threshold float64) *Histogram {
	if threshold <= h.ZeroThreshold {
		return h
	}
	to := *h
	to.ZeroThreshold = threshold
	for _, side := range []*Buckets{&to.Positive, &to.Negative} {
		for len(side.Counts) > 0 && bound(h.Schema, int64(side.Offset)-1) < threshold {
			if n := side.Counts[0]; n > 0 {
				to.ZeroCount += n
				to.ZeroThreshold = max(to.ZeroThreshold, bound(h.Schema, int64(side.Offset)))
			}
			side.Counts = side.Counts[1:]
			side.Offset++
		}
	}
	return &to
}

// bound is the upper end of a bucket.
func bound(schema int32, bucket int64) float64 {
	return math.Exp2(float64(bucket) * math.Exp2(-float64(schema)))
}
