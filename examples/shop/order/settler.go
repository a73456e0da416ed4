package main

import (
	"context"
	"log/slog"
	"sync"
	"time"
)

// How long the settler waits after a round that left something open; it doubles from the first to the second.
const (
	firstPause = 200 * time.Millisecond
	lastPause  = 5 * time.Second
)

// settler looks after every open order that no request has in hand: those that the service was killed over, which it finds when it
// starts, and those whose undoing could not be finished at once.
type settler struct {
	log      *slog.Logger
	store    store
	checkout *checkout
	wake     chan struct{}

	mu     sync.Mutex
	inHand map[string]bool
}

func newSettler(log *slog.Logger, store store, checkout *checkout) *settler {
	return &settler{log: log, store: store, checkout: checkout, wake: make(chan struct{}, 1), inHand: map[string]bool{}}
}

// claim keeps the settler off an order until release is called, which makes it look at what is open.
func (s *settler) claim(id string) (release func()) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.inHand[id] = true
	return func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.inHand, id)
		select {
		case s.wake <- struct{}{}:
		default: // it is awake already
		}
	}
}

func (s *settler) isInHand(id string) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.inHand[id]
}

// run settles what is open until the context ends. While something stays open it tries again, in ever longer pauses; else it
// sleeps until a request lets go of an order.
func (s *settler) run(ctx context.Context) {
	pause := firstPause
	for {
		var retry <-chan time.Time
		wake := s.wake
		if s.round(ctx) {
			pause = firstPause
		} else {
			retry, wake = time.After(pause), nil
			pause = min(2*pause, lastPause)
		}
		select {
		case <-ctx.Done():
			return
		case <-wake:
		case <-retry:
		}
	}
}

// round tries to settle all open orders once, and tells whether none is left.
func (s *settler) round(ctx context.Context) (clean bool) {
	ids, err := s.store.open(ctx)
	if err != nil {
		s.log.ErrorContext(ctx, "open orders", "error", err.Error())
		return false
	}
	clean = true
	for _, id := range ids {
		if ctx.Err() != nil || s.isInHand(id) {
			continue
		}
		o, err := s.store.find(ctx, id) // as it is now: a request may have settled it meanwhile
		if err == nil && !o.settled() {
			err = s.checkout.run(ctx, o)
		}
		if err != nil {
			s.log.ErrorContext(ctx, "order not settled", "order", id, "error", err.Error())
		} else if o.settled() {
			s.log.InfoContext(ctx, "order settled", "order", id, "status", o.status)
		}
		clean = clean && err == nil && o.settled()
	}
	return clean
}
