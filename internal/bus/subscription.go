package bus

import (
	"context"
	"log/slog"
	"maps"
	"sync/atomic"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/flow"
	"github.com/banyanrun/banyan/internal/bus/progress"
)

// subscription is one that is delivered, or would be if it were not paused.
type subscription struct {
	*runner

	bus   *Bus
	topic *topicState
	log   *slog.Logger
	count subscriptionCount
	group *group

	// Guarded by runner.mu.
	spec     Subscription
	state    progress.State
	why      string
	revision string
	changed  bool
	first    map[engine.Position]time.Time // first attempt of what is in trouble
	troubles map[engine.Position]progress.Trouble
	closed   []engine.Position // in trouble once, open no more
	finished []engine.Position // for the engine

	// low is up to where everything is done, as it was saved.
	low atomic.Pointer[[]engine.Position]
}

type subscriptionCount struct {
	delivered, failed, unseen, dead, lost atomic.Int64
}

func (b *Bus) newSubscription(ctx context.Context, spec Subscription, t *topicState, row progress.Subscription) (*subscription, error) {
	saved, err := flow.DecodeProgress(row.Progress)
	if err != nil {
		return nil, err
	}
	rows, err := b.progress.Troubles(ctx, row.Name)
	if err != nil {
		return nil, err
	}
	s := &subscription{
		bus: b, topic: t, spec: spec, state: row.State, why: row.Why, revision: row.Revision,
		log:      b.log.With("topic", spec.Topic, "service", spec.Service),
		first:    make(map[engine.Position]time.Time, len(rows)),
		troubles: map[engine.Position]progress.Trouble{},
	}
	trouble := make([]flow.Trouble, len(rows))
	for i, r := range rows {
		trouble[i] = flow.Trouble{Position: r.Position, Attempts: r.Attempts, NotBefore: r.NotBefore}
		s.first[r.Position] = r.First
	}
	s.runner = newRunner(b.client, s.config(), saved, trouble)
	s.group = &group{engine: b.engine, topic: spec.Topic, name: spec.Service, at: append([]engine.Position(nil), saved.Next...), dense: b.engine.Can().Gapless}
	s.source, s.sink, s.send = s.group, s, s.message
	s.fail = func(what string, err error) { s.log.Warn("the subscription waits", "cannot", what, "error", err) }
	s.low.Store(new(s.flow.Low()))
	if s.state != progress.Active {
		s.flow.Pause()
	}
	return s, nil
}

func (s *subscription) config() flow.Config {
	return flow.Config{
		Concurrency: s.spec.Concurrency, MaxAttempts: s.spec.MaxAttempts, First: s.spec.First, Most: s.spec.Most,
		KeepBodies: !s.bus.engine.Can().Replay, MaxOpen: s.bus.engine.Can().Open,
	}
}

// configure takes a changed spec. A service that ended the subscription and is another now gets events again.
func (s *subscription) configure(spec Subscription) {
	s.do(func(f *flow.Flow, _ time.Time) {
		s.spec = spec
		f.Configure(s.config())
		if s.state == progress.Gone && s.revision != spec.Revision {
			s.become(progress.Active, "")
			f.Resume()
		}
	})
}

// become changes the state. The runner is locked.
func (s *subscription) become(state progress.State, why string) {
	s.state, s.why, s.revision, s.changed = state, why, "", true
	if state == progress.Gone {
		s.revision = s.spec.Revision
	}
	s.bus.dirty.set()
}

func (s *subscription) message(d flow.Delivery) message {
	s.mu.Lock()
	defer s.mu.Unlock()
	return message{to: s.spec, at: d.Position, record: d.Record, attempt: d.Attempt}
}

func (s *subscription) delivered(context.Context, flow.Delivery) { s.count.delivered.Add(1) }

