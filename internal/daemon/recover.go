package daemon

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/banyanrun/banyan/internal/driver"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/reconcile"
	"github.com/banyanrun/banyan/internal/state"
)

// adoption is what an earlier daemon left.
type adoption struct {
	observed  *model.Observed
	adopted   []adopted
	dataPlane driver.Process // nil: there is none any more
	// dataPlaneSince is when the data plane was started.
	dataPlaneSince time.Time
}

type adopted struct {
	id      string
	process driver.Process
	record  processRecord
}

// adopt finds what still runs of what an earlier daemon started, and brings the
// observed state to what is. Processes of instances that nobody knows of are ended.
func (d *daemon) adopt(ctx context.Context, app *model.App) (*adoption, error) {
	obs, err := savedState(ctx, d.store)
	if err != nil {
		return nil, err
	}
	records, err := state.All[processRecord](ctx, d.store, kindProcess)
	if err != nil {
		return nil, err
	}
	a := &adoption{observed: obs}
	for id, record := range records {
		process, err := d.driver.Adopt(ctx, record.Identity)
		if err != nil && !errors.Is(err, driver.ErrGone) {
			return nil, fmt.Errorf("%s cannot be adopted: %w", id, err)
		}
		switch i := obs.Instances[id]; {
		case process == nil:
			d.store.Queue(kindProcess, id, nil, d.effects.unsaved)
		case id == dataPlaneID:
			a.dataPlane, a.dataPlaneSince = process, record.Started
		case i == nil || i.Run != record.Run || !i.Phase.Alive():
			d.log.Warn("a process without an instance is ended", "instance", id, "pid", record.Identity.PID)
			if err := process.Stop(ctx, "SIGKILL", 0); err != nil {
				d.log.Error("it could not be ended", "instance", id, "error", err)
			}
			d.store.Queue(kindProcess, id, nil, d.effects.unsaved)
		default:
			a.adopted = append(a.adopted, adopted{id: id, process: process, record: record})
		}
	}
	a.settle(app, time.Now())
	return a, nil
}

// settle brings every instance's phase to what was found.
func (a *adoption) settle(app *model.App, now time.Time) {
	alive := map[string]*adopted{}
	for n := range a.adopted {
		alive[a.adopted[n].id] = &a.adopted[n]
	}
	for key, b := range a.observed.Builds {
		if _, err := os.Stat(b.Dir); b.Done && errors.Is(err, fs.ErrNotExist) {
			delete(a.observed.Builds, key) // somebody removed it: it is built again
		}
	}
	for name, last := range a.observed.LastRun {
		a.observed.LastRun[name] = earlier(last, now) // the clock may have been set back
	}
	for id, i := range a.observed.Instances {
		if !i.Phase.Alive() {
			// The clock may have been set back meanwhile.
			i.RetryAt = earlier(i.RetryAt, now.Add(reconcile.BackoffMost))
			continue
		}
		var s *model.Service
		if app != nil {
			s = app.Services[i.Service]
		}
		p := alive[id]
		if p == nil {
			// Not its fault, as far as anybody knows: it is started again at once.
			reconcile.AfterExit(i, s, reconcile.Ended{Reason: "ended while the daemon was away", NotCounted: true}, now)
			continue
		}
		i.PID, i.Port, i.Started = p.process.Identity().PID, p.record.Port, p.record.Started
		// What the data plane has finished meanwhile is not known: draining and
		// stopping begin anew.
		if i.Phase == model.Draining || i.Phase == model.Stopping {
			i.Phase, i.Drained, i.Unrouted, i.Killed = model.Starting, false, false, false
			if !i.ReadyAt.IsZero() {
				i.Phase = model.Ready
			}
		}
	}
}

func earlier(a, b time.Time) time.Time {
	if b.Before(a) {
		return b
	}
	return a
}

// attach watches the processes that were adopted. The loop must know their instances.
func (x *instances) attach(list []adopted, obs *model.Observed) {
	for _, p := range list {
		i := *obs.Instances[p.id]
		r := &running{run: i.Run, process: p.process, ready: make(chan struct{}), started: p.record.Started}
		close(r.ready)
		x.mu.Lock()
		x.running[i.ID] = r
		x.mu.Unlock()
		if err := x.logs.Open(i.ID, i.Service); err != nil {
			x.log.Warn("an instance's output cannot be read", "instance", i.ID, "error", err)
		}
		x.wg.Go(func() { x.watch(i, r) })
	}
}
