package reconcile

import (
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
)

// job plans the runs of a job: once for each revision, or by its schedule. Two
// runs of one job never overlap.
func (c *computation) job(s *model.Service, revision, outDir string) {
	current, old, _ := split(c.byService[s.Name], revision)
	for _, i := range old {
		if !i.Phase.Alive() {
			c.do(Retire{i.ID, "it is replaced by revision " + revision})
		}
	}
	running := c.running(s.Name)
	due := c.obs.RunNow[s.Name]
	switch {
	case running:
		return
	case due:
	case s.Job.Schedule == "":
		due = len(current) == 0
	default:
		next := NextRun(s, c.obs.LastRun[s.Name])
		if next.IsZero() {
			return
		}
		due = !c.now.Before(next)
		if !due {
			c.wakeAt(next)
		}
	}
	if !due {
		return
	}
	if need, ok := c.obs.Needs[s.Identity()]; ok {
		c.wait(s.Name, "%s", need.Reason)
		return
	}
	for _, i := range current {
		c.do(Retire{i.ID, "another run begins"})
	}
	c.create(s, Create{s.Name, revision, outDir})
}

// running reports whether a run is on, or waits to be tried again.
func (c *computation) running(name string) bool {
	for _, i := range c.byService[name] {
		if i.Phase.Alive() || i.Phase == model.BackingOff && !i.Retiring {
			return true
		}
	}
	return false
}

// NextRun is when a scheduled job runs next after its last run began; zero for
// other jobs and schedules that never come.
func NextRun(s *model.Service, last time.Time) time.Time {
	if s.Job == nil || s.Job.Schedule == "" || last.IsZero() {
		return time.Time{}
	}
	schedule, err := appfile.ParseSchedule(s.Job.Schedule)
	if err != nil {
		return time.Time{} // refused by validation
	}
	return schedule.Next(last)
}
