package daemon

import (
	"context"
	"errors"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/banyanrun/banyan/internal/build"
	"github.com/banyanrun/banyan/internal/daemon/launch"
	"github.com/banyanrun/banyan/internal/daemon/layout"
	"github.com/banyanrun/banyan/internal/dataplane"
	"github.com/banyanrun/banyan/internal/driver"
	"github.com/banyanrun/banyan/internal/driver/process"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/logs"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/ports"
	"github.com/banyanrun/banyan/internal/reconcile"
	"github.com/banyanrun/banyan/internal/route"
	"github.com/banyanrun/banyan/internal/state"
)

// open opens what is on disk.
func (d *daemon) open(ctx context.Context) (err error) {
	if holder(d.lock) != "" && !state.Exists(d.layout.Database) {
		return fault.New(fault.Damaged, "the state of an app that is up is gone: %s is missing or empty", d.layout.Database).
			Fix("put it back; or stop the app's processes, move the state directory away, and run `banyan up` again")
	}
	if d.store, err = state.Open(ctx, d.layout.Database); err != nil {
		return err
	}
	if d.secrets, err = openSecrets(d.layout.Secrets); err != nil {
		return err
	}
	if d.logs, err = logs.New(logs.Options{Dir: d.layout.Logs, Log: d.log, Redact: d.secrets.redact}); err != nil {
		return err
	}
	d.telemetry = d.newTelemetry()
	d.builder = build.New(d.layout.Builds)
	d.driver, err = process.New(process.Options{Exec: []string{d.self, "exec"}, Tag: layout.Hash(d.layout.StateDir), Log: d.log})
	return err
}

// close closes what open opened, as far as it came.
func (d *daemon) close() error {
	var err error
	if d.driver != nil {
		d.driver.Close()
	}
	if r := d.sagaRoom.Load(); r != nil {
		err = errors.Join(err, r.close())
	}
	if b := d.broker.Load(); b != nil {
		err = errors.Join(err, b.close())
	}
	if d.databases != nil {
		d.databases.close()
	}
	if d.dashboard.actions != nil {
		err = errors.Join(err, d.dashboard.actions.Close())
	}
	if d.telemetry != nil {
		err = errors.Join(err, d.telemetry.close())
	}
	if d.logs != nil {
		err = errors.Join(err, d.logs.Close())
	}
	if d.store != nil {
		err = errors.Join(err, d.store.Close())
	}
	return err
}

// wire adopts what an earlier daemon left and gives every engine what it needs.
func (d *daemon) wire(ctx, background context.Context) error {
	d.background = background
	if err := d.home(ctx); err != nil {
		return err
	}
	var app *model.App
	if _, err := d.store.Get(ctx, kindMeta, keyDesired, &app); err != nil {
		return err
	}
	epoch, err := d.nextEpoch(ctx)
	if err != nil {
		return err
	}
	if app != nil {
		if err := d.secrets.declare(app.Secrets, nil); err != nil {
			return err
		}
	}
	if d.databases, err = openDatabases(background, d.store, d.secrets, d.log); err != nil {
		return err
	}
	d.databases.need = func(service string, need *model.Need) { d.loop.Need(service, need) }
	d.effects = &effects{
		log: d.log, store: d.store, builder: d.builder, secret: d.secrets.get, epoch: epoch, changed: make(chan struct{}),
		platform: "unix:" + d.layout.ServiceSocket,
	}
	d.effects.instances = &instances{
		log: d.log, store: d.store, driver: d.driver, logs: d.logs, secret: d.secrets.get, token: d.secrets.token, database: d.databases.address, data: d.layout.Data,
		users: &users{app: d.layout.StateDir, root: os.Getuid() == 0}, ctx: background, room: make(chan struct{}, startsAtOnce),
		running: map[string]*running{}, app: d.current,
	}
	found, err := d.adopt(ctx, app)
	if err != nil {
		return err
	}
	if err := d.openPorts(ctx, found); err != nil {
		return err
	}
	d.effects.instances.ports = d.ports
	if err := d.connect(found.dataPlane, found.dataPlaneSince); err != nil {
		return err
	}
	if err := d.begin(ctx, app, found); err != nil {
		return err
	}
	return d.openDash(ctx)
}

// nextEpoch numbers this daemon's snapshots.
func (d *daemon) nextEpoch(ctx context.Context) (uint64, error) {
	var epoch uint64
	if _, err := d.store.Get(ctx, kindMeta, keyEpoch, &epoch); err != nil {
		return 0, err
	}
	epoch++
	return epoch, d.store.Put(ctx, kindMeta, keyEpoch, epoch)
}

