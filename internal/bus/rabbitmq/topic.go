package rabbitmq

import (
	"context"
	"maps"
	"slices"
	"sync"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
)

// topic is an exchange and what is known of it.
type topic struct {
	e     *Engine
	name  string     // of the exchange
	queue chan *call // what is to be published
	sender

	mu    sync.Mutex // guards what follows
	want  engine.Topic
	bound map[string]bool // groups that were seen to be
	lost  error           // a queue is gone
	// offset is that of the newest event. It begins at the present time in
	// microseconds, or far behind what the bus knows of earlier ones, so that none is
	// given twice: not if the bus did not save the last of them, nor if what it
	// saved is lost, nor if the clock was set back.
	offset uint64
}

// ahead is more events than are published in the time for which the bus does not
// save how far a topic reaches.
const ahead = 1 << 20

func (e *Engine) newTopic(name string) *topic {
	t := &topic{e: e, name: "banyan." + e.app + "." + name, queue: make(chan *call, waiting), bound: map[string]bool{}}
	t.offset = uint64(max(e.now().UnixMicro(), 1))
	e.work.Go(t.run)
	return t
}

// configure takes settings, and returns the groups that are not wanted any more.
func (t *topic) configure(want engine.Topic) (gone []string) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.want = want
	for _, k := range want.Known {
		if k.Offset > t.offset {
			t.offset = k.Offset + ahead
		}
	}
	for group := range t.bound {
		if !slices.Contains(want.Groups, group) {
			gone = append(gone, group)
		}
	}
	return gone
}

// settings are those of the last Ensure, and what is wrong with the topic.
func (t *topic) settings() (want engine.Topic, lost error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.want, t.lost
}

// next returns the offset of one event more.
func (t *topic) next() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.offset++
	return t.offset
}

// lose notes damage; the first is kept, until the engine is opened again.
func (t *topic) lose(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lost == nil {
		t.lost = err
		t.e.log.Error("the topic is stopped", "topic", t.want.Name, "error", err)
	}
	return t.lost
}

func (t *topic) where() string { return "rabbitmq exchange " + t.name }

func (t *topic) failed(ctx context.Context, err error) error { return t.e.failed(ctx, t.where(), err) }

// queueOf is the name of a group's queue. Groups have no colon.
func (t *topic) queueOf(group string) string { return t.name + ":" + group }

// gone is damage: a queue was there, and with it events that its group did not have.
func (t *topic) gone(queue string) error {
	return t.lose(damaged("rabbitmq queue "+queue, "it was removed"))
}

// Stat implements engine.Engine.
func (e *Engine) Stat(ctx context.Context, name string) (engine.Stat, error) {
	t, err := e.topics.Find(ctx, name)
	if err != nil {
		return engine.Stat{}, err
	}
	t.mu.Lock()
	groups := slices.Collect(maps.Keys(t.bound))
	t.mu.Unlock()
	stat := engine.Stat{Partitions: []engine.Range{{}}, Waiting: map[string]uint64{}}
	bound, cancel := remote.Within(ctx, e.life, patience)
	defer cancel()
	waiting := make([]int, len(groups)) // not written once ask has failed, and not read
	err = e.ask(bound, func(ch *amqp.Channel) error {
		for i, group := range groups {
			q, err := ch.QueueDeclarePassive(t.queueOf(group), true, false, false, false, nil)
			if refusedWith(err, amqp.NotFound) {
				return t.gone(t.queueOf(group))
			}
			if err != nil {
				return err
			}
			waiting[i] = q.Messages
		}
		return nil
	})
	if _, stat.Why = t.settings(); stat.Why != nil {
		stat.Health = engine.Stopped
		return stat, nil
	}
	if err != nil {
		return engine.Stat{}, t.failed(ctx, err)
	}
	for i, group := range groups {
		stat.Waiting[group] = uint64(waiting[i])
	}
	return stat, nil
}
