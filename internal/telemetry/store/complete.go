package store

import (
	"context"
	"slices"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/block"
)

// Completion looks at this many of the newest sources, and at so many values in each.
const (
	completeSources = 6
	completeValues  = 20_000
)

// Fields returns names of attributes that recent records have and that begin with a
// prefix, in alphabetical order, at most limit.
func (s *Store) Fields(ctx context.Context, kind Kind, prefix string, limit int) ([]string, error) {
	return s.complete(ctx, kind, prefix, limit, func(r block.Records, yield func(string) bool) error { return r.Fields(yield) })
}

// Values returns values of a field, of recent records, that begin with a prefix, in
// alphabetical order, at most limit.
func (s *Store) Values(ctx context.Context, kind Kind, field, prefix string, limit int) ([]string, error) {
	return s.complete(ctx, kind, prefix, limit, func(r block.Records, yield func(string) bool) error { return r.Values(field, yield) })
}

func (s *Store) complete(ctx context.Context, kind Kind, prefix string, limit int, look func(block.Records, func(string) bool) error) ([]string, error) {
	shelf, err := s.shelf(kind)
	if err != nil {
		return nil, err
	}
	v := shelf.view()
	defer v.close()
	found := map[string]struct{}{}
	sources := v.newestFirst()
	for _, src := range sources[:min(len(sources), completeSources)] {
		if err := v.read(ctx, src, func(r block.Records) error {
			seen := 0
			return look(r, func(text string) bool {
				seen++
				if strings.HasPrefix(text, prefix) {
					found[text] = struct{}{}
				}
				return seen < completeValues
			})
		}); err != nil {
			return nil, err
		}
	}
	all := make([]string, 0, len(found))
	for text := range found {
		all = append(all, text)
	}
	slices.Sort(all)
	return all[:min(len(all), max(limit, 0))], nil
}
