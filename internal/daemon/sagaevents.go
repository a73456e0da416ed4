package daemon

import (
	"context"
	"maps"

	"github.com/banyanrun/banyan/internal/bus"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/saga/coordinator"
)

// sagaEvents is the bus as sagas that wait for events see it.
type sagaEvents struct{ daemon *daemon }

var _ coordinator.Events = sagaEvents{}

// End implements coordinator.Events.
func (e sagaEvents) End(ctx context.Context, topic string) (coordinator.Places, error) {
	b, err := e.bus()
	if err != nil {
		return nil, err
	}
	return b.Ends(ctx, topic)
}

// Read implements coordinator.Events.
func (e sagaEvents) Read(ctx context.Context, topic string, from coordinator.Places, most int) ([]coordinator.Event, coordinator.Places, error) {
	b, err := e.bus()
	if err != nil {
		return nil, nil, err
	}
	found, err := b.After(ctx, topic, from, most)
	if err != nil {
		return nil, nil, err
	}
	to := maps.Clone(from)
	if to == nil {
		to = coordinator.Places{}
	}
	all := make([]coordinator.Event, len(found))
	for i := range found {
		event := bus.Show(&found[i]).Event
		all[i] = coordinator.Event{Partition: found[i].Partition, Offset: found[i].Offset, JSON: event.AppendJSON(nil)}
		to[found[i].Partition] = found[i].Offset
	}
	return all, to, nil
}

func (e sagaEvents) bus() (*bus.Bus, error) {
	if b := e.daemon.broker.Load(); b != nil {
		return b.bus, nil
	}
	return nil, fault.New(fault.Unavailable, "the app's topics are not open")
}
