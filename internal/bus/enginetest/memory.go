package enginetest

import (
	"context"
	"sort"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/fault"
)

// Memory is an engine that keeps nothing beyond its own life. It behaves as the
// contract says, to the record: retention removes one record at a time. Make it by NewMemory.
type Memory struct {
	// Fault, if set, is asked before each call, with the method's name and the
	// topic; an error that it returns is the call's. Set it before the first call.
	Fault func(method, topic string) error

	now    func() time.Time
	mu     sync.Mutex
	topics map[string]*memoryTopic
	done   chan struct{}
}

// memoryTopic is guarded by Memory.mu.
type memoryTopic struct {
	engine.Topic
	records  []engine.Stored
	start    uint64 // offset before the first record
	released uint64
	bytes    int64
	ids      map[engine.ID]remembered
	grown    chan struct{} // closed when there is more
	lost     error
}

type remembered struct {
	offset uint64
	until  time.Time
}

// NewMemory returns an engine whose retention goes by now.
func NewMemory(now func() time.Time) *Memory {
	return &Memory{now: now, topics: map[string]*memoryTopic{}, done: make(chan struct{})}
}

// Can implements engine.Engine.
func (m *Memory) Can() engine.Abilities {
	return engine.Abilities{Dedup: 7 * 24 * time.Hour, Replay: true, Retention: true, Refuse: true}
}

// Ensure implements engine.Engine.
func (m *Memory) Ensure(ctx context.Context, topics []engine.Topic) error {
	if err := m.enter(ctx, "Ensure", ""); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, want := range topics {
		t := m.topics[want.Name]
		if t == nil {
			t = &memoryTopic{ids: map[engine.ID]remembered{}, grown: make(chan struct{})}
			m.topics[want.Name] = t
		}
		t.Topic = want
		for _, known := range want.Known {
			if known.Offset > t.end() {
				t.lost = fault.New(fault.Damaged, "topic %s ends at %d, and once ended at %d: %w", t.Name, t.end(), known.Offset, engine.ErrDamaged)
			}
		}
	}
	return nil
}

// Publish implements engine.Engine.
func (m *Memory) Publish(ctx context.Context, topic string, records []engine.Record) ([]engine.Placed, error) {
	if err := m.enter(ctx, "Publish", topic); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.topics[topic]
	if t == nil {
		return nil, engine.ErrNoTopic
	}
	if len(records) > engine.MaxRecords {
		return nil, fault.New(fault.Invalid, "%d events are too many to be stored at once", len(records))
	}
	var size int64
	for _, r := range records {
		if t.MaxEvent > 0 && len(r.Data) > t.MaxEvent {
			return nil, fault.New(fault.Invalid, "an event of %d bytes is larger than topic %s takes: %d", len(r.Data), topic, t.MaxEvent)
		}
		if !t.known(r) {
			size += weight(r)
		}
	}
	t.retain(m.now(), size)
	switch {
	case t.lost != nil:
		return nil, t.lost
	case t.MaxBytes > 0 && t.bytes+size > t.MaxBytes:
		return nil, fault.New(fault.Unavailable, "topic %s: %w", topic, engine.ErrFull)
	}
	placed := make([]engine.Placed, len(records))
	for i, r := range records {
		placed[i] = t.add(r)
	}
	close(t.grown)
	t.grown = make(chan struct{})
	return placed, nil
}

// Open implements engine.Engine.
func (m *Memory) Open(ctx context.Context, topic, group string, from []engine.Position) (engine.Cursor, error) {
	if err := m.enter(ctx, "Open", topic); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.topics[topic] == nil {
		return nil, engine.ErrNoTopic
	}
	c := &memoryCursor{m: m, topic: topic, done: make(chan struct{})}
	if len(from) > 0 {
		c.at = from[0]
	}
	return c, nil
}

// Read implements engine.Engine.
func (m *Memory) Read(ctx context.Context, topic string, from engine.Position, most int) ([]engine.Stored, error) {
	if err := m.enter(ctx, "Read", topic); err != nil {
		return nil, err
	}
	stored, _, err := m.read(topic, from, most)
	return stored, err
}

