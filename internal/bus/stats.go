package bus

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/flow"
	"github.com/banyanrun/banyan/internal/bus/progress"
)

// TopicStat is how a topic stands. Counters begin at the start of the daemon.
type TopicStat struct {
	Name        string
	Spec        Topic
	First, Last uint64 // the oldest event's sequence and the newest's, summed over partitions
	Events      uint64 // that are kept
	Bytes       int64
	Health      engine.Health
	Why         string // empty when healthy

	Published, Duplicates, Refused int64
	Delayed                        int // that wait

	Subscriptions []SubscriptionStat // by service

	partitions []engine.Range
	waiting    map[string]uint64 // as engine.Stat
}

// SubscriptionStat is how a subscription stands. Counters begin at the start of the daemon.
type SubscriptionStat struct {
	Service, Path string
	// State is active, paused, gone, orphaned (no longer in the app file), or, of an
	// active one that does not go on, blocked-keys, probing, held or waiting.
	State string
	Why   string
	Until time.Time // when it goes on; zero: not known
	Lag   uint64    // events not delivered yet, those in trouble among them
	Busy  int       // deliveries under way
	// Oldest is when the oldest event that is not delivered was accepted; zero: there is none.
	Oldest   time.Time
	Open     int // events read and not delivered
	Retrying int // those of them that wait for their next attempt
	Dead     int // dead letters there are

	Delivered, Failed, Unseen, Buried, Lost int64
}

// Topics returns how all topics stand, by name.
func (b *Bus) Topics(ctx context.Context) ([]TopicStat, error) {
	dead, err := b.progress.CountDead(ctx)
	if err != nil {
		return nil, err
	}
	delayed, err := b.progress.CountDelayed(ctx)
	if err != nil {
		return nil, err
	}
	rows, err := b.progress.Subscriptions(ctx)
	if err != nil {
		return nil, err
	}
	b.mu.RLock()
	topics := b.topics
	b.mu.RUnlock()
	all := make([]TopicStat, 0, len(topics))
	for _, name := range slices.Sorted(maps.Keys(topics)) {
		s := b.topicStat(ctx, topics[name])
		s.Delayed = delayed[name]
		all = append(all, s)
	}
	for _, s := range b.all() {
		if i, ok := slices.BinarySearchFunc(all, s.topic.name, byName); ok {
			all[i].Subscriptions = append(all[i].Subscriptions, s.stat(ctx, all[i]))
		}
	}
	for name, row := range rows {
		if i, ok := slices.BinarySearchFunc(all, name.Topic, byName); ok && !row.Orphaned.IsZero() {
			all[i].Subscriptions = append(all[i].Subscriptions, b.orphanStat(ctx, all[i], row))
		}
	}
	for i := range all {
		for j := range all[i].Subscriptions {
			s := &all[i].Subscriptions[j]
			s.Dead = dead[progress.Name{Topic: all[i].Name, Service: s.Service}]
		}
		slices.SortFunc(all[i].Subscriptions, func(a, b SubscriptionStat) int { return strings.Compare(a.Service, b.Service) })
	}
	return all, nil
}

// orphanStat says how far a subscription is that the app file does not have.
func (b *Bus) orphanStat(ctx context.Context, t TopicStat, row progress.Subscription) SubscriptionStat {
	s := SubscriptionStat{
		Service: row.Service, State: "orphaned",
		Why: fmt.Sprintf("the app file does not have it; its progress is kept until %s", row.Orphaned.Add(orphanKept).Format(time.DateTime)),
	}
	done, err := flow.DecodeProgress(row.Progress)
	if err != nil {
		s.Why += "; " + err.Error()
		return s
	}
	if s.Lag = lag(t.partitions, done); s.Lag > 0 {
		s.Oldest = b.oldest(ctx, t.Name, done.Low())
	}
	return s
}

func byName(t TopicStat, name string) int { return strings.Compare(t.Name, name) }

