package bus

import (
	"context"
	"errors"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/fault"
)

// Tailed is an event of a topic.
type Tailed struct {
	Sequence string
	Accepted time.Time
	Event    cloudevent.Event
}

// Tail calls show for each event of a topic from a place on, which is empty (what
// is published from now on), all, a sequence or a time (RFC 3339), in the order of
// each partition, until the context ends or show returns an error. With follow
// unset it ends at the newest event. Events that retention takes meanwhile are left out.
func (b *Bus) Tail(ctx context.Context, topic, from string, follow bool, show func(Tailed) error) error {
	t, _, err := b.find(topic, "")
	if err != nil {
		return err
	}
	if !b.engine.Can().Replay {
		return fault.New(fault.Invalid, "the bus's engine shows events to subscriptions only")
	}
	positions, err := b.tailFrom(ctx, topic, from)
	if err != nil {
		return err
	}
	for {
		more := t.more()
		shown, err := b.tailOnce(ctx, topic, positions, show)
		if err != nil {
			return err
		}
		if shown {
			continue
		}
		if !follow {
			return nil
		}
		// Engines that others write as well tell nobody.
		timer := time.NewTimer(time.Second)
		select {
		case <-more:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return ctx.Err()
		}
		timer.Stop()
	}
}

func (b *Bus) tailFrom(ctx context.Context, topic, from string) ([]engine.Position, error) {
	stat, err := b.engine.Stat(ctx, topic)
	if err != nil {
		return nil, translate(topic, err)
	}
	positions := make([]engine.Position, len(stat.Partitions))
	for i, p := range stat.Partitions {
		if positions[i] = p.Start; from == "" {
			positions[i] = p.End
		}
	}
	if from == "all" {
		from = ""
	}
	return positions, b.bound(ctx, topic, from, positions, true)
}

// tailOnce shows a page of each partition, and reports whether there was any.
func (b *Bus) tailOnce(ctx context.Context, topic string, positions []engine.Position, show func(Tailed) error) (bool, error) {
	const page = 256
	shown := false
	for i := range positions {
		found, err := b.engine.Read(ctx, topic, positions[i], page)
		if errors.Is(err, engine.ErrGone) {
			stat, err := b.engine.Stat(ctx, topic)
			if err != nil {
				return shown, translate(topic, err)
			}
			positions[i], shown = stat.Partitions[i].Start, true
			continue
		}
		if err != nil {
			return shown, translate(topic, err)
		}
		for j := range found {
			r := &found[j]
			if err := show(Show(r)); err != nil {
				return shown, err
			}
			positions[i], shown = r.Position, true
		}
	}
	return shown, nil
}
