package bus

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/flow"
	"github.com/banyanrun/banyan/internal/bus/progress"
	"github.com/banyanrun/banyan/internal/fault"
)

// grace is how long deliveries under way may take to end when their subscription or the bus does.
const grace = 5 * time.Second

// Check returns a fault.Invalid that names what Configure would refuse, and
// changes nothing.
func (b *Bus) Check(ctx context.Context, spec Spec) error {
	inForce, err := b.progress.Schemas(ctx)
	if err != nil {
		return err
	}
	_, err = b.prepare(spec, inForce)
	return err
}

// prepare makes the states of all topics, without what they take over.
func (b *Bus) prepare(spec Spec, inForce map[string][]byte) (map[string]*topicState, error) {
	can := b.engine.Can()
	topics := map[string]*topicState{}
	var problems []error
	for _, name := range slices.Sorted(maps.Keys(spec.Topics)) {
		t := &topicState{name: name, spec: spec.Topics[name], longest: can.Dedup}
		if len(t.spec.Schema) > 0 {
			var err error
			if t.schema, err = compileSchema(name, t.spec.Schema); err != nil {
				problems = append(problems, err)
			}
		}
		if !t.spec.AnyChange && (t.schema != nil || len(t.spec.Schema) == 0) {
			problems = append(problems, compatible(name, inForce[name], t.spec.Schema))
		}
		topics[name] = t
	}
	for _, s := range spec.Subscriptions {
		if _, err := parseFrom(s.From); err != nil {
			problems = append(problems, err)
		}
		if topics[s.Topic] == nil {
			problems = append(problems, fault.New(fault.Invalid, "service %s subscribes to topic %s, which is not declared", s.Service, s.Topic))
		}
	}
	return topics, errors.Join(problems...)
}

// Configure makes topics and subscriptions what spec says. Progress of those that
// stay is kept; that of subscriptions that go, too, for some days, in which
// they may come back. On an error, which may be a fault.Invalid as of Check, what
// was in force stays so, and the call can be repeated.
func (b *Bus) Configure(ctx context.Context, spec Spec) error {
	b.configuring.Lock()
	defer b.configuring.Unlock()
	if b.closing {
		return restarting("")
	}
	inForce, err := b.progress.Schemas(ctx)
	if err != nil {
		return err
	}
	topics, err := b.prepare(spec, inForce)
	if err != nil {
		return err
	}
	if err := b.ensure(ctx, spec, topics); err != nil {
		return err
	}
	rows, err := b.rows(ctx, spec, topics)
	if err != nil {
		return err
	}
	for name, t := range topics {
		if !bytes.Equal(inForce[name], t.spec.Schema) {
			if err := b.progress.AddSchema(ctx, name, t.spec.Schema); err != nil {
				return err
			}
		}
	}
	return b.replace(ctx, spec, topics, rows)
}

// ensure makes topics in the engine, and knows those that lost something.
func (b *Bus) ensure(ctx context.Context, spec Spec, topics map[string]*topicState) error {
	marks, err := b.progress.Marks(ctx)
	if err != nil {
		return err
	}
	rows, err := b.progress.Subscriptions(ctx)
	if err != nil {
		return err
	}
	groups, begun := map[string][]string{}, map[string][]string{}
	for _, s := range spec.Subscriptions {
		groups[s.Topic] = append(groups[s.Topic], s.Service)
		if row, found := rows[progress.Name{Topic: s.Topic, Service: s.Service}]; found && row.Orphaned.IsZero() {
			begun[s.Topic] = append(begun[s.Topic], s.Service)
		}
	}
	wanted := make([]engine.Topic, 0, len(topics))
	for name, t := range topics {
		longest := t.longest
		if longest > 0 {
			longest = min(longest, max(t.spec.Dedup, delayedDedup))
		}
		wanted = append(wanted, engine.Topic{
			Name: name, MaxAge: t.spec.MaxAge, MaxBytes: t.spec.MaxBytes, DropOldest: t.spec.DropOldest, MaxEvent: t.spec.MaxEvent,
			Dedup: longest, Groups: groups[name], Begun: begun[name], Known: marks[name],
		})
	}
	if err := b.engine.Ensure(ctx, wanted); err != nil {
		return fmt.Errorf("topics cannot be made: %w", err)
	}
	fresh := progress.Marks{}
	for name, t := range topics {
		if old := b.topics[name]; old != nil {
			t.topicLife = old.topicLife
		} else {
			t.topicLife = newTopicLife()
		}
		if marks[name] != nil {
			continue
		}
		stat, err := b.engine.Stat(ctx, name)
		if err != nil {
			return fmt.Errorf("topic %s: %w", name, err)
		}
		if b.sole && slices.ContainsFunc(stat.Partitions, func(r engine.Range) bool { return r.End.Offset > 0 }) {
			t.stopped = fault.New(fault.Damaged, "topic %s has events, and what the bus knew of it is lost: %w", name, engine.ErrDamaged).
				Fix("restore bus.db while the app is down, or give the events up: `banyan events repair %s --begin-anew`", name)
			b.log.Error("the topic is stopped", "topic", name, "error", t.stopped)
			continue
		}
		fresh[name] = []engine.Position{{}}
	}
	if len(fresh) == 0 {
		return nil
	}
	return b.progress.Mark(ctx, fresh)
}

