package daemon

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/saga/call"
	"github.com/banyanrun/banyan/internal/saga/coordinator"
	"github.com/banyanrun/banyan/internal/saga/definition"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

// sagaRoom is the app's coordinator with what it stands on, or why there is none. It
// is opened for the first app that has sagas, or that had some earlier.
type sagaRoom struct {
	kind        string // of the store, as in the app file
	err         error  // the others are nil then
	store       store.Store
	caller      *call.Caller
	coordinator *coordinator.Coordinator
}

// openSagas opens the room.
func (d *daemon) openSagas(ctx context.Context, app *model.App, kind string) *sagaRoom {
	kept, err := d.openSagaStore(ctx, app, kind)
	if err == nil {
		err = d.store.Put(ctx, kindMeta, keySagas, kind)
	}
	if err != nil {
		return &sagaRoom{kind: kind, err: stoppedSagas(err)}
	}
	r := &sagaRoom{kind: kind, store: kept, caller: call.New(call.Options{Target: d.callTarget, Around: d.telemetry.aroundSteps})}
	r.coordinator = coordinator.New(coordinator.Options{Store: kept, Caller: tracedCaller{r.caller}, Events: sagaEvents{d}, Ended: d.telemetry.sagaSpan, Logger: d.log})
	return r
}

func (d *daemon) openSagaStore(ctx context.Context, app *model.App, kind string) (store.Store, error) {
	if kind != appfile.EnginePostgres {
		return store.Open(ctx, d.layout.Sagas)
	}
	url, err := d.databases.platform(ctx, app)
	if err != nil {
		return nil, err
	}
	return store.Connect(ctx, url)
}

// sagaKind is what keeps an app's sagas; empty: it has none, and had none earlier.
func (d *daemon) sagaKind(ctx context.Context, app *model.App) (kind string, err error) {
	if len(app.Sagas) > 0 {
		return cmp.Or(app.SagaStore, appfile.EngineSQLite), nil
	}
	_, err = d.store.Get(ctx, kindMeta, keySagas, &kind)
	return kind, err
}

// stoppedSagas says what to do about a store that cannot be opened.
func stoppedSagas(err error) error {
	if fault.CodeOf(err) != fault.Damaged {
		return err
	}
	what := err.Error()
	if e, ok := errors.AsType[*fault.Error](err); ok {
		what = e.Where + ": " + e.What
	}
	return fault.New(fault.Damaged, "%s", what).
		Fix("run `banyan down`, put a copy of saga.db in its place or move it away, and run `banyan up`; what is under way in it must be put right by hand")
}

// close is for when the coordinator does not run any more.
func (r *sagaRoom) close() error {
	if r.store == nil {
		return nil
	}
	r.caller.Close()
	return r.store.Close()
}

// callTarget is where the data plane takes requests of steps for a service.
func (d *daemon) callTarget(service string) (call.Target, bool) {
	addr, ok := d.deliveryAddress(service)
	s := d.current().app.Services[service]
	if !ok || s == nil {
		return call.Target{}, false
	}
	return call.Target{Address: addr, H2C: s.Spec.Protocol == appfile.ProtocolH2C}, true
}

// attentionMost is how many sagas that need attention are counted.
const attentionMost = 1000

// sagaWarnings say what is wrong with sagas as a whole, and that somebody must look at some.
func (d *daemon) sagaWarnings(ctx context.Context) []string {
	r := d.sagaRoom.Load()
	switch {
	case r == nil:
		return nil
	case r.err != nil:
		return []string{"sagas are stopped: " + r.err.Error()}
	}
	found, err := r.coordinator.List(ctx, coordinator.Filter{Statuses: []machine.Status{machine.NeedsAttention}, Most: attentionMost})
	if err != nil {
		return []string{"sagas cannot be read: " + err.Error()}
	}
	const see = "; see `banyan sagas --state needs_attention`"
	switch n := len(found); n {
	case 0:
		return nil
	case 1:
		return []string{"a saga needs attention" + see}
	case attentionMost:
		return []string{fmt.Sprintf("%d sagas or more need attention", n) + see}
	default:
		return []string{fmt.Sprintf("%d sagas need attention", n) + see}
	}
}

