package enginetest

import (
	"context"
	"maps"
	"slices"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
)

// Queue is an engine that keeps nothing beyond its own life, and forgets what a
// group is done with: one without replay. Make it by NewQueue.
type Queue struct {
	topics remote.Topics[*queueTopic]
	life   context.Context // ends with Close
	end    context.CancelFunc

	mu     sync.Mutex // guards what follows, and topics
	offset uint64
}

type queueTopic struct {
	engine.Topic
	groups map[string]*queueGroup
}

type queueGroup struct {
	waiting []engine.Stored
	held    []engine.Stored // given to the cursor, and not done
	grown   chan struct{}   // closed when there is more
}

// queueWindow is how many records a cursor of a Queue holds.
const queueWindow = 1000

// NewQueue returns a Queue.
func NewQueue() *Queue {
	q := &Queue{}
	q.life, q.end = context.WithCancel(context.Background())
	return q
}

// Can implements engine.Engine.
func (*Queue) Can() engine.Abilities { return engine.Abilities{Open: queueWindow} }

// Ensure implements engine.Engine.
func (q *Queue) Ensure(ctx context.Context, topics []engine.Topic) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	for _, want := range topics {
		t, err := q.topics.Get(want.Name, func() *queueTopic { return &queueTopic{groups: map[string]*queueGroup{}} })
		if err != nil {
			return err
		}
		t.Topic = want
		for _, group := range want.Groups {
			if t.groups[group] == nil {
				t.groups[group] = &queueGroup{grown: make(chan struct{})}
			}
		}
	}
	return nil
}

// Publish implements engine.Engine.
func (q *Queue) Publish(ctx context.Context, name string, records []engine.Record) ([]engine.Placed, error) {
	t, err := q.topics.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	if err := remote.Check(t.Topic, records); err != nil {
		return nil, err
	}
	placed := make([]engine.Placed, len(records))
	for i, r := range records {
		q.offset += 1 + uint64(i%2) // with gaps
		placed[i].Offset = q.offset
		r.Data = slices.Clone(r.Data)
		for _, group := range t.Groups {
			g := t.groups[group]
			g.waiting = append(g.waiting, engine.Stored{Position: placed[i].Position, Record: r})
			close(g.grown)
			g.grown = make(chan struct{})
		}
	}
	return placed, nil
}

// Purge removes what a group was not given yet, and what it gave back.
func (q *Queue) Purge(topic, group string) {
	q.mu.Lock()
	defer q.mu.Unlock()
	if t, err := q.topics.Find(q.life, topic); err == nil && t.groups[group] != nil {
		t.groups[group].waiting = nil
	}
}

// Read implements engine.Engine.
func (q *Queue) Read(ctx context.Context, name string, _ engine.Position, _ int) ([]engine.Stored, error) {
	_, err := q.topics.Find(ctx, name)
	return nil, err
}

// Find implements engine.Engine.
func (q *Queue) Find(ctx context.Context, name string, _ time.Time) ([]engine.Position, error) {
	_, err := q.topics.Find(ctx, name)
	return []engine.Position{{}}, err
}

// Release implements engine.Engine.
func (q *Queue) Release(ctx context.Context, name string, _ []engine.Position) error {
	_, err := q.topics.Find(ctx, name)
	return err
}

// Stat implements engine.Engine.
func (q *Queue) Stat(ctx context.Context, name string) (engine.Stat, error) {
	t, err := q.topics.Find(ctx, name)
	if err != nil {
		return engine.Stat{}, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	stat := engine.Stat{Partitions: []engine.Range{{}}, Waiting: map[string]uint64{}}
	for name, g := range maps.All(t.groups) {
		stat.Waiting[name] = uint64(len(g.waiting))
	}
	return stat, nil
}

// Close implements engine.Engine.
func (q *Queue) Close() error {
	q.topics.Close()
	q.end()
	return nil
}

// Open implements engine.Engine.
func (q *Queue) Open(ctx context.Context, name, group string, _ []engine.Position) (engine.Cursor, error) {
	t, err := q.topics.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	q.mu.Lock()
	defer q.mu.Unlock()
	r := &queueReader{q, t.groups[group]}
	r.giveBack() // of a cursor that was not closed
	return &queueCursor{remote.NewCursor(q.life, r), r}, nil
}

type queueCursor struct {
	*remote.Cursor
	r *queueReader
}

// Done implements engine.Cursor.
func (c *queueCursor) Done(_ context.Context, positions []engine.Position) error {
	c.r.q.mu.Lock()
	defer c.r.q.mu.Unlock()
	c.r.held = slices.DeleteFunc(c.r.held, func(s engine.Stored) bool { return slices.Contains(positions, s.Position) })
	close(c.r.grown) // there is room
	c.r.grown = make(chan struct{})
	return nil
}

type queueReader struct {
	q *Queue
	*queueGroup
}

// Next implements remote.Reader.
func (r *queueReader) Next(ctx context.Context, most int) ([]engine.Stored, error) {
	r.q.mu.Lock()
	n := min(most, len(r.waiting), queueWindow-len(r.held))
	got := slices.Clone(r.waiting[:n])
	r.waiting, r.held = r.waiting[n:], append(r.held, got...)
	grown := r.grown
	r.q.mu.Unlock()
	if n > 0 {
		return got, nil
	}
	select {
	case <-grown:
		return nil, nil
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// Close implements remote.Reader: what was not Done comes again, and first.
func (r *queueReader) Close() {
	r.q.mu.Lock()
	defer r.q.mu.Unlock()
	r.giveBack()
}

func (g *queueGroup) giveBack() { g.waiting, g.held = append(g.held, g.waiting...), nil }
