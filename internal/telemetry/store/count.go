package store

import (
	"cmp"
	"context"
	"math"
	"slices"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/block"
	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

const (
	bucketsDefault = 60
	bucketsMost    = 500
	facetMost      = 50
	// facetKept bounds the memory of a facet: of a field with more values, those
	// that come late are not counted.
	facetKept = 10_000
)

// CountLogs counts log records by time and severity, and by values.
func (s *Store) CountLogs(ctx context.Context, q CountQuery) (*CountResult, error) {
	if q.To <= q.From {
		return nil, fault.New(fault.Invalid, "the time to count in ends before it begins").Fix("give a from that is before to")
	}
	n := int64(min(cmp.Or(max(q.Buckets, 0), bucketsDefault), bucketsMost))
	length := uint64(q.To) - uint64(q.From)
	step := min((length-1)/uint64(n)+1, math.MaxInt64)
	c := counter{from: q.From, step: int64(step), fields: q.Fields}
	for at := range n {
		if start := q.From + at*c.step; start >= q.From && start < q.To {
			c.buckets = append(c.buckets, [25]int64{})
		}
	}
	c.facets = make([]map[string]int64, len(q.Fields))
	for i := range c.facets {
		c.facets[i] = map[string]int64{}
	}
	v := s.logs.view()
	defer v.close()
	bq := block.NewQuery(block.Logs, q.From, q.To, q.Match)
	want := block.Want{Reads: append([]string{}, q.Fields...), Reuse: true}
	for _, src := range v.sources {
		if src.meta.Rows == 0 || src.meta.MaxTime < q.From || src.meta.MinTime >= q.To {
			continue
		}
		if err := v.find(ctx, src, bq, func(r block.Records, rows []uint32) error {
			return r.Logs(rows, want, c.add)
		}); err != nil {
			return nil, err
		}
	}
	return c.result(v.scan), nil
}

// counter adds log records up.
type counter struct {
	from, step int64
	fields     []string
	buckets    [][25]int64 // by severity
	facets     []map[string]int64
	total      int64
}

func (c *counter) add(_ uint32, l *signal.Log) bool {
	// A difference of two times may be more than an int64 holds.
	at := min((uint64(l.Time)-uint64(c.from))/uint64(c.step), uint64(len(c.buckets)-1))
	c.buckets[at][min(l.Severity, 24)]++
	c.total++
	for i, field := range c.fields {
		v, ok := match.LogField(l, field)
		if !ok {
			continue
		}
		text := v.String()
		if _, known := c.facets[i][text]; known || len(c.facets[i]) < facetKept {
			c.facets[i][text]++
		}
	}
	return true
}

func (c *counter) result(scan Scan) *CountResult {
	r := &CountResult{Step: c.step, Total: c.total, Scan: scan, Buckets: make([]Bucket, len(c.buckets))}
	for i := range c.buckets {
		counts := map[string]int64{}
		for severity, n := range c.buckets[i] {
			if n > 0 {
				counts[signal.Severity(severity).String()] += n
			}
		}
		r.Buckets[i] = Bucket{Start: c.from + int64(i)*c.step, Counts: counts}
	}
	for i, field := range c.fields {
		f := Facet{Field: field}
		for value, n := range c.facets[i] {
			f.Values = append(f.Values, FacetValue{value, n})
		}
		slices.SortFunc(f.Values, func(a, b FacetValue) int {
			return cmp.Or(cmp.Compare(b.Count, a.Count), cmp.Compare(a.Value, b.Value))
		})
		f.Values = f.Values[:min(len(f.Values), facetMost)]
		r.Facets = append(r.Facets, f)
	}
	return r
}
