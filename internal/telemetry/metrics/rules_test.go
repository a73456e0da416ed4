package metrics

import (
	"context"
	"testing"
	"time"
)

// Queries of people that take all their places keep no rule from being evaluated.
func TestRulesDoNotWait(t *testing.T) {
	s := open(t, Options{Queries: 2, QueryTimeout: 50 * time.Millisecond})
	put(t, s, at(0, 1, "up"))
	for range 2 {
		s.slots <- struct{}{} // as queries do that are under way
	}
	ctx, cancel := context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := s.Query(ctx, "up", start); err == nil {
		t.Error("a person's query found a place")
	}
	rules := s.ForRules()
	r, err := rules.Query(t.Context(), "up", start)
	if err != nil || len(r.Series) != 1 {
		t.Errorf("%v, %v", r, err)
	}
	rules.slots <- struct{}{}
	ctx, cancel = context.WithTimeout(t.Context(), 20*time.Millisecond)
	defer cancel()
	if _, err := rules.Query(ctx, "up", start); err == nil {
		t.Error("rules have more than one place")
	}
}
