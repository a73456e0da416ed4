package nats

import (
	"context"
	"errors"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// topic is a stream and what is known of it.
type topic struct {
	e               *Engine
	stream, subject string
	queue           chan *call
	tail                       // the writer's own
	removing        sync.Mutex // one pass of retention at a time; before mu

	mu       sync.Mutex // guards what follows
	want     engine.Topic
	released uint64
	seen     uint64 // the highest offset that was told; the stream never ends before it
	lost     error  // it does, or has gaps
	expired  time.Time
}

func (e *Engine) newTopic(name string) *topic {
	t := &topic{
		e: e, subject: "banyan." + e.app + "." + name, queue: make(chan *call, waiting),
		stream: "banyan_" + e.app + "_" + strings.ReplaceAll(name, ".", "_"), // neither name has a _
	}
	e.writer.Go(t.run)
	return t
}

// settings are those of the last Ensure, and what is wrong with the stream.
func (t *topic) settings() (want engine.Topic, lost error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.want, t.lost
}

// reached notes that the stream holds an offset.
func (t *topic) reached(offset uint64) {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.seen = max(t.seen, offset)
}

// lose notes damage; the first is kept, until the engine is opened again.
func (t *topic) lose(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.lost == nil {
		t.lost = err
		t.e.log.Error("the topic is stopped", "topic", t.want.Name, "error", err)
	}
	return t.lost
}

// state asks the stream's leader, and looks for damage. An error is one of a call;
// damage alone is none.
func (t *topic) state(ctx context.Context) (*jetstream.StreamInfo, error) {
	t.mu.Lock()
	seen := t.seen // before asking: the answer is not older than this
	t.mu.Unlock()
	stream, err := t.look(ctx)
	if err != nil {
		return nil, err
	}
	info := stream.CachedInfo()
	switch s := info.State; {
	case s.LastSeq < seen:
		_ = t.lose(damaged("stream "+t.stream, "it ends at %d and once ended at %d", s.LastSeq, seen))
	case s.NumDeleted > 0 || s.Lost != nil:
		_ = t.lose(damaged("stream "+t.stream, "messages between %d and %d are missing", s.FirstSeq, s.LastSeq))
	default:
		t.reached(s.LastSeq)
	}
	return info, nil
}

// look finds the stream. One that is not there has lost all.
func (t *topic) look(ctx context.Context) (jetstream.Stream, error) {
	bound, cancel := t.e.within(ctx, patience)
	defer cancel()
	stream, err := t.e.js.Stream(bound, t.stream)
	if errors.Is(err, jetstream.ErrStreamNotFound) {
		return nil, t.lose(damaged("stream "+t.stream, "it was removed"))
	}
	if err != nil {
		return nil, t.failed(ctx, err)
	}
	return stream, nil
}

func (t *topic) failed(ctx context.Context, err error) error {
	return t.e.failed(ctx, "stream "+t.stream, err)
}

// kept is what a stream holds, as positions to read from.
func kept(s jetstream.StreamState) engine.Range {
	start := s.LastSeq
	if s.Msgs > 0 {
		start = s.FirstSeq - 1
	}
	return engine.Range{Start: engine.Position{Offset: start}, End: engine.Position{Offset: s.LastSeq}}
}

// Stat implements engine.Engine.
func (e *Engine) Stat(ctx context.Context, name string) (engine.Stat, error) {
	t, err := e.topics.Find(ctx, name)
	if err != nil {
		return engine.Stat{}, err
	}
	info, err := t.state(ctx)
	if err != nil && !errors.Is(err, engine.ErrDamaged) {
		return engine.Stat{}, err
	}
	stat := engine.Stat{Partitions: []engine.Range{{}}}
	if info != nil {
		stat.Partitions[0], stat.Bytes = kept(info.State), int64(info.State.Bytes)
	}
	if _, stat.Why = t.settings(); stat.Why != nil {
		stat.Health = engine.Stopped
	}
	return stat, nil
}
