package flow

import (
	"math/rand/v2"
	"time"
)

// Config is how a subscription is delivered. Zero values of the last four mean
// the defaults that their constants name.
type Config struct {
	Concurrency int // deliveries under way, from 1
	MaxAttempts int // then a record is a dead letter; 0: never
	// The wait after attempt n is drawn evenly between 0 and First·2ⁿ⁻¹, or Most
	// if that is less.
	First, Most time.Duration
	// KeepBodies: what was read cannot be read again (engine.Abilities.Replay is
	// false). Then only MaxOpen bounds memory, and what was open when progress was
	// saved comes again from the cursor. It holds up nothing if it does not.
	KeepBodies bool

	MaxOpen      int // records read and not done; then no more are read
	AheadRecords int // that wait to be sent; then no more are read
	AheadBytes   int // of them; the same
	MaxLoads     int // records being read again
}

// Defaults of Config.
const (
	MaxOpen      = 100_000
	AheadRecords = 1_000
	AheadBytes   = 4 << 20
	MaxLoads     = 64
)

// How a whole subscription waits.
const (
	minHold    = 100 * time.Millisecond // however short a time the subscriber asks for
	maxHold    = time.Hour              // however long
	firstProbe = 100 * time.Millisecond // doubling
	lastProbe  = 5 * time.Second
)

func (c Config) withDefaults() Config {
	defaults := func(n *int, value int) {
		if *n <= 0 {
			*n = value
		}
	}
	defaults(&c.Concurrency, 1)
	defaults(&c.MaxOpen, MaxOpen)
	defaults(&c.AheadRecords, AheadRecords)
	defaults(&c.AheadBytes, AheadBytes)
	defaults(&c.MaxLoads, MaxLoads)
	return c
}

// backoff returns the wait after an attempt, counted from 1: "full jitter" of
// Brooker, Exponential Backoff And Jitter, AWS Architecture Blog, 2015.
func (c Config) backoff(attempt int, random *rand.Rand) time.Duration {
	ceiling := c.First
	for ; attempt > 1 && ceiling < c.Most; attempt-- {
		ceiling *= 2
	}
	ceiling = max(0, min(ceiling, c.Most))
	return time.Duration(random.Int64N(int64(ceiling) + 1))
}
