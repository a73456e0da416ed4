package proxy

import (
	"errors"
	"math/rand/v2"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/policy"
)

// spoil does to the request what the edge's fault wants, and reports whether it
// is to be sent even so.
func (x *exchange) spoil() bool {
	f := x.edg.policy.Fault
	if f == nil {
		return true
	}
	delay, abort := policy.Spoil(f, rand.Uint64()) //nolint:gosec // any will do
	if err := x.hold(delay); err != nil {
		x.fail, _ = x.explain(err, nil)
		return false
	}
	if abort == 0 {
		return true
	}
	x.fail = x.failed(FaultInjected, nil, "")
	x.fail.as = abort
	return false
}

// hold waits for d, unless the client leaves or the request's time is over before.
func (x *exchange) hold(d time.Duration) error {
	until := x.w.loop.Now() + int64(d)
	for x.w.loop.Now() < until {
		if err := x.wait(sooner(until, x.deadline)); err != nil && !errors.Is(err, errTimeout) {
			return err
		}
		if x.deadline != 0 && x.w.loop.Now() >= x.deadline {
			return errTimeout
		}
	}
	return nil
}