// Find implements engine.Engine.
func (m *Memory) Find(ctx context.Context, topic string, at time.Time) ([]engine.Position, error) {
	if err := m.enter(ctx, "Find", topic); err != nil {
		return nil, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.topics[topic]
	if t == nil {
		return nil, engine.ErrNoTopic
	}
	for _, r := range t.records {
		if !r.Time.Before(at) {
			return []engine.Position{r.Before()}, nil
		}
	}
	return []engine.Position{{Offset: t.end()}}, nil
}

// Release implements engine.Engine.
func (m *Memory) Release(ctx context.Context, topic string, low []engine.Position) error {
	if err := m.enter(ctx, "Release", topic); err != nil {
		return err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.topics[topic]
	if t == nil {
		return engine.ErrNoTopic
	}
	if len(low) > 0 {
		t.released = low[0].Offset
	}
	t.retain(m.now(), 0)
	return nil
}

// Stat implements engine.Engine.
func (m *Memory) Stat(ctx context.Context, topic string) (engine.Stat, error) {
	if err := m.enter(ctx, "Stat", topic); err != nil {
		return engine.Stat{}, err
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.topics[topic]
	if t == nil {
		return engine.Stat{}, engine.ErrNoTopic
	}
	t.retain(m.now(), 0)
	s := engine.Stat{
		Partitions: []engine.Range{{Start: engine.Position{Offset: t.start}, End: engine.Position{Offset: t.end()}}},
		Bytes:      t.bytes,
	}
	if t.lost != nil {
		s.Health, s.Why = engine.Stopped, t.lost
	}
	return s, nil
}

// Close implements engine.Engine.
func (m *Memory) Close() error {
	m.mu.Lock()
	defer m.mu.Unlock()
	select {
	case <-m.done:
	default:
		close(m.done)
	}
	return nil
}

func (m *Memory) enter(ctx context.Context, method, topic string) error {
	select {
	case <-m.done:
		return engine.ErrClosed
	default:
	}
	if err := ctx.Err(); err != nil {
		return err
	}
	if m.Fault != nil {
		return m.Fault(method, topic)
	}
	return nil
}

// read also returns what is closed when there is more.
func (m *Memory) read(topic string, from engine.Position, most int) ([]engine.Stored, <-chan struct{}, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	t := m.topics[topic]
	if t == nil {
		return nil, nil, engine.ErrNoTopic
	}
	if from.Offset == 0 {
		from.Offset = t.start
	}
	if from.Offset < t.start {
		return nil, nil, fault.New(fault.NotFound, "topic %s is kept from %d on: %w", topic, t.start+1, engine.ErrGone)
	}
	first := sort.Search(len(t.records), func(i int) bool { return t.records[i].Offset > from.Offset })
	found := append([]engine.Stored(nil), t.records[first:min(first+most, len(t.records))]...)
	if len(found) == 0 && t.lost != nil {
		return nil, nil, t.lost
	}
	return found, t.grown, nil
}

func (t *memoryTopic) end() uint64 { return t.start + uint64(len(t.records)) }

func (t *memoryTopic) known(r engine.Record) bool {
	return r.Dedup > 0 && r.Time.Before(t.ids[r.ID].until)
}

func (t *memoryTopic) add(r engine.Record) engine.Placed {
	if t.known(r) {
		return engine.Placed{Position: engine.Position{Offset: t.ids[r.ID].offset}, Duplicate: true}
	}
	p := engine.Position{Offset: t.end() + 1}
	r.Data = append([]byte(nil), r.Data...)
	r.Attrs = append([]engine.Attr(nil), r.Attrs...)
	t.records = append(t.records, engine.Stored{Position: p, Record: r})
	t.bytes += weight(r)
	if r.Dedup > 0 {
		t.ids[r.ID] = remembered{p.Offset, r.Time.Add(r.Dedup)}
	}
	return engine.Placed{Position: p}
}

// retain removes the oldest records that are too old, or that more bytes need the room of.
func (t *memoryTopic) retain(now time.Time, more int64) {
	for len(t.records) > 0 {
		oldest := t.records[0]
		old := t.MaxAge > 0 && now.Sub(oldest.Time) > t.MaxAge
		full := t.MaxBytes > 0 && t.bytes+more > t.MaxBytes
		released := oldest.Offset <= t.released
		if !(full && (released || t.DropOldest) || old && released) {
			return
		}
		t.bytes -= weight(oldest.Record)
		t.records, t.start = t.records[1:], oldest.Offset
	}
}

// weight is about what a record takes up.
func weight(r engine.Record) int64 {
	n := 64 + len(r.Key) + len(r.Data)
	for _, a := range r.Attrs {
		n += len(a.Name) + len(a.Value)
	}
	return int64(n)
}

type memoryCursor struct {
	m     *Memory
	topic string
	at    engine.Position
	once  sync.Once
	done  chan struct{}
}

func (c *memoryCursor) Next(ctx context.Context, most int) ([]engine.Stored, error) {
	for {
		select {
		case <-c.done:
			return nil, engine.ErrClosed
		default:
		}
		if err := c.m.enter(ctx, "Next", c.topic); err != nil {
			return nil, err
		}
		stored, grown, err := c.m.read(c.topic, c.at, most)
		if err != nil {
			return nil, err
		}
		if len(stored) > 0 {
			c.at = stored[len(stored)-1].Position
			return stored, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
		case <-c.done:
		case <-c.m.done:
		}
	}
}

func (c *memoryCursor) Done(context.Context, []engine.Position) error { return nil }

func (c *memoryCursor) Close() error {
	c.once.Do(func() { close(c.done) })
	return nil
}
