package kafka

import (
	"context"
	"time"

	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
)

// look is how long a broker waits for a record before it answers that there is none.
const look = time.Second

// Open implements engine.Engine. A cursor has connections of its own, since a broker
// answers those on one connection one after the other, and these wait.
func (e *Engine) Open(ctx context.Context, name, _ string, from []engine.Position) (engine.Cursor, error) {
	t, err := e.topics.Find(ctx, name)
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
	return remote.NewCursor(e.life, r), nil
}

// Next implements remote.Reader.
func (r *reader) Next(ctx context.Context, most int) ([]engine.Stored, error) {
	return r.next(ctx, look, most)
}

// Close implements remote.Reader.
func (r *reader) Close() { r.client.Close() }
