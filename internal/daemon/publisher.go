package daemon

import (
	"context"
	"errors"
	"time"

	"github.com/banyanrun/banyan/internal/bus"
	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/serviceapi"
)

// publisher is the bus as services reach it.
type publisher struct{ daemon *daemon }

var _ serviceapi.Publisher = publisher{}

// Publish implements serviceapi.Publisher.
func (p publisher) Publish(ctx context.Context, service, topic string, events []cloudevent.Event) ([]serviceapi.Result, error) {
	b := p.daemon.broker.Load()
	if b == nil {
		return nil, &serviceapi.Problem{
			Code: serviceapi.PublisherAbsent, Detail: "the app has no topics, or they could not be opened: see `banyan topics`", Topic: topic, RetryAfter: time.Second,
		}
	}
	seen := p.daemon.telemetry.publishing(service, topic, events, false)
	results, err := b.bus.Publish(ctx, service, topic, seen.events)
	seen.end(func(int) error { return err })
	if err != nil {
		return nil, refusal(err)
	}
	p.daemon.telemetry.published.add(service, topic, len(events))
	list := make([]serviceapi.Result, len(results))
	for i, r := range results {
		list[i] = serviceapi.Result{ID: r.ID, Source: r.Source, Sequence: r.Sequence, Duplicate: r.Duplicate, Scheduled: r.Scheduled}
	}
	return list, nil
}

// refusal is an error of the bus as services see it. The two have the same codes.
func refusal(err error) error {
	e, ok := errors.AsType[*bus.Error](err)
	if !ok {
		return err
	}
	p := &serviceapi.Problem{Code: serviceapi.Code(e.Reason), Detail: e.Error(), Topic: e.Topic, RetryAfter: e.RetryAfter}
	if e.Index >= 0 {
		p.Index = &e.Index
	}
	for _, m := range e.Problems {
		p.Errors = append(p.Errors, serviceapi.Mismatch(m))
	}
	return p
}
