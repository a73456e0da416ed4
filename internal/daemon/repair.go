package daemon

import (
	"context"

	"github.com/banyanrun/banyan/internal/admin"
	"github.com/banyanrun/banyan/internal/bus"
	"github.com/banyanrun/banyan/internal/bus/engine"
)

// Delayed implements admin.Events.
func (e *events) Delayed(ctx context.Context, topic string, after int64) ([]admin.DelayedEvent, error) {
	page, err := e.bus.ListDelayed(ctx, topic, after, deadPage)
	if err == nil && len(page) == 0 && after == 0 {
		_, err = e.known(ctx, topic, "") // one that is not declared any more may have some
	}
	if err != nil {
		return nil, err
	}
	all := make([]admin.DelayedEvent, len(page))
	for i := range page {
		all[i] = admin.DelayedEvent{ID: page[i].N, Due: page[i].Due, Event: bus.Show(&engine.Stored{Record: page[i].Event}).Event}
	}
	return all, nil
}

// Drop implements admin.Events.
func (e *events) Drop(ctx context.Context, topic, service string, delayed bool, id int64) (int64, error) {
	drop := func() (int64, error) { return e.bus.DropDead(ctx, topic, service, id) }
	if delayed {
		drop = func() (int64, error) { return e.bus.DropDelayed(ctx, topic, id) }
	}
	n, err := drop()
	if n == 0 {
		if _, unknown := e.known(ctx, topic, ""); unknown != nil {
			return 0, unknown
		}
	}
	return n, err
}

// Damage implements admin.Events.
func (e *events) Damage(ctx context.Context, topic string) (admin.Repair, error) {
	return e.repair(ctx, topic, func() (bus.Repair, error) { return e.bus.Damage(ctx, topic) })
}

// Skip implements admin.Events.
func (e *events) Skip(ctx context.Context, topic string, count uint64) (admin.Repair, error) {
	return e.repair(ctx, topic, func() (bus.Repair, error) { return e.bus.Skip(ctx, topic, count) })
}

// BeginAnew implements admin.Events.
func (e *events) BeginAnew(ctx context.Context, topic string) (admin.Repair, error) {
	return e.repair(ctx, topic, func() (bus.Repair, error) { return e.bus.BeginAnew(ctx, topic) })
}

func (e *events) repair(ctx context.Context, topic string, do func() (bus.Repair, error)) (admin.Repair, error) {
	if _, err := e.known(ctx, topic, ""); err != nil {
		return admin.Repair{}, err
	}
	done, err := do()
	return admin.Repair(done), err
}
