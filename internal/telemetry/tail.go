package telemetry

import (
	"context"
	"maps"
	"slices"
	"sync"

	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// tailMost is how many records wait for one that follows.
const tailMost = 2000

// tailBytes is about how much memory they take up.
const tailBytes = 4 << 20

// tails are those who follow the logs.
type tails struct {
	mu sync.Mutex
	of map[*Tail]struct{}
}

// tell hands records to those who want them.
func (t *tails) tell(logs []signal.Log) {
	t.mu.Lock()
	all := slices.Collect(maps.Keys(t.of))
	t.mu.Unlock()
	for _, one := range all {
		one.add(logs)
	}
}

// Tail follows the logs. Close it.
type Tail struct {
	tails *tails
	match match.Matcher // nil: all

	mu     sync.Mutex
	ready  []signal.Log
	bytes  int64 // of ready
	missed int64
	wake   chan struct{}
}

// Follow returns what follows records that match, from now on. Nil matches all.
func (e *Engine) Follow(m match.Matcher) *Tail {
	t := &Tail{tails: &e.tails, match: m, wake: make(chan struct{}, 1)}
	e.tails.mu.Lock()
	defer e.tails.mu.Unlock()
	if e.tails.of == nil {
		e.tails.of = map[*Tail]struct{}{}
	}
	e.tails.of[t] = struct{}{}
	return t
}

// Close ends it.
func (t *Tail) Close() {
	t.tails.mu.Lock()
	defer t.tails.mu.Unlock()
	delete(t.tails.of, t)
}

func (t *Tail) add(logs []signal.Log) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for i := range logs {
		switch {
		case t.match != nil && !t.match.Log(&logs[i]):
		case len(t.ready) >= tailMost || t.bytes >= tailBytes:
			t.missed++
		default:
			t.ready = append(t.ready, logs[i])
			t.bytes += signal.SizeOfLogs(logs[i : i+1])
		}
	}
	if len(t.ready) > 0 {
		select {
		case t.wake <- struct{}{}:
		default:
		}
	}
}

// Next waits for records and returns them, and how many more there would have been
// behind them if they had been taken sooner.
func (t *Tail) Next(ctx context.Context) (logs []signal.Log, missed int64, err error) {
	for {
		if logs, missed = t.Ready(); len(logs) > 0 {
			return logs, missed, nil
		}
		select {
		case <-t.wake:
		case <-ctx.Done():
			return nil, 0, ctx.Err()
		}
	}
}

// Ready returns what is there, without waiting.
func (t *Tail) Ready() (logs []signal.Log, missed int64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	logs, missed = t.ready, t.missed
	t.ready, t.bytes, t.missed = nil, 0, 0
	return logs, missed
}
