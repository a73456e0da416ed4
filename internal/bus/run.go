package bus

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/progress"
	"github.com/banyanrun/banyan/internal/crashpoint"
)

const (
	saveEach    = 50 * time.Millisecond // progress; what a crash repeats
	releaseEach = time.Second
	// lastSave bounds the end of all: trouble with a hundred thousand events is saved in seconds.
	lastSave = 30 * time.Second
	// orphanKept is how long progress of a subscription that was removed is kept.
	orphanKept = 7 * 24 * time.Hour
)

// Run delivers until the context ends; then it lets deliveries under way end, for
// at most five seconds, saves progress, which takes seconds where there is much
// trouble, and returns. It may be called once. The
// engine and the progress store must be closed after it.
func (b *Bus) Run(ctx context.Context) error {
	counts, err := b.progress.CountDelayed(context.WithoutCancel(ctx))
	if err != nil {
		return err
	}
	for _, n := range counts {
		b.delayed.Add(int64(n))
	}
	b.configuring.Lock()
	b.mu.Lock()
	b.running = true
	b.mu.Unlock()
	for _, s := range b.subscriptions {
		s.start()
	}
	b.configuring.Unlock()
	var wg sync.WaitGroup
	wg.Go(func() { b.saving(ctx) })
	wg.Go(func() { b.releasing(ctx) })
	wg.Go(func() { b.publishDelayed(ctx) })
	wg.Wait()
	return b.drain()
}

// drain ends all that is under way.
func (b *Bus) drain() error {
	b.configuring.Lock()
	defer b.configuring.Unlock()
	b.mu.Lock()
	b.closing = true
	close(b.ended)
	b.mu.Unlock()
	b.jobsDone.Wait()
	ctx, cancel := context.WithTimeout(context.Background(), lastSave)
	defer cancel()
	defer b.client.http.CloseIdleConnections()
	return b.leave(ctx, slices.Collect(maps.Values(b.subscriptions)))
}

// saving saves progress soon after it is made.
func (b *Bus) saving(ctx context.Context) {
	for {
		select {
		case <-b.dirty:
		case <-ctx.Done():
			return
		}
		if err := b.save(ctx, b.all()); err != nil && ctx.Err() == nil {
			b.log.Error("progress of subscriptions cannot be saved", "error", err)
			b.dirty.set()
			_ = wait(ctx, retryWait) // the loop sees to it
		}
		_ = wait(ctx, saveEach) // the loop sees to it
	}
}

func (b *Bus) all() []*subscription {
	b.mu.RLock()
	defer b.mu.RUnlock()
	return slices.Collect(maps.Values(b.subscriptions))
}

// save saves what changed of subscriptions, and how far topics reach.
func (b *Bus) save(ctx context.Context, subs []*subscription) error {
	b.saves.Lock()
	defer b.saves.Unlock()
	marks := progress.Marks{}
	b.mu.RLock()
	topics := b.topics
	b.mu.RUnlock()
	for name, t := range topics {
		if ends, moved := t.marks(); moved {
			marks[name] = ends
		}
	}
	var shots []snapshot
	var changes []progress.Change
	for _, s := range subs {
		if shot, changed := s.snapshot(); changed {
			shots = append(shots, shot)
			changes = append(changes, shot.change)
		}
	}
	if len(marks)+len(changes) == 0 {
		return nil
	}
	err := b.progress.SaveWith(ctx, marks, changes...)
	if err != nil {
		for name := range marks {
			topics[name].unsaved()
		}
	}
	if len(changes) > 0 {
		crashpoint.Pass(crashpoint.DeliverSaved)
	}
	for _, shot := range shots {
		shot.saved(ctx, err)
	}
	return err
}

// releasing tells the engine what nobody needs, looks after the bound of all
// topics, and forgets subscriptions that were removed long ago.
func (b *Bus) releasing(ctx context.Context) {
	for tick := 0; ; tick++ {
		b.release(ctx)
		const orphans = 3600 // ticks
		if tick%orphans == 0 {
			if err := b.forget(ctx, time.Now()); err != nil && ctx.Err() == nil {
				b.log.Warn("progress of removed subscriptions cannot be deleted", "error", err)
			}
		}
		if wait(ctx, releaseEach) != nil {
			return
		}
	}
}

func (b *Bus) release(ctx context.Context) {
	b.mu.RLock()
	topics, most := b.topics, b.spec.MaxBytes
	b.mu.RUnlock()
	var bytes int64
	for name, t := range topics {
		stat, err := b.engine.Stat(ctx, name)
		if err != nil {
			continue // publishers and subscribers of it are told
		}
		bytes += stat.Bytes
		if t.stopped != nil {
			continue
		}
		if err := b.engine.Release(ctx, name, b.floor(name, stat)); err != nil && ctx.Err() == nil {
			b.log.Warn("events that nobody needs cannot be released", "topic", name, "error", err)
		}
	}
	crashpoint.Pass(crashpoint.ReleaseTold)
	b.full.Store(most > 0 && bytes >= most)
}

// floor is up to where nobody needs a topic.
func (b *Bus) floor(topic string, stat engine.Stat) []engine.Position {
	var low []engine.Position
	for _, s := range b.all() {
		if s.topic.name == topic {
			low = lowest(low, *s.low.Load())
		}
	}
	if low == nil {
		for _, r := range stat.Partitions {
			low = append(low, r.End)
		}
	}
	return low
}

// relieve tells the engine what nobody needs of a topic any more, before the next
// release does, and reports whether it could.
func (b *Bus) relieve(ctx context.Context, topic string) bool {
	if b.save(ctx, b.all()) != nil {
		return false
	}
	stat, err := b.engine.Stat(ctx, topic)
	return err == nil && b.engine.Release(ctx, topic, b.floor(topic, stat)) == nil
}

// lowest returns the lower position of each partition. One that is missing in
// either is at its beginning for that, but nil is no word at all.
func lowest(a, b []engine.Position) []engine.Position {
	if a == nil {
		return append([]engine.Position{}, b...)
	}
	var all []engine.Position
	for _, p := range a {
		for _, q := range b {
			if p.Partition == q.Partition {
				all = append(all, engine.Position{Partition: p.Partition, Offset: min(p.Offset, q.Offset)})
			}
		}
	}
	if all == nil {
		all = []engine.Position{}
	}
	return all
}

// forget deletes progress of subscriptions that were removed long ago.
func (b *Bus) forget(ctx context.Context, now time.Time) error {
	b.configuring.Lock()
	defer b.configuring.Unlock()
	rows, err := b.progress.Subscriptions(ctx)
	if err != nil {
		return err
	}
	for name, row := range rows {
		if !row.Orphaned.IsZero() && now.Sub(row.Orphaned) > orphanKept {
			if err := b.progress.Forget(ctx, name); err != nil {
				return err
			}
		}
	}
	return nil
}
