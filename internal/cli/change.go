package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/internal/cli/view"
	"github.com/banyanrun/banyan/internal/fault"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func (p *program) restartCommand() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "restart SERVICE",
		Short: "Replace a service's instances, one by one",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.change(cmd.Context(), args[0], timeout, "is restarted", func(ctx context.Context, s *session) error {
				_, err := s.Restart(ctx, &banyanv1.RestartRequest{Service: args[0]})
				return err
			})
		},
		ValidArgsFunction: p.completeServices(1),
	}
	waitFlag(cmd, &timeout)
	return cmd
}

func (p *program) scaleCommand() *cobra.Command {
	var timeout time.Duration
	cmd := &cobra.Command{
		Use:   "scale SERVICE N",
		Short: "Set how many instances a service has",
		Long:  "Set how many instances a service has, until the app file says another number.",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			n, err := strconv.ParseInt(args[1], 10, 32)
			if err != nil || n < 0 {
				return usageError{fmt.Errorf("%q is no number of instances", args[1]), cmd.CommandPath()}
			}
			return p.change(cmd.Context(), args[0], timeout, "has "+instances(n), func(ctx context.Context, s *session) error {
				_, err := s.Scale(ctx, &banyanv1.ScaleRequest{Service: args[0], Replicas: int32(n)})
				return err
			})
		},
		ValidArgsFunction: p.completeServices(1),
	}
	waitFlag(cmd, &timeout)
	return cmd
}

func waitFlag(cmd *cobra.Command, timeout *time.Duration) {
	cmd.Flags().DurationVar(timeout, "wait-timeout", 5*time.Minute, "how long to wait until it is done; 0 for as long as it takes")
}

func instances(n int64) string {
	if n == 1 {
		return "1 instance"
	}
	return fmt.Sprintf("%d instances", n)
}

func (p *program) runCommand() *cobra.Command {
	return &cobra.Command{
		Use:   "run JOB",
		Short: "Start a run of a job now",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, _, err := p.open(cmd.Context())
			if err != nil {
				return err
			}
			defer s.close()
			if _, err := s.RunJob(cmd.Context(), &banyanv1.RunJobRequest{Job: args[0]}); err != nil {
				return err
			}
			fmt.Fprintf(p.out, "%s runs; `banyan logs -f %s` shows its output\n", args[0], args[0])
			return nil
		},
		ValidArgsFunction: p.completeJobs,
	}
}

// change asks the daemon to change a service and waits until it has.
func (p *program) change(ctx context.Context, service string, timeout time.Duration, done string, ask func(context.Context, *session) error) error {
	s, t, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	signals, stop := p.signals()
	defer stop()
	r := p.newReporter(p.err, false)
	if before, err := s.status(ctx); err == nil {
		r.From(before) // else more is said than changes
	}
	err = ask(ctx, s)
	if err != nil && gone(err) { // the daemon died just now: ask the next one, once
		if err = p.ensure(ctx, t.Layout, true); err == nil {
			err = ask(ctx, s)
		}
	}
	if err != nil {
		return err
	}
	st, end, err := p.wait(ctx, s, t, r, waiting{judge: serviceDone(service), timeout: timeout, signals: signals})
	if err != nil {
		r.Lines()
		return err
	}
	switch {
	case find(st, service) == nil && end != wentDown:
		r.Hide()
		return fault.New(fault.NotFound, "there is no service %s any more", service)
	case end == reached:
		r.Lines()
		fmt.Fprintf(p.out, "%s %s\n", service, done)
		return nil
	}
	return p.gaveUp(r, only(st, service), end, timeout, "see `banyan logs "+service+"`")
}

func serviceDone(name string) func(*banyanv1.Status) verdict {
	return func(st *banyanv1.Status) verdict {
		s := find(st, name)
		switch {
		case s == nil:
			return failure
		case view.Done(s):
			return success
		case s.GetState() == banyanv1.State_STATE_FAILED:
			return failure
		}
		return pending
	}
}

func find(st *banyanv1.Status, service string) *banyanv1.Service {
	for _, s := range st.GetServices() {
		if s.GetName() == service {
			return s
		}
	}
	return nil
}

// only is the report cut down to one service.
func only(st *banyanv1.Status, service string) *banyanv1.Status {
	out := &banyanv1.Status{App: st.GetApp()}
	if s := find(st, service); s != nil {
		out.Services = []*banyanv1.Service{s}
	}
	return out
}
