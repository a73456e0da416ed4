package admin

import (
	"context"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func (h *handler) ListDelayed(ctx context.Context, r *banyanv1.ListDelayedRequest) (*banyanv1.ListDelayedResponse, error) {
	events, err := h.events()
	if err != nil {
		return nil, err
	}
	page, err := events.Delayed(ctx, r.GetTopic(), r.GetAfter())
	if err != nil {
		return nil, wire(err)
	}
	to := &banyanv1.ListDelayedResponse{}
	for i := range page {
		to.Events = append(to.Events, &banyanv1.DelayedEvent{Id: page[i].ID, Due: timestamp(page[i].Due), Event: toWire(&page[i].Event)})
	}
	return to, nil
}

func (h *handler) DropEvents(ctx context.Context, r *banyanv1.DropEventsRequest) (*banyanv1.DropEventsResponse, error) {
	events, err := h.events()
	if err != nil {
		return nil, err
	}
	n, err := events.Drop(ctx, r.GetTopic(), r.GetService(), r.GetDelayed(), r.GetId())
	if err != nil {
		return nil, wire(err)
	}
	return &banyanv1.DropEventsResponse{Dropped: n}, nil
}

func (h *handler) RepairTopic(ctx context.Context, r *banyanv1.RepairTopicRequest) (*banyanv1.RepairTopicResponse, error) {
	events, err := h.events()
	if err != nil {
		return nil, err
	}
	var done Repair
	switch how := r.GetHow().(type) {
	case *banyanv1.RepairTopicRequest_Skip:
		done, err = events.Skip(ctx, r.GetTopic(), how.Skip)
	default:
		if r.GetBeginAnew() {
			done, err = events.BeginAnew(ctx, r.GetTopic())
		} else {
			done, err = events.Damage(ctx, r.GetTopic())
		}
	}
	if err != nil {
		return nil, wire(err)
	}
	return &banyanv1.RepairTopicResponse{
		Events: done.Count, First: done.First, Last: done.Last, Where: done.Where, Moved: done.Moved, Missed: done.Missed, Reason: done.Left,
	}, nil
}
