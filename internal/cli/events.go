package cli

import (
	"context"
	"fmt"
	"regexp"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/cli/view"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func (p *program) eventsCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "events",
		Short: "Show, publish, deliver again and pause events",
		Long: `Show, publish, deliver again and pause events. What topics and subscriptions
there are, and how they are, is shown by ` + "`banyan topics`" + `.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error { return cmd.Help() },
	}
	cmd.AddCommand(
		p.eventsTailCommand(), p.eventsPublishCommand(), p.eventsDeadCommand(), p.eventsRedriveCommand(), p.eventsReplayCommand(),
		p.eventsDelayedCommand(), p.eventsDropCommand(), p.eventsRepairCommand(),
		p.eventsSetCommand("pause", "Stop deliveries of a topic to a service", true),
		p.eventsSetCommand("resume", "Let deliveries of a topic to a service go on", false),
	)
	return cmd
}

func (p *program) eventsDeadCommand() *cobra.Command {
	var service string
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "dead TOPIC",
		Short: "Show the events that a service did not take, however often they were delivered",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.dead(cmd.Context(), &banyanv1.ListDeadRequest{Topic: args[0], Service: service}, asJSON)
		},
		ValidArgsFunction: p.completeTopic(false),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print each as a JSON object on a line")
	p.serviceFlag(cmd, &service)
	return cmd
}

// serviceFlag adds --service to a command whose first argument is a topic.
func (p *program) serviceFlag(cmd *cobra.Command, service *string) {
	cmd.Flags().StringVar(service, "service", "", "only those of `SERVICE`")
	_ = cmd.RegisterFlagCompletionFunc("service", p.completeSubscriber) // it fails for flags that are not there
}

func (p *program) dead(ctx context.Context, req *banyanv1.ListDeadRequest, asJSON bool) error {
	s, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	var all []*banyanv1.DeadLetter
	for {
		page, err := s.ListDead(ctx, req)
		if err != nil {
			return err
		}
		n := len(page.GetDead())
		if n == 0 {
			break
		}
		req.After = page.GetDead()[n-1].GetId()
		if !asJSON {
			all = append(all, page.GetDead()...)
			continue
		}
		for _, d := range page.GetDead() {
			fmt.Fprintln(p.out, view.DeadJSON(d))
		}
	}
	switch {
	case asJSON:
		return nil
	case len(all) == 0:
		p.noDead(req.GetTopic(), req.GetService())
		return nil
	}
	for _, l := range view.Dead(all, view.DeadOptions{Width: p.width(), Color: p.color, Now: p.now()}) {
		fmt.Fprintln(p.out, l)
	}
	return nil
}

func (p *program) noDead(topic, service string) {
	if service != "" {
		service = " of service " + service
	}
	fmt.Fprintf(p.out, "topic %s has no dead letters%s\n", topic, service)
}

func (p *program) eventsRedriveCommand() *cobra.Command {
	req := &banyanv1.RedriveRequest{}
	cmd := &cobra.Command{
		Use:   "redrive TOPIC",
		Short: "Deliver dead letters once more",
		Long: `Deliver dead letters once more, each once, and wait for the end. Those that the
service takes are dead letters no more. Ctrl-C leaves the rest as it is.`,
		Example: "  banyan events redrive order.placed --service payment\n  banyan events redrive order.placed --id 12",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if cmd.Flags().Changed("id") && req.GetId() <= 0 {
				return usageError{fmt.Errorf("%d is no id of a dead letter", req.GetId()), cmd.CommandPath()}
			}
			req.Topic = args[0]
			return p.redrive(cmd.Context(), req)
		},
		ValidArgsFunction: p.completeTopic(false),
	}
	cmd.Flags().Int64Var(&req.Id, "id", 0, "only the dead letter with this `ID`, as `banyan events dead` shows it")
	p.serviceFlag(cmd, &req.Service)
	return cmd
}

func (p *program) redrive(ctx context.Context, req *banyanv1.RedriveRequest) error {
	s, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	done, err := s.Redrive(ctx, req)
	if err != nil {
		return err
	}
	if done.GetDelivered()+done.GetFailed() == 0 {
		p.noDead(req.GetTopic(), req.GetService())
		return nil
	}
	fmt.Fprintf(p.out, "delivered: %d\n", done.GetDelivered())
	if n := done.GetFailed(); n > 0 {
		return fmt.Errorf("%d failed again and stay dead letters; see `banyan events dead %s`", n, req.GetTopic())
	}
	return nil
}

func (p *program) eventsReplayCommand() *cobra.Command {
	req := &banyanv1.ReplayRequest{}
	cmd := &cobra.Command{
		Use:   "replay TOPIC --to SERVICE --from WHERE",
		Short: "Deliver a part of a topic to a service once more",
		Long: `Deliver a part of a topic to a service once more, beside what it gets anyway, and
wait for the end. Ctrl-C ends it. What fails as often as may be is a dead letter.

WHERE is a duration ago (10m), a time (2026-11-21T14:00:00Z), a sequence as
` + "`banyan events tail`" + ` shows it, or all. Events before the time of --until, or up to
its sequence, are delivered; without it, up to the newest event.`,
		Example: "  banyan events replay order.placed --to payment --from 2h\n  banyan events replay order.placed --to payment --from 481 --until 490",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			err := p.place("from", &req.From, "all")
			if err == nil {
				err = p.place("until", &req.Until)
			}
			if err != nil {
				return usageError{err, cmd.CommandPath()}
			}
			req.Topic = args[0]
			return p.replay(cmd.Context(), req)
		},
		ValidArgsFunction: p.completeTopic(false),
	}
	f := cmd.Flags()
	f.StringVar(&req.Service, "to", "", "the `SERVICE` that gets the events")
	f.StringVar(&req.From, "from", "", "`WHERE` to begin")
	f.StringVar(&req.Until, "until", "", "`WHERE` to end")
	_ = cmd.MarkFlagRequired("to") // it fails for flags that are not there
	_ = cmd.MarkFlagRequired("from")
	_ = cmd.RegisterFlagCompletionFunc("to", p.completeSubscriber)
	return cmd
}

func (p *program) replay(ctx context.Context, req *banyanv1.ReplayRequest) error {
	s, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	done, err := s.Replay(ctx, req)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "delivered: %d\n", done.GetDelivered())
	if n := done.GetLost(); n > 0 {
		fmt.Fprintf(p.err, "banyan: %d events were removed by retention before their turn\n", n)
	}
	if n := done.GetFailed(); n > 0 {
		return fmt.Errorf("%d failed and are dead letters; see `banyan events dead %s`", n, req.GetTopic())
	}
	return nil
}

// sequences are places in a topic.
var sequences = regexp.MustCompile(`^\d+(-\d+)?$`)

// place makes a duration ago in a flag's value a time. It refuses what is neither
// that nor a time, a sequence, empty, nor one of the words.
func (p *program) place(flag string, value *string, words ...string) error {
	if *value == "" || slices.Contains(words, *value) || sequences.MatchString(*value) {
		return nil
	}
	if ago, err := appfile.ParseDuration(*value); err == nil {
		*value = p.now().Add(-time.Duration(ago)).UTC().Format(time.RFC3339Nano)
		return nil
	}
	if _, err := time.Parse(time.RFC3339, *value); err != nil {
		others := ""
		if len(words) > 0 {
			others = strings.Join(words, ", ") + ", "
		}
		return fmt.Errorf("--%s %q is none of %sa duration like 10m, a time like 2026-11-21T14:00:00Z and a sequence like 481", flag, *value, others)
	}
	return nil
}

func (p *program) eventsSetCommand(name, short string, paused bool) *cobra.Command {
	long, done := short+", until `banyan events resume`. Deliveries that are under way\nend. Nothing is lost: events wait, and count towards the topic's size.", "paused"
	if !paused {
		long, done = short+", after `banyan events pause`, after the service\nwanted no more (410), or at once where it asked for time or was not reached.", "active"
	}
	return &cobra.Command{
		Use:   name + " TOPIC SERVICE",
		Short: short,
		Long:  long,
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			s, _, err := p.open(cmd.Context())
			if err != nil {
				return err
			}
			defer s.close()
			req := &banyanv1.SetSubscriptionRequest{Topic: args[0], Service: args[1], Paused: paused}
			if _, err := s.SetSubscription(cmd.Context(), req); err != nil {
				return err
			}
			fmt.Fprintf(p.out, "deliveries of %s to %s are %s\n", args[0], args[1], done)
			return nil
		},
		ValidArgsFunction: p.completeTopic(true),
	}
}
