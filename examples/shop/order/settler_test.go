package main

import (
	"context"
	"log/slog"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"example.com/shop/contract"
)

// The settler keeps off an order that a request has in hand.
func TestSettlerLeavesRequestsAlone(t *testing.T) {
	s := open(t)
	clean := false
	s.vary("charge", func() fault { clean = s.settler.round(t.Context()); return "" })
	decode[contract.Order](t, s.place("k1", twoMugs), 201)
	if !clean || len(s.seen) < 5 || slices.Index(s.seen[2:], "reserve") >= 0 {
		t.Fatalf("the settler did the order too: %v", s.seen)
	}
}

// The pauses of the settler double up to a bound while its rounds fail.
func TestSettlerTriesAgainInPauses(t *testing.T) {
	s := open(t)
	s.plug() // every round fails
	synctest.Test(t, func(t *testing.T) {
		start := time.Now()
		var rounds []time.Duration
		settler := newSettler(onRecord(func() { rounds = append(rounds, time.Since(start)) }), s.store, s.checkout)
		ctx, stop := context.WithTimeout(t.Context(), 12*time.Second)
		defer stop()
		settler.run(ctx)
		ms := time.Millisecond
		if want := []time.Duration{0, 200 * ms, 600 * ms, 1400 * ms, 3000 * ms, 6200 * ms, 11200 * ms}; !slices.Equal(rounds, want) {
			t.Fatalf("rounds at %v, want %v", rounds, want)
		}
	})
}

// onRecord is a log that calls do for each record.
func onRecord(do func()) *slog.Logger { return slog.New(recorder{slog.DiscardHandler, do}) }

type recorder struct {
	slog.Handler
	do func()
}

func (recorder) Enabled(context.Context, slog.Level) bool    { return true }
func (r recorder) Handle(context.Context, slog.Record) error { r.do(); return nil }
