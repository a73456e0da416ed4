package proxy

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// breakerSlots is how finely a breaker's window rolls.
const breakerSlots = 10

// breaker is a circuit breaker of one edge to one instance: closed until the
// window holds at least MinRequests of which FailureRatio failed; then open for
// OpenFor; then half open: one trial decides.
type breaker struct {
	cfg route.Breaker

	open atomic.Bool // the fast path's view: not closed

	mu     sync.Mutex
	until  time.Time // open until
	trial  bool      // half open and the trial is under way
	slots  [breakerSlots]struct{ all, failed int }
	latest int64 // number of the slot that is being filled
}

func newBreaker(cfg route.Breaker) *breaker { return &breaker{cfg: cfg} }

// allow reports whether a request may be sent, and whether it is the trial of a
// half-open breaker. Each ok must be followed by one call of done.
func (b *breaker) allow(now time.Time) (ok, trial bool) {
	if b == nil || !b.open.Load() {
		return true, false
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if !b.open.Load() {
		return true, false
	}
	if b.trial || now.Before(b.until) {
		return false, false
	}
	b.trial = true
	return true, true
}

// verdict is what became of a request, to a breaker.
type verdict int

const (
	neutral verdict = iota // not the instance's doing: the client left
	good
	bad
)

// change is what a verdict did to a breaker.
type change int

const (
	same change = iota
	opened
	closed
)

// done notes what became of an allowed request.
func (b *breaker) done(now time.Time, v verdict, trial bool) change {
	if b == nil {
		return same
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if trial {
		return b.tried(now, v)
	}
	if b.open.Load() { // sent before it opened: says nothing new
		return same
	}
	if v == neutral {
		return same
	}
	b.roll(now)
	slot := &b.slots[b.latest%breakerSlots]
	slot.all++
	if v == bad {
		slot.failed++
	}
	all, failed := 0, 0
	for _, s := range b.slots {
		all += s.all
		failed += s.failed
	}
	if v == bad && all >= b.cfg.MinRequests && float64(failed) >= b.cfg.FailureRatio*float64(all) {
		b.until = now.Add(b.cfg.OpenFor)
		b.open.Store(true)
		return opened
	}
	return same
}

// tried is the end of the trial.
func (b *breaker) tried(now time.Time, v verdict) change {
	b.trial = false
	switch v {
	case good:
		b.slots = [breakerSlots]struct{ all, failed int }{}
		b.open.Store(false)
		return closed
	case bad:
		b.until = now.Add(b.cfg.OpenFor)
	case neutral: // another trial
	}
	return same
}

// roll empties the slots that left the window.
func (b *breaker) roll(now time.Time) {
	width := max(int64(b.cfg.Window)/breakerSlots, 1)
	n := now.UnixNano() / width
	for ; b.latest < n && n-b.latest <= breakerSlots; b.latest++ {
		b.slots[(b.latest+1)%breakerSlots] = struct{ all, failed int }{}
	}
	if b.latest < n { // idle for longer than the window
		b.slots = [breakerSlots]struct{ all, failed int }{}
		b.latest = n
	}
}
