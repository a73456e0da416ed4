package cli

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/cli/view"
	"github.com/banyanrun/banyan/internal/daemon/launch"
	"github.com/banyanrun/banyan/internal/fault"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// upOptions are the flags of `banyan up`.
type upOptions struct {
	path     string
	detach   bool
	env      string
	profiles []string
	timeout  time.Duration
	watch    bool
}

func (p *program) upCommand() *cobra.Command {
	var o upOptions
	cmd := &cobra.Command{
		Use:   "up [PATH]",
		Short: "Bring the app up, or apply what changed in its file",
		Long: `Bring the app up, or apply what changed in its file.

In the foreground it shows what happens and the services' logs; Ctrl-C brings
the app down in reverse order, a second Ctrl-C at once. Closing the terminal
leaves the app running. PATH is an app file, or the directory it is in.`,
		Example: "  banyan up\n  banyan up examples/shop -d\n  banyan up --env prod --watch",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			o.path = parsePath(args)
			return p.up(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.BoolVarP(&o.detach, "detach", "d", false, "return when all is ready; the app goes on in the background")
	f.StringVar(&o.env, "env", "", "overlay `ENV`: banyan.ENV.yaml beside the app file")
	f.StringSliceVar(&o.profiles, "profile", nil, "include the services of this `PROFILE` (may be repeated)")
	f.DurationVar(&o.timeout, "wait-timeout", 5*time.Minute, "how long -d waits; 0 for as long as it takes")
	f.BoolVarP(&o.watch, "watch", "w", false, "rebuild and replace services when their sources change")
	cmd.MarkFlagsMutuallyExclusive("detach", "watch")
	return cmd
}

func (p *program) up(ctx context.Context, o upOptions) error {
	t, err := p.locateFile(o.path)
	if err != nil {
		return err
	}
	file, err := p.load(t, o.env, o.profiles)
	if err != nil {
		return p.showProblems(t, err)
	}
	signals, stop := p.signals()
	defer stop()
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	l, err := p.launch(ctx, cancel, signals, t, file, o)
	if err != nil {
		return err
	}
	defer l.close()
	for _, w := range l.applied.GetWarnings() {
		fmt.Fprintln(p.err, view.Yellow.Paint("warning: ", p.color)+w)
	}
	if o.detach {
		return p.upDetached(ctx, l, t, o.timeout, signals)
	}
	return p.upForeground(ctx, l, t, file, o, signals)
}

// launched is an app that the daemon has accepted.
type launched struct {
	*session
	applied *banyanv1.ApplyResponse
	// interrupted: Ctrl-C came before the daemon had accepted it.
	interrupted bool
}

// launch starts the daemon and applies the file. A signal meanwhile ends a
// detached command; a foreground one goes on, to bring down what it began,
// unless it gets another.
func (p *program) launch(ctx context.Context, cancel context.CancelFunc, signals <-chan os.Signal, t target, file *appfile.File, o upOptions) (launched, error) {
	var l launched
	var err error
	done := make(chan struct{})
	go func() {
		defer close(done)
		l.session, l.applied, err = p.startAndApply(ctx, t, file, o)
	}()
	interrupted := false
	for {
		select {
		case <-done:
			l.interrupted = interrupted
			return l, err
		case sig := <-signals:
			if o.detach || interrupted || sig == syscall.SIGHUP {
				cancel()
			}
			interrupted = true
		}
	}
}

// startAndApply tries again where it met a daemon on its way out.
func (p *program) startAndApply(ctx context.Context, t target, file *appfile.File, o upOptions) (*session, *banyanv1.ApplyResponse, error) {
	for tries := 1; ; tries++ {
		s, err := p.start(ctx, t, false)
		if errors.Is(err, launch.ErrEnded) { // it finished an interrupted down
			s, err = p.start(ctx, t, false)
		}
		if err != nil {
			return nil, nil, err
		}
		applied, err := p.apply(ctx, s, t, file, o)
		if err == nil {
			return s, applied, nil
		}
		s.close()
		if tries == 3 || !gone(err) {
			return nil, nil, err
		}
		select {
		case <-time.After(reconnectPause):
		case <-ctx.Done():
			return nil, nil, ctx.Err()
		}
	}
}

func (p *program) apply(ctx context.Context, s *session, t target, file *appfile.File, o upOptions) (*banyanv1.ApplyResponse, error) {
	if err := sameApp(ctx, s, t); err != nil {
		return nil, err
	}
	return s.Apply(ctx, &banyanv1.ApplyRequest{
		Path: t.Abs, Environment: o.env, Profiles: o.profiles, Variables: variables(p.environ, file),
	})
}

// sameApp refuses to turn the app of a shared state directory into another one.
func sameApp(ctx context.Context, s *session, t target) error {
	st, err := s.status(ctx)
	if err != nil || st.GetPath() == "" || st.GetPath() == t.Abs {
		return err
	}
	ours, err := os.Stat(t.Abs)
	if err != nil {
		return err
	}
	// Where theirs is not there any more, the app was moved here.
	theirs, gone := os.Stat(st.GetPath())
	if gone == nil && !os.SameFile(ours, theirs) {
		return fault.New(fault.Conflict, "the state directory %s belongs to the app %s", t.StateDir, st.GetPath()).
			Fix("choose another one with --state-dir, or bring that app down")
	}
	return nil
}

// showProblems prints the mistakes in an app file with their excerpts.
func (p *program) showProblems(t target, err error) error {
	text := p.problemText(t, err)
	if text == "" {
		return invalidFile(err)
	}
	fmt.Fprint(p.err, text)
	return exit(exitUsage)
}

// invalidFile is an app file that could not be read at all.
func invalidFile(err error) error {
	return fault.New(fault.Invalid, "%w", err)
}

// upMessage is what an app that is up is announced with.
func upMessage(st *banyanv1.Status) string {
	where := ""
	if urls := st.GetGatewayUrls(); len(urls) > 0 {
		where = " at " + strings.Join(urls, " and ")
	}
	return st.GetApp() + " is up" + where
}

// notReady counts: "2 of 9 services are not ready: order, payment".
func notReady(st *banyanv1.Status) string {
	names := map[string]bool{}
	total := 0
	for _, s := range st.GetServices() {
		if s.GetState() != banyanv1.State_STATE_LEFT_OUT {
			total++
		}
		if !view.Done(s) {
			names[s.GetName()] = true
		}
	}
	list := slices.Sorted(maps.Keys(names))
	if len(list) > 5 {
		list = append(list[:5], "…")
	}
	verb := "are"
	if len(names) == 1 {
		verb = "is"
	}
	return fmt.Sprintf("%d of %d services %s not ready: %s", len(names), total, verb, strings.Join(list, ", "))
}