// openPorts takes the leases of what was found.
func (d *daemon) openPorts(ctx context.Context, found *adoption) (err error) {
	known := map[int]string{}
	for id, i := range found.observed.Instances {
		if i.Port >= ports.First && i.Port <= ports.Last {
			known[i.Port] = id
		}
	}
	listeners, err := state.All[string](ctx, d.store, kindAddress)
	if err != nil {
		return err
	}
	for id, addr := range listeners {
		if p := ports.PortOf(addr); p >= ports.First && p <= ports.Last {
			known[p] = id
		}
	}
	d.ports, err = ports.New(d.layout.Ports, d.layout.StateDir, layout.Hash(d.layout.StateDir), known)
	return err
}

// connect finds or starts the data plane. running is one that an earlier daemon
// started then; nil: there is none.
func (d *daemon) connect(running driver.Process, since time.Time) error {
	c := dataplane.Config{
		Socket: d.layout.ProxySocket, Start: d.startProxy, Restart: launch.Argv(d.layout, d.self, true), Log: d.log,
		Acked: d.acked, Drained: func(ids []string) { d.loop.Drained(ids) }, Event: d.event, Spans: d.telemetry.seen,
	}
	if running != nil {
		c.Running = proxyProcess{running}
		d.setProxy(running, since)
		if err := d.logs.Open(dataPlaneID, dataPlaneID); err != nil {
			return err
		}
	}
	d.keeper = dataplane.New(c)
	d.effects.keeper = d.keeper
	return nil
}

// begin makes the loop and connects the data plane to it.
func (d *daemon) begin(ctx context.Context, app *model.App, found *adoption) error {
	desired := reconcile.Desired{App: app, Capacity: capacity()}
	if _, err := d.store.Get(ctx, kindMeta, keyDown, &desired.Down); err != nil {
		return err
	}
	// A daemon that was started for an app that is down by now ends what is left.
	desired.Down = desired.Down || d.adoptOnly && app == nil
	if desired.Down {
		d.goingDown.Do(func() { close(d.going) })
	}
	if app != nil {
		found.observed.Needs = d.databases.needs(app)
	}
	d.loop = reconcile.NewLoop(d.effects, d.log, desired, found.observed)
	d.effects.loop = d.loop
	if err := d.keeper.Connect(ctx); err != nil {
		return err
	}
	var err error
	if d.addresses, err = newAddresses(ctx, d.keeper, d.ports, d.store); err != nil {
		return err
	}
	if app != nil {
		if err := d.resume(ctx, app); err != nil {
			return err
		}
		if !desired.Down {
			d.databases.configure(app)
		}
	}
	d.effects.attach(found.adopted, found.observed)
	d.log.Info("adopted what an earlier daemon left", "instances", len(found.adopted), "data_plane", found.dataPlane != nil)
	d.prune()
	return nil
}

// resume puts the app that was in force into force again. Where a listener had
// to move, its callers become new revisions.
func (d *daemon) resume(ctx context.Context, app *model.App) error {
	needs, err := route.Needs(app)
	if err != nil {
		return err
	}
	// An address that somebody else took meanwhile must not keep the app from
	// being looked after, or from going down.
	addrs, err := d.addresses.bind(ctx, needs, func(err error) {
		d.log.Error("a listener is missing", "error", err)
		app.Warnings = append(app.Warnings, err.Error()+"; then run `banyan up` again")
	})
	if err != nil {
		return err
	}
	d.effects.current.Store(&applied{app: app, addrs: addrs})
	f := d.finisher(addrs)
	for _, s := range app.Services {
		if s.LeftOut != "" || s.Of != "" {
			continue
		}
		if err := f.configHash(app, s); err != nil {
			d.log.Warn("a service stays as it was", "service", s.Name, "error", err)
		}
	}
	if err := d.resumeBus(ctx, app); err != nil {
		d.log.Error("topics are not as the app says", "error", err)
		if !d.late { // it is tried again
			app.Warnings = append(app.Warnings, err.Error())
		}
	}
	if err := d.configureSagas(ctx, app); err != nil {
		d.log.Error("sagas are not as the app says", "error", err)
		app.Warnings = append(app.Warnings, err.Error())
	}
	return nil
}

func (d *daemon) finisher(addrs map[string]string) *finisher {
	return &finisher{sources: d.sources, secret: d.secrets.get, addrs: addrs, first: d.addresses.firsts(), database: d.databases.address}
}

// current is the app in force.
func (d *daemon) current() applied {
	if now := d.effects.current.Load(); now != nil {
		return *now
	}
	return applied{app: &model.App{}, addrs: map[string]string{}}
}

// prune removes copies of the program that nothing runs from.
func (d *daemon) prune() {
	entries, err := os.ReadDir(d.layout.Binary)
	if err != nil {
		return
	}
	for _, e := range entries {
		path := filepath.Join(d.layout.Binary, e.Name())
		info, err := e.Info()
		if err == nil && path != d.self && time.Since(info.ModTime()) > time.Minute {
			_ = os.Remove(path) // it is tried again at the next start
		}
	}
}

// capacity is what the machine has to give.
func capacity() model.Capacity {
	return model.Capacity{CPU: float64(runtime.NumCPU()), Memory: memoryTotal()}
}