func (b *Bus) topicStat(ctx context.Context, t *topicState) TopicStat {
	s := TopicStat{
		Name: t.name, Spec: t.spec, Published: t.count.published.Load(), Duplicates: t.count.duplicates.Load(), Refused: t.count.refused.Load(),
	}
	stat, err := b.engine.Stat(ctx, t.name)
	switch {
	case err != nil:
		s.Health, s.Why = engine.Degraded, err.Error()
		return s
	case t.stopped != nil:
		s.Health, s.Why = engine.Stopped, t.stopped.Error()
	case stat.Why != nil:
		s.Health, s.Why = stat.Health, stat.Why.Error()
	default:
		s.Health = stat.Health
	}
	s.Bytes, s.partitions, s.waiting = stat.Bytes, stat.Partitions, stat.Waiting
	for _, p := range stat.Partitions {
		s.First += p.Start.Offset + 1
		s.Last += p.End.Offset
		s.Events += p.End.Offset - p.Start.Offset
	}
	return s
}

func (s *subscription) stat(ctx context.Context, t TopicStat) SubscriptionStat {
	s.mu.Lock()
	stat, low, done := s.flow.Stat(time.Now()), s.flow.Low(), s.flow.Progress()
	all := SubscriptionStat{
		Service: s.spec.Service, Path: s.spec.Path, State: string(s.state), Why: s.why, Until: stat.Until, Open: stat.Open, Retrying: stat.Delayed, Busy: stat.Busy,
		Delivered: s.count.delivered.Load(), Failed: s.count.failed.Load(), Unseen: s.count.unseen.Load(),
		Buried: s.count.dead.Load(), Lost: s.count.lost.Load(),
	}
	active := s.state == progress.Active
	s.mu.Unlock()
	all.Lag = lag(t.partitions, done)
	if t.waiting != nil {
		all.Lag = t.waiting[all.Service] + uint64(stat.Open)
	}
	if reason := s.reason.Load(); reason != nil && active {
		all.State, all.Why = "waiting", *reason
	} else if active && stat.Condition != flow.Running {
		all.State = stat.Condition.String()
	}
	if all.Lag > 0 {
		all.Oldest = s.bus.oldest(ctx, s.topic.name, low)
	}
	return all
}

// lag counts what is open and what was not read yet.
func lag(partitions []engine.Range, done flow.Progress) uint64 {
	var count uint64
	for _, p := range partitions {
		next := p.Start.Offset
		for _, at := range done.Next {
			if at.Partition == p.End.Partition {
				next = max(next, at.Offset)
			}
		}
		count += max(next, p.End.Offset) - next
	}
	for _, run := range done.Open {
		count += run.Count
	}
	return count
}

// oldest returns when the first record behind any of the positions was accepted.
func (b *Bus) oldest(ctx context.Context, topic string, low []engine.Position) time.Time {
	var oldest time.Time
	for _, at := range low {
		found, err := b.engine.Read(ctx, topic, at, 1)
		if err != nil || len(found) == 0 {
			continue
		}
		if t := found[0].Time; oldest.IsZero() || t.Before(oldest) {
			oldest = t
		}
	}
	return oldest
}

// slowest names the subscription that needs most, for errors that say that there
// is no room: ", …" or nothing. An empty topic means all. b.mu is held.
func (b *Bus) slowest(topic string) string {
	var slowest *subscription
	most := -1
	for name, s := range b.subscriptions {
		if topic != "" && name.Topic != topic {
			continue
		}
		behind := s.behind()
		if behind > most {
			slowest, most = s, behind
		}
	}
	if slowest == nil || most <= 0 {
		return ""
	}
	return fmt.Sprintf("; service %s has not taken %d events of topic %s", slowest.group.name, most, slowest.topic.name)
}

// behind returns about how many events of its topic a subscription needs.
func (s *subscription) behind() int {
	var end, low uint64
	s.topic.mu.Lock()
	for _, offset := range s.topic.ends {
		end += offset
	}
	s.topic.mu.Unlock()
	for _, p := range *s.low.Load() {
		low += p.Offset
	}
	return int(max(end, low) - low)
}
