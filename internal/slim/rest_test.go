//go:build unix

package slim

import (
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// TestRest: memory is given back once after each row of changes, and where it is
// looked at again each minute in which the process was not at work.
func TestRest(t *testing.T) {
	for _, c := range []struct {
		name   string
		looks  bool
		downs  []time.Duration
		rested []bool
	}{
		{"after changes", false, []time.Duration{5 * time.Second, 103 * time.Second}, nil},
		{"at rest", true, []time.Duration{5 * time.Second, 65 * time.Second, 103 * time.Second, 223 * time.Second}, []bool{true, true, true, false, true}},
	} {
		t.Run(c.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				change := make(chan struct{}, 1)
				var downs []time.Duration
				var rested []bool
				r := rest{changes: func() <-chan struct{} { return change }, down: func() { downs = append(downs, time.Since(began)) }}
				if c.looks {
					r.resting = func(is bool) { rested = append(rested, is) }
					r.spent = func() time.Duration { // at work from 110 s to 130 s
						return min(max(0, time.Since(began)-110*time.Second), 20*time.Second) / 2
					}
				}
				done := make(chan struct{})
				go func() { defer close(done); r.run(t.Context()) }()
				for _, at := range []time.Duration{time.Second, 2 * time.Second, 100 * time.Second} {
					<-time.After(time.Until(began.Add(at)))
					change <- struct{}{}
				}
				<-time.After(time.Until(began.Add(240 * time.Second)))
				synctest.Wait()
				if !slices.Equal(downs, c.downs) || !slices.Equal(rested, c.rested) {
					t.Errorf("%v, %v; want %v, %v", downs, rested, c.downs, c.rested)
				}
			})
		})
	}
}
