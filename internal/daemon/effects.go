package daemon

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/banyanrun/banyan/internal/build"
	"github.com/banyanrun/banyan/internal/dataplane"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/reconcile"
	"github.com/banyanrun/banyan/internal/route"
	"github.com/banyanrun/banyan/internal/state"
)

// The kinds of documents in the state.
const (
	kindMeta     = "meta"     // the keys below
	kindInstance = "instance" // model.Instance by ID
	kindProcess  = "process"  // processRecord by instance ID; dataPlaneID for the data plane
	kindBuild    = "build"    // model.Build by key
	kindCounter  = "counter"  // counter by service
	kindAddress  = "address"  // where a listener is, by its ID
	kindDatabase = "database" // digest of a wish that was fulfilled, by service
	kindFirst    = "first"    // where it was at first; those of route.Platform only
	kindSession  = "session"  // access.Session by the hash of its secret
)

// The keys of kindMeta.
const (
	keyEpoch    = "epoch"          // how many daemons there have been
	keySagas    = "sagas"          // what keeps the sagas, once there were some
	keyDesired  = "desired"        // model.App; missing when the app is down
	keyDown     = "down"           // true while the app goes down
	keyHome     = "home"           // the state directory's path
	keyDashHost = "dashboard_host" // its name
	// keyInstallation tells this state directory from others, on servers that they share.
	keyInstallation = "installation"
)

// counter is what is remembered of a service's instances that are gone.
type counter struct {
	Number  int       `json:"number"`
	LastRun time.Time `json:"last_run,omitzero"`
}

// applied is the app in force with the addresses of its listeners.
type applied struct {
	app   *model.App
	addrs map[string]string
}

// effects carries out what the reconciler decides.
type effects struct {
	*instances
	log      *slog.Logger
	store    *state.Store
	builder  *build.Builder
	keeper   *dataplane.Keeper
	secret   func(string) ([]byte, error)
	epoch    uint64
	platform string // where services reach this daemon; empty: nowhere
	number   uint64 // of the last snapshot; only the loop's goroutine touches it
	current  atomic.Pointer[applied]

	mu      sync.Mutex
	changed chan struct{} // closed at the next change of the status
}

var _ reconcile.Effects = (*effects)(nil)

// Build implements reconcile.Effects.
func (e *effects) Build(s *model.Service) {
	e.wg.Go(func() {
		b := model.Build{Service: s.Name, Key: s.BuildKey, Started: time.Now()}
		result, err := e.build(s)
		if e.ctx.Err() != nil {
			return // the daemon leaves; the next one builds
		}
		b.Ended = time.Now()
		if err == nil {
			b.Done, b.Dir, b.Digest = true, result.Dir, result.Digest
			e.store.Queue(kindBuild, b.Key, b, e.unsaved)
		} else {
			b.Failed, b.Reason = true, err.Error()
			if failure, ok := errors.AsType[*build.Error](err); ok {
				b.Reason, b.Details = failure.Reason, failure.Output
			}
		}
		e.loop.Built(b)
	})
}

func (e *effects) build(s *model.Service) (build.Result, error) {
	now := e.current.Load()
	around := &surroundings{
		app: now.app, service: s, addrs: now.addrs, secret: e.secret,
		instance: model.Instance{OutDir: e.builder.Out(s.Name, s.BuildKey)},
	}
	argv, err := around.argv(s.Spec.Build)
	if err != nil {
		return build.Result{}, fmt.Errorf("build: %w", err)
	}
	var env []string
	for k, v := range s.Variables {
		env = append(env, k+"="+v)
	}
	return e.builder.Build(e.ctx, build.Request{
		Service: s.Name, Key: s.BuildKey, Argv: argv, Dir: s.Spec.WorkingDir, Env: env,
		Timeout: time.Duration(s.Spec.BuildTimeout),
	})
}

// Start implements reconcile.Effects.
func (e *effects) Start(i model.Instance) { e.start(i) }

// Stop implements reconcile.Effects.
func (e *effects) Stop(i model.Instance, wanted *model.Service, kill bool) { e.stop(i, wanted, kill) }

// Publish implements reconcile.Effects.
func (e *effects) Publish(routed []model.Instance) uint64 {
	e.number++
	now := e.current.Load()
	if now == nil {
		return e.number
	}
	snapshot, err := route.Compile(route.Version{Epoch: e.epoch, N: e.number}, now.app, now.addrs, e.platform, routed)
	if err != nil {
		e.log.Error("the routes cannot be compiled", "error", err) // refused when it was applied
		return e.number
	}
	e.keeper.Publish(snapshot)
	return e.number
}

// Busy implements reconcile.Effects.
func (e *effects) Busy(instance string) bool { return e.keeper.Busy(instance) }

// Save implements reconcile.Effects.
func (e *effects) Save(i model.Instance) { e.store.Queue(kindInstance, i.ID, i, e.unsaved) }

// Forget implements reconcile.Effects.
func (e *effects) Forget(i model.Instance) {
	e.store.Queue(kindInstance, i.ID, nil, e.unsaved)
	e.store.Queue(kindProcess, i.ID, nil, e.unsaved)
	e.forget(i)
}

// ForgetBuild implements reconcile.Effects.
func (e *effects) ForgetBuild(b model.Build) {
	e.store.Queue(kindBuild, b.Key, nil, e.unsaved)
	e.wg.Go(func() {
		if err := e.builder.Remove(b.Service, b.Key); err != nil {
			e.log.Warn("a build's output is left", "service", b.Service, "error", err)
		}
	})
}

// SaveCounters implements reconcile.Effects.
func (e *effects) SaveCounters(service string, number int, lastRun time.Time) {
	e.store.Queue(kindCounter, service, counter{Number: number, LastRun: lastRun}, e.unsaved)
}

func (e *effects) unsaved(err error) {
	e.log.Error("the state could not be saved", "error", err)
}

// Changed implements reconcile.Effects.
func (e *effects) Changed() {
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.changed)
	e.changed = make(chan struct{})
}

// changes returns a channel that is closed when the status changes next.
func (e *effects) changes() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.changed
}

// savedState reads the observed state that an earlier daemon left.
func savedState(ctx context.Context, s *state.Store) (*model.Observed, error) {
	obs := &model.Observed{
		Instances: map[string]*model.Instance{}, Builds: map[string]*model.Build{},
		LastRun: map[string]time.Time{}, RunNow: map[string]bool{}, Numbers: map[string]int{},
	}
	var err error
	if obs.Instances, err = state.All[*model.Instance](ctx, s, kindInstance); err != nil {
		return nil, err
	}
	if obs.Builds, err = state.All[*model.Build](ctx, s, kindBuild); err != nil {
		return nil, err
	}
	counters, err := state.All[counter](ctx, s, kindCounter)
	if err != nil {
		return nil, err
	}
	for name, c := range counters {
		obs.Numbers[name], obs.LastRun[name] = c.Number, c.LastRun
	}
	return obs, nil
}
