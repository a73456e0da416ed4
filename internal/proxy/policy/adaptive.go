package policy

import (
	"math"
	"sync"
	"sync/atomic"
	"time"
)

// Adaptive finds how many requests an instance can usefully have in flight
// from how long they take. It is the gradient controller of Envoy's adaptive
// concurrency filter: per window, limit = limit × gradient + √limit, where the
// gradient compares the response time without a queue with that of the window:
// https://www.envoyproxy.io/docs/envoy/latest/configuration/http/http_filters/adaptive_concurrency_filter
// The time without a queue is the least that was seen; where that is long ago,
// it is measured anew under half the limit, as BBR does (Cardwell et al.,
// "BBR: congestion-based congestion control", 2016).
//
// [Bulkhead] enforces the limit.
type Adaptive struct {
	limit atomic.Int64

	// The window that is being filled. Closing it may split a request between two
	// windows, which does not matter.
	count, sum, busy, ends atomic.Int64

	mu    sync.Mutex // guards what follows; closing a window takes it, and nobody waits for it
	max   float64
	exact float64 // the limit that holds when none is tried
	least float64 // ns without a queue; 0: not known
	seen  int64   // when a window was as quick as that
	wait  int64   // how long after that it is measured anew, ns
	phase int
}

const (
	adaptiveWindow  = int64(100 * time.Millisecond) // at least; twice a response time where that is longer
	adaptiveSamples = 10                            // a window has at least
	adaptiveStart   = 10                            // the limit to begin with
	adaptiveBuffer  = 1.25                          // so much longer than the least is still without a queue
	adaptiveNear    = 1.1                           // so much longer is as quick as the least
	// A least time that was not seen again for so long is measured anew: often at
	// first, when it may have been measured under load.
	adaptivePatience      = int64(time.Second)
	adaptiveMostPatience  = int64(10 * time.Second)
	adaptiveTurns         = 50 // in response times: it takes four, which must be little of all
	adaptiveLeastGradient = 0.5
	adaptiveMostGradient  = 2
)

// The phases of an Adaptive.
const (
	steady    = iota
	draining  // the limit is lowered; answers of requests sent before still come
	measuring // the window shows the time without a queue
)

// NewAdaptive returns a limiter whose limit is at most limit, > 0.
func NewAdaptive(limit int) *Adaptive {
	a := &Adaptive{max: float64(limit), exact: min(adaptiveStart, float64(limit)), wait: adaptivePatience}
	a.publish(a.exact)
	return a
}

// Limit is how many requests may be in flight now, ≥ 1.
func (a *Adaptive) Limit() int { return int(a.limit.Load()) }

// Observe notes a response that took rtt ns while inFlight requests, itself
// among them, were in flight. What failed at once says nothing and is not to
// be noted; what timed out is.
func (a *Adaptive) Observe(now, rtt, inFlight int64) {
	a.sum.Add(max(1, rtt))
	n := a.count.Add(1)
	for {
		b := a.busy.Load()
		if inFlight <= b || a.busy.CompareAndSwap(b, inFlight) {
			break
		}
	}
	if n < adaptiveSamples || now < a.ends.Load() || !a.mu.TryLock() {
		return
	}
	defer a.mu.Unlock()
	if now >= a.ends.Load() {
		a.turn(now)
	}
}

// turn closes a window and begins the next.
func (a *Adaptive) turn(now int64) {
	n, sum, busy := a.count.Swap(0), a.sum.Swap(0), a.busy.Swap(0)
	if n == 0 {
		return
	}
	rtt := float64(sum) / float64(n)
	a.ends.Store(now + max(adaptiveWindow, 2*int64(rtt))) // so that most of what it sees was sent in it
	switch a.phase {
	case draining:
		a.phase = measuring
		return
	case measuring:
		a.phase = steady
		a.least, a.seen = rtt, now
		a.publish(a.exact)
		return
	}
	if a.least == 0 || rtt < a.least {
		a.least = rtt
	}
	if rtt <= a.least*adaptiveNear {
		a.seen = now
	}
	gradient := min(adaptiveMostGradient, max(adaptiveLeastGradient, adaptiveBuffer*a.least/rtt))
	next := a.exact*gradient + math.Sqrt(a.exact)
	// A limit that is not made use of says nothing about a higher one.
	if next < a.exact || 2*float64(busy) >= a.exact {
		a.exact = min(a.max, max(1, next))
	}
	if now-a.seen < max(a.wait, adaptiveTurns*int64(rtt)) {
		a.publish(a.exact)
		return
	}
	a.phase = draining
	a.wait = min(2*a.wait, adaptiveMostPatience)
	a.publish(a.exact/2 - 1)
}

func (a *Adaptive) publish(limit float64) { a.limit.Store(max(1, int64(limit+0.5))) }