// sagaNames are those of the app in force.
func (d *daemon) sagaNames() []string { return slices.Sorted(maps.Keys(d.current().app.Sagas)) }

// runner returns the coordinator, or why there is none.
func (d *daemon) runner() (*coordinator.Coordinator, error) {
	switch r := d.sagaRoom.Load(); {
	case r == nil:
		return nil, fault.New(fault.NotFound, "the app has no sagas").Fix("describe one under sagas in the app file")
	case r.err != nil:
		return nil, r.err
	default:
		return r.coordinator, nil
	}
}

// sagaSources are what the sagas of an app file are compiled from, by name.
func sagaSources(file *appfile.File) (map[string]json.RawMessage, error) {
	defs, problems := definition.FromApp(file.App.Sagas, file.App.Topics, func(name string) ([]byte, error) {
		if !filepath.IsAbs(name) {
			name = filepath.Join(file.Dir, name)
		}
		return os.ReadFile(name)
	})
	if len(defs) != len(file.App.Sagas) { // a file has changed since it was checked
		return nil, fault.New(fault.Invalid, "sagas: %s", problems[0].Message)
	}
	all := make(map[string]json.RawMessage, len(defs))
	for name, def := range defs {
		all[name] = def.Source()
	}
	return all, nil
}

// configureSagas puts the sagas of an app in force. Those that run keep the
// definitions that they were started with. A store that cannot be opened stops
// sagas alone: see sagaWarnings.
func (d *daemon) configureSagas(ctx context.Context, app *model.App) error {
	defs := make(map[string]*definition.Definition, len(app.Sagas))
	for name, text := range app.Sagas {
		def, err := definition.Parse(text)
		if err != nil {
			return err
		}
		defs[name] = def
	}
	kind, err := d.sagaKind(ctx, app)
	if kind == "" || err != nil {
		return err
	}
	before := d.sagaRoom.Load()
	room := before
	if room == nil || room.err != nil {
		room = d.openSagas(ctx, app, kind)
		d.sagaRoom.Store(room)
		if room.err != nil {
			if before == nil || before.err.Error() != room.err.Error() {
				d.log.Error("sagas are stopped", "error", room.err)
			}
			return nil
		}
		close(d.sagasKept)
	}
	if room.kind != kind {
		return fault.New(fault.Conflict, "saga_store cannot change while the app is up").
			Fix("run `banyan down`, then `banyan up`; sagas that the store before keeps stay there")
	}
	return room.coordinator.Apply(ctx, defs)
}

// sagasEach is how long to wait before a store that could not be opened is tried
// again, and before a coordinator that ended is run again.
const sagasEach = time.Second

// runSagas runs sagas, from when there is a coordinator. That it ends is no reason for the daemon to.
func (d *daemon) runSagas(ctx context.Context) error {
	kept := d.sagasKept
	for {
		select {
		case <-kept:
			kept = nil // that it has ended, and is to be run again, is for the timer
			d.runSagasOnce(ctx)
		case <-time.After(sagasEach):
			if kept != nil {
				d.retrySagas(ctx)
				continue
			}
			d.runSagasOnce(ctx)
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

func (d *daemon) runSagasOnce(ctx context.Context) {
	err := d.sagaRoom.Load().coordinator.Run(ctx)
	if err != nil && ctx.Err() == nil {
		d.log.Error("sagas do not go on; they are tried again", "error", err)
	}
}

// retrySagas opens the store of the app in force where a server was away.
func (d *daemon) retrySagas(ctx context.Context) {
	if r := d.sagaRoom.Load(); r == nil || fault.CodeOf(r.err) != fault.Unavailable {
		return
	}
	d.applying.Lock()
	defer d.applying.Unlock()
	if err := d.configureSagas(ctx, d.current().app); err != nil {
		d.log.Error("sagas are not as the app says", "error", err)
	}
}
