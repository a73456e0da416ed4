package proxy

import (
	"math/rand/v2"
	"slices"
	"time"
)

// pool is a service's instances as one table has them, with the breakers of
// the edge that leads there (nil: none; else one for each instance).
type pool struct {
	instances []*instance
	breakers  []*breaker
}

// choice is an instance that was acquired for one try. The zero value is none.
type choice struct {
	inst    *instance
	breaker *breaker
	trial   bool
}

// why there is no choice
type refusal int

const (
	chosen      refusal = iota
	allDraining         // or there are none: a newer table may know better
	allOpen             // breakers
)

// pick acquires an instance: the less busy of two random ones (Mitzenmacher,
// "The power of two choices in randomized load balancing", 2001), not one of
// tried while another is there, not an ejected one while another is there.
func (p *pool) pick(now time.Time, tried []*instance) (choice, refusal) {
	why := allDraining
	if len(p.instances) == 1 {
		return p.take(now, 0, &why), why
	}
	if i := p.twoChoices(tried); i >= 0 {
		if c := p.take(now, i, &why); c.inst != nil {
			return c, chosen
		}
	}
	// Something is wrong with the likely ones: go through all, in three rounds
	// of falling demands.
	for _, fits := range []func(*instance) bool{
		func(i *instance) bool { return !i.outlier.ejected.Load() && !slices.Contains(tried, i) },
		func(i *instance) bool { return !slices.Contains(tried, i) },
		func(*instance) bool { return true },
	} {
		if c := p.scan(now, fits, &why); c.inst != nil {
			return c, chosen
		}
	}
	return choice{}, why
}

// twoChoices returns the index of the better of two random instances; -1 if neither fits.
func (p *pool) twoChoices(tried []*instance) int {
	n := len(p.instances)
	if n == 0 {
		return -1
	}
	a := rand.IntN(n)     //nolint:gosec // balancing, not secrecy
	b := rand.IntN(n - 1) //nolint:gosec // as above
	if b >= a {
		b++
	}
	fitA, fitB := fit(p.instances[a], tried), fit(p.instances[b], tried)
	switch {
	case fitA && fitB:
		if p.instances[b].inFlight.Load() < p.instances[a].inFlight.Load() {
			return b
		}
		return a
	case fitA:
		return a
	case fitB:
		return b
	}
	return -1
}

func fit(i *instance, tried []*instance) bool {
	return !i.draining.Load() && !i.outlier.ejected.Load() && !slices.Contains(tried, i)
}

// scan tries all that fit, from a random one on.
func (p *pool) scan(now time.Time, fits func(*instance) bool, why *refusal) choice {
	n := len(p.instances)
	if n == 0 {
		return choice{}
	}
	from := rand.IntN(n) //nolint:gosec // balancing, not secrecy
	for k := range n {
		i := (from + k) % n
		if !fits(p.instances[i]) {
			continue
		}
		if c := p.take(now, i, why); c.inst != nil {
			return c
		}
	}
	return choice{}
}

// take acquires instance i unless it drains or its breaker is open.
func (p *pool) take(now time.Time, i int, why *refusal) choice {
	inst := p.instances[i]
	if inst.draining.Load() {
		return choice{}
	}
	var b *breaker
	if p.breakers != nil {
		b = p.breakers[i]
	}
	ok, trial := b.allow(now)
	if !ok {
		*why = allOpen
		return choice{}
	}
	if !inst.acquire() {
		b.done(now, neutral, trial)
		return choice{}
	}
	*why = chosen
	return choice{inst: inst, breaker: b, trial: trial}
}
