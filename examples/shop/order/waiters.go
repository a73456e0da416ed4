package main

import (
	"context"
	"slices"
	"sync"
	"time"
)

// maxWaiting is how many requests may wait for the end of their order at a time.
// Each holds two connections; when more come, they are answered that it is pending.
const maxWaiting = 256

// waiters are the requests that wait for the end of their order.
type waiters struct {
	most time.Duration // that one waits
	poll time.Duration // how often it looks by itself: another replica may be told

	mu sync.Mutex
	of map[string][]chan struct{}
	n  int
}

// add makes a waiter for an order; nil where there are too many.
func (w *waiters) add(id string) chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.n == maxWaiting {
		return nil
	}
	w.n++
	told := make(chan struct{}, 1)
	w.of[id] = append(w.of[id], told)
	return told
}

func (w *waiters) remove(id string, told chan struct{}) {
	if told == nil {
		return
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	w.n--
	w.of[id] = slices.DeleteFunc(w.of[id], func(other chan struct{}) bool { return other == told })
	if len(w.of[id]) == 0 {
		delete(w.of, id)
	}
}

func (w *waiters) tell(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, told := range w.of[id] {
		select {
		case told <- struct{}{}:
		default: // it knows
		}
	}
}

// wait waits for the end of a pending order and gives it as it then is: still pending where that takes too long, or too many wait.
func (s *service) wait(ctx context.Context, o *order, told chan struct{}) (*order, error) {
	if told == nil {
		return o, nil
	}
	late := time.After(s.waiters.most)
	poll := time.NewTicker(s.waiters.poll)
	defer poll.Stop()
	for {
		select {
		case <-told:
		case <-poll.C:
		case <-late:
			return o, nil
		case <-ctx.Done():
			return o, nil // nobody hears the answer
		}
		now, err := s.store.find(ctx, o.id)
		if err != nil || now.settled() {
			return now, err
		}
	}
}
