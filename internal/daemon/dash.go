package daemon

import (
	"context"
	"crypto/rand"
	"net/http"
	"reflect"
	"sync"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/dash"
	"github.com/banyanrun/banyan/internal/dash/access"
	"github.com/banyanrun/banyan/internal/dash/audit"
	"github.com/banyanrun/banyan/internal/dash/stream"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/state"
)

// dashboard is what the daemon has for it.
type dashboard struct {
	actions *audit.Log
	dash    *dash.Dash
	hub     *stream.Hub
	rpcs    map[string]http.Handler
	bundles http.Handler
}

// url is where the dashboard is; empty: it is not open.
func (b *dashboard) url() string {
	if b.dash == nil { // it is not made yet
		return ""
	}
	return b.dash.Home()
}

// sessionKeeper keeps the dashboard's sessions in the state.
type sessionKeeper struct{ d *daemon }

var _ access.Keeper = sessionKeeper{}

// Save implements access.Keeper.
func (k sessionKeeper) Save(id string, s access.Session) {
	k.d.store.Queue(kindSession, id, s, k.d.unsaved)
}

// Remove implements access.Keeper.
func (k sessionKeeper) Remove(id string) { k.d.store.Queue(kindSession, id, nil, k.d.unsaved) }

// openDash makes the dashboard, which is closed at first, and the RPCs that it and
// the control socket serve.
func (d *daemon) openDash(ctx context.Context) error {
	actions, err := audit.Open(d.layout.Actions, time.Now)
	if err != nil {
		return err
	}
	d.dashboard.actions = actions
	kept, err := state.All[access.Session](ctx, d.store, kindSession)
	if err != nil {
		return err
	}
	boot := rand.Text()[:12]
	d.dashboard.rpcs = d.rpcs()
	d.dashboard.bundles = d.bundleHandler()
	d.dashboard.hub = stream.New(boot, d.feeds().Sources(), d.tail(), d.log)
	d.dashboard.dash = dash.New(dash.Options{
		App: func() string { return d.current().app.Name }, Version: d.version, Boot: boot,
		RPCs: d.dashboard.rpcs, Prometheus: d.promHandler(), Jaeger: d.jaegerHandler(), Bundles: d.dashboard.bundles,
		Tokens: access.NewTokens(time.Now), Sessions: access.NewSessions(sessionKeeper{d}, kept, time.Now),
		Stream: d.dashboard.hub, Audit: actions, Log: d.log,
	})
	return nil
}

// errDashOff is why there is no dashboard where the app file wants none.
var errDashOff = fault.New(fault.Conflict, "the dashboard is off").Fix("remove `dashboard: off` from the app file and run `banyan up`")

// dashRetry is when it is tried again to open the dashboard.
const dashRetry = 5 * time.Second

// serveDash serves the dashboard while an app is in force, where its file says.
// That it cannot be opened is no reason for the daemon to end.
func (d *daemon) serveDash(ctx context.Context) error {
	streaming, stop := context.WithCancel(context.WithoutCancel(ctx))
	var tasks sync.WaitGroup
	tasks.Go(func() { d.dashboard.hub.Run(streaming) })
	defer tasks.Wait()
	defer stop()
	defer context.AfterFunc(ctx, d.endStreams)()
	told := "" // what went wrong is told once
	for ctx.Err() == nil {
		changed := d.Changes()
		now := d.effects.current.Load()
		if now == nil {
			select {
			case <-changed:
			case <-ctx.Done():
			}
			continue
		}
		if err := d.serveWish(ctx, dashWish(now.app.Dashboard), now.app.Name); err != nil && err.Error() != told {
			told = err.Error()
			d.log.Warn("the dashboard is not open", "error", err)
		}
	}
	return ctx.Err()
}

// endStreams tells browsers why they hear nothing any more.
func (d *daemon) endStreams() {
	select {
	case <-d.gone:
		d.dashboard.hub.End("down")
	default:
		d.dashboard.hub.End("restart")
	}
}

// dashWish is where the app file wants the dashboard.
func dashWish(w *appfile.Dashboard) appfile.Dashboard {
	if w == nil {
		return appfile.Dashboard{}
	}
	return *w
}

// sameDash reports whether two app files want the same of the dashboard.
func sameDash(a, b *appfile.Dashboard) bool { return reflect.DeepEqual(dashWish(a), dashWish(b)) }

// serveWish serves the dashboard until the app file wants it elsewhere. Where it
// cannot be served, it says why after a while, to be called again.
func (d *daemon) serveWish(ctx context.Context, wish appfile.Dashboard, app string) error {
	ctx, cancel := context.WithCancel(ctx)
	var watch sync.WaitGroup
	watch.Go(func() {
		defer cancel()
		d.otherWish(ctx, wish)
	})
	defer watch.Wait()
	defer cancel()
	if wish.Off {
		d.dashboard.dash.Closed(errDashOff)
		<-ctx.Done()
		return nil
	}
	site, err := d.dashSite(ctx, wish, app)
	if err == nil {
		if site.SignIn != nil {
			defer site.SignIn.Close()
			watch.Go(func() { d.checkSignIn(ctx, site) })
		}
		err = d.dashboard.dash.Serve(ctx, site)
	}
	if ctx.Err() != nil {
		err = nil
	}
	if err != nil {
		d.dashboard.dash.Closed(err)
		select {
		case <-time.After(dashRetry):
		case <-ctx.Done():
		}
	}
	return err
}

// otherWish returns when the app in force wants the dashboard elsewhere, or ctx ends.
func (d *daemon) otherWish(ctx context.Context, wish appfile.Dashboard) {
	for {
		changed := d.Changes()
		if now := d.effects.current.Load(); now != nil && !sameDash(now.app.Dashboard, &wish) {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}
