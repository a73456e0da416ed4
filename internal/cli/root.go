package cli

import (
	"context"
	"os"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/internal/daemon/launch"
	"github.com/banyanrun/banyan/internal/daemon/layout"
)

// program is one run of the command line.
type program struct {
	*console
	entry Entrypoints
	// ensure makes sure that a daemon answers for a state directory; with adopt only
	// where an app is up.
	ensure func(ctx context.Context, l layout.Layout, adopt bool) error
	color  bool
	flags  struct {
		app, stateDir string
		noColor       bool
	}
}

func newProgram(entry Entrypoints, c *console) *program {
	return &program{console: c, entry: entry, ensure: ensureDaemon}
}

func ensureDaemon(ctx context.Context, l layout.Layout, adopt bool) error {
	self, err := os.Executable()
	if err != nil {
		return err
	}
	return launch.Ensure(ctx, l, self, adopt)
}

// run executes args and returns the exit code.
func (p *program) run(ctx context.Context, args []string) int {
	root := p.rootCommand()
	root.SetArgs(args)
	root.SetIn(p.in)
	root.SetOut(p.out)
	root.SetErr(p.err)
	cmd, err := root.ExecuteContextC(ctx)
	if err != nil {
		err = usage(cmd, err)
	}
	return p.finish(err)
}

func (p *program) rootCommand() *cobra.Command {
	root := &cobra.Command{
		Use:   "banyan",
		Short: "Run a team's services, in any language, as one system",
		Long: `Banyan runs a team's services, in any language, as one system: one file, one binary.

Commands find the app by banyan.yaml in the working directory or above it, or by
-C. Its state is in .banyan beside the file, or where --state-dir or
BANYAN_STATE_DIR says.

Exit codes: 0 done; 1 it failed, or something is not ready; 2 wrong usage or an
invalid app file; 130 interrupted while waiting.`,
		SilenceErrors: true,
		SilenceUsage:  true,
		PersistentPreRun: func(*cobra.Command, []string) {
			p.color = p.isTerminal() && !p.flags.noColor && p.getenv("NO_COLOR") == ""
		},
	}
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usageError{err, cmd.CommandPath()}
	})
	f := root.PersistentFlags()
	f.StringVarP(&p.flags.app, "app", "C", "", "the app: its file, or the directory it is in, as `PATH`")
	f.StringVar(&p.flags.stateDir, "state-dir", "", "`DIR` of the app's state (default .banyan beside the app file)")
	f.BoolVar(&p.flags.noColor, "no-color", false, "no colours")
	root.AddCommand(
		p.upCommand(), p.downCommand(), p.psCommand(), p.statsCommand(), p.logsCommand(),
		p.topCommand(), p.tracesCommand(), p.traceCommand(), p.queryCommand(), p.alertsCommand(), p.telemetryCommand(),
		p.restartCommand(), p.scaleCommand(), p.runCommand(), p.dashboardCommand(), p.auditCommand(), p.topicsCommand(), p.eventsCommand(), p.sagasCommand(), p.sagaCommand(),
		p.validateCommand(), p.schemaCommand(), p.secretCommand(), p.versionCommand(),
		p.daemonCommand(), p.proxyCommand(), p.execCommand(),
	)
	return root
}
