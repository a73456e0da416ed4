package e2e

import (
	"context"
	"fmt"
	"testing"
	"time"
)

// pollEvery is how often a condition is asked for.
const pollEvery = 10 * time.Millisecond

// until asks for a condition until it holds; when time runs out it returns what
// the condition lacked last.
func until(ctx context.Context, most time.Duration, holds func() error) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	for {
		err := holds()
		if err == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return fmt.Errorf("after %s: %w", most, err)
		}
	}
}

// await is until, and the end of the test if the condition does not come to hold.
func await(t *testing.T, most time.Duration, what string, holds func() error) {
	t.Helper()
	if err := until(t.Context(), most, holds); err != nil {
		t.Fatalf("%s: %v", what, err)
	}
}

// pause is the time between two deeds of a test that nothing marks the end of.
func pause(t *testing.T, d time.Duration) {
	t.Helper()
	select {
	case <-time.After(d):
	case <-t.Context().Done():
	}
}
