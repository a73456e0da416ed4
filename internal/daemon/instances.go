package daemon

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/driver"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/logs"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/ports"
	"github.com/banyanrun/banyan/internal/postgres"
	"github.com/banyanrun/banyan/internal/reconcile"
	"github.com/banyanrun/banyan/internal/state"
)

// startsAtOnce bounds how many instances are being started at the same time.
const startsAtOnce = 16

// processRecord is what is stored of a process before its program runs.
type processRecord struct {
	Identity driver.Identity `json:"identity"`
	Run      int             `json:"run"`
	Port     int             `json:"port,omitempty"`
	Started  time.Time       `json:"started"`
}

// instances carries out the loop's decisions on instances: it starts, watches,
// probes and stops their processes.
type instances struct {
	log    *slog.Logger
	store  *state.Store
	driver driver.Driver
	logs   *logs.Collector
	ports  *ports.Allocator
	users  *users
	secret func(string) ([]byte, error)
	token  func(service string) (string, error)
	// database is how a service reaches its own on the app's server.
	database func(app *model.App, service string) (postgres.Address, error)
	data     string
	app      func() applied
	loop     *reconcile.Loop // set before the loop runs
	// ctx ends when the daemon leaves; instances go on.
	ctx  context.Context // the lifetime of what it starts in the background
	room chan struct{}
	wg   sync.WaitGroup

	mu      sync.Mutex
	running map[string]*running
}

// running is an instance's process, or one that is being started.
type running struct {
	run     int
	process driver.Process // valid once ready is closed; nil: it could not be started
	ready   chan struct{}
	started time.Time
}

// start starts an instance in the background. Loop.Exited is called in any case.
func (x *instances) start(i model.Instance) {
	r := &running{run: i.Run, ready: make(chan struct{})}
	x.mu.Lock()
	x.running[i.ID] = r
	x.mu.Unlock()
	x.wg.Go(func() {
		select {
		case x.room <- struct{}{}:
		case <-x.ctx.Done():
			close(r.ready)
			return
		}
		had := i.Port
		warnings, err := x.launch(&i, r)
		<-x.room
		close(r.ready)
		if err != nil {
			x.giveBack(i.Port, had) // the loop does not know of it
			x.failed(i, err)
			return
		}
		x.giveBack(had, i.Port)
		x.loop.Started(i.ID, i.Run, r.process.Identity().PID, i.Port, warnings, r.started)
		x.watch(i, r)
	})
}

// giveBack releases a port that an instance does not have, unless it is the one it has.
func (x *instances) giveBack(port, has int) {
	if port != has {
		x.ports.Release(port)
	}
}

// failed tells that an instance's program does not run.
func (x *instances) failed(i model.Instance, err error) {
	if x.ctx.Err() != nil {
		return // the daemon leaves; the next one starts it
	}
	x.mu.Lock()
	delete(x.running, i.ID)
	x.mu.Unlock()
	x.loop.Exited(i.ID, i.Run, reconcile.Ended{Reason: err.Error()}, time.Now())
}

// launch brings the instance's program to run. Its identity is durable before.
func (x *instances) launch(i *model.Instance, r *running) (warnings []string, err error) {
	spec, warnings, err := x.spec(i)
	if err != nil {
		return nil, err
	}
	if err := x.logs.Open(i.ID, i.Service); err != nil {
		return nil, err
	}
	prepared, err := x.driver.Prepare(x.ctx, spec)
	if err != nil {
		return nil, err
	}
	r.started = time.Now()
	record := processRecord{Identity: prepared.Identity(), Run: i.Run, Port: i.Port, Started: r.started}
	if err := x.store.Put(x.ctx, kindProcess, i.ID, record); err != nil {
		prepared.Abort()
		return nil, err
	}
	r.process, err = prepared.Start(x.ctx)
	if err != nil {
		return nil, err
	}
	if why := record.Identity.Unenforced; why != "" {
		warnings = append(warnings, "limits are not enforced: "+why)
	}
	return warnings, nil
}

// spec is how the instance is run.
func (x *instances) spec(i *model.Instance) (driver.Spec, []string, error) {
	s := i.Of
	if err := x.port(i, s); err != nil {
		return driver.Spec{}, nil, err
	}
	around := x.around(*i)
	argv, err := around.argv(s.Spec.Command)
	if err != nil {
		return driver.Spec{}, nil, fmt.Errorf("command: %w", err)
	}
	if around.as, err = x.account(s, i, argv); err != nil {
		return driver.Spec{}, nil, err
	}
	env, err := around.environment()
	if err != nil {
		return driver.Spec{}, nil, err
	}
	as := around.as
	if err := x.directories(s, around.dataDir, as); err != nil {
		return driver.Spec{}, nil, err
	}
	spec := driver.Spec{
		ID: i.ID, Argv: argv, Env: env, Dir: s.Spec.WorkingDir,
		Credential: as.change, UID: as.uid, GID: as.gid,
	}
	spec.Stdout, spec.Stderr = x.logs.SpoolPaths(i.ID)
	if res := s.Spec.Resources; res != nil {
		spec.Limits = driver.Limits{CPU: res.CPU, Memory: int64(res.Memory)}
	}
	var warnings []string
	if as.warning != "" {
		warnings = append(warnings, as.warning)
	}
	return spec, warnings, nil
}

// around is what the instance's references mean.
func (x *instances) around(i model.Instance) *surroundings {
	now := x.app()
	return &surroundings{
		app: now.app, service: i.Of, instance: i, addrs: now.addrs, secret: x.secret, token: x.token, database: x.database, dataDir: filepath.Join(x.data, i.Of.Identity()),
		telemetry: true,
	}
}

