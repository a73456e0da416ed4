package daemon

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/signal"
	"path/filepath"
	"runtime"
	"strconv"
	"sync"
	"syscall"
	"time"

	"github.com/oklog/run"

	"github.com/banyanrun/banyan/internal/admin"
	"github.com/banyanrun/banyan/internal/build"
	"github.com/banyanrun/banyan/internal/daemon/launch"
	"github.com/banyanrun/banyan/internal/daemon/layout"
	"github.com/banyanrun/banyan/internal/dataplane"
	"github.com/banyanrun/banyan/internal/driver"
	"github.com/banyanrun/banyan/internal/driver/process"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/logs"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/ports"
	"github.com/banyanrun/banyan/internal/reconcile"
	"github.com/banyanrun/banyan/internal/route"
	"github.com/banyanrun/banyan/internal/state"
)

// Options are what a daemon needs to know.
type Options struct {
	StateDir string
	Version  string
}

// daemon holds every engine. It is built once, in the order in which its parts
// need each other, and torn down in the reverse.
type daemon struct {
	layout  layout.Layout
	version string
	self    string // the program's path
	log     *slog.Logger
	lock    *os.File
	started time.Time

	store     *state.Store
	logs      *logs.Collector
	driver    *process.Driver
	ports     *ports.Allocator
	builder   *build.Builder
	secrets   *secrets
	sources   *build.Sources
	keeper    *dataplane.Keeper
	addresses *addresses
	effects   *effects
	loop      *reconcile.Loop

	applying sync.Mutex // one apply, scale or restart at a time
	// going is closed when the app first begins to go down, gone when it is
	// down and the daemon ends.
	going, gone chan struct{}
	goingDown   sync.Once

	mu           sync.Mutex
	proxy        driver.Process
	proxyStarted time.Time
}

// Run runs the daemon of a state directory until the app is down, ctx ends or a
// signal asks it to leave; instances and data plane go on in the last two cases.
// It returns nil at once if another daemon runs there.
func Run(ctx context.Context, o Options) error {
	l, err := layout.For(o.StateDir)
	if err != nil {
		return err
	}
	if err := l.Prepare(); err != nil {
		return err
	}
	lock, err := acquire(l)
	if err != nil || lock == nil {
		return err
	}
	defer lock.Close()
	// A daemon that has just ended for good may have tidied up meanwhile.
	if err := l.Prepare(); err != nil {
		return err
	}
	signal.Ignore(syscall.SIGHUP, syscall.SIGINT) // a terminal's signals are for the CLI
	ctx, stop := signal.NotifyContext(ctx, syscall.SIGTERM)
	defer stop()
	self, err := os.Executable()
	if err != nil {
		return fmt.Errorf("daemon: %w", err)
	}
	d := &daemon{
		layout: l, lock: lock, version: o.Version, self: self, started: time.Now(), going: make(chan struct{}), gone: make(chan struct{}),
		log: slog.New(slog.NewTextHandler(os.Stderr, nil)), sources: build.NewSources(),
	}
	defer d.tidy()
	return d.run(ctx)
}

// tidy removes the run directory when the app is down: the last thing, before
// the lock is let go.
func (d *daemon) tidy() {
	select {
	case <-d.gone:
		_ = os.RemoveAll(d.layout.RunDir) // at worst an empty directory is left in the temp directory
	default:
	}
}

// lockMost is how long a daemon that was just killed may take to let go of the
// lock: the kernel frees its memory first.
const lockMost = 5 * time.Second

// acquire takes the lock of the state directory; nil if another daemon has it
// and answers.
func acquire(l layout.Layout) (*os.File, error) {
	f, err := os.OpenFile(l.Lock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.New(fault.Denied, "cannot lock the state directory: %w", err)
	}
	// flock tells nobody when it can be had without blocking for good: poll.
	for deadline := time.Now().Add(lockMost); ; time.Sleep(5 * time.Millisecond) { //nolint:forbidigo // as said
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return f, nil
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return nil, errors.Join(fmt.Errorf("cannot lock the state directory: %w", err), f.Close())
		case launch.Answers(l):
			return nil, f.Close()
		case time.Now().After(deadline):
			return nil, errors.Join(fault.New(fault.Conflict, "another daemon (pid %s) holds %s and does not answer at %s",
				cmp.Or(holder(f), "unknown"), l.Lock, l.ControlSocket).
				Fix("use the XDG_RUNTIME_DIR and TMPDIR that it was started with, or end it: its services go on, and the next daemon takes them over"),
				f.Close())
		}
	}
}

