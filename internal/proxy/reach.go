package proxy

import (
	"errors"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/loop"
)

// reachEvery is how long after a connection could not be made it is tried again.
const reachEvery = 20 * time.Millisecond

// reach connects to inst. While no connection can be made it waits, for as long as
// the edge's policy says. Nothing was sent by then, so that any request may wait.
func (x *exchange) reach(inst *instance) (upstream, error) {
	up, err := x.connect(inst)
	if x.edg.policy.Wait <= 0 {
		return up, err
	}
	for end := x.w.after(x.edg.policy.Wait); unreachable(err) && x.w.loop.Now() < end; {
		if e := x.rest(min(end, x.w.after(reachEvery))); e != nil {
			return nil, e
		}
		up, err = x.connect(inst)
	}
	return up, err
}

// unreachable reports whether the other side took no connection; that the data
// plane is short of what it needs for one does not count.
func unreachable(err error) bool {
	e, ok := errors.AsType[dialError](err)
	return ok && !loop.IsShortage(e)
}

// rest gives way until then, or until the try's time is over or the client leaves.
func (x *exchange) rest(until int64) error {
	for x.w.loop.Now() < until {
		err := x.wait(sooner(until, x.until))
		switch {
		case !errors.Is(err, errTimeout):
			if err != nil {
				return err
			}
		case x.until != 0 && x.w.loop.Now() >= x.until:
			return err
		}
	}
	return nil
}
