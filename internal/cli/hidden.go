package cli

import (
	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/internal/fault"
)

// The hidden commands: Banyan starts them of itself, people do not.

func (p *program) daemonCommand() *cobra.Command {
	var o DaemonOptions
	cmd := &cobra.Command{
		Use: "daemon", Short: "Run an app's control plane", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.entry.Daemon == nil {
				return notBuiltIn("daemon")
			}
			o.StateDir, o.Version = p.absoluteStateDir(), currentVersion().Version
			if o.StateDir == "" {
				return usageError{errNoStateDir, cmd.CommandPath()}
			}
			return p.entry.Daemon(cmd.Context(), o)
		},
	}
	cmd.Flags().BoolVar(&o.Adopt, "adopt", false, "end at once unless an app is up")
	return cmd
}

func (p *program) proxyCommand() *cobra.Command {
	var o ProxyOptions
	cmd := &cobra.Command{
		Use: "proxy", Short: "Run an app's data plane", Hidden: true, Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if p.entry.Proxy == nil {
				return notBuiltIn("data plane")
			}
			o.StateDir, o.Version = p.absoluteStateDir(), currentVersion().Version
			return p.entry.Proxy(cmd.Context(), o)
		},
	}
	cmd.Flags().StringVar(&o.Socket, "socket", "", "unix socket to listen on for the daemon")
	return cmd
}

// execCommand only documents what Main dispatches before there are commands.
func (p *program) execCommand() *cobra.Command {
	return &cobra.Command{
		Use: "exec", Short: "Become an instance's program", Hidden: true, DisableFlagParsing: true,
		RunE: func(*cobra.Command, []string) error { return notBuiltIn("instance starter") },
	}
}

var errNoStateDir = fault.New(fault.Invalid, "--state-dir is missing")

func notBuiltIn(what string) error {
	return fault.New(fault.Internal, "this program was built without its %s", what)
}

func (p *program) absoluteStateDir() string {
	if dir := p.stateDir(); dir != "" {
		return p.absolute(dir)
	}
	return ""
}
