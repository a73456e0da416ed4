package rabbitmq

import (
	"context"
	"errors"
	"fmt"
	"slices"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
	"github.com/banyanrun/banyan/internal/fault"
)

// queueArgs are those of every queue. Of a policy that says something else, the
// server takes these, or the lower number.
var queueArgs = amqp.Table{
	"x-queue-type": "quorum",
	// One daemon reads; what it held is given to the next one before anything else.
	"x-single-active-consumer": true,
	// Events come again with each connection. That must not make them dead letters
	// of the server: servers from 4.0 on take 20 if nothing is said.
	"x-delivery-limit": int32(1 << 30),
	// Where somebody bounds the queue, events must be refused rather than lost.
	"x-overflow": "reject-publish",
}

// Ensure implements engine.Engine. A group that is not wanted any more gets no
// further events; its queue stays, with what is in it.
func (e *Engine) Ensure(ctx context.Context, topics []engine.Topic) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	for _, want := range topics {
		t, err := e.topics.Get(want.Name, func() *topic { return e.newTopic(want.Name) })
		if err != nil {
			return err
		}
		gone := t.configure(want)
		bound, cancel := remote.Within(ctx, e.life, patience)
		err = e.ask(bound, func(ch *amqp.Channel) error { return t.ensure(ch, want, gone) })
		cancel()
		if err != nil && !errors.Is(err, engine.ErrDamaged) {
			return t.failed(ctx, err)
		}
	}
	return nil
}

// ensure makes exchange and queues, or finds out whether those there are will do.
func (t *topic) ensure(ch *amqp.Channel, want engine.Topic, gone []string) error {
	if err := ch.ExchangeDeclare(t.name, amqp.ExchangeFanout, true, false, false, false, nil); err != nil {
		return t.other(t.where(), err)
	}
	for _, group := range want.Groups {
		if err := t.ensureQueue(ch, group, slices.Contains(want.Begun, group)); err != nil {
			return err
		}
	}
	for _, group := range gone {
		err := ch.QueueUnbind(t.queueOf(group), "", t.name, nil)
		if err != nil {
			return err
		}
		t.bind(group, false)
	}
	return nil
}

// ensureQueue makes a group's queue, unless it was there once.
func (t *topic) ensureQueue(ch *amqp.Channel, group string, begun bool) error {
	name := t.queueOf(group)
	if begun {
		_, err := ch.QueueDeclarePassive(name, true, false, false, false, nil)
		if refusedWith(err, amqp.NotFound) {
			return t.gone(name)
		}
		if err != nil {
			return err
		}
	}
	if _, err := ch.QueueDeclare(name, true, false, false, false, queueArgs); err != nil {
		return t.other("rabbitmq queue "+name, err)
	}
	if err := ch.QueueBind(name, "", t.name, false, nil); err != nil {
		return err
	}
	t.bind(group, true)
	return nil
}

func (t *topic) bind(group string, to bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if to {
		t.bound[group] = true
	} else {
		delete(t.bound, group)
	}
}

// other says that what is there is something else.
func (t *topic) other(where string, err error) error {
	if !refusedWith(err, amqp.PreconditionFailed) {
		return err
	}
	return fault.New(fault.Conflict, "it is there already, and made otherwise than Banyan makes it: %s", reason(err)).At(where).
		Fix("remove it if nobody needs its events, and let Banyan make it")
}

func reason(err error) string {
	if refusal, ok := errors.AsType[*amqp.Error](err); ok {
		return refusal.Reason
	}
	return fmt.Sprint(err)
}
