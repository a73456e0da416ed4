package bus

import (
	"context"
	"errors"
	"fmt"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/flow"
	"github.com/banyanrun/banyan/internal/bus/progress"
	"github.com/banyanrun/banyan/internal/fault"
)

// Repair is what a damaged topic lacks, or lacked until it was repaired.
type Repair struct {
	// Count events are lost, First and Last among them; sequences. None may be: then
	// something else is damaged.
	Count       uint64
	First, Last string
	// Where that is, and where all there was lies now, for a person.
	Where, Moved string
	// Missed has how many of them each subscription did not have, by service.
	Missed map[string]uint64
	// Left is why the topic is still stopped; empty: it is not.
	Left string
}

// Damage says what a stopped topic lacks.
func (b *Bus) Damage(ctx context.Context, topic string) (Repair, error) {
	t, m, err := b.mender(topic)
	if err != nil {
		return Repair{}, err
	}
	if t.stopped != nil {
		return Repair{}, fault.New(fault.Conflict, "%w", t.stopped)
	}
	loss, err := m.Damage(ctx, topic)
	return b.repaired(topic, loss), err
}

// Skip gives up the first loss of a damaged topic, which has count events. There
// may be another one behind it.
func (b *Bus) Skip(ctx context.Context, topic string, count uint64) (Repair, error) {
	t, m, err := b.mender(topic)
	if err != nil {
		return Repair{}, err
	}
	if t.stopped != nil {
		return Repair{}, fault.New(fault.Conflict, "%w", t.stopped)
	}
	loss, err := m.Skip(ctx, topic, count)
	return b.finish(ctx, topic, loss, err)
}

// BeginAnew gives up all events of a damaged topic. Subscriptions and sequences go
// on behind them.
func (b *Bus) BeginAnew(ctx context.Context, topic string) (Repair, error) {
	t, m, err := b.mender(topic)
	if err != nil {
		return Repair{}, err
	}
	stat, err := b.engine.Stat(ctx, topic)
	if err != nil {
		return Repair{}, translate(topic, err)
	}
	if t.stopped == nil && !errors.Is(stat.Why, engine.ErrDamaged) {
		return Repair{}, fault.New(fault.Conflict, "topic %s is not damaged", topic)
	}
	loss, err := m.BeginAnew(ctx, topic)
	if err == nil && t.stopped != nil {
		// What the bus knows of the topic is that from now on.
		err = b.progress.Mark(ctx, progress.Marks{topic: {{Offset: loss.Last}}})
	}
	return b.finish(ctx, topic, loss, err)
}

func (b *Bus) mender(topic string) (*topicState, engine.Mender, error) {
	t, _, err := b.find(topic, "")
	if err != nil {
		return nil, nil, err
	}
	m, ok := b.engine.(engine.Mender)
	if !ok {
		return nil, nil, fault.New(fault.Invalid, "the events of topic %s are kept by a broker", topic).Fix("repair them with its tools")
	}
	return t, m, nil
}

// finish puts a topic in force that was repaired.
func (b *Bus) finish(ctx context.Context, topic string, loss engine.Loss, err error) (Repair, error) {
	done := b.repaired(topic, loss)
	if err != nil {
		return done, err
	}
	b.log.Warn("a person gave up events of a damaged topic", "topic", topic, "events", done.Count, "first", done.First, "last", done.Last, "where", done.Where, "moved", done.Moved)
	b.mu.RLock()
	spec := b.spec
	b.mu.RUnlock()
	if err := b.Configure(ctx, spec); err != nil {
		return done, fmt.Errorf("the topic is repaired, and not in force yet: %w", err)
	}
	stat, err := b.engine.Stat(ctx, topic)
	if err != nil {
		return done, translate(topic, err)
	}
	if stat.Health == engine.Stopped {
		done.Left = stat.Why.Error()
	}
	return done, nil
}

func (b *Bus) repaired(topic string, loss engine.Loss) Repair {
	r := Repair{Count: loss.Count(), Where: loss.Where, Moved: loss.Moved, Missed: map[string]uint64{}}
	if r.Count == 0 {
		return r
	}
	r.First, r.Last = sequence(engine.Position{Offset: loss.First}), sequence(engine.Position{Offset: loss.Last})
	for _, s := range b.all() {
		if s.topic.name != topic {
			continue
		}
		s.mu.Lock()
		done := s.flow.Progress()
		s.mu.Unlock()
		if n := missed(loss, done.Next, done.Open); n > 0 {
			r.Missed[s.group.name] = n
		}
	}
	return r
}

// missed counts the events of a loss that a subscription did not have.
func missed(l engine.Loss, next []engine.Position, open []flow.Run) uint64 {
	read := uint64(0)
	for _, p := range next {
		read = max(read, p.Offset)
	}
	count := l.Last + 1 - max(l.First, min(read, l.Last)+1)
	for _, run := range open {
		first, last := max(run.Offset, l.First), min(run.Offset+run.Count-1, l.Last)
		if first <= last {
			count += last + 1 - first
		}
	}
	return count
}
