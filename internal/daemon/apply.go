package daemon

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/admin"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/reconcile"
	"github.com/banyanrun/banyan/internal/route"
	"github.com/banyanrun/banyan/internal/saga/definition"
	"github.com/banyanrun/banyan/internal/telemetry/alert"
)

var _ admin.Engine = (*daemon)(nil)

// Apply implements admin.Engine: it makes the app file the desired state, whole
// or not at all. A daemon that was started for an app that it then refuses has
// nothing to do and ends.
func (d *daemon) Apply(ctx context.Context, r admin.Apply) (admin.Applied, error) {
	d.applying.Lock()
	defer d.applying.Unlock()
	if err := d.ending(); err != nil {
		return admin.Applied{}, err
	}
	before := d.current().app
	done, err := d.apply(ctx, r, before)
	if err == nil {
		return done, nil
	}
	// What the refused file brought along goes again.
	_ = d.secrets.declare(before.Secrets, nil) // nothing is stored: no error
	d.trim(before)
	if d.effects.current.Load() == nil {
		d.goDown(ctx, true)
	}
	return admin.Applied{}, err
}

// ending is the error for a call that comes after the app is down.
func (d *daemon) ending() error {
	select {
	case <-d.gone:
		return fault.New(fault.Unavailable, "the daemon is ending").Fix("try again")
	default:
		return nil
	}
}

func (d *daemon) apply(ctx context.Context, r admin.Apply, before *model.App) (admin.Applied, error) {
	app, err := load(r)
	if err != nil {
		return admin.Applied{}, err
	}
	carryOver(before, app)
	kind, err := d.sagaKind(ctx, app)
	if err != nil {
		return admin.Applied{}, err
	}
	app.CallsAll = kind != ""
	if err := d.secrets.declare(app.Secrets, r.Variables); err != nil {
		return admin.Applied{}, err
	}
	needs, err := route.Needs(app)
	if err != nil {
		return admin.Applied{}, err
	}
	addrs, err := d.addresses.bind(ctx, needs, nil)
	if err != nil {
		return admin.Applied{}, err
	}
	if err := d.finisher(addrs).finish(app); err != nil {
		return admin.Applied{}, err
	}
	if err := d.configureBus(ctx, app); err != nil {
		return admin.Applied{}, err
	}
	if err := d.configureSagas(ctx, app); err != nil {
		return admin.Applied{}, err
	}
	changed := changes(before, app)
	app.Generation = before.Generation
	if len(changed) > 0 || digest(before.Gateway) != digest(app.Gateway) || !sameDash(before.Dashboard, app.Dashboard) ||
		seenWish(before) != seenWish(app) {
		app.Generation++
	}
	warnings := slices.Concat(app.Warnings, d.sagaWarnings(ctx))
	return admin.Applied{Generation: app.Generation, Changed: changed, Warnings: warnings}, d.enforce(ctx, app, addrs)
}

// check finds mistakes in expressions, as the CLI has.
func check(app *appfile.App, dir string) []appfile.Finding {
	return append(definition.Check(app, dir), alert.Check(app, dir)...)
}

// load reads the app file and makes it definite.
func load(r admin.Apply) (*model.App, error) {
	file, err := appfile.Load(appfile.Options{
		Path: r.Path, Env: r.Environment, Profiles: r.Profiles, Check: check,
		Lookup: func(name string) (string, bool) { v, ok := r.Variables[name]; return v, ok },
	})
	if err != nil {
		if problems, ok := errors.AsType[appfile.Problems](err); ok {
			return nil, fault.New(fault.Invalid, "%w", problems)
		}
		return nil, fault.New(fault.Invalid, "%w", err)
	}
	sagas, err := sagaSources(file)
	if err != nil {
		return nil, err
	}
	app, err := draft(file, r.Environment, r.Profiles, r.Variables)
	if err != nil {
		return nil, err
	}
	app.Sagas, app.SagaStore = sagas, file.App.SagaStore
	return app, nil
}

// carryOver keeps what was set by command and not by the file.
func carryOver(before, app *model.App) {
	for name, s := range app.Services {
		old := before.Services[name]
		if old == nil {
			continue
		}
		s.Restarts = old.Restarts
		if old.Declared == s.Declared && s.Spec.Port == 0 {
			s.Replicas = old.Replicas
		}
	}
}

// enforce makes an app the desired one, durably. When it returns nil the app is
// in force: whoever holds applying next builds on it.
func (d *daemon) enforce(ctx context.Context, app *model.App, addrs map[string]string) error {
	if err := d.store.Put(ctx, kindMeta, keyDesired, app); err != nil {
		return err
	}
	if err := d.store.Delete(ctx, kindMeta, keyDown); err != nil {
		return err
	}
	needs := d.databases.needs(app)
	d.loop.Update(func(desired *reconcile.Desired, obs *model.Observed) {
		d.effects.current.Store(&applied{app: app, addrs: addrs})
		fresh := desired.App == nil // what was due while the app was down is not made up for
		desired.App, desired.Down, desired.Force = app, false, false
		obs.Needs = needs
		retryMigrations(app, obs)
		for name, s := range app.Services {
			if s.Job != nil && s.Job.Schedule != "" && (fresh || obs.LastRun[name].IsZero()) {
				obs.LastRun[name] = time.Now() // the first run is at the schedule's next time
				d.effects.SaveCounters(name, obs.Numbers[name], obs.LastRun[name])
			}
		}
	})
	inForce := func(reconcile.Desired, *model.Observed, reconcile.Plan) {}
	if err := d.loop.Read(context.WithoutCancel(ctx), inForce); err != nil {
		return err
	}
	d.databases.configure(app)
	d.trim(app)
	return nil
}

