package bus

import (
	"context"

	"github.com/banyanrun/banyan/internal/bus/progress"
)

// NoDelayed is the reason where a delayed event is not there.
const NoDelayed Reason = "no-delayed-event"

// DropDead removes dead letters for good: the one with a number, or those of a
// service, or of the whole topic. It returns how many there were.
func (b *Bus) DropDead(ctx context.Context, topic, service string, number int64) (int64, error) {
	n, err := b.progress.DropDead(ctx, topic, service, number)
	if err == nil && n == 0 && number != 0 {
		err = refuse(NoDeadLetter, topic, "topic %s has no dead letter %d", topic, number).fix("`banyan events dead %s` lists those there are", topic)
	}
	if n > 0 {
		b.log.Warn("a person dropped dead letters", "topic", topic, "service", service, "number", number, "dropped", n)
	}
	return n, err
}

// ListDelayed returns at most most events of a topic that are to be published
// later, with numbers above after, by number.
func (b *Bus) ListDelayed(ctx context.Context, topic string, after int64, most int) ([]progress.Delayed, error) {
	return b.progress.ListDelayed(ctx, topic, after, most)
}

// DropDelayed removes events that were to be published later: the one with a
// number, or all of the topic. It returns how many there were. One that is being
// published at this moment may be published all the same.
func (b *Bus) DropDelayed(ctx context.Context, topic string, number int64) (int64, error) {
	n, err := b.progress.DropDelayed(ctx, topic, number)
	if err == nil && n == 0 && number != 0 {
		err = refuse(NoDelayed, topic, "topic %s has no delayed event %d", topic, number).fix("`banyan events delayed %s` lists those there are", topic)
	}
	if n > 0 {
		b.delayed.Add(-n)
		b.log.Warn("a person dropped delayed events", "topic", topic, "number", number, "dropped", n)
	}
	return n, err
}