// rows returns what is saved of each wanted subscription. Those that are new are
// saved first, so that they begin where they began whatever happens.
func (b *Bus) rows(ctx context.Context, spec Spec, topics map[string]*topicState) (map[progress.Name]progress.Subscription, error) {
	all, err := b.progress.Subscriptions(ctx)
	if err != nil {
		return nil, err
	}
	var changes []progress.Change
	for _, s := range spec.Subscriptions {
		name := progress.Name{Topic: s.Topic, Service: s.Service}
		row, found := all[name]
		switch {
		case topics[s.Topic].stopped != nil:
			continue
		case !found:
			start, err := b.start(ctx, s)
			if err != nil {
				return nil, err
			}
			row = progress.Subscription{Name: name, State: progress.Active, Progress: flow.Progress{Next: start}.Append(nil)}
		case row.Orphaned.IsZero():
			continue
		}
		row.Orphaned = time.Time{}
		all[name] = row
		changes = append(changes, progress.Change{Subscription: row})
	}
	if len(changes) == 0 {
		return all, nil
	}
	return all, b.progress.Save(ctx, changes...)
}

// start returns where a new subscription begins.
func (b *Bus) start(ctx context.Context, s Subscription) ([]engine.Position, error) {
	at, err := parseFrom(s.From)
	if err != nil {
		return nil, err
	}
	if !at.IsZero() {
		return b.engine.Find(ctx, s.Topic, at)
	}
	stat, err := b.engine.Stat(ctx, s.Topic)
	if err != nil {
		return nil, fmt.Errorf("topic %s: %w", s.Topic, err)
	}
	start := make([]engine.Position, len(stat.Partitions))
	for i, r := range stat.Partitions {
		if start[i] = r.End; s.From == "all" {
			start[i] = r.Start
		}
	}
	return start, nil
}

// parseFrom returns the time that from names; zero: new or all.
func parseFrom(from string) (time.Time, error) {
	if from == "new" || from == "all" || from == "" {
		return time.Time{}, nil
	}
	at, err := time.Parse(time.RFC3339, from)
	if err != nil {
		return at, fault.New(fault.Invalid, "%.100q is not where a subscription can begin", from).Fix("write new, all, or a time as 2026-01-31T12:00:00Z")
	}
	return at, nil
}

// replace puts a spec in force.
func (b *Bus) replace(ctx context.Context, spec Spec, topics map[string]*topicState, rows map[progress.Name]progress.Subscription) error {
	fresh := map[progress.Name]*subscription{}
	wanted := map[progress.Name]bool{}
	for _, s := range spec.Subscriptions {
		name := progress.Name{Topic: s.Topic, Service: s.Service}
		wanted[name] = topics[s.Topic].stopped == nil
		if b.subscriptions[name] != nil || !wanted[name] {
			continue
		}
		row := rows[name]
		if row.State == progress.Gone && row.Revision != s.Revision {
			row.State, row.Why, row.Revision = progress.Active, "", ""
		}
		sub, err := b.newSubscription(ctx, s, topics[s.Topic], row)
		if err != nil {
			return err
		}
		fresh[name] = sub
	}
	b.mu.Lock()
	b.spec, b.topics = spec, topics
	var left []*subscription
	for name, s := range b.subscriptions {
		if !wanted[name] {
			left = append(left, s)
			delete(b.subscriptions, name)
		}
	}
	maps.Copy(b.subscriptions, fresh)
	running := b.running
	b.mu.Unlock()
	for _, s := range spec.Subscriptions {
		name := progress.Name{Topic: s.Topic, Service: s.Service}
		if sub := b.subscriptions[name]; sub != nil && fresh[name] == nil {
			sub.configure(s)
		}
	}
	if running {
		for _, s := range fresh {
			s.start()
		}
	}
	return errors.Join(b.leave(ctx, left), b.orphan(ctx, wanted))
}

// leave stops subscriptions and saves how far they came.
func (b *Bus) leave(ctx context.Context, left []*subscription) error {
	var wg sync.WaitGroup
	for _, s := range left {
		wg.Go(func() { s.stop(grace) })
	}
	wg.Wait()
	err := b.save(ctx, left) // which tells the engine, too
	for _, s := range left {
		s.source.close()
	}
	return err
}

// orphan notes since when subscriptions are not wanted.
func (b *Bus) orphan(ctx context.Context, wanted map[progress.Name]bool) error {
	var changes []progress.Change
	rows, err := b.progress.Subscriptions(ctx)
	if err != nil {
		return err
	}
	for name, row := range rows {
		_, known := wanted[name] // those of a stopped topic are
		if !known && row.Orphaned.IsZero() {
			row.Orphaned = time.Now()
			changes = append(changes, progress.Change{Subscription: row})
		}
	}
	if len(changes) == 0 {
		return nil
	}
	return b.progress.Save(ctx, changes...)
}