// retryMigrations has migrations that failed run once more: what was wrong may
// have been mended outside of the app.
func retryMigrations(app *model.App, obs *model.Observed) {
	for _, i := range obs.Instances {
		if s := app.Services[i.Service]; s != nil && s.Of != "" && i.Phase == model.Failed {
			obs.RunNow[i.Service] = true
		}
	}
}

// trim gives up the sockets that an app does not need. The data plane keeps its
// own copies of them until it works by routes without them.
func (d *daemon) trim(app *model.App) {
	if needs, err := route.Needs(app); err == nil {
		d.addresses.keep(needs)
	}
}

// changes names the services whose instances or number of instances an apply changes.
func changes(before, after *model.App) []string {
	var names []string
	for name, s := range after.Services {
		old := before.Services[name]
		if old == nil || old.ConfigHash != s.ConfigHash || old.BuildKey != s.BuildKey || old.Replicas != s.Replicas || old.LeftOut != s.LeftOut {
			names = append(names, name)
		}
	}
	for name := range before.Services {
		if after.Services[name] == nil {
			names = append(names, name)
		}
	}
	slices.Sort(names)
	return names
}

// edit changes the desired app: f is given a copy of the service to change.
func (d *daemon) edit(ctx context.Context, name string, f func(*model.Service) error) error {
	d.applying.Lock()
	defer d.applying.Unlock()
	if err := d.goingOn(ctx); err != nil {
		return err
	}
	now := d.current()
	old := now.app.Services[name]
	if old == nil {
		return fault.New(fault.NotFound, "there is no service %s", name).Fix("see `banyan ps` for those there are")
	}
	if old.LeftOut != "" {
		return fault.New(fault.Conflict, "%s is left out: %s", name, old.LeftOut)
	}
	s := *old
	if err := f(&s); err != nil {
		return err
	}
	app := *now.app
	app.Services = maps.Clone(now.app.Services)
	app.Services[name] = &s
	if err := d.finisher(now.addrs).configHash(&app, &s); err != nil {
		return err
	}
	return d.enforce(ctx, &app, now.addrs)
}

// goingOn refuses a change of an app that is going down: it would bring it up again.
func (d *daemon) goingOn(ctx context.Context) error {
	if err := d.ending(); err != nil {
		return err
	}
	down := false
	err := d.loop.Read(ctx, func(desired reconcile.Desired, _ *model.Observed, _ reconcile.Plan) { down = desired.Down })
	if err == nil && down {
		err = fault.New(fault.Conflict, "the app is going down").Fix("start it again with `banyan up`")
	}
	return err
}

// Scale implements admin.Engine.
func (d *daemon) Scale(ctx context.Context, service string, replicas int) error {
	return d.edit(ctx, service, func(s *model.Service) error {
		switch {
		case s.Job != nil:
			return fault.New(fault.Invalid, "%s is a job and has no replicas", service)
		case replicas < 0 || replicas > maxReplicas:
			return fault.New(fault.Invalid, "%d replicas cannot be had", replicas).Fix("choose a number from 0 to %d", maxReplicas)
		case replicas > 1 && s.Spec.Port != 0:
			return fault.New(fault.Invalid, "%s has the fixed port %d, which only one instance can have", service, s.Spec.Port).
				Fix("remove port: and let the program listen on $PORT")
		}
		s.Replicas = replicas
		return nil
	})
}

// maxReplicas bounds a service's instances on one machine.
const maxReplicas = 1000

// Restart implements admin.Engine.
func (d *daemon) Restart(ctx context.Context, service string) error {
	return d.edit(ctx, service, func(s *model.Service) error {
		if s.Job != nil {
			return fault.New(fault.Invalid, "%s is a job", service).Fix("start a run with `banyan run %s`", service)
		}
		s.Restarts++
		return nil
	})
}

// RunJob implements admin.Engine.
func (d *daemon) RunJob(ctx context.Context, job string) error {
	s := d.current().app.Services[job]
	if s == nil || s.Job == nil {
		return fault.New(fault.NotFound, "there is no job %s", job)
	}
	if s.LeftOut != "" {
		return fault.New(fault.Conflict, "%s is left out: %s", job, s.LeftOut)
	}
	d.loop.Update(func(_ *reconcile.Desired, obs *model.Observed) { obs.RunNow[job] = true })
	return ctx.Err()
}
