package kafka

import (
	"context"
	"sync"
	"time"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// topic is a Kafka topic and what is known of it.
type topic struct {
	e    *Engine
	name string // of the Kafka topic

	removing sync.Mutex // one removal at a time; before mu

	mu       sync.Mutex // guards what follows
	want     engine.Topic
	released uint64
	acked    uint64 // the highest offset that was told to a publisher
	seen     uint64 // the highest that was told to anybody; the topic never ends before it
	lost     error  // it does, or has gaps
	expired  time.Time
	start    uint64 // as was known last
	sizes    sizes
	pending  int64 // bytes that wait to be stored
}

// settings are those of the last Ensure, and what is wrong with the topic.
func (t *topic) settings() (want engine.Topic, lost error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.want, t.lost
}

// lose notes damage; the first is kept, until the engine is opened again.
func (t *topic) lose(err error) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.loseLocked(err)
}

func (t *topic) loseLocked(err error) error {
	if t.lost == nil {
		t.lost = err
		t.e.log.Error("the topic is stopped", "topic", t.want.Name, "error", err)
	}
	return t.lost
}

func (t *topic) where() string { return "kafka topic " + t.name }

func (t *topic) failed(ctx context.Context, err error) error { return t.e.failed(ctx, t.where(), err) }

// Times that ListOffsets has a meaning of its own for.
const (
	earliest = -2
	latest   = -1
)

// offset asks the leader for the first record at or after a time in milliseconds
// since 1970; -1 where there is none.
func (t *topic) offset(ctx context.Context, at int64) (int64, error) {
	bound, cancel := t.e.within(ctx)
	defer cancel()
	partition := kmsg.NewListOffsetsRequestTopicPartition()
	partition.Timestamp = at
	of := kmsg.NewListOffsetsRequestTopic()
	of.Topic, of.Partitions = t.name, append(of.Partitions, partition)
	req := kmsg.NewPtrListOffsetsRequest()
	req.ReplicaID = -1
	req.Topics = append(req.Topics, of)
	resp, err := req.RequestWith(bound, t.e.client)
	switch {
	case err != nil:
	case len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1:
		err = kerr.UnknownServerError
	default:
		err = kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode)
	}
	if err != nil {
		return 0, t.failed(ctx, err)
	}
	return resp.Topics[0].Partitions[0].Offset, nil
}

// kept asks what the topic holds, and looks for damage, which alone is no error.
func (t *topic) kept(ctx context.Context) (engine.Range, error) {
	t.mu.Lock()
	seen := t.seen // before asking: the answer is not older than this
	t.mu.Unlock()
	start, err := t.offset(ctx, earliest)
	if err != nil {
		return engine.Range{}, err
	}
	end, err := t.offset(ctx, latest)
	if err != nil {
		return engine.Range{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if uint64(end) < seen {
		_ = t.loseLocked(damaged(t.where(), "it ends at %d and once ended at %d", end, seen))
	}
	t.seen, t.start = max(t.seen, uint64(end)), max(t.start, uint64(start))
	return engine.Range{Start: engine.Position{Offset: uint64(start)}, End: engine.Position{Offset: uint64(end)}}, nil
}

// Stat implements engine.Engine.
func (e *Engine) Stat(ctx context.Context, name string) (engine.Stat, error) {
	t, err := e.topics.Find(ctx, name)
	if err != nil {
		return engine.Stat{}, err
	}
	have, err := t.kept(ctx)
	_, lost := t.settings()
	if err != nil && (lost == nil || ctx.Err() != nil || e.life.Err() != nil) {
		return engine.Stat{}, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	stat := engine.Stat{Partitions: []engine.Range{have}, Bytes: t.sizes.after(have.Start.Offset), Why: t.lost}
	if t.lost != nil {
		stat.Health = engine.Stopped
	}
	return stat, nil
}
