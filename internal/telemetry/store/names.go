package store

import (
	"cmp"
	"context"
	"slices"

	"github.com/banyanrun/banyan/internal/telemetry/block"
	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// SpanName is what spans are called, and of which kind those are.
type SpanName struct {
	Name string
	Kind signal.Kind
}

// Services returns the services that spans are of, in alphabetical order.
func (s *Store) Services() []string {
	v := s.spans.view()
	defer v.close()
	var all []string
	for _, src := range v.sources {
		all = append(all, src.meta.Services...)
	}
	slices.Sort(all)
	return slices.Compact(all)
}

// SpanNames returns what the recent spans that match are called, in alphabetical
// order, at most limit.
func (s *Store) SpanNames(ctx context.Context, m match.Matcher, limit int) ([]SpanName, error) {
	v := s.spans.view()
	defer v.close()
	q := block.NewQuery(block.Spans, 0, 0, m)
	found := map[SpanName]struct{}{}
	sources := v.newestFirst()
	for _, src := range sources[:min(len(sources), completeSources)] {
		if src.meta.Rows == 0 {
			continue
		}
		err := v.find(ctx, src, q, func(r block.Records, rows []uint32) error {
			return r.Spans(rows, block.Want{Reads: []string{match.FieldName}, Reuse: true}, func(_ uint32, span *signal.Span) bool {
				if len(found) < limit {
					found[SpanName{span.Name, span.Kind}] = struct{}{}
				}
				return len(found) < limit
			})
		})
		if err != nil {
			return nil, err
		}
	}
	all := make([]SpanName, 0, len(found))
	for name := range found {
		all = append(all, name)
	}
	slices.SortFunc(all, func(a, b SpanName) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind)) })
	return all, nil
}
