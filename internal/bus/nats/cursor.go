package nats

import (
	"context"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
)

// Open implements engine.Engine.
func (e *Engine) Open(ctx context.Context, name, _ string, from []engine.Position) (engine.Cursor, error) {
	t, err := e.topics.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	r := &reader{t: t}
	if len(from) > 0 {
		r.at = from[0].Offset
	}
	r.anywhere = r.at == 0
	return remote.NewCursor(e.life, r), nil
}
