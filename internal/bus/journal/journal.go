package journal

import (
	"context"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/journal/fsys"
	"github.com/banyanrun/banyan/internal/fault"
)

// Config is what a journal needs. Only Dir has no default.
type Config struct {
	Dir string
	FS  fsys.FS          // fsys.OS if nil
	Now func() time.Time // time.Now if nil; retention goes by it
	// MaxBytes of all topics; zero: no bound.
	MaxBytes int64
	// Segments of a topic grow from SegmentFirst bytes, by doubling, to SegmentMost.
	// 1 MiB and 64 MiB if zero. A topic uses up to two more than it holds records for.
	SegmentFirst, SegmentMost int64
}

// How often the journal looks for what is too old, and tries again to make a
// segment when it could not.
const (
	retainEach = time.Minute
	tryAgain   = time.Second
)

// Journal keeps topics in a directory. Make it by New.
type Journal struct {
	Config

	again time.Duration // until the keeper tries again
	used  atomic.Int64  // bytes of all topics

	ensure sync.Mutex // one Ensure at a time
	mu     sync.RWMutex
	topics map[string]*topic
	closed bool
}

var _ engine.Engine = (*Journal)(nil)

// New returns a journal; Ensure opens its topics. No two may use a directory at the same time.
func New(c Config) *Journal {
	if c.FS == nil {
		c.FS = fsys.OS{}
	}
	if c.Now == nil {
		c.Now = time.Now
	}
	if c.SegmentFirst == 0 {
		c.SegmentFirst = 1 << 20
	}
	if c.SegmentMost == 0 {
		c.SegmentMost = 64 << 20
	}
	return &Journal{Config: c, again: tryAgain, topics: map[string]*topic{}}
}

// Can implements engine.Engine.
func (j *Journal) Can() engine.Abilities {
	return engine.Abilities{Dedup: 7 * 24 * time.Hour, Replay: true, Retention: true, Refuse: true, Gapless: true}
}

// Ensure implements engine.Engine.
func (j *Journal) Ensure(ctx context.Context, topics []engine.Topic) error {
	j.ensure.Lock()
	defer j.ensure.Unlock()
	for _, want := range topics {
		if err := ctx.Err(); err != nil {
			return err
		}
		t, err := j.topic(want.Name)
		if err != nil && !isNoTopic(err) {
			return err
		}
		if t == nil {
			if t, err = j.open(want); err != nil {
				return err
			}
		}
		t.adjust(want)
	}
	return nil
}

// open reads what there is of a topic. Damage is the topic's own matter.
func (j *Journal) open(want engine.Topic) (*topic, error) {
	dir := filepath.Join(j.Dir, want.Name)
	for _, err := range []error{j.FS.MkdirAll(dir), j.FS.SyncDir(j.Dir), j.FS.SyncDir(filepath.Dir(j.Dir))} {
		if err != nil {
			return nil, fault.New(fault.Unavailable, "cannot make the directory of topic %s: %w", want.Name, err).At(dir).
				Fix("make sure that the disk has room and may be written to")
		}
	}
	t := newTopic(j, want, dir)
	t.recover()
	j.mu.Lock()
	defer j.mu.Unlock()
	if j.closed {
		t.closeFiles()
		return nil, engine.ErrClosed
	}
	t.start()
	j.topics[want.Name] = t
	return t, nil
}

func (j *Journal) topic(name string) (*topic, error) {
	j.mu.RLock()
	defer j.mu.RUnlock()
	switch t := j.topics[name]; {
	case j.closed:
		return nil, engine.ErrClosed
	case t == nil:
		return nil, fault.New(fault.NotFound, "topic %s: %w", name, engine.ErrNoTopic)
	default:
		return t, nil
	}
}

// Publish implements engine.Engine.
func (j *Journal) Publish(ctx context.Context, topic string, records []engine.Record) ([]engine.Placed, error) {
	t, err := j.topic(topic)
	if err != nil {
		return nil, err
	}
	return t.publish(ctx, records)
}

// Open implements engine.Engine.
func (j *Journal) Open(ctx context.Context, topic, group string, from []engine.Position) (engine.Cursor, error) {
	t, err := j.topic(topic)
	if err != nil {
		return nil, err
	}
	c := &cursor{t: t, closed: make(chan struct{})}
	if len(from) > 0 {
		c.at = from[0].Offset
	}
	return c, ctx.Err()
}

// Read implements engine.Engine.
func (j *Journal) Read(ctx context.Context, topic string, from engine.Position, most int) ([]engine.Stored, error) {
	t, err := j.topic(topic)
	if err != nil {
		return nil, err
	}
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	stored, _, err := t.read(from.Offset, most)
	return stored, err
}

// Find implements engine.Engine.
func (j *Journal) Find(ctx context.Context, topic string, at time.Time) ([]engine.Position, error) {
	t, err := j.topic(topic)
	if err != nil {
		return nil, err
	}
	offset, err := t.find(ctx, at)
	return []engine.Position{{Offset: offset}}, err
}

// Release implements engine.Engine.
func (j *Journal) Release(ctx context.Context, topic string, low []engine.Position) error {
	t, err := j.topic(topic)
	if err != nil || len(low) == 0 {
		return err
	}
	t.release(low[0].Offset)
	return ctx.Err()
}

// Stat implements engine.Engine.
func (j *Journal) Stat(ctx context.Context, topic string) (engine.Stat, error) {
	t, err := j.topic(topic)
	if err != nil {
		return engine.Stat{}, err
	}
	return t.stat(), ctx.Err()
}

// Close implements engine.Engine.
func (j *Journal) Close() error {
	j.mu.Lock()
	j.closed = true
	topics := j.topics
	j.topics = map[string]*topic{}
	j.mu.Unlock()
	for _, t := range topics {
		t.end()
	}
	for _, t := range topics {
		t.tasks.Wait()
		t.closeFiles()
	}
	return nil
}
