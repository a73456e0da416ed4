package cli

import (
	"context"
	"fmt"
	"strconv"
	"time"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/internal/cli/view"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func (p *program) eventsTailCommand() *cobra.Command {
	req := &banyanv1.TailEventsRequest{}
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "tail TOPIC",
		Short: "Show a topic's events, oldest first",
		Long: `Show a topic's events, oldest first: when they were published, their sequence,
type, subject and data. No subscription is touched.`,
		Example: "  banyan events tail order.placed --from 10m\n  banyan events tail order.placed --from new -f --json",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if err := p.place("from", &req.From, "all", "new"); err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			req.Topic = args[0]
			return p.tail(cmd.Context(), req, asJSON)
		},
		ValidArgsFunction: p.completeTopic(false),
	}
	f := cmd.Flags()
	f.StringVar(&req.From, "from", "all", "`WHERE` to begin: all, new, a duration ago (10m), a time (2026-11-21T14:00:00Z) or a sequence")
	f.BoolVarP(&req.Follow, "follow", "f", false, "go on with new events")
	f.BoolVar(&asJSON, "json", false, "print each as a JSON object on a line")
	return cmd
}

func (p *program) tail(ctx context.Context, req *banyanv1.TailEventsRequest, asJSON bool) error {
	s, t, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	print := func(e *banyanv1.StoredEvent) {
		if asJSON {
			fmt.Fprintln(p.out, view.EventJSON(e))
			return
		}
		fmt.Fprintln(p.out, view.Event(e, view.EventOptions{Color: p.color, Location: p.now().Location()}))
	}
	if !req.GetFollow() {
		return s.tail(ctx, req, print)
	}
	return p.followEvents(ctx, s, t, req, print)
}

// tail prints what the daemon sends. It makes req ask for what follows that.
func (s *session) tail(ctx context.Context, req *banyanv1.TailEventsRequest, print func(*banyanv1.StoredEvent)) error {
	stream, err := s.TailEvents(ctx, req)
	if err != nil {
		return err
	}
	defer func() { _ = stream.Close() }() // a broken stream has said so already
	for stream.Receive() {
		e := stream.Msg().GetEvent()
		if e == nil {
			continue
		}
		print(e)
		if n, err := strconv.ParseUint(e.GetSequence(), 10, 64); err == nil {
			req.From = strconv.FormatUint(n+1, 10)
		} else { // of a partition: what was published at the same time comes again
			req.From = e.GetTime().AsTime().Format(time.RFC3339Nano)
		}
	}
	return stream.Err()
}

// followEvents prints until Ctrl-C or until the app is down.
func (p *program) followEvents(ctx context.Context, s *session, t target, req *banyanv1.TailEventsRequest, print func(*banyanv1.StoredEvent)) error {
	started := p.now()
	return p.untilDown(ctx, s, t, func(ctx context.Context) error { return s.tail(ctx, req, print) }, func() {
		if req.GetFrom() == "new" {
			req.From = started.UTC().Format(time.RFC3339Nano)
		}
	})
}
