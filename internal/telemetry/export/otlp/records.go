package otlp

import (
	"slices"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// together are records by resource, the one that comes first first: on the wire a
// resource stands before all of its own.
func together[T any](records []T, of func(*T) *signal.Resource) []T {
	place := map[*signal.Resource]int{}
	for i := range records {
		if r := of(&records[i]); place[r] == 0 {
			place[r] = len(place) + 1
		}
	}
	sorted := slices.Clone(records)
	slices.SortStableFunc(sorted, func(a, b T) int { return place[of(&a)] - place[of(&b)] })
	return sorted
}

func spanResource(s *signal.Span) *signal.Resource { return s.Resource }

func logResource(l *signal.Log) *signal.Resource { return l.Resource }