func (s *subscription) unseen(a answer) {
	s.count.unseen.Add(1)
	if a.outcome == flow.Gone && s.state == progress.Active {
		s.become(progress.Gone, "the service answered 410 Gone: it wants no more events")
		s.log.Warn("the service wants no more events; `banyan events resume` or a new revision of it starts them again")
	}
}

func (s *subscription) troubled(d flow.Delivery, v flow.Verdict, a answer) {
	s.count.failed.Add(1)
	if d.Attempt == 1 || s.first[d.Position].IsZero() {
		s.first[d.Position] = time.Now()
	}
	s.troubles[d.Position] = progress.Trouble{
		Position: d.Position, Attempts: v.Attempts, First: s.first[d.Position], NotBefore: v.NotBefore, Status: a.status, Error: a.err,
	}
	s.changed = true
	s.bus.dirty.set()
}

func (s *subscription) buried(ctx context.Context, d flow.Delivery, v flow.Verdict, a answer) error {
	s.mu.Lock()
	first, spec := s.first[d.Position], s.spec
	s.mu.Unlock()
	now := time.Now()
	if first.IsZero() {
		first = now
	}
	letter := progress.Dead{
		Name: progress.Name{Topic: spec.Topic, Service: spec.Service}, Event: engine.Stored{Position: d.Position, Record: *d.Record},
		Attempts: v.Attempts, First: first, Last: now, Status: a.status, Error: a.err, Response: a.response,
	}
	if err := s.bus.bury(ctx, letter, spec.DeadLetter); err != nil {
		return err
	}
	s.count.failed.Add(1)
	s.count.dead.Add(1)
	s.log.Warn("an event is a dead letter", "sequence", sequence(d.Position), "attempts", v.Attempts, "error", a.err)
	return nil
}

func (s *subscription) settled(places ...engine.Position) {
	for _, at := range places {
		if _, was := s.first[at]; was {
			delete(s.first, at)
			delete(s.troubles, at)
			s.closed = append(s.closed, at)
		}
	}
	s.finished = append(s.finished, places...)
	s.changed = true
	s.bus.dirty.set()
}

func (s *subscription) lost(count uint64) {
	s.count.lost.Add(int64(count))
	s.changed = true
	s.bus.dirty.set()
	s.log.Warn("events were lost before they were delivered: removed by retention, or given up in a repair", "events", count)
}

// snapshot is what is to be saved of a subscription.
type snapshot struct {
	sub      *subscription
	change   progress.Change
	low      []engine.Position
	finished []engine.Position
}

// snapshot returns what changed since the last one, and false if nothing did.
func (s *subscription) snapshot() (snapshot, bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.changed {
		return snapshot{}, false
	}
	shot := snapshot{sub: s, low: s.flow.Low(), finished: s.finished}
	shot.change = progress.Change{Subscription: s.row(), Settled: s.closed}
	for t := range maps.Values(s.troubles) {
		shot.change.Troubles = append(shot.change.Troubles, t)
	}
	s.closed, s.finished, s.changed = nil, nil, false
	s.troubles = map[engine.Position]progress.Trouble{}
	return shot, true
}

func (s *subscription) row() progress.Subscription {
	return progress.Subscription{
		Name:  progress.Name{Topic: s.spec.Topic, Service: s.spec.Service},
		State: s.state, Why: s.why, Revision: s.revision, Progress: s.flow.Progress().Append(nil),
	}
}

// saved takes the outcome of saving a snapshot.
func (shot *snapshot) saved(ctx context.Context, err error) {
	s := shot.sub
	if err == nil {
		s.low.Store(&shot.low)
		// Lost at worst, and then the record comes again and is known to be done.
		_ = s.group.done(ctx, shot.finished)
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.changed = true
	s.closed = append(s.closed, shot.change.Settled...)
	s.finished = append(s.finished, shot.finished...)
	for _, t := range shot.change.Troubles {
		_, newer := s.troubles[t.Position]
		if _, open := s.first[t.Position]; open && !newer {
			s.troubles[t.Position] = t
		}
	}
}
