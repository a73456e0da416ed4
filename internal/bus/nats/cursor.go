package nats

import (
	"context"
	"sync"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// cursor implements engine.Cursor.
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
	r := &reader{t: t}
	if len(from) > 0 {
		r.at = from[0].Offset
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
		stored, err := c.r.next(bound, most)
		switch {
		case err != nil && c.life.Err() != nil:
			return nil, engine.ErrClosed
		case err != nil || len(stored) > 0:
			return stored, err
		}
	}
}

// Done implements engine.Cursor: the server keeps no progress.
func (*cursor) Done(context.Context, []engine.Position) error { return nil }

// Close implements engine.Cursor.
func (c *cursor) Close() error {
	c.end()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.r.close()
	return nil
}
