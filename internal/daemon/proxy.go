package daemon

import (
	"context"
	"log/slog"
	"os"
	"time"

	"github.com/banyanrun/banyan/internal/crashpoint"
	"github.com/banyanrun/banyan/internal/dataplane"
	"github.com/banyanrun/banyan/internal/driver"
	"github.com/banyanrun/banyan/internal/proxy"
)

// dataPlaneID is the data plane's name among processes. No service can have it:
// "gateway" is reserved.
const dataPlaneID = "gateway"

// proxyProcess is the data plane's process as its keeper needs it.
type proxyProcess struct{ driver.Process }

var _ dataplane.Process = proxyProcess{}

// Kill ends it at once, also when it is stopped (SIGSTOP).
func (p proxyProcess) Kill() error { return p.Signal("SIGKILL") }

// startProxy starts a data plane, through the driver like any instance: it is
// watched, adopted and logged by the same means.
func (d *daemon) startProxy(ctx context.Context) (dataplane.Process, error) {
	if err := d.logs.Open(dataPlaneID, dataPlaneID); err != nil {
		return nil, err
	}
	spec := driver.Spec{
		ID: dataPlaneID, Dir: "/", Env: proxyEnvironment(),
		Argv: []string{d.self, "proxy", "--state-dir", d.layout.StateDir, "--socket", d.layout.ProxySocket},
	}
	spec.Stdout, spec.Stderr = d.logs.SpoolPaths(dataPlaneID)
	prepared, err := d.driver.Prepare(ctx, spec)
	if err != nil {
		return nil, err
	}
	record := processRecord{Identity: prepared.Identity(), Run: 1, Started: time.Now()}
	if err := d.store.Put(ctx, kindProcess, dataPlaneID, record); err != nil {
		prepared.Abort()
		return nil, err
	}
	process, err := prepared.Start(ctx)
	if err != nil {
		return nil, err
	}
	d.setProxy(process, record.Started)
	return proxyProcess{process}, nil
}

// proxyEnvironment is what the data plane needs to start a daemon that finds the
// same files as this one.
func proxyEnvironment() []string {
	var env []string
	for _, name := range []string{"PATH", "HOME", "TMPDIR", "XDG_RUNTIME_DIR", "BANYAN_SECRET_KEY_FILE", crashpoint.Variable, "GOMAXPROCS", "GOGC", "GOMEMLIMIT"} {
		if value, ok := os.LookupEnv(name); ok {
			env = append(env, name+"="+value)
		}
	}
	return env
}

// ProxyOptions are what a data plane needs to know.
type ProxyOptions struct {
	Socket  string
	Version string
}

// RunProxy is the data plane's process: it runs until the daemon shuts it down,
// or SIGTERM does. Its access log goes to standard output.
func RunProxy(ctx context.Context, o ProxyOptions) error {
	log := slog.New(slog.NewTextHandler(os.Stderr, nil))
	return proxy.Serve(ctx, proxy.ServeConfig{Socket: o.Socket, Version: o.Version, Log: log})
}
