package reconcile

import (
	"fmt"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
)

// defaultDrain is used for instances whose service is not in the app file any more.
const defaultDrain = 30 * time.Second

// advance takes one instance a step further in its life.
func (c *computation) advance(i *model.Instance) {
	switch i.Phase {
	case model.Starting, model.Ready, model.Unready:
		c.advanceRunning(i)
	case model.Draining:
		late := !c.now.Before(i.Deadline)
		if i.Drained || late && i.Unrouted || c.desired.Force {
			c.do(Stop{Instance: i.ID, Why: i.Reason, Kill: c.desired.Force})
			return
		}
		if !late {
			c.wakeAt(i.Deadline)
		}
	case model.BackingOff:
		switch {
		case i.Retiring:
			c.do(Remove{i.ID})
		case c.desired.Down:
		case !c.now.Before(i.RetryAt):
			c.do(Start{i.ID})
		default:
			c.wakeAt(i.RetryAt)
		}
	case model.Stopped, model.Failed, model.Completed:
		if i.Retiring {
			c.do(Remove{i.ID})
		}
	case model.Stopping:
		if c.desired.Force && !i.Killed {
			c.do(Stop{Instance: i.ID, Why: i.Reason, Kill: true}) // its grace period is cut short
		}
	}
}

func (c *computation) advanceRunning(i *model.Instance) {
	s := c.spec(i.Service)
	switch {
	case i.Retiring && c.desired.Force:
		c.do(Stop{Instance: i.ID, Why: i.Reason, Kill: true})
	case i.Retiring && (i.ReadyAt.IsZero() || s != nil && s.Job != nil):
		c.do(Stop{Instance: i.ID, Why: i.Reason}) // no request ever went to it
	case i.Retiring:
		c.do(Drain{i.ID, c.now.Add(drainTimeout(s))})
	case s == nil:
	case s.Job != nil && s.Job.Timeout > 0:
		c.limit(i, s.Job.Timeout, "ran longer than its timeout of %s")
	case s.Job == nil && i.Phase == model.Starting && !i.Started.IsZero():
		c.limit(i, time.Duration(s.Spec.StartTimeout), "was not ready within its start_timeout of %s")
	}
}

// limit stops an instance that has been running for longer than d.
func (c *computation) limit(i *model.Instance, d time.Duration, format string) {
	if d <= 0 {
		return
	}
	end := i.Started.Add(d)
	if c.now.Before(end) {
		c.wakeAt(end)
		return
	}
	c.do(Stop{Instance: i.ID, Why: fmt.Sprintf(format, d)})
}

func (c *computation) spec(name string) *model.Service {
	if c.desired.App == nil {
		return nil
	}
	return c.desired.App.Services[name]
}

func drainTimeout(s *model.Service) time.Duration {
	if s == nil || s.Spec.DrainTimeout == nil {
		return defaultDrain
	}
	return time.Duration(*s.Spec.DrainTimeout)
}

// Backoff of restarts: the first after 100 ms, doubling to 30 s; an instance
// that was ready for 60 s begins anew.
const (
	backoffFirst   = 100 * time.Millisecond
	BackoffMost    = 30 * time.Second
	backoffHealthy = 60 * time.Second
)

// Ended says how an instance's process ended.
type Ended struct {
	// Reason is for people: "exit code 1 after 2s".
	Reason string
	// Success: exit code 0, not by a signal.
	Success bool
	// NotCounted: it ended for a cause that is not its own, such as a port that
	// was taken or a daemon that died while starting it. It is started again at once.
	NotCounted bool
	Details    []string
}

// AfterExit moves an instance on whose process has ended; s is nil when its
// service is not wanted any more.
func AfterExit(i *model.Instance, s *model.Service, e Ended, now time.Time) {
	wasStopping := i.Phase == model.Stopping
	if !i.ReadyAt.IsZero() && now.Sub(i.ReadyAt) >= backoffHealthy {
		i.Crashes = 0
	}
	if !wasStopping {
		i.Reason = e.Reason // else the reason for stopping it says more
	}
	i.Details = e.Details
	i.ReadyAt, i.Started, i.Drained, i.Unrouted, i.Killed, i.PID = time.Time{}, time.Time{}, false, false, false, 0
	switch {
	case i.Retiring:
		i.Phase = model.Stopped
	case s == nil:
		i.Phase = model.Failed
	case e.NotCounted:
		i.Phase, i.RetryAt = model.BackingOff, now
	case s.Job != nil:
		afterRun(i, s, e, now)
	case e.Success && s.Spec.Restart != appfile.RestartAlways:
		i.Phase = model.Completed
	case s.Spec.Restart == appfile.RestartNo:
		i.Phase = model.Failed
	default:
		backOff(i, now)
	}
}

func afterRun(i *model.Instance, s *model.Service, e Ended, now time.Time) {
	switch {
	case e.Success:
		i.Phase, i.Crashes = model.Completed, 0
	case i.Crashes < s.Job.Retries:
		backOff(i, now)
	default:
		i.Phase = model.Failed
	}
}

func backOff(i *model.Instance, now time.Time) {
	delay := BackoffMost
	if i.Crashes < 16 { // 100 ms << 16 is past the most, and far from overflow
		delay = min(backoffFirst<<i.Crashes, BackoffMost)
	}
	i.Crashes++
	i.Restarts++
	i.Phase, i.RetryAt = model.BackingOff, now.Add(delay)
}
