package remote

import (
	"context"
	"sync"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// Reader reads one record after the other. Its methods are called one at a time.
type Reader interface {
	// Next waits for records, as engine.Cursor does. It may return none, and is
	// asked again. After an error it goes on where it was.
	Next(ctx context.Context, most int) ([]engine.Stored, error)
	Close()
}

// Cursor is an engine.Cursor over a Reader. Make it by NewCursor.
type Cursor struct {
	mu   sync.Mutex // held by Next
	r    Reader
	life context.Context // ends with Close
	end  context.CancelFunc
}

var _ engine.Cursor = (*Cursor)(nil)

// NewCursor returns a cursor that closes the reader when it is closed itself. It
// also ends with the life of its engine.
func NewCursor(life context.Context, r Reader) *Cursor {
	c := &Cursor{r: r}
	c.life, c.end = context.WithCancel(life)
	return c
}

// Next implements engine.Cursor.
func (c *Cursor) Next(ctx context.Context, most int) ([]engine.Stored, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	bound, cancel := context.WithCancel(ctx)
	defer cancel()
	defer context.AfterFunc(c.life, cancel)()
	for {
		if c.life.Err() != nil {
			return nil, engine.ErrClosed
		}
		stored, err := c.r.Next(bound, most)
		switch {
		case err != nil && c.life.Err() != nil:
			return nil, engine.ErrClosed
		case err != nil || len(stored) > 0:
			return stored, err
		}
	}
}

// Done implements engine.Cursor for servers that keep no progress.
func (*Cursor) Done(context.Context, []engine.Position) error { return nil }

// Close implements engine.Cursor.
func (c *Cursor) Close() error {
	c.end()
	c.mu.Lock()
	defer c.mu.Unlock()
	c.r.Close()
	return nil
}
