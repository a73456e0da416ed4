package policy

import (
	"math"
	"sync/atomic"
	"time"
)

// Latency is a peak-sensitive moving average of an instance's response times:
// it jumps to a time that is longer and moves slowly to shorter ones, and it
// fades while nothing is observed, so that a slow instance is tried again. It
// is Finagle's PeakEwma (com.twitter.finagle.loadbalancer), which linkerd2-proxy
// uses, too. The zero value is ready.
//
// Of a try that failed, observe what its caller lost by it: otherwise an
// instance that fails fast looks like the best.
type Latency struct {
	// The average, ns, as a float32, and above it when it was observed, in units
	// of latencyTick: one word, so that both change at once. The time comes round
	// in 19 hours; what it then takes for recent fades in seconds.
	word atomic.Uint64
}

const (
	latencyTick = 14 // bits of a nanosecond count that are dropped: 16 µs
	// latencyFade is the time in which the average falls to 1/e. Finagle has 10 s;
	// after a peak of a thousand times the usual, such as a first request to cold
	// code, that starves an instance for a minute.
	latencyFade = 2 * time.Second
)

// Observe notes a response time, ns.
func (l *Latency) Observe(now, rtt int64) {
	x := float64(max(1, rtt))
	for {
		old := l.word.Load()
		avg, left := fade(old, now)
		if avg *= left; x < avg {
			avg += x * (1 - left)
		} else {
			avg = x
		}
		next := uint64(now>>latencyTick)<<32 | uint64(math.Float32bits(float32(avg)))
		if l.word.CompareAndSwap(old, next) {
			return
		}
	}
}

// Cost is the average, ns, as it has faded by now; 0: nothing was observed.
func (l *Latency) Cost(now int64) float64 {
	avg, w := fade(l.word.Load(), now)
	return avg * w
}

// fade returns the average in word and the part of it that is left now.
func fade(word uint64, now int64) (avg, left float64) {
	ticks := int32(uint32(now>>latencyTick) - uint32(word>>32)) // modular
	const perTick = float64(1<<latencyTick) / float64(latencyFade)
	avg = float64(math.Float32frombits(uint32(word)))
	switch age := float64(ticks) * perTick; {
	case age <= 0: // another loop's clock is ahead
		return avg, 1
	case age < 1e-3: // the busy case; right to one in a million
		return avg, 1 - age
	default:
		return avg, math.Exp(-age)
	}
}
