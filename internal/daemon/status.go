package daemon

import (
	"context"
	"iter"
	"net"
	"os"
	"slices"
	"strings"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/logs"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/reconcile"
	"github.com/banyanrun/banyan/internal/route"
)

// Status implements admin.Engine.
func (d *daemon) Status(ctx context.Context, usage bool) (*model.Status, error) {
	st := &model.Status{}
	var latest route.Version
	err := d.loop.Read(ctx, func(desired reconcile.Desired, obs *model.Observed, plan reconcile.Plan) {
		latest = route.Version{Epoch: d.effects.epoch, N: d.effects.number}
		st.App, st.GoingDown = desired.App, desired.Down
		st.Services = reconcile.Summarize(desired, obs, plan)
	})
	if err != nil {
		return nil, err
	}
	now := d.current()
	st.GatewayURLs, st.DashboardURL = gatewayURLs(now), d.dashboard.url()
	st.Daemon = model.ProcessStatus{PID: os.Getpid(), Version: d.version, Started: d.started, Ready: true}
	st.DataPlane = d.proxyStatus(usage, latest)
	if usage {
		st.Usage = d.effects.usage()
		st.Daemon.Usage = selfUsage()
		if more := d.sagaWarnings(ctx); len(more) > 0 && st.App != nil {
			app := *st.App
			app.Warnings = slices.Concat(app.Warnings, more)
			st.App = &app
		}
	}
	return st, nil
}

// gatewayURLs are where a person on this machine reaches the gateway, sorted.
func gatewayURLs(now applied) []string {
	scheme := "http://"
	if g := now.app.Gateway; g != nil && g.TLS != nil {
		scheme = "https://"
	}
	var urls []string
	for id, addr := range now.addrs {
		if strings.HasPrefix(id, route.GatewayID("")) {
			urls = append(urls, scheme+reachable(addr))
		}
	}
	slices.Sort(urls)
	return urls
}

// reachable is addr with loopback in the place of "any address".
func reachable(addr string) string {
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	if ip := net.ParseIP(host); ip != nil && ip.IsUnspecified() {
		host = loopback
	}
	return net.JoinHostPort(host, port)
}

// proxyStatus says how the data plane is; it is ready when it works by the latest routes.
func (d *daemon) proxyStatus(usage bool, latest route.Version) model.ProcessStatus {
	d.mu.Lock()
	p, started := d.proxy, d.proxyStarted
	d.mu.Unlock()
	st := model.ProcessStatus{Version: d.version, Started: started, Ready: true}
	switch {
	case p == nil:
		st.Ready, st.Reason = false, "is being started"
		return st
	case d.keeper.Version() != latest:
		st.Ready, st.Reason = false, "has not acknowledged the latest routes yet"
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
		if known[name] == nil && name != dataPlaneID && name != daemonID {
			return nil, noService(name)
		}
	}
	if !follow {
		return d.logs.Query(ctx, f), nil
	}
	return d.logs.Follow(ctx, f), nil
}

func noService(name string) error {
	return fault.New(fault.NotFound, "there is no service %s", name).Fix("see `banyan ps` for those there are")
}