// run builds the engines, runs them, and takes them down.
func (d *daemon) run(ctx context.Context) (err error) {
	// What is started in the background ends with this context, not with the signal.
	background, cancel := context.WithCancel(context.WithoutCancel(ctx))
	defer cancel()
	if err := d.open(ctx); err != nil {
		return errors.Join(err, d.close())
	}
	defer func() { err = errors.Join(err, d.close()) }()
	if err := d.wire(ctx, background); err != nil {
		return err
	}
	if err := d.logToSpool(); err != nil {
		return err
	}
	d.hold(strconv.Itoa(os.Getpid()))
	d.log.Info("the daemon runs", "version", d.version, "epoch", d.effects.epoch)
	var g run.Group
	d.add(&g, d.loop.Run)
	d.add(&g, d.keep)
	d.add(&g, d.endWhenDown)
	d.add(&g, d.serve)
	d.add(&g, d.leave(ctx))
	err = g.Run()
	cancel()
	d.effects.wg.Wait()
	if errors.Is(err, context.Canceled) || errors.Is(err, errDown) {
		return nil
	}
	return err
}

// errDown ends the daemon: the app is down.
var errDown = errors.New("the app is down")

// add adds a task that runs until its context ends.
func (d *daemon) add(g *run.Group, task func(context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	g.Add(func() error { return task(ctx) }, func(error) { cancel() })
}

// keep runs the keeper of the data plane. That it ends when it is told to is no
// reason for the others to end.
func (d *daemon) keep(ctx context.Context) error {
	if err := d.keeper.Run(ctx); err != nil {
		return err
	}
	<-ctx.Done()
	return ctx.Err()
}

// leave waits for a signal, and tells the data plane not to start another daemon.
func (d *daemon) leave(signalled context.Context) func(context.Context) error {
	return func(ctx context.Context) error {
		select {
		case <-signalled.Done():
			d.keeper.Leave()
			return context.Canceled
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

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
	d.effects = &effects{
		log: d.log, store: d.store, builder: d.builder, secret: d.secrets.get, epoch: epoch, changed: make(chan struct{}),
	}
	d.effects.instances = &instances{
		log: d.log, store: d.store, driver: d.driver, logs: d.logs, secret: d.secrets.get, data: d.layout.Data,
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
	if err := d.connect(found.dataPlane); err != nil {
		return err
	}
	return d.begin(ctx, app, found)
}

// daemonID is the daemon's name among the sources of logs.
const daemonID = "daemon"

// logToSpool sends what the daemon writes from now on where instances' output
// goes: it is bounded, stamped, and read by `banyan logs daemon`. What went wrong
// before went to whoever started the daemon.
func (d *daemon) logToSpool() error {
	if err := d.logs.Open(daemonID, daemonID); err != nil {
		return err
	}
	_, path := d.logs.SpoolPaths(daemonID)
	f, err := os.OpenFile(path, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fault.New(fault.Denied, "cannot write the daemon's log: %w", err)
	}
	defer f.Close()
	if err := replaceFD(int(f.Fd()), int(os.Stderr.Fd())); err != nil {
		return fmt.Errorf("cannot write the daemon's log: %w", err)
	}
	return nil
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

// connect finds or starts the data plane.
func (d *daemon) connect(running driver.Process) error {
	c := dataplane.Config{
		Socket: d.layout.ProxySocket, Start: d.startProxy, Restart: launch.Argv(d.layout, d.self), Log: d.log,
		Acked: d.acked, Drained: func(ids []string) { d.loop.Drained(ids) }, Event: d.event,
	}
	if running != nil {
		c.Running = proxyProcess{running}
		d.setProxy(running, time.Time{})
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
	if desired.Down {
		d.goingDown.Do(func() { close(d.going) })
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
		if s.LeftOut != "" {
			continue
		}
		if err := f.configHash(s); err != nil {
			d.log.Warn("a service stays as it was", "service", s.Name, "error", err)
		}
	}
	return nil
}

func (d *daemon) finisher(addrs map[string]string) *finisher {
	return &finisher{sources: d.sources, secret: d.secrets.get, addrs: addrs}
}

// current is the app in force.
func (d *daemon) current() applied {
	if now := d.effects.current.Load(); now != nil {
		return *now
	}
	return applied{app: &model.App{}, addrs: map[string]string{}}
}

// acked is called when the data plane works by a snapshot.
func (d *daemon) acked(v route.Version) {
	if v.Epoch == d.effects.epoch {
		d.loop.Acked(v.N)
	}
}

// event writes what the data plane saw to the daemon's log.
func (d *daemon) event(e link.Event) {
	d.log.Info("data plane", "event", e.Kind, "caller", e.Caller, "service", e.Service, "instance", e.Instance, "detail", e.Detail, "count", e.Count)
}

func (d *daemon) setProxy(p driver.Process, started time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.proxy, d.proxyStarted = p, started
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

// serve serves the control API.
func (d *daemon) serve(ctx context.Context) error {
	return admin.Serve(ctx, d.layout.ControlSocket, d, d.log)
}

// capacity is what the machine has to give.
func capacity() model.Capacity {
	return model.Capacity{CPU: float64(runtime.NumCPU()), Memory: memoryTotal()}
}
