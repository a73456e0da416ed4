package daemon

import (
	"context"
	"net"
	"regexp"
	"strconv"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/probe"
)

// probe begins to ask the instance how it is.
func (x *instances) probe(ctx context.Context, i model.Instance, r *running) {
	spec := i.Of.Spec
	target := probe.Target{
		Addr: net.JoinHostPort(loopback, strconv.Itoa(i.Port)),
		Exec: r.process.Exec,
		Owns: func() (listening, owner bool, addr string, ok bool) { return r.process.Owns(i.Port) },
	}
	ready := target
	if spec.Readiness.Log != "" {
		ready.Log = x.logs.Watch(i.ID, regexp.MustCompile(spec.Readiness.Log)) // validated
	}
	x.wg.Go(func() {
		checked := false
		probe.Run(ctx, x.probeOf(spec.Readiness, i), ready, func(ok bool, reason string) {
			if !ok {
				x.loop.Unready(i.ID, i.Run, reason)
				return
			}
			x.loop.Ready(i.ID, i.Run, time.Now())
			if !checked {
				checked = true
				x.bypass(i, r)
			}
		})
	})
	if spec.Liveness == nil {
		return
	}
	liveness := x.probeOf(spec.Liveness, i)
	liveness.Kind = probe.Liveness
	x.wg.Go(func() {
		probe.Run(ctx, liveness, target, func(_ bool, reason string) {
			x.loop.Unhealthy(i.ID, i.Run, "failed its liveness probe: "+reason)
		})
	})
}

// bypass warns of an instance that can be reached without the data plane.
func (x *instances) bypass(i model.Instance, r *running) {
	_, _, addr, ok := r.process.Owns(i.Port)
	if !ok {
		return
	}
	if ip := net.ParseIP(hostOf(addr)); ip != nil && ip.IsUnspecified() {
		x.loop.Warn(i.ID, i.Run, "listens on all interfaces ("+addr+"): it can be reached past the gateway; listen on $HOST")
	}
}

// probeOf is the app file's probe with its references replaced.
func (x *instances) probeOf(p *appfile.Probe, i model.Instance) probe.Probe {
	argv, err := x.around(i).argv(p.Exec)
	if err != nil {
		x.log.Warn("a probe's command stays as it is written", "instance", i.ID, "error", err)
		argv = p.Exec
	}
	return probe.Probe{
		HTTP: p.HTTP, TCP: p.TCP, Exec: argv, Log: p.Log != "",
		InitialDelay: time.Duration(p.InitialDelay), Period: time.Duration(p.Period), Timeout: time.Duration(p.Timeout),
		SuccessThreshold: p.SuccessThreshold, FailureThreshold: p.FailureThreshold,
	}
}
