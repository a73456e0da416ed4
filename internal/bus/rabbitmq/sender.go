package rabbitmq

import (
	"context"
	"fmt"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// sender is a topic's channel for publishing; only topic.run uses it.
type sender struct{ out *outlet }

// outlet is a channel on which messages are confirmed.
type outlet struct {
	t    *topic
	ch   *amqp.Channel
	sent uint64 // messages

	mu    sync.Mutex // guards what follows
	calls []*call    // under way, in the order in which they were sent
	err   error      // it is over
}

// send sends a call's messages. Offsets are given here, so that they rise in the
// order in which queues have them.
func (t *topic) send(c *call) {
	o, err := t.outlet()
	if err != nil {
		t.end(c, err)
		return
	}
	c.last = o.sent + uint64(len(c.messages))
	for _, m := range c.messages {
		at := engine.Position{Offset: t.next()}
		m.Headers[headerOffset] = int64(at.Offset)
		c.placed = append(c.placed, engine.Placed{Position: at})
	}
	if err := o.begin(c); err != nil {
		t.out = nil
		t.end(c, err)
		return
	}
	want, _ := t.settings()
	exchange, must := t.name, len(want.Groups) > 0
	if c.queue != "" {
		exchange, must = "", true
	}
	for _, m := range c.messages {
		o.sent++
		if err := o.ch.Publish(exchange, c.queue, must, false, m); err != nil {
			o.close(err)
			t.out = nil
			return
		}
	}
}

// outlet returns the channel, and makes it anew when the last one is over.
func (t *topic) outlet() (*outlet, error) {
	if t.out != nil && !t.out.ch.IsClosed() {
		return t.out, nil
	}
	ctx, cancel := context.WithTimeout(t.e.life, patience)
	defer cancel()
	ch, err := t.e.out.channel(ctx)
	if err != nil {
		return nil, err
	}
	o := &outlet{t: t, ch: ch}
	// Without room: the client hands over one after the other, as they came.
	returned, confirmed := ch.NotifyReturn(make(chan amqp.Return)), ch.NotifyPublish(make(chan amqp.Confirmation))
	closed := ch.NotifyClose(make(chan *amqp.Error, 1))
	t.e.work.Go(func() { o.answers(returned, confirmed, closed) })
	if err := ch.Confirm(false); err != nil {
		o.close(err)
		return nil, err
	}
	t.out = o
	return o, nil
}

// begin notes a call, before any of its messages is sent.
func (o *outlet) begin(c *call) error {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err == nil {
		o.calls = append(o.calls, c)
	}
	return o.err
}

// answers takes what the server says until the channel is closed.
func (o *outlet) answers(returned <-chan amqp.Return, confirmed <-chan amqp.Confirmation, closed <-chan *amqp.Error) {
	next := uint64(1)
	for {
		select {
		case r, ok := <-returned:
			if !ok {
				returned = nil
				continue
			}
			o.unroutable(r)
		case c, ok := <-confirmed:
			if !ok {
				o.close(reasonOf(closed))
				return
			}
			if c.DeliveryTag != next {
				o.close(fmt.Errorf("an answer went astray: %d came when %d was next", c.DeliveryTag, next))
				continue
			}
			next++
			o.confirm(c)
		}
	}
}

// reasonOf is why a channel is closed.
func reasonOf(closed <-chan *amqp.Error) error {
	select {
	case err := <-closed:
		if err != nil {
			return err
		}
	default:
	}
	return errLost
}

// unroutable: no queue has it, and one should.
func (o *outlet) unroutable(r amqp.Return) {
	err := o.t.lose(damaged(o.t.where(), "no queue is bound to it: %s", r.ReplyText))
	o.mu.Lock()
	defer o.mu.Unlock()
	for _, c := range o.calls {
		c.err = err
	}
}

// confirm ends the call whose last message this is.
func (o *outlet) confirm(confirmed amqp.Confirmation) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if len(o.calls) == 0 {
		return
	}
	c := o.calls[0]
	if !confirmed.Ack && c.err == nil {
		c.err = errRejected
	}
	if confirmed.DeliveryTag == c.last {
		o.calls = o.calls[1:]
		o.t.end(c, c.err)
	}
}

// close ends the channel and all calls.
func (o *outlet) close(err error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.err != nil {
		return
	}
	o.err = err
	for _, c := range o.calls {
		if c.err == nil {
			c.err = err
		}
		o.t.end(c, c.err)
	}
	o.calls = nil
	o.t.e.work.Go(func() { _ = o.ch.Close() }) // it waits for the server
}
