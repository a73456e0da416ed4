package policy

import (
	"sync/atomic"
	"time"
)

// Budget is a retry budget, which keeps retries from making an overload worse:
// each request pays in a share of a retry, and three a second come for free.
// Up to 100 retries can be saved up. The idea is Finagle's RetryBudget:
// https://twitter.github.io/finagle/guide/Clients.html#retries
type Budget struct {
	share int64        // thousandths of a retry that a request pays in
	saved atomic.Int64 // thousandths
	full  atomic.Int64 // when all free retries will be there again
}

const (
	budgetShare = 0.2
	budgetCap   = 100_000 // thousandths
	budgetFree  = 3       // retries a second, and at once
	budgetEvery = int64(time.Second) / budgetFree
)

// NewBudget returns a budget of share retries a request, 0 < share ≤ 1. 0 is the default, 0.2.
func NewBudget(share float64) *Budget {
	b := new(Budget)
	b.Init(share)
	return b
}

// Init makes the zero Budget what NewBudget returns.
func (b *Budget) Init(share float64) {
	if share == 0 {
		share = budgetShare
	}
	b.share = max(1, int64(share*1000+0.5))
}

// Request pays in.
func (b *Budget) Request() {
	if b.saved.Load() < budgetCap { // full in good times: then loops only read it
		b.saved.Add(b.share)
	}
}

// Take takes out one retry, if there is one.
func (b *Budget) Take(now int64) bool {
	return b.takeFree(now) || b.takeSaved()
}

// Return gives back a retry that was taken and not made.
func (b *Budget) Return() {
	if b.saved.Load() < budgetCap {
		b.saved.Add(1000)
	}
}

// takeFree is the generic cell rate algorithm (ITU-T I.371).
func (b *Budget) takeFree(now int64) bool {
	for {
		full := b.full.Load()
		next := max(full, now) + budgetEvery
		if next-now > int64(time.Second) {
			return false
		}
		if b.full.CompareAndSwap(full, next) {
			return true
		}
	}
}

func (b *Budget) takeSaved() bool {
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