// account chooses whom the instance runs as.
func (x *instances) account(s *model.Service, i *model.Instance, argv []string) (account, error) {
	needs := []string{s.Spec.WorkingDir, x.data}
	if i.OutDir != "" {
		needs = append(needs, i.OutDir)
	}
	if program := which(argv[0], s.Variables["PATH"]); program != "" {
		needs = append(needs, program)
	}
	return x.users.choose(s, needs)
}

func (x *instances) directories(s *model.Service, dataDir string, as account) error {
	if err := give(dataDir, as); err != nil {
		return err
	}
	for _, v := range s.Spec.Volumes {
		if err := give(filepath.Join(dataDir, v.Name), as); err != nil {
			return err
		}
	}
	return nil
}

// port sees to it that the instance has a port that is free.
func (x *instances) port(i *model.Instance, s *model.Service) error {
	switch {
	case s.Job != nil:
		return nil
	case s.Spec.Port != 0:
		i.Port = s.Spec.Port
		if !ports.Free(i.Port) {
			return takenPort(i.Port, "port of "+s.Name)
		}
		return nil
	case i.Port != 0 && ports.Free(i.Port):
		return nil
	}
	var err error
	i.Port, err = x.ports.Lease(i.ID)
	return err
}

// takenPort is the error for an address that somebody else listens on.
func takenPort(port int, what string) error {
	by := "another program"
	if holder := ports.Holder(port); holder != "" {
		by = holder
	}
	return fault.New(fault.Conflict, "port %d is taken by %s", port, by).Fix("stop it, or change %s", what)
}

// watch waits for the end of the process and tells the loop.
func (x *instances) watch(i model.Instance, r *running) {
	ctx, cancel := context.WithCancel(x.ctx)
	defer cancel()
	if i.Of.Job == nil {
		x.probe(ctx, i, r)
	}
	select {
	case <-r.process.Done():
	case <-x.ctx.Done():
		return
	}
	cancel()
	exit := r.process.Exit()
	x.mu.Lock()
	if x.running[i.ID] == r {
		delete(x.running, i.ID)
	}
	x.mu.Unlock()
	e := reconcile.Ended{Success: exit.Code == 0 && !exit.Unknown, Reason: exitReason(exit, i, r.started)}
	if !e.Success {
		e.Details = x.lastLines(i)
		// A port that somebody took between lease and listen is no fault of the program.
		e.NotCounted = i.Port != 0 && i.Of.Spec.Port == 0 && !ports.Free(i.Port)
		// Nobody knows whether the database was migrated: it is done again.
		e.NotCounted = e.NotCounted || exit.Unknown && i.Of.Of != ""
	}
	x.loop.Exited(i.ID, i.Run, e, exit.At)
}

// detailLines is how much of an instance's output explains its end.
const detailLines = 20

func (x *instances) lastLines(i model.Instance) []string {
	var lines []string
	for _, r := range x.logs.Tail(i.Service, i.ID, detailLines) {
		lines = append(lines, r.Line)
	}
	return lines
}

func exitReason(e driver.Exit, i model.Instance, started time.Time) string {
	after := ""
	if !started.IsZero() {
		after = " after " + e.At.Sub(started).Round(time.Millisecond).String()
	}
	switch {
	case e.OOM:
		limit := ""
		if i.Of.Spec.Resources != nil {
			limit = fmt.Sprintf(" of %s", i.Of.Spec.Resources.Memory)
		}
		return "was ended by the kernel: out of memory (limit" + limit + ")" + after
	case e.Unknown:
		return "ended" + after + "; the exit code is unknown (adopted)"
	case e.Signal != "":
		return "was ended by " + e.Signal + after
	default:
		return fmt.Sprintf("exit code %d%s", e.Code, after)
	}
}

// stop ends an instance's process in the background.
func (x *instances) stop(i model.Instance, wanted *model.Service, kill bool) {
	x.mu.Lock()
	r := x.running[i.ID]
	x.mu.Unlock()
	if r == nil || r.run != i.Run {
		return // it has ended by itself: Loop.Exited is on its way
	}
	signal, grace := stopTerms(cmp.Or(wanted, i.Of))
	if kill {
		signal, grace = "SIGKILL", 0
	}
	x.wg.Go(func() {
		<-r.ready
		if r.process == nil {
			return
		}
		if err := r.process.Stop(x.ctx, signal, grace); err != nil && x.ctx.Err() == nil {
			x.log.Error("an instance could not be stopped", "instance", i.ID, "error", err)
		}
	})
}

// defaultGrace is the stop grace period of jobs.
const defaultGrace = 10 * time.Second

func stopTerms(s *model.Service) (signal string, grace time.Duration) {
	signal, grace = s.Spec.StopSignal, defaultGrace
	if signal == "" {
		signal = "SIGTERM"
	}
	if s.Spec.StopGracePeriod != nil {
		grace = time.Duration(*s.Spec.StopGracePeriod)
	}
	return signal, grace
}

// forget drops what is kept of an instance that has ended.
func (x *instances) forget(i model.Instance) {
	x.wg.Go(func() {
		if err := x.logs.End(i.ID); err != nil {
			x.log.Warn("an instance's output could not be kept", "instance", i.ID, "error", err)
		}
		x.ports.Release(i.Port)
	})
}

// usage reads what each instance uses.
func (x *instances) usage() map[string]model.Usage {
	x.mu.Lock()
	list := make(map[string]driver.Process, len(x.running))
	for id, r := range x.running {
		select {
		case <-r.ready:
			if r.process != nil {
				list[id] = r.process
			}
		default:
		}
	}
	x.mu.Unlock()
	all := make(map[string]model.Usage, len(list))
	for id, p := range list {
		if u, err := p.Usage(); err == nil {
			all[id] = model.Usage{CPU: u.CPU, Memory: u.Memory}
		}
	}
	return all
}
