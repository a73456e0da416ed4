package metrics

import (
	"context"
	"time"
)

// Rules is a store whose queries do not wait for those of people: rules that wait
// until somebody's expensive queries are over say nothing in the meantime.
type Rules struct {
	*Store

	slots chan struct{}
}

// ForRules returns the store for what evaluates rules, one after the other.
func (s *Store) ForRules() *Rules { return &Rules{Store: s, slots: make(chan struct{}, 1)} }

// Query is Store.Query, in a place of its own.
func (r *Rules) Query(ctx context.Context, expr string, at time.Time) (*Result, error) {
	return r.query(ctx, r.slots, expr, r.instant(expr, at))
}
