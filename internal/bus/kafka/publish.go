package kafka

import (
	"context"
	"sync"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
	"github.com/banyanrun/banyan/internal/fault"
)

// Publish implements engine.Engine. Where a broker fails, records may be stored
// though the call reports an error, and once more when it is repeated.
func (e *Engine) Publish(ctx context.Context, name string, records []engine.Record) ([]engine.Placed, error) {
	t, err := e.topics.Find(ctx, name)
	if err != nil || len(records) == 0 {
		return nil, err
	}
	messages, need, err := t.messages(records)
	if err != nil {
		return nil, err
	}
	if err := t.reserve(ctx, need); err != nil {
		return nil, err
	}
	c := &call{t: t, left: len(messages), placed: make([]engine.Placed, len(messages)), done: make(chan struct{}), need: need}
	// Not the caller's: a record that is given up takes with it those behind it.
	c.patience, c.stop = context.WithTimeout(context.WithoutCancel(ctx), storing)
	if err := c.send(messages); err != nil {
		return nil, err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.err != nil {
		_, lost := t.settings()
		if lost != nil {
			return nil, lost
		}
		return nil, t.failed(ctx, c.err)
	}
	return c.placed, nil
}

// messages checks records and copies them, since they may wait for longer than
// their publisher does.
func (t *topic) messages(records []engine.Record) (all []*kgo.Record, need int64, err error) {
	want, _ := t.settings()
	if err := remote.Check(want, records); err != nil {
		return nil, 0, err
	}
	for _, r := range records {
		m := encode(t.name, r)
		n := size(m)
		if n > largest-1024 { // a batch has a header, too
			return nil, 0, fault.New(fault.Invalid, "an event of %d bytes with its attributes is too large", n)
		}
		need += n
		all = append(all, m)
	}
	return all, need, nil
}

// call is a Publish under way.
type call struct {
	t        *topic
	need     int64
	patience context.Context
	stop     context.CancelFunc
	done     chan struct{} // closed when all records are answered, and the rest can be read

	mu     sync.Mutex
	left   int
	placed []engine.Placed
	err    error // the first
}

// send gives records to the client, which sends those of a topic in order.
func (c *call) send(messages []*kgo.Record) error {
	err := c.t.e.topics.Enter(func() { // so that Close flushes them
		for i, m := range messages {
			c.t.e.client.Produce(c.patience, m, func(r *kgo.Record, err error) { c.answered(i, r, err) })
		}
	})
	if err != nil {
		c.stop()
		c.t.unreserve(c.need)
	}
	return err
}

// answered is called for each record, one at a time and for a topic in order.
func (c *call) answered(i int, r *kgo.Record, err error) {
	if err == nil {
		err = c.t.stored(uint64(r.Offset)+1, size(r))
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.placed[i].Offset = uint64(r.Offset) + 1
	if err != nil && c.err == nil {
		c.err = err
	}
	if c.left--; c.left > 0 {
		return
	}
	c.stop()
	c.t.unreserve(c.need)
	close(c.done)
}

// stored notes a record. Offsets rise, unless somebody made the topic anew, or its
// brokers lost its end.
func (t *topic) stored(offset uint64, bytes int64) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if offset <= t.acked {
		return t.loseLocked(damaged(t.where(), "an event was stored at %d, and one before it at %d", offset, t.acked))
	}
	t.acked = offset
	t.seen = max(t.seen, offset)
	t.sizes.add(offset, bytes)
	return nil
}
