package rabbitmq

import (
	"context"
	"errors"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
	"github.com/banyanrun/banyan/internal/fault"
)

// waiting is how many calls of Publish may wait, a topic.
const waiting = 4096

// call is a Publish under way.
type call struct {
	messages []amqp.Publishing
	bytes    int64
	queue    string // the only one that gets them; empty: all that are bound

	last   uint64 // the number on its channel of the last message
	placed []engine.Placed
	err    error
	done   chan struct{} // closed when the rest can be read
}

// Publish implements engine.Engine. Where a server fails, records may be stored
// though the call reports an error, and once more when it is repeated.
func (e *Engine) Publish(ctx context.Context, name string, records []engine.Record) ([]engine.Placed, error) {
	t, err := e.topics.Find(ctx, name)
	if err != nil || len(records) == 0 {
		return nil, err
	}
	c, err := t.newCall(records)
	if err != nil {
		return nil, err
	}
	return t.publish(ctx, c)
}

func (t *topic) newCall(records []engine.Record) (*call, error) {
	want, lost := t.settings()
	if lost != nil {
		return nil, lost
	}
	if err := remote.Check(want, records); err != nil {
		return nil, err
	}
	c := &call{done: make(chan struct{})}
	for _, r := range records {
		if n := headerSize(r); n > largestHeader {
			return nil, fault.New(fault.Invalid, "an event with %d bytes of attributes is too large", n)
		}
		c.messages = append(c.messages, encode(r))
		c.bytes += int64(remote.Size(r))
	}
	return c, nil
}

// publish has the sender send a call, and waits for its end.
func (t *topic) publish(ctx context.Context, c *call) ([]engine.Placed, error) {
	if err := t.enter(c); err != nil {
		return nil, err
	}
	late := time.NewTimer(storing)
	defer late.Stop()
	select {
	case <-c.done:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-late.C:
		return nil, t.failed(ctx, errSilent)
	}
	if c.err != nil {
		return nil, t.failed(ctx, c.err)
	}
	return c.placed, nil
}

// enter lets a call wait for the sender, which ends every one that it was given.
func (t *topic) enter(c *call) error {
	if pending := t.e.pending.Add(c.bytes); pending > most && pending > c.bytes || t.e.out.blocked.Load() != nil {
		t.e.pending.Add(-c.bytes)
		return remote.Busy(t.where())
	}
	entered := false
	err := t.e.topics.Enter(func() {
		t.e.calls.Add(1)
		select {
		case t.queue <- c:
			entered = true
		default:
			t.e.calls.Done()
		}
	})
	if entered {
		return nil
	}
	t.e.pending.Add(-c.bytes)
	if err != nil {
		return err
	}
	return remote.Busy(t.where())
}

// end answers a call.
func (t *topic) end(c *call, err error) {
	c.err = err
	t.e.pending.Add(-c.bytes)
	t.e.calls.Done()
	close(c.done)
}

// run sends calls, one after the other. It ends with the engine.
func (t *topic) run() {
	for {
		select {
		case c := <-t.queue:
			t.send(c)
		case <-t.e.life.Done():
			for {
				select {
				case c := <-t.queue:
					t.end(c, engine.ErrClosed)
				default:
					return
				}
			}
		}
	}
}

var (
	errLost     = errors.New("the connection is lost")
	errRejected = errors.New("a queue does not take the event: it is full, or most of its replicas are gone")
)
