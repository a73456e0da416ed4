package remote

import (
	"context"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// Topics are those of which an engine was told, until it is closed. The zero value
// has none. It is safe for concurrent use.
type Topics[T any] struct {
	mu     sync.RWMutex
	all    map[string]T
	closed bool
}

// Find returns a topic. Errors: the context's, engine.ErrClosed, engine.ErrNoTopic.
func (s *Topics[T]) Find(ctx context.Context, name string) (t T, err error) {
	if err := ctx.Err(); err != nil {
		return t, err
	}
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return t, engine.ErrClosed
	}
	t, ok := s.all[name]
	if !ok {
		return t, engine.ErrNoTopic
	}
	return t, nil
}

// Get returns a topic, which begin makes if it is new. Errors: engine.ErrClosed.
func (s *Topics[T]) Get(name string, begin func() T) (t T, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.closed {
		return t, engine.ErrClosed
	}
	if s.all == nil {
		s.all = map[string]T{}
	}
	if _, ok := s.all[name]; !ok {
		s.all[name] = begin()
	}
	return s.all[name], nil
}

// Enter calls f, which must not block, unless the engine is closed. Close waits
// for its end. Errors: engine.ErrClosed.
func (s *Topics[T]) Enter(f func()) error {
	s.mu.RLock()
	defer s.mu.RUnlock()
	if s.closed {
		return engine.ErrClosed
	}
	f()
	return nil
}

// Close lets nobody in any more, and reports whether it was the first to.
func (s *Topics[T]) Close() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	first := !s.closed
	s.closed = true
	return first
}

// Within bounds a call by its caller's context, the engine's life and a time.
func Within(ctx, life context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithTimeout(ctx, d)
	stop := context.AfterFunc(life, cancel)
	return ctx, func() {
		stop()
		cancel()
	}
}
