package cli

import (
	"context"
	"fmt"
	"os"
	"runtime"
)

// Entrypoints are the bodies of the hidden commands: what the daemon and the
// data plane start of this same program.
type Entrypoints struct {
	// Daemon runs the control plane until the app is down.
	Daemon func(context.Context, DaemonOptions) error
	// Proxy runs the data plane until it is told to stop.
	Proxy func(context.Context, ProxyOptions) error
	// Exec becomes an instance's program; it reads its orders from the
	// environment and descriptors and returns an exit code only if it fails.
	Exec func() int
}

// DaemonOptions are the flags of `banyan daemon`.
type DaemonOptions struct {
	StateDir string
	// Adopt: end at once unless an app is up.
	Adopt   bool
	Version string
}

// ProxyOptions are the flags of `banyan proxy`.
type ProxyOptions struct {
	StateDir string
	// Socket is where the data plane listens for its daemon.
	Socket  string
	Version string
}

// Main runs the command that os.Args names and returns the exit code.
func Main(entry Entrypoints) int {
	// First, and without looking at anything else: it runs once an instance.
	if len(os.Args) > 1 && os.Args[1] == "exec" && entry.Exec != nil {
		return entry.Exec()
	}
	if runtime.GOOS == "windows" {
		fmt.Fprintln(os.Stderr, "banyan: Windows is not supported; run Banyan inside WSL2: https://learn.microsoft.com/windows/wsl/install")
		return exitFailed
	}
	p := newProgram(entry, osConsole())
	return p.run(context.Background(), os.Args[1:])
}
