package journal

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/fault"
)

// How much may wait to be stored, a topic.
const (
	waitingCalls = 8192
	waitingBytes = 64 << 20
)

// topic is one log.
type topic struct {
	j    *Journal
	name string
	dir  string

	calls   chan *call
	waiting atomic.Int64  // bytes of the calls
	wake    chan struct{} // the keeper has something to do
	closing chan struct{}
	end     func() // closes closing, once
	tasks   sync.WaitGroup

	mu       sync.Mutex
	want     engine.Topic
	segments []*segment // by offset; the last is written to. Copied when changed.
	past     []*past    // by number. Copied when changed.
	spare    *segment   // the next one
	noSpare  error      // why there is none, or no index file
	need     int64      // how many bytes the next one must hold
	released uint64
	lead     uint64        // the oldest segment begins with a hole of so many
	leading  uint64        // the number of that segment
	stopped  error         // no event is taken any more; wraps ErrStopped or ErrDamaged
	grown    chan struct{} // closed when there is more to read, or an end to it
	spared   chan struct{} // closed when the keeper did something, or failed to

	retaining sync.Mutex // held while segments are removed
}

// call is a Publish that waits.
type call struct {
	records []engine.Record
	bytes   int64
	placed  []engine.Placed
	done    chan error

	mu        sync.Mutex // held while records are read
	abandoned bool       // the caller has gone, and its records with it
}

func newTopic(j *Journal, want engine.Topic, dir string) *topic {
	t := &topic{
		j: j, name: want.Name, dir: dir, want: want,
		calls: make(chan *call, waitingCalls), wake: make(chan struct{}, 1), closing: make(chan struct{}),
		grown: make(chan struct{}), spared: make(chan struct{}),
	}
	t.end = sync.OnceFunc(func() { close(t.closing) })
	return t
}

func (t *topic) start() {
	t.tasks.Go(t.write)
	t.tasks.Go(t.keep)
}

func (t *topic) closeFiles() {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, s := range t.segments {
		s.close()
	}
	if t.spare != nil {
		t.spare.close()
	}
	for _, p := range t.past {
		if p.file != nil {
			p.file.close()
		}
	}
}

// adjust takes up settings, and holds the log against the ends that were seen.
func (t *topic) adjust(want engine.Topic) {
	t.mu.Lock()
	t.want = want
	for _, known := range want.Known {
		if end := t.active().last; known.Offset > end {
			t.stopLocked(damaged(t.dir, "the topic ends at event %d, and %d were stored", end, known.Offset))
		}
	}
	t.mu.Unlock()
	t.nudge()
}

// stopLocked must be called with mu held. The first reason stays.
func (t *topic) stopLocked(why error) {
	if t.stopped == nil {
		t.stopped = why
		close(t.grown)
		close(t.spared)
		t.grown, t.spared = make(chan struct{}), make(chan struct{})
	}
}

func (t *topic) stop(why error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.stopLocked(why)
}

func (t *topic) active() *segment { return t.segments[len(t.segments)-1] }

func (t *topic) nudge() {
	select {
	case t.wake <- struct{}{}:
	default:
	}
}

func (t *topic) publish(ctx context.Context, records []engine.Record) ([]engine.Placed, error) {
	if err := ctx.Err(); err != nil {
		return nil, err
	}
	c := &call{records: records, placed: make([]engine.Placed, len(records)), done: make(chan error, 1)}
	if err := t.check(c); err != nil || len(records) == 0 {
		return nil, err
	}
	if t.waiting.Add(c.bytes) > waitingBytes {
		t.waiting.Add(-c.bytes)
		return nil, t.busy()
	}
	select {
	case t.calls <- c:
	default:
		t.waiting.Add(-c.bytes)
		return nil, t.busy()
	}
	select {
	case err := <-c.done:
		return c.placed, err
	case <-ctx.Done():
		c.mu.Lock()
		defer c.mu.Unlock()
		c.abandoned = true
		return nil, ctx.Err()
	case <-t.closing:
	}
	// It was being stored, or it will not be.
	t.tasks.Wait()
	select {
	case err := <-c.done:
		return c.placed, err
	default:
		return nil, engine.ErrClosed
	}
}

// check refuses what is too large, and fills in how large the call is.
func (t *topic) check(c *call) error {
	t.mu.Lock()
	most := t.want.MaxEvent
	t.mu.Unlock()
	for i := range c.records {
		r := &c.records[i]
		c.bytes += int64(sizeOf(r))
		if most > 0 && len(r.Data) > most {
			return fault.New(fault.Invalid, "an event has %d bytes of data, and topic %s takes at most %d", len(r.Data), t.name, most)
		}
	}
	if len(c.records) > engine.MaxRecords || c.bytes > engine.MaxBytes+int64(len(c.records))*(recordSize+64) {
		return fault.New(fault.Invalid, "%d events of %d bytes are too many to be stored at once", len(c.records), c.bytes).
			Fix("store at most %d events and %d bytes at once", engine.MaxRecords, engine.MaxBytes)
	}
	return nil
}

func (t *topic) busy() error {
	return fault.New(fault.Unavailable, "topic %s: %w", t.name, engine.ErrBusy).Fix("try again in a second")
}

func (t *topic) release(low uint64) {
	t.mu.Lock()
	t.released = low
	t.mu.Unlock()
	t.nudge()
}

func (t *topic) stat() engine.Stat {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := engine.Stat{
		Partitions: []engine.Range{{
			Start: engine.Position{Offset: t.floor()},
			End:   engine.Position{Offset: t.active().last},
		}},
		Bytes: t.bytes(),
	}
	switch {
	case t.stopped != nil:
		s.Health, s.Why = engine.Stopped, t.stopped
	case t.noSpare != nil:
		s.Health, s.Why = engine.Degraded, t.noSpare
	}
	return s
}

// floor is the offset before the oldest event. It must be called with mu held.
func (t *topic) floor() uint64 {
	s := t.segments[0]
	if s.number == t.leading {
		return s.first - 1 + t.lead
	}
	return s.first - 1
}

// bytes must be called with mu held.
func (t *topic) bytes() (n int64) {
	for _, s := range t.segments {
		n += s.end - headerSize
	}
	return n
}

func isNoTopic(err error) bool { return errors.Is(err, engine.ErrNoTopic) }
