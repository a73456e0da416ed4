package nats

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// ready sees to the tail and to room. It sets ErrFull in calls that do not fit,
// and fails where none can be stored.
func (t *topic) ready(ctx context.Context, calls []*call) error {
	want, lost := t.settings()
	if lost != nil {
		return lost
	}
	if !t.known {
		if _, err := t.learn(ctx); err != nil {
			return err
		}
	}
	need := int64(0)
	for _, c := range calls {
		need += c.bytes
	}
	if want.MaxBytes == 0 || want.DropOldest || t.bytes+need <= want.MaxBytes {
		return nil
	}
	if err := t.makeRoom(ctx, want.MaxBytes, need); err != nil || t.bytes+need <= want.MaxBytes {
		return err
	}
	left := want.MaxBytes - t.bytes
	for _, c := range calls {
		if err := t.probe(ctx, c.items); err != nil {
			return err
		}
		need = 0
		for _, it := range unstored(c.items) {
			need += it.size
		}
		if need > left {
			c.err = full("topic "+want.Name, errors.New("it holds what its subscriptions still need"))
			continue
		}
		left -= need
	}
	return nil
}

// makeRoom removes the oldest records that are released, as many as need may
// take, going by their average size, or an eighth of all.
func (t *topic) makeRoom(ctx context.Context, most, need int64) error {
	t.removing.Lock()
	defer t.removing.Unlock()
	for {
		state, err := t.learn(ctx)
		if err != nil || t.bytes+need <= most {
			return err
		}
		t.mu.Lock()
		released := t.released
		t.mu.Unlock()
		if state.Msgs == 0 || state.FirstSeq > released {
			return nil
		}
		average := max(state.Bytes/state.Msgs, 1)
		count := max(uint64(t.bytes+need-most), uint64(most/8))/average + 1
		if err := t.remove(ctx, min(state.FirstSeq+count-1, released)); err != nil {
			return err
		}
	}
}

// remove removes all up to and with an offset.
func (t *topic) remove(ctx context.Context, upTo uint64) error {
	stream, err := t.look(ctx)
	if err != nil {
		return err
	}
	bound, cancel := t.e.within(ctx, patience)
	defer cancel()
	if err := stream.Purge(bound, jetstream.WithPurgeSequence(upTo+1)); err != nil {
		return t.failed(ctx, err)
	}
	return nil
}

// Release implements engine.Engine.
func (e *Engine) Release(ctx context.Context, name string, low []engine.Position) error {
	t, err := e.topics.Find(ctx, name)
	if err != nil {
		return err
	}
	t.mu.Lock()
	if len(low) > 0 {
		t.released = low[0].Offset
	}
	// An id that the server forgot with its record would be no duplicate after a restart.
	keep := max(t.want.MaxAge, t.want.Dedup)
	idle := t.lost != nil || t.want.MaxAge == 0 || time.Since(t.expired) < min(time.Minute, keep/10)
	if !idle {
		t.expired = time.Now()
	}
	released, all := t.released, t.want.DropOldest
	t.mu.Unlock()
	if idle {
		return nil
	}
	return t.expire(ctx, keep, released, all)
}

// expire removes what is older than keep, by the server's clock, and released or not needed to be.
func (t *topic) expire(ctx context.Context, keep time.Duration, released uint64, all bool) error {
	t.removing.Lock()
	defer t.removing.Unlock()
	info, err := t.state(ctx)
	if err != nil || info.State.Msgs == 0 {
		return err
	}
	horizon := info.TimeStamp.Add(-keep)
	if info.State.FirstTime.After(horizon) {
		return nil
	}
	last := info.State.LastSeq
	if !all {
		last = min(last, released)
	}
	start := info.State.FirstSeq - 1
	if last <= start {
		return nil
	}
	old, err := t.search(ctx, start, last, func(m *jetstream.RawStreamMsg) bool { return m.Time.After(horizon) })
	if err != nil || old == start {
		return err
	}
	return t.remove(ctx, old)
}
