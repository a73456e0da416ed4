package reconcile

import (
	"context"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
)

// Update changes what is desired, from the loop's goroutine. The app that f
// sees must be replaced, not changed. Builds that failed are tried again.
func (l *Loop) Update(f func(*Desired, *model.Observed)) {
	l.post(func() {
		f(&l.desired, l.obs)
		for key, b := range l.obs.Builds {
			if b.Failed {
				delete(l.obs.Builds, key)
			}
		}
		l.rebuilt = true
	})
}

// Read calls f with the loop's state and plan, from the loop's goroutine; f must
// not keep them.
func (l *Loop) Read(ctx context.Context, f func(Desired, *model.Observed, Plan)) error {
	done := make(chan struct{})
	l.send(event{look: true, do: func() {
		f(l.desired, l.obs, l.plan)
		close(done)
	}})
	select {
	case <-done:
		return nil
	case <-l.done:
		return fault.New(fault.Unavailable, "the daemon is stopping")
	case <-ctx.Done():
		return fault.New(fault.Unavailable, "the daemon did not answer: %w", ctx.Err())
	}
}

// Need tells what a service cannot be started without, and is not there; nil: it is.
func (l *Loop) Need(service string, need *model.Need) {
	l.post(func() {
		delete(l.obs.Needs, service)
		if need != nil {
			if l.obs.Needs == nil {
				l.obs.Needs = map[string]model.Need{}
			}
			l.obs.Needs[service] = *need
		}
	})
}

// Built tells how a build ended.
func (l *Loop) Built(b model.Build) {
	l.post(func() {
		l.obs.Builds[b.Key] = &b
		l.pruneBuilds()
	})
}

// Started tells that an instance's process runs.
func (l *Loop) Started(id string, run, pid, port int, warnings []string, at time.Time) {
	l.on(id, run, func(i *model.Instance) {
		i.PID, i.Port, i.Started, i.Warnings = pid, port, at, warnings
		if s := l.service(i.Service); s != nil && s.Job != nil && i.Phase == model.Starting {
			i.Phase, i.ReadyAt = model.Ready, at // a job is not probed: it runs
		}
	})
}

// Ready tells that an instance passes its readiness probe.
func (l *Loop) Ready(id string, run int, at time.Time) {
	l.on(id, run, func(i *model.Instance) {
		if i.Phase != model.Starting && i.Phase != model.Unready {
			return
		}
		if i.ReadyAt.IsZero() {
			i.ReadyAt = at
		}
		i.Phase, i.Reason, i.Details = model.Ready, "", nil
	})
}

// Unready tells that an instance fails its readiness probe, or is not ready yet.
func (l *Loop) Unready(id string, run int, reason string) {
	l.on(id, run, func(i *model.Instance) {
		switch i.Phase {
		case model.Ready:
			i.Phase, i.Reason = model.Unready, reason
		case model.Starting, model.Unready:
			i.Reason = reason
		default: // what ends, or has ended, is not asked any more
		}
	})
}

// Unhealthy tells that an instance fails its liveness probe: it is started anew.
func (l *Loop) Unhealthy(id string, run int, reason string) {
	l.on(id, run, func(i *model.Instance) {
		if i.Phase == model.Starting || i.Phase == model.Ready || i.Phase == model.Unready {
			i.Phase, i.Reason = model.Stopping, reason
			l.effects.Stop(*i, l.service(i.Service), false)
		}
	})
}

// Warn adds what a person should know about an instance.
func (l *Loop) Warn(id string, run int, warning string) {
	l.on(id, run, func(i *model.Instance) {
		if !slices.Contains(i.Warnings, warning) {
			i.Warnings = append(slices.Clone(i.Warnings), warning)
		}
	})
}

// Exited tells that an instance's process has ended, or could not be started.
func (l *Loop) Exited(id string, run int, e Ended, at time.Time) {
	l.on(id, run, func(i *model.Instance) { AfterExit(i, l.service(i.Service), e, at) })
}

// Acked tells that the data plane works by the routes of that number, or later
// ones. Drained comes only for instances that were in this daemon's routes: what
// an earlier one was draining is asked for.
func (l *Loop) Acked(number uint64) {
	l.post(func() {
		l.acked = max(l.acked, number)
		for id, n := range l.dropped {
			if i := l.obs.Instances[id]; i != nil && n <= number && !i.Unrouted {
				i = l.change(id)
				i.Unrouted, i.Drained = true, !l.effects.Busy(id)
			}
		}
	})
}

// Drained tells that instances have nothing in flight any more.
func (l *Loop) Drained(ids []string) {
	l.post(func() {
		for _, id := range ids {
			if i := l.obs.Instances[id]; i != nil && i.Phase == model.Draining {
				i = l.change(id)
				i.Drained, i.Unrouted = true, true
			}
		}
	})
}

// on hands the loop an event of one run of an instance; one that comes too late is dropped.
func (l *Loop) on(id string, run int, f func(*model.Instance)) {
	l.post(func() {
		if i := l.obs.Instances[id]; i != nil && i.Run == run {
			f(l.change(id))
		}
	})
}

// post hands the loop an event.
func (l *Loop) post(do func()) { l.send(event{do: do}) }

// send queues an event; once the loop has ended, events are dropped.
func (l *Loop) send(e event) {
	select {
	case l.events <- e:
	case <-l.done:
	}
}
