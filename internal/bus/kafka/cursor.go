package kafka

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// look is how long a broker waits for a record before it answers that there is none.
const look = time.Second

// cursor implements engine.Cursor. It has connections of its own, since a broker
// answers those on one connection one after the other, and these wait.
type cursor struct {
	mu sync.Mutex // held by Next
	r  *reader

	life context.Context // ends with Close
	end  context.CancelFunc
}

// Open implements engine.Engine.
func (e *Engine) Open(ctx context.Context, name, _ string, from []engine.Position) (engine.Cursor, error) {
	t, err := e.find(ctx, name)
	if err != nil {
		return nil, err
	}
	client, err := kgo.NewClient(e.opts...)
	if err != nil {
		return nil, unusable(err)
	}
	r := &reader{t: t, client: client}
	for _, p := range from {
		if p.Partition == 0 {
			r.at = p.Offset
		}
	}
	r.anywhere = r.at == 0
	c := &cursor{r: r}
	c.life, c.end = context.WithCancel(e.life)
	return c, nil
}

// Next implements engine.Cursor. After an error it goes on where it was.
func (c *cursor) Next(ctx context.Context, most int) ([]engine.Stored, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	bound, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	for {
		if c.life.Err() != nil {
			return nil, engine.ErrClosed
		}
		stored, err := c.r.next(bound, look, most)
		switch {
		case err != nil && c.life.Err() != nil:
			return nil, engine.ErrClosed
		case err != nil || len(stored) > 0:
			return stored, err
		}
	}
}

// Done implements engine.Cursor: the cluster keeps no progress.
func (*cursor) Done(context.Context, []engine.Position) error { return nil }

// Close implements engine.Cursor.
func (c *cursor) Close() error {
	c.end()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.r.client.Close()
	return nil
}
