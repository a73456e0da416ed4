package daemon

import (
	"context"
	"os"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/reconcile"
)

// Down implements admin.Engine. When it returns nil nothing is left but this
// process, which ends next. That the app goes down is durable, if the disk lets
// it: a daemon that is killed on the way is followed by one that goes on with it.
func (d *daemon) Down(ctx context.Context, force bool) error {
	d.beginDown(ctx, force)
	for {
		changed := d.Changes()
		left, down := 0, false
		err := d.loop.Read(ctx, func(desired reconcile.Desired, obs *model.Observed, _ reconcile.Plan) {
			left, down = len(obs.Instances), desired.Down
		})
		if err == nil && !down {
			return fault.New(fault.Conflict, "the app was started again while it went down")
		}
		if err == nil {
			select {
			case <-changed:
				continue
			case <-d.gone:
			case <-ctx.Done():
				err = fault.New(fault.Timeout, "%d instances are still being stopped: %w", left, ctx.Err())
			}
		}
		select {
		case <-d.gone: // the end of the daemon ends this call too: it has done its work
			return nil
		default:
			return err
		}
	}
}

func (d *daemon) beginDown(ctx context.Context, force bool) {
	d.applying.Lock()
	defer d.applying.Unlock()
	if d.ending() == nil {
		d.goDown(ctx, force)
	}
}

// goDown is beginDown for who holds applying.
func (d *daemon) goDown(ctx context.Context, force bool) {
	if err := d.store.Put(ctx, kindMeta, keyDown, true); err != nil {
		// A full disk must not keep an app from being stopped.
		d.log.Error("that the app goes down is not durable: a daemon that is killed now is followed by one that starts it again", "error", err)
	}
	d.loop.Update(func(desired *reconcile.Desired, _ *model.Observed) {
		desired.Down, desired.Force = true, desired.Force || force
	})
	d.goingDown.Do(func() { close(d.going) })
}

// endWhenDown dismantles the app once it goes down and no instance is left.
func (d *daemon) endWhenDown(ctx context.Context) error {
	select {
	case <-d.going:
	case <-ctx.Done():
		return ctx.Err()
	}
	for {
		changed := d.Changes()
		empty, _, err := d.empty(ctx)
		if err == nil && empty {
			empty, err = d.endIfEmpty(ctx)
		}
		switch {
		case err != nil:
			return err
		case empty:
			return errDown
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// empty reports whether the app goes down and no instance is left.
func (d *daemon) empty(ctx context.Context) (empty, force bool, err error) {
	err = d.loop.Read(ctx, func(desired reconcile.Desired, obs *model.Observed, _ reconcile.Plan) {
		empty, force = desired.Down && len(obs.Instances) == 0, desired.Force
	})
	return empty, force, err
}

// endIfEmpty dismantles the app unless an apply has brought it up meanwhile.
// Whoever waits for applying sees that the app is gone.
func (d *daemon) endIfEmpty(ctx context.Context) (bool, error) {
	d.applying.Lock()
	defer d.applying.Unlock()
	empty, force, err := d.empty(ctx)
	if err != nil || !empty {
		return false, err
	}
	if err := d.dismantle(context.WithoutCancel(ctx), force); err != nil {
		return false, err
	}
	close(d.gone)
	return true, nil
}

// drainMost is how long the data plane may take for requests in flight to finish.
const drainMost = 10 * time.Second

// dismantle ends the data plane and drops what only a running app needs.
func (d *daemon) dismantle(ctx context.Context, force bool) error {
	drain := drainMost
	if force {
		drain = 0
	}
	if err := d.keeper.Shutdown(ctx, drain); err != nil {
		return err
	}
	if err := d.logs.End(dataPlaneID); err != nil {
		d.log.Warn("the data plane's output could not be kept", "error", err)
	}
	d.store.Queue(kindProcess, dataPlaneID, nil, d.effects.unsaved)
	d.store.Queue(kindMeta, keyDesired, nil, d.effects.unsaved)
	if err := d.store.Delete(ctx, kindMeta, keyDown); err != nil {
		d.log.Error("what is stored says that the app is up", "error", err)
	}
	d.hold("")
	if err := os.Remove(d.layout.ProxySocket); err != nil && !os.IsNotExist(err) {
		d.log.Warn("a socket is left", "error", err)
	}
	return d.ports.Close()
}
