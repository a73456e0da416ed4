//go:build unix

package slim

import (
	"context"
	"runtime/debug"
	"syscall"
	"time"
)

const (
	// quiet is how long nothing has changed when a process is at rest.
	quiet = 3 * time.Second
	// again is how often one that stays at rest is looked at.
	again = time.Minute
	// atWork is how much processor time it takes up meanwhile if it is at work.
	atWork = again / 20
)

// AfterChanges calls Down when nothing has changed for some seconds, until ctx ends.
// What changes returns is closed, or receives, with the next change.
func AfterChanges(ctx context.Context, changes func() <-chan struct{}) {
	r := rest{changes: changes, down: Down}
	r.run(ctx)
}

// AtRest is AfterChanges for a process that makes garbage while it waits: it calls
// Down each minute, too, and has garbage collected twice as often, unless the process
// is at work.
func AtRest(ctx context.Context, changes func() <-chan struct{}) {
	percent := debug.SetGCPercent(100)
	debug.SetGCPercent(percent)
	r := rest{changes: changes, down: Down, spent: spent, resting: func(is bool) {
		if is && percent > 0 { // below, it is off
			debug.SetGCPercent(percent / 2)
		} else {
			debug.SetGCPercent(percent)
		}
	}}
	r.run(ctx)
}

// rest is what happens to a process at rest.
type rest struct {
	changes func() <-chan struct{}
	down    func()
	spent   func() time.Duration // nil: it is not looked at again
	resting func(bool)
}

func (r *rest) run(ctx context.Context) {
	changed, due := r.changes(), time.After(quiet)
	for first := true; ; {
		before := r.used()
		select {
		case <-changed:
			changed, due, first = r.changes(), time.After(quiet), true
			continue
		case <-due:
		case <-ctx.Done():
			return
		}
		idle := first || r.used()-before < atWork
		if r.resting != nil {
			r.resting(idle)
		}
		if idle {
			r.down()
		}
		if due, first = nil, false; r.spent != nil {
			due = time.After(again)
		}
	}
}

func (r *rest) used() time.Duration {
	if r.spent == nil {
		return 0
	}
	return r.spent()
}

// spent is the processor time that the process has taken up.
func spent() time.Duration {
	var u syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
		return 0
	}
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}
