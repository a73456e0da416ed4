package daemon

import (
	"context"
	"iter"
	"net"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/logs"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/reconcile"
	"github.com/banyanrun/banyan/internal/route"
)

// Status implements admin.Engine.
func (d *daemon) Status(ctx context.Context, usage bool) (*model.Status, error) {
	st := &model.Status{}
	err := d.loop.Read(ctx, func(desired reconcile.Desired, obs *model.Observed, plan reconcile.Plan) {
		st.App, st.GoingDown = desired.App, desired.Down
		st.Services = reconcile.Summarize(desired, obs, plan)
	})
	if err != nil {
		return nil, err
	}
	now := d.current()
	for id, addr := range now.addrs {
		if strings.HasPrefix(id, route.GatewayID("")) {
			st.GatewayURLs = append(st.GatewayURLs, gatewayURL(addr))
		}
	}
	slices.Sort(st.GatewayURLs)
	st.Daemon = model.ProcessStatus{PID: os.Getpid(), Version: d.version, Started: d.started, Ready: true}
	st.DataPlane = d.proxyStatus(usage)
	if usage {
		st.Usage = d.effects.usage()
		st.Daemon.Usage = selfUsage()
	}
	return st, nil
}

// gatewayURL is where a person on this machine reaches the address.
func gatewayURL(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "http://" + addr
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = loopback
	}
	return "http://" + net.JoinHostPort(host, port)
}

func (d *daemon) proxyStatus(usage bool) model.ProcessStatus {
	d.mu.Lock()
	p, started := d.proxy, d.proxyStarted
	d.mu.Unlock()
	st := model.ProcessStatus{Version: d.version, Started: started, Ready: true}
	switch {
	case p == nil:
		st.Ready, st.Reason = false, "is being started"
		return st
	case d.keeper.Version() == route.Version{}:
		st.Ready, st.Reason = false, "has no routes yet"
	}
	st.PID = p.Identity().PID
	if usage {
		if u, err := p.Usage(); err == nil {
			st.Usage = model.Usage{CPU: u.CPU, Memory: u.Memory}
		}
	}
	return st
}

// Changes implements admin.Engine.
func (d *daemon) Changes() <-chan struct{} { return d.effects.changes() }

// Logs implements admin.Engine.
func (d *daemon) Logs(ctx context.Context, f logs.Filter, follow bool) (iter.Seq2[logs.Record, error], error) {
	known := d.current().app.Services
	for _, name := range f.Services {
		if known[name] == nil && name != dataPlaneID {
			return nil, fault.New(fault.NotFound, "there is no service %s", name).Fix("see `banyan ps` for those there are")
		}
	}
	if !follow {
		return d.logs.Query(ctx, f), nil
	}
	return d.logs.Follow(ctx, f), nil
}

// Down implements admin.Engine. When it returns nil nothing is left but this
// process, which ends next.
func (d *daemon) Down(ctx context.Context, force bool) error {
	d.loop.Update(func(desired *reconcile.Desired, _ *model.Observed) {
		desired.Down, desired.Force = true, desired.Force || force
	})
	if err := d.awaitEmpty(ctx); err != nil {
		return err
	}
	d.applying.Lock()
	defer d.applying.Unlock()
	select {
	case <-d.gone:
		return nil // another call was faster
	default:
	}
	if err := d.dismantle(ctx, force); err != nil {
		return err
	}
	d.goneOnce.Do(func() { close(d.gone) })
	return nil
}

// awaitEmpty waits until no instance is left.
func (d *daemon) awaitEmpty(ctx context.Context) error {
	for {
		changed := d.Changes()
		left, down := 0, false
		err := d.loop.Read(ctx, func(desired reconcile.Desired, obs *model.Observed, _ reconcile.Plan) {
			left, down = len(obs.Instances), desired.Down
		})
		switch {
		case err != nil:
			return err
		case !down:
			return fault.New(fault.Conflict, "the app was started again while it went down")
		case left == 0:
			return nil
		}
		select {
		case <-changed:
		case <-d.gone:
			return nil
		case <-ctx.Done():
			return fault.New(fault.Timeout, "%d instances are still being stopped: %w", left, ctx.Err())
		}
	}
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
	if err := d.store.Delete(ctx, kindMeta, "desired"); err != nil {
		return err
	}
	if err := os.Remove(d.layout.ProxySocket); err != nil && !os.IsNotExist(err) {
		d.log.Warn("a socket is left", "error", err)
	}
	return d.ports.Close()
}

