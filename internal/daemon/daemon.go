package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"os"
	"os/signal"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/oklog/run"

	"github.com/banyanrun/banyan/internal/admin"
	"github.com/banyanrun/banyan/internal/build"
	"github.com/banyanrun/banyan/internal/crashpoint"
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
	"github.com/banyanrun/banyan/internal/serviceapi"
	"github.com/banyanrun/banyan/internal/slim"
	"github.com/banyanrun/banyan/internal/state"
)

// Options are what a daemon needs to know.
type Options struct {
	StateDir string
	Version  string
	// Adopt: end at once unless an app is up.
	Adopt bool
}

// daemon holds every engine. It is built once, in the order in which its parts
// need each other, and torn down in the reverse.
type daemon struct {
	layout  layout.Layout
	version string
	// adoptOnly: the daemon was started for an app that is up, not to bring one up.
	adoptOnly bool
	self      string // the program's path
	log       *slog.Logger
	lock      *os.File
	started   time.Time

	store      *state.Store
	logs       *logs.Collector
	driver     *process.Driver
	ports      *ports.Allocator
	builder    *build.Builder
	secrets    *secrets
	databases  *databases
	sources    *build.Sources
	keeper     *dataplane.Keeper
	addresses  *addresses
	effects    *effects
	dashboard  dashboard
	telemetry  *telemetryRoom
	loop       *reconcile.Loop
	background context.Context // of what is started in the background

	broker     atomic.Pointer[broker] // nil: there are no events yet
	brokerKept chan struct{}          // closed when there is a broker

	sagaRoom  atomic.Pointer[sagaRoom] // nil: the app has no sagas
	sagasKept chan struct{}            // closed when there is a coordinator

	applying  sync.Mutex // one apply, scale or restart at a time
	late      bool       // the bus is not what the app in force says; applying is held
	brokerErr error      // why there is no broker for the app that was in force
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
	if err := crashpoint.Arm(); err != nil {
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
		layout: l, lock: lock, version: o.Version, adoptOnly: o.Adopt, self: self, started: time.Now(), going: make(chan struct{}), gone: make(chan struct{}), brokerKept: make(chan struct{}),
		sagasKept: make(chan struct{}),
		log:       slog.New(slog.NewTextHandler(os.Stderr, nil)), sources: build.NewSources(),
	}
	defer d.tidy()
	return d.run(ctx)
}

// tidy removes the run directory when the app is down: the last thing, before
// the lock is let go.
func (d *daemon) tidy() {
	select {
	case <-d.gone:
		d.layout.Forget()
	default:
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
	if idle, err := d.idle(ctx); err != nil || idle {
		if idle {
			close(d.gone) // what is left of the run directory goes
		}
		return err
	}
	if err := d.wire(ctx, background); err != nil {
		return err
	}
	if err := d.logToSpool(); err != nil {
		return err
	}
	d.hold(strconv.Itoa(os.Getpid()))
	if err := d.layout.Choose(); err != nil {
		d.log.Error("callers with another environment do not find the daemon", "error", err)
	}
	d.log.Info("the daemon runs", "version", d.version, "epoch", d.effects.epoch)
	var g run.Group
	d.add(&g, d.loop.Run)
	d.add(&g, d.keep)
	d.add(&g, d.endWhenDown)
	d.add(&g, d.serve)
	d.add(&g, d.serveDash)
	d.add(&g, d.serveServices)
	d.add(&g, d.runBus)
	d.add(&g, d.runSagas)
	d.add(&g, d.runTelemetry)
	d.add(&g, d.rest)
	d.add(&g, d.leave(ctx))
	err = g.Run()
	cancel()
	d.effects.wg.Wait()
	if errors.Is(err, context.Canceled) || errors.Is(err, errDown) {
		return nil
	}
	return err
}

// idle reports whether the daemon has nothing to do: no app is up, nothing of
// one is left, and it was not started to bring one up.
func (d *daemon) idle(ctx context.Context) (bool, error) {
	if !d.adoptOnly {
		return false, nil
	}
	up, err := d.store.Get(ctx, kindMeta, keyDesired, &model.App{})
	if err != nil || up {
		return false, err
	}
	left, err := state.All[processRecord](ctx, d.store, kindProcess)
	return err == nil && len(left) == 0, err
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

// serve serves the control API.
func (d *daemon) serve(ctx context.Context) error {
	handlers := maps.Clone(d.dashboard.rpcs)
	handlers[promPath] = http.StripPrefix(strings.TrimSuffix(promPath, "/"), d.promHandler())
	handlers[bundlePath] = d.dashboard.bundles
	handlers[jaegerPath] = http.StripPrefix(strings.TrimSuffix(jaegerPath, "/"), d.jaegerHandler())
	return admin.Serve(ctx, d.layout.ControlSocket, handlers, d.log)
}

// rest gives back what starting up, and each change of the app, took.
func (d *daemon) rest(ctx context.Context) error {
	slim.AtRest(ctx, d.Changes)
	return ctx.Err()
}

// serveServices serves what services reach at $BANYAN_URL.
func (d *daemon) serveServices(ctx context.Context) error {
	return serviceapi.Serve(ctx, d.layout.ServiceSocket, serviceapi.Config{Publisher: publisher{d}, Sagas: sagaService{d}, Telemetry: d.newIntake(), Authentic: d.secrets.tokens.authentic, Log: d.log})
}
