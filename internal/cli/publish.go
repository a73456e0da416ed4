package cli

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/fault"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

const (
	jsonType = "application/json"
	// deliverAt is the extension attribute that delays an event.
	deliverAt = "deliverat"
)

// publishOptions are an event as the command line gives it. Those that are empty are left out.
type publishOptions struct {
	eventType, source, subject, id string
	data, contentType              string
	delay                          time.Duration
}

func (p *program) eventsPublishCommand() *cobra.Command {
	var o publishOptions
	cmd := &cobra.Command{
		Use:   "publish TOPIC",
		Short: "Publish an event",
		Long: `Publish an event to any topic, and say so when it is stored for good. An event
with the source and id of an earlier one is not stored again.`,
		Example: `  banyan events publish order.placed --subject 1001 --data '{"order": "1001"}'
  banyan events publish order.placed --id 7f3a --data @order.json --delay 10m`,
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			event, err := p.event(o, cmd.CommandPath())
			if err != nil {
				return err
			}
			return p.publish(cmd.Context(), args[0], event)
		},
		ValidArgsFunction: p.completeTopic(false),
	}
	f := cmd.Flags()
	f.StringVar(&o.eventType, "type", "", "the event's `TYPE` (default the topic)")
	f.StringVar(&o.source, "source", "", "the event's `SOURCE` (default /services/banyan)")
	f.StringVar(&o.subject, "subject", "", "the event's `SUBJECT`, which most topics keep order by")
	f.StringVar(&o.id, "id", "", "the event's `ID` (default a new one)")
	f.StringVar(&o.data, "data", "", "the data: `JSON`, @FILE, or - for standard input")
	f.StringVar(&o.contentType, "content-type", jsonType, "what the data is, as a media `TYPE`")
	f.Var((*durationValue)(&o.delay), "delay", "publish it only after this `DURATION` (10m, 7d), at most 30d")
	return cmd
}

// durationValue is a flag's duration in the form of the app file, which has days.
type durationValue time.Duration

func (d *durationValue) Set(text string) error {
	v, err := appfile.ParseDuration(text)
	if err == nil {
		*d = durationValue(v)
	}
	return err
}

// String returns nothing for zero, so that help names no default.
func (d *durationValue) String() string {
	if *d == 0 {
		return ""
	}
	return appfile.Duration(*d).String()
}

func (d *durationValue) Type() string { return "duration" }

// event makes the event that the command line gives.
func (p *program) event(o publishOptions, command string) (*banyanv1.Event, error) {
	data, err := p.eventData(o.data)
	switch {
	case err != nil:
		return nil, err
	case len(data) > 0 && o.contentType == jsonType && !json.Valid(data):
		return nil, usageError{errors.New("the data is not JSON, and --content-type does not name what it is"), command}
	}
	e := &banyanv1.Event{Attributes: map[string]string{}, Data: data}
	for name, value := range map[string]string{
		cloudevent.Type: o.eventType, cloudevent.Source: o.source, cloudevent.Subject: o.subject, cloudevent.ID: o.id,
	} {
		if value != "" {
			e.Attributes[name] = value
		}
	}
	if len(data) > 0 {
		e.Attributes[cloudevent.DataContentType] = o.contentType
	}
	if o.delay > 0 {
		e.Attributes[deliverAt] = p.now().Add(o.delay).UTC().Format(time.RFC3339Nano)
	}
	return e, nil
}

func (p *program) eventData(from string) ([]byte, error) {
	if path, ok := strings.CutPrefix(from, "@"); ok {
		return os.ReadFile(p.absolute(path))
	}
	if from != "-" {
		return []byte(from), nil
	}
	data, err := io.ReadAll(p.in)
	if err != nil {
		return nil, fault.New(fault.Unavailable, "standard input cannot be read: %w", err)
	}
	return data, nil
}

func (p *program) publish(ctx context.Context, topic string, e *banyanv1.Event) error {
	s, _, err := p.open(ctx)
	if err != nil {
		return err
	}
	defer s.close()
	res, err := s.PublishEvents(ctx, &banyanv1.PublishEventsRequest{Topic: topic, Events: []*banyanv1.Event{e}})
	if err != nil {
		return err
	}
	for _, done := range res.GetEvents() {
		switch {
		case done.GetDuplicate():
			fmt.Fprintf(p.out, "%s was published to %s before; nothing is stored again\n", done.GetId(), topic)
		case done.GetScheduled() != nil:
			at := done.GetScheduled().AsTime().In(p.now().Location()).Format("2006-01-02 15:04:05")
			fmt.Fprintf(p.out, "%s will be published to %s at %s\n", done.GetId(), topic, at)
		default:
			fmt.Fprintf(p.out, "%s is published to %s, sequence %s\n", done.GetId(), topic, cmp.Or(done.GetSequence(), "unknown"))
		}
	}
	return nil
}
