package cli

import (
	"context"
	"fmt"
	"time"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/internal/cli/view"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func (p *program) statsCommand() *cobra.Command {
	var asJSON bool
	var interval time.Duration
	cmd := &cobra.Command{
		Use:   "stats [SERVICE]",
		Short: "Show the requests between services, and how they went",
		Long: `Show the requests between services: a row for each caller and callee, and for
each route of the gateway, and the errors that Banyan answered below it. SERVICE
shows those from and to it alone; "gateway" is the gateway. Without SERVICE, the
clients that were turned away before there was a request follow, by kind.

Requests a second are those that end while the command looks on, for --interval;
all else is counted since the data plane started.`,
		Example: "  banyan stats order --interval 10s",
		Args:    cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := &banyanv1.StatsRequest{}
			if len(args) > 0 {
				req.Service = args[0]
			}
			if interval <= 0 {
				return usageError{fmt.Errorf("%s is no time to look on", interval), cmd.CommandPath()}
			}
			return p.stats(cmd.Context(), req, asJSON, interval)
		},
		ValidArgsFunction: p.completeServices(1),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print all counts as JSON, at once (banyan.v1.StatsResponse)")
	cmd.Flags().DurationVar(&interval, "interval", time.Second, "how long to look on, for the requests a second")
	return cmd
}

func (p *program) stats(ctx context.Context, req *banyanv1.StatsRequest, asJSON bool, interval time.Duration) error {
	t, err := p.locate("")
	if err != nil {
		return err
	}
	s, _, err := p.reach(ctx, t)
	if err != nil {
		return err
	}
	defer s.close()
	before, err := s.stats(ctx, req)
	if err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(before)
	}
	select {
	case <-time.After(interval):
	case <-ctx.Done():
		return ctx.Err()
	}
	after, err := s.stats(ctx, req)
	if err != nil {
		return err
	}
	for _, l := range view.Stats(before, after, view.StatsOptions{Width: p.width(), Color: p.color}) {
		fmt.Fprintln(p.out, l)
	}
	return nil
}

// stats asks once.
func (s *session) stats(ctx context.Context, req *banyanv1.StatsRequest) (*banyanv1.StatsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, statusMost)
	defer cancel()
	return s.Stats(ctx, req)
}
