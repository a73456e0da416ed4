package proxy

import (
	"sync"
	"sync/atomic"
	"time"
)

// A retry budget keeps retries from making an overload worse: each request
// pays in a fifth of a retry, and three a second come for free.
const (
	budgetShare = 200     // thousandths of a retry a request pays in
	budgetCap   = 100_000 // thousandths that can be saved up
	budgetFree  = 3       // retries a second
)

// budget is a token bucket; the zero value is ready.
type budget struct {
	saved atomic.Int64 // thousandths, from requests

	mu   sync.Mutex
	free float64
	last time.Time
}

// request pays in.
func (b *budget) request() {
	if b.saved.Load() < budgetCap {
		b.saved.Add(budgetShare)
	}
}

// take takes out one retry, if there is one.
func (b *budget) take(now time.Time) bool {
	if b.takeFree(now) {
		return true
	}
	for {
		s := b.saved.Load()
		if s < 1000 {
			return false
		}
		if b.saved.CompareAndSwap(s, s-1000) {
			return true
		}
	}
}

func (b *budget) takeFree(now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.last.IsZero() {
		b.free = budgetFree
	} else {
		b.free = min(budgetFree, b.free+budgetFree*now.Sub(b.last).Seconds())
	}
	b.last = now
	if b.free < 1 {
		return false
	}
	b.free--
	return true
}
