//go:build !windows

// Command banyan runs a team's services, in any language, as one system: one
// file, one binary; on a laptop, on a server, on Kubernetes.
package main

import (
	"context"
	"os"

	"github.com/banyanrun/banyan/internal/cli"
	"github.com/banyanrun/banyan/internal/daemon"
	"github.com/banyanrun/banyan/internal/driver/process"
	_ "github.com/banyanrun/banyan/internal/driver/process/launch/early" // `banyan exec` is started once an instance: it must cost little
)

func main() {
	os.Exit(cli.Main(cli.Entrypoints{
		Daemon: func(ctx context.Context, o cli.DaemonOptions) error {
			return daemon.Run(ctx, daemon.Options{StateDir: o.StateDir, Version: o.Version, Adopt: o.Adopt})
		},
		Proxy: func(ctx context.Context, o cli.ProxyOptions) error {
			return daemon.RunProxy(ctx, daemon.ProxyOptions{Socket: o.Socket, Version: o.Version})
		},
		Exec: func() int { process.Child(); return 1 },
	}))
}
