package bus

import (
	"context"
	"errors"
	"maps"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/progress"
	"github.com/banyanrun/banyan/internal/crashpoint"
)

// duePage is how many delayed events are published at a time.
const duePage = 256

// publishDelayed publishes delayed events when they are due. One that cannot be
// published stays, and holds up those of its own topic only.
func (b *Bus) publishDelayed(ctx context.Context) {
	told := map[string]string{} // of each topic that takes no events, why
	for ctx.Err() == nil {
		if b.delayed.Load() <= 0 {
			select {
			case <-b.wake:
			case <-ctx.Done():
			}
			continue
		}
		stuck, err := b.publishDue(ctx)
		if err != nil && ctx.Err() == nil {
			b.log.Error("delayed events cannot be published", "error", err)
		}
		for topic, why := range stuck {
			if told[topic] != why {
				b.log.Warn("delayed events wait for their topic", "topic", topic, "error", why)
			}
		}
		told = stuck
		b.untilDue(ctx)
	}
}

// untilDue waits until something is due, but a second at most: clocks are set.
func (b *Bus) untilDue(ctx context.Context) {
	pause := time.Second
	if due, err := b.progress.NextDue(ctx); err == nil && !due.IsZero() {
		if until := time.Until(due); until > 0 {
			pause = min(pause, until)
		} // else its topic takes no events
	}
	t := time.NewTimer(pause)
	defer t.Stop()
	select {
	case <-t.C:
	case <-b.wake:
	case <-ctx.Done():
	}
}

// publishDue publishes all that is due now, and returns which topics take no events, and why.
func (b *Bus) publishDue(ctx context.Context) (map[string]string, error) {
	stuck := map[string]string{}
	for {
		due, err := b.progress.Due(ctx, time.Now(), slices.Collect(maps.Keys(stuck)), duePage)
		if err != nil || len(due) == 0 {
			return stuck, err
		}
		byTopic := map[string][]progress.Delayed{}
		for _, d := range due {
			byTopic[d.Topic] = append(byTopic[d.Topic], d)
		}
		for topic, events := range byTopic {
			if err := b.publishLate(ctx, topic, events); err != nil {
				if ctx.Err() != nil {
					return stuck, err
				}
				stuck[topic] = err.Error()
			}
		}
	}
}

// publishLate publishes delayed events of a topic and then deletes them. After a
// crash in between they are published again, and the engine knows them.
func (b *Bus) publishLate(ctx context.Context, topic string, events []progress.Delayed) error {
	t, err := b.admit(Platform, topic)
	if err != nil {
		return err
	}
	now := time.Now()
	records := make([]engine.Record, len(events))
	numbers := make([]int64, len(events))
	for i, d := range events {
		records[i], numbers[i] = d.Event, d.N
		records[i].Time = now
	}
	if _, err := b.store(ctx, t, records); err != nil {
		refused, ok := errors.AsType[*Error](err)
		if ok && refused.Reason == EventTooLarge && len(events) > 1 {
			return b.publishSingly(ctx, topic, events)
		}
		return err
	}
	crashpoint.Pass(crashpoint.DelayedPublished)
	if err := b.progress.RemoveDelayed(ctx, numbers); err != nil {
		return err
	}
	b.delayed.Add(-int64(len(numbers)))
	return nil
}

// publishSingly keeps an event that its topic does not take any more from holding up others.
func (b *Bus) publishSingly(ctx context.Context, topic string, events []progress.Delayed) error {
	var errs []error
	for _, d := range events {
		errs = append(errs, b.publishLate(ctx, topic, []progress.Delayed{d}))
	}
	return errors.Join(errs...)
}
