package cli

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"time"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/internal/cli/view"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func (p *program) topicsCommand() *cobra.Command {
	var asJSON bool
	var interval time.Duration
	cmd := &cobra.Command{
		Use:   "topics",
		Short: "Show the app's events: topics, subscriptions and outboxes",
		Long: `Show the app's events: a row a topic, one a subscription and one an outbox, and
what is wrong below it.

Events a second are those of the time in which the command looks on, --interval.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if interval <= 0 {
				return usageError{fmt.Errorf("%s is no time to look on", interval), cmd.CommandPath()}
			}
			return p.topics(cmd.Context(), asJSON, interval)
		},
	}
	cmd.Flags().BoolVar(&asJSON, "json", false, "print all as JSON, at once (banyan.v1.ListTopicsResponse)")
	cmd.Flags().DurationVar(&interval, "interval", time.Second, "how long to look on, for the events a second")
	return cmd
}

func (p *program) topics(ctx context.Context, asJSON bool, interval time.Duration) error {
	t, err := p.locate("")
	if err != nil {
		return err
	}
	s, _, err := p.reach(ctx, t)
	if err != nil {
		return err
	}
	defer s.close()
	before, err := s.topics(ctx, statusMost)
	if err != nil {
		return err
	}
	if asJSON {
		return p.printJSON(before)
	}
	after := before
	if len(before.GetTopics()) > 0 {
		select {
		case <-time.After(interval):
		case <-ctx.Done():
			return ctx.Err()
		}
		if after, err = s.topics(ctx, statusMost); err != nil {
			return err
		}
	}
	for _, l := range view.Topics(before, after, view.TopicsOptions{Width: p.width(), Color: p.color}) {
		fmt.Fprintln(p.out, l)
	}
	return nil
}

// topics asks once.
func (s *session) topics(ctx context.Context, most time.Duration) (*banyanv1.ListTopicsResponse, error) {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	return s.ListTopics(ctx, &banyanv1.ListTopicsRequest{})
}

// subscribers are the services that get events, by topic: of the running app, or
// else of the app file. Nobody waits long for them.
func (p *program) subscribers(ctx context.Context) map[string][]string {
	t, err := p.locate("")
	if err != nil {
		return nil
	}
	s := dial(t.ControlSocket)
	defer s.close()
	out := map[string][]string{}
	if all, err := s.topics(ctx, completeTime); err == nil {
		for _, topic := range all.GetTopics() {
			out[topic.GetName()] = nil
			for _, sub := range topic.GetSubscriptions() {
				out[topic.GetName()] = append(out[topic.GetName()], sub.GetService())
			}
		}
		return out
	}
	file, err := p.load(t, "", []string{"*"})
	if err != nil {
		return nil
	}
	for topic := range file.App.Topics {
		out[topic] = nil
	}
	for name, service := range file.App.Services {
		for topic := range service.Subscribes {
			out[topic] = append(out[topic], name)
		}
	}
	return out
}

// completeTopic offers topics for the first argument, and with services the
// topic's subscribers for the second.
func (p *program) completeTopic(services bool) completion {
	return func(cmd *cobra.Command, args []string, typed string) ([]cobra.Completion, cobra.ShellCompDirective) {
		switch {
		case len(args) == 0:
			return slices.Sorted(maps.Keys(p.subscribers(cmd.Context()))), cobra.ShellCompDirectiveNoFileComp
		case len(args) == 1 && services:
			return p.completeSubscriber(cmd, args, typed)
		}
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeSubscriber offers the services that subscribe to the topic that is the first argument.
func (p *program) completeSubscriber(cmd *cobra.Command, args []string, _ string) ([]cobra.Completion, cobra.ShellCompDirective) {
	if len(args) == 0 {
		return nil, cobra.ShellCompDirectiveNoFileComp
	}
	names := p.subscribers(cmd.Context())[args[0]]
	slices.Sort(names)
	return names, cobra.ShellCompDirectiveNoFileComp
}
