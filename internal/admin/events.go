package admin

import (
	"context"
	"maps"
	"slices"

	"connectrpc.com/connect"

	"github.com/banyanrun/banyan/internal/cloudevent"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// events returns the app's bus.
func (h *handler) events() (Events, error) {
	e, err := h.engine.Events()
	return e, wire(err)
}

func (h *handler) ListTopics(ctx context.Context, _ *banyanv1.ListTopicsRequest) (*banyanv1.ListTopicsResponse, error) {
	events, err := h.events()
	if err != nil {
		return nil, err
	}
	all, err := events.Topics(ctx)
	if err != nil {
		return nil, wire(err)
	}
	return topics(&all), nil
}

func (h *handler) TailEvents(ctx context.Context, r *banyanv1.TailEventsRequest, stream *connect.ServerStream[banyanv1.TailEventsResponse]) error {
	events, err := h.events()
	if err != nil {
		return err
	}
	from := r.GetFrom()
	if from == "" {
		from = "all"
	}
	err = events.Tail(ctx, r.GetTopic(), from, r.GetFollow(), func(e StoredEvent) error {
		return stream.Send(&banyanv1.TailEventsResponse{Event: stored(&e)})
	})
	if err != nil {
		return ended(err)
	}
	return nil
}

func (h *handler) PublishEvents(ctx context.Context, r *banyanv1.PublishEventsRequest) (*banyanv1.PublishEventsResponse, error) {
	events, err := h.events()
	if err != nil {
		return nil, err
	}
	var batch []cloudevent.Event
	for _, e := range r.GetEvents() {
		batch = append(batch, fromWire(e))
	}
	results, err := events.Publish(ctx, r.GetTopic(), batch)
	if err != nil {
		return nil, wire(err)
	}
	to := &banyanv1.PublishEventsResponse{}
	for _, p := range results {
		to.Events = append(to.Events, &banyanv1.PublishedEvent{
			Id: p.ID, Source: p.Source, Sequence: p.Sequence, Duplicate: p.Duplicate, Scheduled: timestamp(p.Scheduled),
		})
	}
	return to, nil
}

func (h *handler) ListDead(ctx context.Context, r *banyanv1.ListDeadRequest) (*banyanv1.ListDeadResponse, error) {
	events, err := h.events()
	if err != nil {
		return nil, err
	}
	dead, err := events.Dead(ctx, r.GetTopic(), r.GetService(), r.GetAfter())
	if err != nil {
		return nil, wire(err)
	}
	to := &banyanv1.ListDeadResponse{}
	for i := range dead {
		d := &dead[i]
		to.Dead = append(to.Dead, &banyanv1.DeadLetter{
			Id: d.ID, Service: d.Service, Event: stored(&d.Event), Attempts: int32(d.Attempts),
			First: timestamp(d.First), Last: timestamp(d.Last), Status: int32(d.Status), Error: d.Error, Response: d.Response,
		})
	}
	return to, nil
}

func (h *handler) Redrive(ctx context.Context, r *banyanv1.RedriveRequest) (*banyanv1.RedriveResponse, error) {
	events, err := h.events()
	if err != nil {
		return nil, err
	}
	done, err := events.Redrive(ctx, r.GetTopic(), r.GetService(), r.GetId())
	if err != nil {
		return nil, wire(err)
	}
	return &banyanv1.RedriveResponse{Delivered: int64(done.Delivered), Failed: int64(done.Failed)}, nil
}

func (h *handler) Replay(ctx context.Context, r *banyanv1.ReplayRequest) (*banyanv1.ReplayResponse, error) {
	events, err := h.events()
	if err != nil {
		return nil, err
	}
	done, err := events.Replay(ctx, r.GetTopic(), r.GetService(), r.GetFrom(), r.GetUntil())
	if err != nil {
		return nil, wire(err)
	}
	return &banyanv1.ReplayResponse{Delivered: int64(done.Delivered), Failed: int64(done.Failed), Lost: int64(done.Lost)}, nil
}

func (h *handler) SetSubscription(ctx context.Context, r *banyanv1.SetSubscriptionRequest) (*banyanv1.SetSubscriptionResponse, error) {
	events, err := h.events()
	if err != nil {
		return nil, err
	}
	set := events.Resume
	if r.GetPaused() {
		set = events.Pause
	}
	return &banyanv1.SetSubscriptionResponse{}, wire(set(ctx, r.GetTopic(), r.GetService()))
}

func topics(t *Topics) *banyanv1.ListTopicsResponse {
	to := &banyanv1.ListTopicsResponse{Since: timestamp(t.Since), Time: timestamp(t.Taken)}
	for i := range t.Topics {
		to.Topics = append(to.Topics, topic(&t.Topics[i]))
	}
	for _, o := range t.Outboxes {
		to.Outboxes = append(to.Outboxes, &banyanv1.Outbox{
			Service: o.Service, Waiting: int64(o.Waiting), Refused: int64(o.Refused), Reason: o.Reason,
		})
	}
	return to
}

func topic(t *Topic) *banyanv1.Topic {
	to := &banyanv1.Topic{
		Name: t.Name, State: t.State, Reason: t.Reason, Events: t.Events, Bytes: t.Bytes, Oldest: timestamp(t.Oldest),
		Delayed: int64(t.Delayed), Published: t.Published, Duplicates: t.Duplicates, Refused: t.Refused,
	}
	for i := range t.Subscriptions {
		s := &t.Subscriptions[i]
		to.Subscriptions = append(to.Subscriptions, &banyanv1.Subscription{
			Service: s.Service, State: s.State, Reason: s.Reason, Until: timestamp(s.Until), Lag: s.Lag,
			Oldest: timestamp(s.Oldest), InFlight: int64(s.InFlight), Retrying: int64(s.Retrying), Dead: int64(s.Dead),
			Delivered: s.Delivered, Failed: s.Failed, Lost: s.Lost,
		})
	}
	return to
}

func stored(s *StoredEvent) *banyanv1.StoredEvent {
	return &banyanv1.StoredEvent{Sequence: s.Sequence, Time: timestamp(s.Time), Event: toWire(&s.Event)}
}

func toWire(from *cloudevent.Event) *banyanv1.Event {
	e := &banyanv1.Event{Attributes: make(map[string]string, len(from.Attrs)), Data: from.Data}
	for _, a := range from.Attrs {
		e.Attributes[a.Name] = a.Value
	}
	return e
}

func fromWire(from *banyanv1.Event) cloudevent.Event {
	e := cloudevent.Event{Data: from.GetData()}
	for _, name := range slices.Sorted(maps.Keys(from.GetAttributes())) {
		e.Attrs = append(e.Attrs, cloudevent.Attr{Name: name, Value: from.GetAttributes()[name]})
	}
	return e
}
