package bus

import (
	"context"
	"errors"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/fault"
)

// Ends returns the offset at which each partition of a topic ends now.
func (b *Bus) Ends(ctx context.Context, topic string) (map[int32]uint64, error) {
	stat, err := b.ranges(ctx, topic)
	if err != nil {
		return nil, err
	}
	ends := make(map[int32]uint64, len(stat))
	for _, p := range stat {
		ends[p.End.Partition] = p.End.Offset
	}
	return ends, nil
}

// After returns events behind an offset of each partition, of each in order and at
// most most of it. It waits until there is one, or ctx ends. A partition without an
// offset is read from the oldest event that is kept, and so is one whose events
// were removed by retention.
func (b *Bus) After(ctx context.Context, topic string, from map[int32]uint64, most int) ([]engine.Stored, error) {
	t, _, err := b.find(topic, "")
	if err != nil {
		return nil, err
	}
	for {
		more := t.more()
		all, err := b.after(ctx, topic, from, most)
		if err != nil || len(all) > 0 {
			return all, err
		}
		timer := time.NewTimer(time.Second) // engines that others write as well tell nobody
		select {
		case <-more:
		case <-timer.C:
		case <-ctx.Done():
			timer.Stop()
			return nil, ctx.Err()
		}
		timer.Stop()
	}
}

func (b *Bus) after(ctx context.Context, topic string, from map[int32]uint64, most int) ([]engine.Stored, error) {
	partitions, err := b.ranges(ctx, topic)
	if err != nil {
		return nil, err
	}
	var all []engine.Stored
	for _, p := range partitions {
		at := p.Start
		if offset, ok := from[at.Partition]; ok {
			at.Offset = offset
		}
		found, err := b.engine.Read(ctx, topic, at, most)
		if errors.Is(err, engine.ErrGone) {
			found, err = b.engine.Read(ctx, topic, p.Start, most)
		}
		if errors.Is(err, engine.ErrGone) { // and retention is at it now
			continue
		}
		if err != nil {
			return nil, translate(topic, err)
		}
		all = append(all, found...)
	}
	return all, nil
}

// ranges are what is kept of a topic, by partition.
func (b *Bus) ranges(ctx context.Context, topic string) ([]engine.Range, error) {
	if _, _, err := b.find(topic, ""); err != nil {
		return nil, err
	}
	if !b.engine.Can().Replay {
		return nil, fault.New(fault.Invalid, "the bus's engine shows events to subscriptions only")
	}
	stat, err := b.engine.Stat(ctx, topic)
	if err != nil {
		return nil, translate(topic, err)
	}
	return stat.Partitions, nil
}
