package policy

import (
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// Spoil says how a request is to suffer under f: for how long it is held up (0:
// not at all), and the status that it is then answered with (0: it is sent on).
// Both are decided independently. R is random.
func Spoil(f *route.Fault, r uint64) (delay time.Duration, abort int) {
	if Chance(f.DelayPercent, uint32(r)) {
		delay = f.Delay
	}
	if Chance(f.AbortPercent, uint32(r>>32)) {
		abort = f.Abort
	}
	return delay, abort
}

// Chance is true for percent (0 to 100) of all r.
func Chance(percent float64, r uint32) bool {
	return float64(r) < percent/100*(1<<32)
}
