package policy

import (
	"sync/atomic"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// Verdict is what became of a request, to a breaker.
type Verdict uint8

// The verdicts.
const (
	Neutral Verdict = iota // not the instance's doing: the client left
	Good
	Bad
)

// Change is what a verdict did to a breaker.
type Change uint8

// The changes.
const (
	Same Change = iota
	Opened
	Closed
)

// Breaker is a circuit breaker of one edge to one instance: closed until the
// rolling window holds at least MinRequests of which FailureRatio failed; then
// open for OpenFor; then half open: one trial decides. Nil is a breaker that
// never opens.
type Breaker struct {
	cfg   route.Breaker
	width int64 // of a slot, ns

	// state is 0 when closed, else when a trial is due, shifted left by one; the
	// lowest bit is set while the trial is under way.
	state atomic.Int64
	slots [breakerSlots]atomic.Uint64 // each a slot
}

const (
	breakerSlots = 10 // how finely the window rolls
	breakerTrial = 1  // the lowest bit of Breaker.state
)

// NewBreaker returns a closed breaker; all of cfg's fields are positive.
func NewBreaker(cfg route.Breaker) *Breaker {
	return &Breaker{cfg: cfg, width: max(1, int64(cfg.Window)/breakerSlots)}
}

// Config is what the breaker was made of.
func (b *Breaker) Config() route.Breaker { return b.cfg }

// Allow reports whether a request may be sent, and whether it is the trial of a
// half-open breaker. Each ok must be followed by one call of Done.
func (b *Breaker) Allow(now int64) (ok, trial bool) {
	if b == nil {
		return true, false
	}
	s := b.state.Load()
	if s == 0 {
		return true, false
	}
	won := due(s, now) && b.state.CompareAndSwap(s, s|breakerTrial)
	return won, won
}

// Ready reports whether Allow would let a request through now; it changes nothing.
func (b *Breaker) Ready(now int64) bool {
	if b == nil {
		return true
	}
	s := b.state.Load()
	return s == 0 || due(s, now)
}

// Wait is how long no request will be let through; 0 if one may be. While a
// trial is under way nobody knows: then it is 1 ns.
func (b *Breaker) Wait(now int64) time.Duration {
	if b.Ready(now) {
		return 0
	}
	return time.Duration(max(1, b.state.Load()>>1-now))
}

// due reports whether an open breaker wants a trial.
func due(state, now int64) bool { return state&breakerTrial == 0 && now >= state>>1 }

// Done notes what became of an allowed request.
func (b *Breaker) Done(now int64, v Verdict, trial bool) Change {
	switch {
	case b == nil:
		return Same
	case trial:
		return b.tried(now, v)
	case v == Neutral, b.state.Load() != 0: // sent before it opened: says nothing new
		return Same
	}
	n := now / b.width
	b.note(n, v == Bad)
	if v == Bad && b.failing(n) && b.state.CompareAndSwap(0, b.openAt(now)) {
		return Opened
	}
	return Same
}

// tried is the end of the trial, of which there is one at a time.
func (b *Breaker) tried(now int64, v Verdict) Change {
	switch v {
	case Good:
		for i := range b.slots {
			b.slots[i].Store(0)
		}
		b.state.Store(0)
		return Closed
	case Bad:
		b.state.Store(b.openAt(now))
	case Neutral: // another trial
		b.state.Store(b.state.Load() &^ breakerTrial)
	}
	return Same
}

// openAt is the state of a breaker that opens now.
func (b *Breaker) openAt(now int64) int64 { return max(1, now+int64(b.cfg.OpenFor)) << 1 }

// note counts a request in the window's slot n.
func (b *Breaker) note(n int64, failed bool) {
	at := &b.slots[n%breakerSlots]
	for {
		old := at.Load()
		s := slot(old)
		if s.age(n) != 0 {
			s = newSlot(n)
		}
		if at.CompareAndSwap(old, uint64(s.add(failed))) {
			return
		}
	}
}

// failing reports whether the window that ends with slot n asks to open.
func (b *Breaker) failing(n int64) bool {
	all, failed := 0, 0
	for i := range b.slots {
		if s := slot(b.slots[i].Load()); s.age(n) < breakerSlots {
			all += s.all()
			failed += s.failed()
		}
	}
	return all >= b.cfg.MinRequests && float64(failed) >= b.cfg.FailureRatio*float64(all)
}

// slot is a part of a window in one word, so that it changes at once: its
// number (24 bits; it comes round, which at worst keeps counts of long ago),
// its requests and how many of them failed (20 bits each).
type slot uint64

const (
	slotCount  = 1<<20 - 1
	slotNumber = 1<<24 - 1
)

func newSlot(n int64) slot { return slot(n&slotNumber) << 40 }

func (s slot) all() int    { return int(s >> 20 & slotCount) }
func (s slot) failed() int { return int(s & slotCount) }

// age is by how many slots s is older than slot n.
func (s slot) age(n int64) int64 { return (n - int64(s>>40)) & slotNumber }

// add counts one request. A slot that is full is halved, which keeps its ratio.
func (s slot) add(failed bool) slot {
	if s.all() == slotCount {
		s = s>>40<<40 | slot(s.all()/2)<<20 | slot(s.failed()/2)
	}
	s += 1 << 20
	if failed {
		s++
	}
	return s
}
