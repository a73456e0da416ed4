package cli

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/internal/cli/screen"
	"github.com/banyanrun/banyan/internal/cli/view"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

type topOptions struct {
	interval   time.Duration
	sort       string
	once, json bool
}

func (p *program) topCommand() *cobra.Command {
	var o topOptions
	cmd := &cobra.Command{
		Use:   "top",
		Short: "Show what services do now: requests, errors, latencies, CPU, memory",
		Long: `Show what services do now, on a terminal again and again until Ctrl-C: a row a
service, with the requests that it answered, how many of them failed, how long
they took, and what its instances use. All of it is of the last --interval.`,
		Example: "  banyan top --sort cpu\n  banyan top --once --json",
		Args:    cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var err error
			switch {
			case o.interval < 100*time.Millisecond:
				err = fmt.Errorf("%s is no time to look on: 100ms is the least", o.interval)
			case !slices.Contains(view.TopSorts, o.sort):
				err = fmt.Errorf("--sort %q is none of %s", o.sort, strings.Join(view.TopSorts, ", "))
			}
			if err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			return p.top(cmd.Context(), o)
		},
	}
	f := cmd.Flags()
	f.DurationVar(&o.interval, "interval", 2*time.Second, "how long to look on, each time")
	f.StringVar(&o.sort, "sort", "name", "the `COLUMN` that decides the order: "+strings.Join(view.TopSorts, ", "))
	f.BoolVar(&o.once, "once", false, "look on once, as where the output is no terminal")
	f.BoolVar(&o.json, "json", false, "print each row as a JSON object on a line, once")
	_ = cmd.RegisterFlagCompletionFunc("sort", cobra.FixedCompletions(view.TopSorts, cobra.ShellCompDirectiveNoFileComp)) // it fails for flags that are not there
	return cmd
}

func (p *program) top(ctx context.Context, o topOptions) error {
	t, err := p.locate("")
	if err != nil {
		return err
	}
	s, _, err := p.reach(ctx, t)
	if err != nil {
		return err
	}
	defer func() { s.close() }() // another one, if the daemon died
	signals, stop := p.signals()
	defer stop()
	before, err := p.reading(ctx, s)
	if err != nil {
		return err
	}
	draw := p.topScreen(o)
	for {
		if stopped, err := wait(ctx, signals, o.interval); stopped || err != nil {
			return err
		}
		after, err := p.reading(ctx, s)
		if err != nil && gone(err) {
			s.close()
			if s, _, err = p.reach(ctx, t); err == nil {
				after, err = p.reading(ctx, s)
			}
		}
		if err != nil {
			return err
		}
		if err := draw(before, after); err != nil || o.once || o.json || !p.isTerminal() {
			return err
		}
		before = after
	}
}

// wait waits for a time. True: Ctrl-C came before, which is no failure.
func wait(ctx context.Context, signals <-chan os.Signal, d time.Duration) (stopped bool, err error) {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return false, nil
	case <-signals:
		return true, nil
	case <-ctx.Done():
		return false, ctx.Err()
	}
}

// reading asks once for all that is shown.
func (p *program) reading(ctx context.Context, s *session) (view.Reading, error) {
	stats, err := s.stats(ctx, &banyanv1.StatsRequest{})
	if err != nil {
		return view.Reading{}, err
	}
	st, err := s.status(ctx)
	return view.Reading{At: p.now(), Status: st, Stats: stats}, err
}

// topScreen returns what shows two readings: on a terminal in place of what it
// showed before.
func (p *program) topScreen(o topOptions) func(before, after view.Reading) error {
	drawn := screen.New(p.out)
	return func(before, after view.Reading) error {
		width, height, terminal := p.size()
		look := view.TopOptions{Width: width, Color: p.color, Sort: o.sort}
		var lines []string
		if o.json {
			lines = view.TopJSON(before, after, o.sort)
		} else {
			lines = view.Top(before, after, look)
		}
		if terminal && !o.once && !o.json {
			lines = append([]string{view.TopHead(before, after, look)}, lines...)
			return drawn.Draw(lines[:min(len(lines), max(1, height-1))], width)
		}
		for _, l := range lines {
			fmt.Fprintln(p.out, l)
		}
		return nil
	}
}
