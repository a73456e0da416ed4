package serviceapi

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/banyanrun/banyan/internal/cloudevent"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
)

// busService publishes for callers of BusService.
type busService struct{ *handler }

var _ banyanv1connect.BusServiceHandler = busService{}

// Publish implements banyanv1connect.BusServiceHandler.
func (s busService) Publish(ctx context.Context, r *banyanv1.PublishRequest) (*banyanv1.PublishResponse, error) {
	list, err := s.publish(ctx, r.GetTopic(), r.GetDelay(), r.GetEvent())
	if err != nil {
		return nil, err
	}
	return &banyanv1.PublishResponse{Event: list[0]}, nil
}

// PublishBatch implements banyanv1connect.BusServiceHandler.
func (s busService) PublishBatch(ctx context.Context, r *banyanv1.PublishBatchRequest) (*banyanv1.PublishBatchResponse, error) {
	list, err := s.publish(ctx, r.GetTopic(), r.GetDelay(), r.GetEvents()...)
	if err != nil {
		return nil, err
	}
	return &banyanv1.PublishBatchResponse{Events: list}, nil
}

func (s busService) publish(ctx context.Context, topic string, delay *durationpb.Duration, from ...*banyanv1.CloudEvent) ([]*banyanv1.PublishedEvent, error) {
	at, err := delayed(delay, time.Now())
	if err != nil {
		return nil, ofTopic(topic, err)
	}
	events := make([]cloudevent.Event, len(from))
	for i, f := range from {
		if events[i], err = fromWire(f); err != nil {
			p := &Problem{Code: EventInvalid, Detail: err.Error()}
			if len(from) > 1 {
				p.Index = &i
			}
			return nil, ofTopic(topic, p)
		}
	}
	results, err := s.store(ctx, callerOf(ctx), topic, events, at, headerOf(ctx))
	if err != nil {
		return nil, ofTopic(topic, err)
	}
	list := make([]*banyanv1.PublishedEvent, len(results))
	for i, r := range results {
		list[i] = &banyanv1.PublishedEvent{Id: r.ID, Source: r.Source, Sequence: r.Sequence, Duplicate: r.Duplicate}
		if !r.Scheduled.IsZero() {
			list[i].Scheduled = timestamppb.New(r.Scheduled)
		}
	}
	return list, nil
}

// delayed returns the time (RFC 3339) from which a request's events count; empty: at once.
func delayed(d *durationpb.Duration, now time.Time) (string, error) {
	if d == nil {
		return "", nil
	}
	if err := d.CheckValid(); err != nil || d.AsDuration() < 0 {
		return "", badDelay("delay is no duration from now on")
	}
	return now.Add(d.AsDuration()).UTC().Format(time.RFC3339Nano), tooLate("delay", d.AsDuration())
}

// fromWire reads an event. What it lacks the bus fills in, and the bus checks it;
// but that data without a content type is JSON shows here alone.
func fromWire(from *banyanv1.CloudEvent) (cloudevent.Event, error) {
	var e cloudevent.Event
	if from == nil {
		return e, &cloudevent.Error{Index: -1, Problem: "the event is missing"}
	}
	for _, a := range [...]cloudevent.Attr{
		{Name: cloudevent.ID, Value: from.GetId()}, {Name: cloudevent.Source, Value: from.GetSource()}, {Name: cloudevent.Type, Value: from.GetType()},
	} {
		if a.Value != "" {
			e.Attrs = append(e.Attrs, a)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(from.GetAttributes())) {
		// One of the three above would be there twice, which the bus refuses.
		e.Attrs = append(e.Attrs, cloudevent.Attr{Name: name, Value: from.GetAttributes()[name]})
	}
	e.Data = from.GetBinaryData()
	if from.GetTextData() != "" {
		e.Data = []byte(from.GetTextData())
	}
	if _, typed := e.Get(cloudevent.DataContentType); typed || len(e.Data) == 0 {
		return e, nil
	}
	if !json.Valid(e.Data) {
		return e, &cloudevent.Error{Index: -1, Attr: "data", Problem: "is not JSON, which it is without the attribute datacontenttype"}
	}
	e.Set(cloudevent.DataContentType, "application/json")
	return e, nil
}
