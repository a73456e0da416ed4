package policy

import (
	"sync/atomic"

	"github.com/banyanrun/banyan/internal/route"
)

// View is one request's look at the instances that it could go to, numbered
// from 0. Balancers are generic functions over it: a View that is a small
// struct with value receivers costs no allocation.
type View interface {
	Len() int
	// Fit reports whether instance i may get this request.
	Fit(i int) bool
	// InFlight is how many requests instance i is busy with.
	InFlight(i int) int64
	// Cost is instance i's [Latency.Cost]; 0: not known.
	Cost(i int) float64
}

// Balancer picks instances as a route.Balance says. It is made anew with each
// list of instances.
type Balancer struct {
	by   route.BalanceBy
	turn atomic.Uint64 // of RoundRobin
	ring *Ring         // of HashRing
}

// NewBalancer returns a balancer for the instances that have these names, in
// the order of the views that it will see. A nil cfg is P2C.
func NewBalancer(cfg *route.Balance, names []string) *Balancer {
	if cfg == nil {
		return &Balancer{by: route.P2C}
	}
	b := &Balancer{by: cfg.By}
	if cfg.By == route.HashRing {
		b.ring = NewRing(names)
	}
	return b
}

// Pick returns the instance that v's request should go to; -1 if none is fit. R is random,
// or for HashRing the [Hash] of the request's key, if it has one.
func Pick[V View](b *Balancer, v V, r uint64) int {
	switch b.by {
	case route.RoundRobin:
		return roundRobin(&b.turn, v)
	case route.LeastRequest:
		return leastRequest(v, r)
	case route.HashRing:
		return onRing(b.ring, v, r)
	case route.P2C:
	}
	return p2c(v, r)
}

// noise is by what factor the latencies of two instances must differ to count.
// Copies of one service differ by less at any moment; to follow that would
// leave one of two idle while there is little to do.
const noise = 2

// p2c is the less busy of two random instances (Mitzenmacher, "The power of
// two choices in randomized load balancing", 2001), by the time that a further
// request may take there: latency × (in flight + 1).
func p2c[V View](v V, r uint64) int {
	n := v.Len()
	if n < 2 {
		return scan(v, 0)
	}
	a, b := below(uint32(r), n), below(uint32(r>>32), n-1)
	if b >= a {
		b++
	}
	fitA, fitB := v.Fit(a), v.Fit(b)
	switch {
	case fitA && fitB:
		if quicker(v, b, a) {
			return b
		}
		return a
	case fitA:
		return a
	case fitB:
		return b
	}
	return scan(v, a)
}

// quicker reports whether a is likely to answer before b.
func quicker[V View](v V, a, b int) bool {
	loadA, loadB := float64(v.InFlight(a)+1), float64(v.InFlight(b)+1)
	costA, costB := v.Cost(a), v.Cost(b)
	if costA > 0 && costB > 0 && (costA > noise*costB || costB > noise*costA) {
		loadA *= costA
		loadB *= costB
	}
	return loadA < loadB
}

// roundRobin is each in turn. An instance that is not fit passes its turn on,
// and does not double its neighbour's.
func roundRobin[V View](turn *atomic.Uint64, v V) int {
	n := v.Len()
	for range n {
		if i := int(turn.Add(1) % uint64(n)); v.Fit(i) {
			return i
		}
	}
	return scan(v, 0) // others' turns came in between
}

// leastAll is up to how many instances all are compared; of more, so many random ones are.
const leastAll = 16

// leastRequest is the instance with the fewest requests in flight, any of those that are equal.
func leastRequest[V View](v V, r uint64) int {
	n := v.Len()
	best, least, equal := -1, int64(0), 0
	for k := range min(n, leastAll) {
		i := k
		if r = mix(r); n > leastAll {
			i = below(uint32(r>>32), n)
		}
		if !v.Fit(i) {
			continue
		}
		busy := v.InFlight(i)
		switch {
		case best < 0 || busy < least:
			best, least, equal = i, busy, 1
		case busy == least:
			if equal++; below(uint32(r), equal) == 0 {
				best = i
			}
		}
	}
	if best < 0 && n > leastAll {
		return scan(v, below(uint32(r), n))
	}
	return best
}

// scan returns the first fit instance from `from` on; -1 if there is none.
func scan[V View](v V, from int) int {
	n := v.Len()
	for i := from; i < n; i++ {
		if v.Fit(i) {
			return i
		}
	}
	for i := range min(from, n) {
		if v.Fit(i) {
			return i
		}
	}
	return -1
}

// below maps a random number to 0 ≤ i < n (Lemire, "Fast random integer
// generation in an interval", 2019; its bias is n in 2³²).
func below(r uint32, n int) int { return int(uint64(r) * uint64(n) >> 32) }
