package nats

import (
	"context"
	"errors"
	"slices"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
	"github.com/banyanrun/banyan/internal/fault"
)

// waiting is how many calls of Publish may wait, a topic.
const waiting = 4096

// envelope is the most that the server's bookkeeping and the headers of post and chain add to a message.
const envelope = 384

// call is a Publish that waits.
type call struct {
	ctx   context.Context
	items []*item
	bytes int64
	err   error
	done  chan struct{}
}

// item is one record of a call.
type item struct {
	engine.Record
	call   *call
	size   int64 // in the stream, about and rather more
	stored bool  // or known to be a duplicate
	placed engine.Placed
}

// Publish implements engine.Engine. Where a server fails, records may be stored
// though the call reports an error.
func (e *Engine) Publish(ctx context.Context, name string, records []engine.Record) ([]engine.Placed, error) {
	t, err := e.topics.Find(ctx, name)
	if err != nil || len(records) == 0 {
		return nil, err
	}
	c, err := t.newCall(ctx, records)
	if err != nil {
		return nil, err
	}
	if err := t.enter(c); err != nil {
		return nil, err
	}
	select {
	case <-c.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if c.err != nil {
		return nil, c.err
	}
	placed := make([]engine.Placed, len(c.items))
	for i, it := range c.items {
		placed[i] = it.placed
	}
	return placed, nil
}

func (t *topic) newCall(ctx context.Context, records []engine.Record) (*call, error) {
	want, _ := t.settings()
	if err := remote.Check(want, records); err != nil {
		return nil, err
	}
	most := t.e.conn.MaxPayload()
	c := &call{ctx: ctx, done: make(chan struct{})}
	for _, r := range records {
		r.Data = slices.Clone(r.Data) // the writer may outlast the caller's patience
		size := int64(encode(t.subject, r).Size()) + envelope
		if most > 0 && size > most { // zero before the first connection
			return nil, fault.New(fault.Invalid, "an event of %d bytes with its attributes is larger than nats takes: %d", size, most).
				Fix("raise max_payload in the server's configuration")
		}
		c.items = append(c.items, &item{Record: r, call: c, size: size})
		c.bytes += size
	}
	return c, nil
}

// enter lets the call wait for the writer, which answers all that it was given.
func (t *topic) enter(c *call) error {
	busy := false
	err := t.e.topics.Enter(func() {
		select {
		case t.queue <- c:
		default:
			busy = true
		}
	})
	if busy {
		return remote.Busy("topic " + t.subject)
	}
	return err
}

// run is the writer. It ends with the engine, after what it is storing.
func (t *topic) run() {
	for {
		select {
		case <-t.e.life.Done():
			t.refuse()
			return
		case c := <-t.queue:
			calls := t.gather(c)
			t.store(calls)
			for _, c := range calls {
				close(c.done)
			}
		}
	}
}

func (t *topic) refuse() {
	for {
		select {
		case c := <-t.queue:
			c.err = engine.ErrClosed
			close(c.done)
		default:
			return
		}
	}
}

// gather takes what waits, until it is about as much as one call may hold.
func (t *topic) gather(c *call) []*call {
	calls, records, bytes := []*call{c}, len(c.items), c.bytes
	for records < engine.MaxRecords && bytes < engine.MaxBytes {
		select {
		case c = <-t.queue:
			calls = append(calls, c)
			records += len(c.items)
			bytes += c.bytes
		default:
			return calls
		}
	}
	return calls
}

// store stores calls, and sets their errors.
func (t *topic) store(calls []*call) {
	// Not the engine's life: what is under way ends well.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(t.e.life), 2*storing)
	defer cancel()
	err := t.ready(ctx, calls)
	var items []*item
	for _, c := range calls {
		if err != nil {
			c.err = err
		} else if c.err == nil {
			c.err = c.ctx.Err()
		}
		if c.err == nil {
			items = append(items, c.items...)
		}
	}
	if err == nil {
		err = t.send(ctx, items)
	}
	if err == nil {
		return
	}
	t.known = false
	for _, c := range calls {
		if c.err == nil {
			c.err = unfinished(c, err)
		}
	}
}

// unfinished is the error of a call of which not all is stored. ErrFull says
// that nothing is.
func unfinished(c *call, err error) error {
	left := 0
	for _, it := range c.items {
		if !it.stored {
			left++
		}
	}
	switch {
	case left == 0:
		return nil
	case left < len(c.items) && errors.Is(err, engine.ErrFull):
		return fault.New(fault.Unavailable, "%d of %d events are stored, then nats had no more room", len(c.items)-left, len(c.items))
	}
	return err
}
