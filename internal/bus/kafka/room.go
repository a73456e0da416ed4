package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
)

// often is how often it is looked for records that are too old.
const often = time.Minute

// reserve makes room for a call, of the topic and of memory, or says that there
// is none. What it returned nil for is given back by unreserve.
func (t *topic) reserve(ctx context.Context, need int64) error {
	if pending := t.e.pending.Add(need); pending > most && pending > need {
		t.e.pending.Add(-need)
		return remote.Busy(t.where())
	}
	err := t.admit(ctx, need)
	if err != nil {
		t.e.pending.Add(-need)
	}
	return err
}

func (t *topic) unreserve(need int64) {
	t.e.pending.Add(-need)
	t.mu.Lock()
	defer t.mu.Unlock()
	t.pending -= need
}

func (t *topic) admit(ctx context.Context, need int64) error {
	if ok, err := t.take(need); ok || err != nil {
		return err
	}
	t.removing.Lock()
	defer t.removing.Unlock()
	t.mu.Lock()
	// An eighth more, so that not each publish removes something.
	goal := max(0, t.want.MaxBytes-t.want.MaxBytes/8-t.pending-need)
	low := t.sizes.fitting(goal)
	if !t.want.DropOldest {
		low = min(low, t.released)
	}
	t.mu.Unlock()
	if err := t.remove(ctx, low); err != nil {
		return err
	}
	ok, err := t.take(need)
	if !ok && err == nil {
		err = full(t.where())
	}
	return err
}

// take counts bytes as pending, unless there is no room.
func (t *topic) take(need int64) (ok bool, err error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lost != nil {
		return false, t.lost
	}
	if t.want.MaxBytes > 0 && t.sizes.after(t.start)+t.pending+need > t.want.MaxBytes {
		return false, nil
	}
	t.pending += need
	return true, nil
}

// remove removes records up to an offset. The caller holds removing.
func (t *topic) remove(ctx context.Context, low uint64) error {
	t.mu.Lock()
	start := t.start
	t.mu.Unlock()
	if low <= start {
		return nil
	}
	bound, cancel := t.e.within(ctx)
	defer cancel()
	offsets := kadm.Offsets{}
	offsets.AddOffset(t.name, 0, int64(low), -1)
	answers, err := t.e.admin.DeleteRecords(bound, offsets)
	if err = errors.Join(err, answers.Error()); err != nil {
		return t.failed(ctx, err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.start = max(t.start, low)
	t.sizes.forget(t.start)
	return nil
}

// Release implements engine.Engine.
func (e *Engine) Release(ctx context.Context, name string, low []engine.Position) error {
	t, err := e.topics.Find(ctx, name)
	if err != nil {
		return err
	}
	now := e.now()
	t.mu.Lock()
	for _, p := range low {
		if p.Partition == 0 {
			t.released = min(p.Offset, t.seen)
		}
	}
	due := t.lost == nil && t.want.MaxAge > 0 && (now.Sub(t.expired) >= often || now.Before(t.expired))
	if due {
		t.expired = now
	}
	t.mu.Unlock()
	if !due {
		return nil
	}
	return t.expire(ctx, now)
}

// expire removes what is older than the topic's settings keep, and released or
// not needed to be.
func (t *topic) expire(ctx context.Context, now time.Time) error {
	t.removing.Lock()
	defer t.removing.Unlock()
	t.mu.Lock()
	want, released, end := t.want, t.released, t.seen // before asking: what comes later is not old
	t.mu.Unlock()
	young, err := t.offset(ctx, now.Add(-want.MaxAge).UnixMilli())
	if err != nil {
		return err
	}
	low := end
	if young >= 0 {
		low = uint64(young)
	}
	if !want.DropOldest {
		low = min(low, released)
	}
	return t.remove(ctx, low)
}
