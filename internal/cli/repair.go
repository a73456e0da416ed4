package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/internal/cli/view"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func (p *program) eventsDelayedCommand() *cobra.Command {
	var asJSON bool
	cmd := &cobra.Command{
		Use:   "delayed TOPIC",
		Short: "Show the events that are to be published later",
		Long: `Show the events of a topic that are to be published later, and those that were due
and that the topic does not take; ` + "`banyan topics`" + ` says why.`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return p.delayed(cmd.Context(), &banyanv1.ListDelayedRequest{Topic: args[0]}, asJSON)
		},
		ValidArgsFunction: p.completeTopic(false),
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print each as a JSON object on a line")
	return cmd
}

func (p *program) delayed(ctx context.Context, req *banyanv1.ListDelayedRequest, asJSON bool) error {
	s, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	var all []*banyanv1.DelayedEvent
	for {
		page, err := s.ListDelayed(ctx, req)
		if err != nil {
			return err
		}
		n := len(page.GetEvents())
		if n == 0 {
			break
		}
		req.After = page.GetEvents()[n-1].GetId()
		if !asJSON {
			all = append(all, page.GetEvents()...)
			continue
		}
		for _, e := range page.GetEvents() {
			fmt.Fprintln(p.out, view.DelayedJSON(e))
		}
	}
	if len(all) == 0 && !asJSON {
		fmt.Fprintf(p.out, "topic %s has no delayed events\n", req.GetTopic())
	}
	for _, l := range view.Delayed(all, view.DeadOptions{Width: p.width(), Color: p.color, Now: p.now()}) {
		fmt.Fprintln(p.out, l)
	}
	return nil
}

func (p *program) eventsDropCommand() *cobra.Command {
	req := &banyanv1.DropEventsRequest{}
	var all, yes bool
	cmd := &cobra.Command{
		Use:   "drop TOPIC --id ID | --all",
		Short: "Remove dead letters, or delayed events, for good",
		Long: `Remove dead letters of a topic for good; with --delayed, events that are to be
published later. It cannot be undone: the topic's name has to be typed, unless
--yes is given.`,
		Example: "  banyan events drop order.placed --id 12\n  banyan events drop order.placed --all --service payment\n  banyan events drop order.placed --delayed --all --yes",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req.Topic = args[0]
			what := "dead letter"
			if req.GetDelayed() {
				what = "delayed event"
			}
			switch {
			case cmd.Flags().Changed("id") && req.GetId() <= 0:
				return usageError{fmt.Errorf("%d is no id of a %s", req.GetId(), what), cmd.CommandPath()}
			case req.GetDelayed() && req.GetService() != "":
				return usageError{errors.New("delayed events are not of a service"), cmd.CommandPath()}
			}
			return p.drop(cmd, req, what, yes)
		},
		ValidArgsFunction: p.completeTopic(false),
	}
	f := cmd.Flags()
	f.Int64Var(&req.Id, "id", 0, "the one with this `ID`, as `banyan events dead` or `delayed` shows it")
	f.BoolVar(&all, "all", false, "all there are")
	f.BoolVar(&req.Delayed, "delayed", false, "delayed events, not dead letters")
	f.BoolVar(&yes, "yes", false, "do not ask")
	cmd.MarkFlagsOneRequired("id", "all")
	cmd.MarkFlagsMutuallyExclusive("id", "all")
	p.serviceFlag(cmd, &req.Service)
	return cmd
}

func (p *program) drop(cmd *cobra.Command, req *banyanv1.DropEventsRequest, what string, yes bool) error {
	which := fmt.Sprintf("All %ss of topic %s", what, req.GetTopic())
	switch {
	case req.GetId() != 0:
		which = fmt.Sprintf("The %s %d of topic %s", what, req.GetId(), req.GetTopic())
	case req.GetService() != "":
		which += " and service " + req.GetService()
	}
	if err := p.confirm(cmd, which+" will be removed for good.", req.GetTopic(), yes); err != nil {
		return err
	}
	ctx := cmd.Context()
	s, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	done, err := s.DropEvents(ctx, req)
	if err != nil {
		return err
	}
	fmt.Fprintf(p.out, "dropped: %d\n", done.GetDropped())
	return nil
}

// confirm asks for a word, unless yes was given.
func (p *program) confirm(cmd *cobra.Command, warning, word string, yes bool) error {
	if yes {
		return nil
	}
	if p.password == nil { // standard input is no terminal
		return usageError{errors.New("it cannot be undone: --yes is missing"), cmd.CommandPath()}
	}
	fmt.Fprintf(p.err, "%s It cannot be undone. Type %s to go on: ", warning, word)
	typed, _ := bufio.NewReader(p.in).ReadString('\n') // its end is another word
	if strings.TrimSpace(typed) != word {
		return errors.New("nothing was done")
	}
	return nil
}

func (p *program) eventsRepairCommand() *cobra.Command {
	var skip uint64
	var anew, yes bool
	cmd := &cobra.Command{
		Use:   "repair TOPIC",
		Short: "Say what a damaged topic lacks, and let it go on without that",
		Long: `Say what a damaged topic lacks: how many events are lost, and whose. Restore the
directory of the bus from a backup, if you have one. Otherwise give the events up:

--skip N gives up the first part that is damaged, if it has just the N events that
are named without it. There may be another part behind it.

--begin-anew gives up all events of the topic, and moves what is stored aside. The
topic's name has to be typed, unless --yes is given.

The sequences of other events stay as they are, and subscriptions go on where they
are.`,
		Example: "  banyan events repair order.placed\n  banyan events repair order.placed --skip 3",
		Args:    cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			req := &banyanv1.RepairTopicRequest{Topic: args[0]}
			switch {
			case anew:
				if err := p.confirm(cmd, "All events of topic "+args[0]+" will be given up.", args[0], yes); err != nil {
					return err
				}
				req.How = &banyanv1.RepairTopicRequest_BeginAnew{BeginAnew: true}
			case cmd.Flags().Changed("skip"):
				req.How = &banyanv1.RepairTopicRequest_Skip{Skip: skip}
			}
			return p.repair(cmd.Context(), req)
		},
		ValidArgsFunction: p.completeTopic(false),
	}
	f := cmd.Flags()
	f.Uint64Var(&skip, "skip", 0, "give up the `N` events that are damaged first")
	f.BoolVar(&anew, "begin-anew", false, "give up all events")
	f.BoolVar(&yes, "yes", false, "do not ask")
	cmd.MarkFlagsMutuallyExclusive("skip", "begin-anew")
	return cmd
}

func (p *program) repair(ctx context.Context, req *banyanv1.RepairTopicRequest) error {
	s, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	found, err := s.RepairTopic(ctx, req)
	if err != nil {
		return err
	}
	for _, l := range view.Repair(req.GetTopic(), found, req.GetHow() != nil) {
		fmt.Fprintln(p.out, l)
	}
	if reason := found.GetReason(); reason != "" {
		return fmt.Errorf("topic %s is still damaged: %s", req.GetTopic(), reason)
	}
	return nil
}
