package export

import (
	"math/rand/v2"
	"time"
)

const (
	backoffFirst = time.Second
	backoffMost  = time.Minute
	// askedMost bounds what a target may ask to wait.
	askedMost = 15 * time.Minute
)

// backoff says how long to wait between attempts that fail.
type backoff struct{ next time.Duration }

// wait is how long to wait now: twice as long each time, less up to a half so that not
// all come at once, and no less than the target asks for.
func (b *backoff) wait(asked time.Duration) time.Duration {
	b.next = min(max(2*b.next, backoffFirst), backoffMost)
	d := b.next - time.Duration(rand.Int64N(int64(b.next/2))) //nolint:gosec // it spreads load and guards nothing
	return max(d, min(asked, askedMost))
}

func (b *backoff) reset() { b.next = 0 }
