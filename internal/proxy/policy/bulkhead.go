package policy

import "sync/atomic"

// Bulkhead counts what is in flight and bounds it. The zero value is ready.
// The bound comes with each call, so that it may change while requests are in
// flight.
type Bulkhead struct{ n atomic.Int64 }

// Acquire counts one in unless limit are in flight already; limit ≤ 0 is no
// bound. Each success must be followed by one Release.
func (b *Bulkhead) Acquire(limit int) bool {
	if limit <= 0 {
		b.n.Add(1)
		return true
	}
	for {
		n := b.n.Load()
		if n >= int64(limit) {
			return false
		}
		if b.n.CompareAndSwap(n, n+1) {
			return true
		}
	}
}

// Release counts one out and returns how many are left.
func (b *Bulkhead) Release() int64 { return b.n.Add(-1) }

// InFlight is how many are in.
func (b *Bulkhead) InFlight() int64 { return b.n.Load() }

// Full reports whether Acquire would refuse.
func (b *Bulkhead) Full(limit int) bool { return limit > 0 && b.n.Load() >= int64(limit) }
