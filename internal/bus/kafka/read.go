package kafka

import (
	"context"
	"errors"
	"time"

	"github.com/twmb/franz-go/pkg/kadm"
	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"
	"github.com/twmb/franz-go/pkg/kmsg"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
)

const (
	// fetchBytes is what is asked of a broker at once; it gives one batch at least.
	fetchBytes = 1 << 20
	// attempts is how often a broker is asked that may not be the leader any more.
	attempts = 4
	// pause lies between them: an election takes its time.
	pause = 250 * time.Millisecond
)

// Read implements engine.Engine.
func (e *Engine) Read(ctx context.Context, name string, from engine.Position, most int) ([]engine.Stored, error) {
	t, err := e.topics.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	have, err := t.kept(ctx)
	if err != nil {
		return nil, err
	}
	from, more, err := remote.From(t.name, have, from)
	if err != nil {
		return nil, err
	}
	if !more {
		_, lost := t.settings()
		return nil, lost
	}
	r := &reader{t: t, client: e.client, at: from.Offset}
	for r.at < have.End.Offset {
		stored, err := r.next(ctx, 0, most)
		if err != nil || len(stored) > 0 {
			return stored, err
		}
	}
	return nil, nil
}

// Find implements engine.Engine. Kafka knows milliseconds; what is earlier within
// one is passed over.
func (e *Engine) Find(ctx context.Context, name string, at time.Time) ([]engine.Position, error) {
	t, err := e.topics.Find(ctx, name)
	if err != nil {
		return nil, err
	}
	first, err := t.offset(ctx, at.UnixMilli())
	if err != nil {
		return nil, err
	}
	if first < 0 {
		have, err := t.kept(ctx)
		return []engine.Position{have.End}, err
	}
	found := uint64(first)
	for {
		got, err := e.Read(ctx, name, engine.Position{Offset: found}, 64)
		if err != nil {
			return nil, err
		}
		for _, s := range got {
			if !s.Time.Before(at) || s.Time.UnixMilli() != at.UnixMilli() {
				return []engine.Position{{Offset: found}}, nil
			}
			found = s.Offset
		}
		if len(got) == 0 {
			return []engine.Position{{Offset: found}}, nil
		}
	}
}

// reader reads one record after the other.
type reader struct {
	t        *topic
	client   *kgo.Client
	at       uint64 // what was read last, and Kafka's offset of what comes next
	anywhere bool   // the first record may have any offset
	rest     []engine.Stored
	known    bool // what follows
	leader   int32
	id       kadm.TopicID
}

// next returns what is there, for which it waits at most about a time. It may
// return none, too, where records were others' than Banyan's.
func (r *reader) next(ctx context.Context, wait time.Duration, most int) ([]engine.Stored, error) {
	if len(r.rest) == 0 {
		got, err := r.fetch(ctx, wait)
		if err != nil {
			return nil, err
		}
		if r.rest, err = r.accept(got); err != nil {
			return nil, err
		}
	}
	n := min(max(most, 0), len(r.rest))
	stored := r.rest[:n:n]
	r.rest = r.rest[n:]
	return stored, nil
}

// fetch asks the leader.
func (r *reader) fetch(ctx context.Context, wait time.Duration) (got []*kgo.Record, err error) {
	for attempt := range attempts {
		if attempt > 0 {
			if err := rest(ctx); err != nil {
				return nil, err
			}
		}
		if err = r.locate(ctx); err == nil {
			got, err = r.ask(ctx, wait)
		}
		switch {
		case err == nil:
			return got, nil
		case ctx.Err() != nil || r.t.e.life.Err() != nil:
			return nil, r.t.failed(ctx, err)
		case errors.Is(err, kerr.OffsetOutOfRange):
			return nil, r.outside(ctx)
		case errors.Is(err, kerr.CorruptMessage):
			return nil, r.t.lose(damaged(r.t.where(), "what follows %d cannot be read: %w", r.at, err))
		}
		r.known = false
	}
	return nil, r.t.failed(ctx, err)
}

// rest lets the brokers agree.
func rest(ctx context.Context) error {
	select {
	case <-time.After(pause):
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// locate finds the leader.
func (r *reader) locate(ctx context.Context) error {
	if r.known {
		return nil
	}
	bound, cancel := r.t.e.within(ctx)
	defer cancel()
	all, err := kadm.NewClient(r.client).ListTopics(bound, r.t.name)
	if err != nil {
		return err
	}
	topic := all[r.t.name]
	partition, ok := topic.Partitions[0]
	switch {
	case topic.Err != nil:
		return topic.Err
	case partition.Err != nil:
		return partition.Err
	case !ok || partition.Leader < 0:
		return kerr.LeaderNotAvailable
	}
	r.known, r.leader, r.id = true, partition.Leader, topic.ID
	return nil
}

// ask makes one request.
func (r *reader) ask(ctx context.Context, wait time.Duration) ([]*kgo.Record, error) {
	bound, cancel := r.t.e.within(ctx)
	defer cancel()
	partition := kmsg.NewFetchRequestTopicPartition()
	partition.FetchOffset, partition.PartitionMaxBytes = int64(r.at), fetchBytes
	of := kmsg.NewFetchRequestTopic()
	of.Topic, of.TopicID, of.Partitions = r.t.name, r.id, append(of.Partitions, partition)
	req := kmsg.NewPtrFetchRequest()
	req.ReplicaID, req.MinBytes, req.MaxBytes, req.MaxWaitMillis = -1, 1, fetchBytes, int32(wait.Milliseconds())
	req.Topics = append(req.Topics, of)
	answer, err := r.client.Broker(int(r.leader)).RetriableRequest(bound, req)
	if err != nil {
		return nil, err
	}
	resp, ok := answer.(*kmsg.FetchResponse)
	if !ok {
		return nil, kerr.UnknownServerError
	}
	if err := kerr.ErrorForCode(resp.ErrorCode); err != nil {
		return nil, err
	}
	if len(resp.Topics) != 1 || len(resp.Topics[0].Partitions) != 1 {
		return nil, kerr.UnknownServerError
	}
	got, _ := kgo.ProcessFetchPartition(kgo.ProcessFetchPartitionOpts{Offset: int64(r.at), Topic: r.t.name},
		&resp.Topics[0].Partitions[0], kgo.DefaultDecompressor(), nil)
	if got.Err != nil && kerr.ErrorForCode(resp.Topics[0].Partitions[0].ErrorCode) == nil {
		return nil, errors.Join(kerr.CorruptMessage, got.Err)
	}
	return got.Records, got.Err
}

// outside finds out why the next record cannot be there.
func (r *reader) outside(ctx context.Context) error {
	have, err := r.t.kept(ctx)
	if err != nil {
		return err
	}
	switch start := have.Start.Offset; {
	case r.anywhere:
		r.at, r.anywhere = start, false
		return nil
	case r.at < start:
		return remote.Gone(r.t.name, start)
	case r.at > have.End.Offset:
		return r.t.lose(damaged(r.t.where(), "it ends at %d and once ended at %d", have.End.Offset, r.at))
	}
	return nil // it was, a moment ago
}

// accept checks that records follow each other, and decodes them.
func (r *reader) accept(got []*kgo.Record) (stored []engine.Stored, err error) {
	for _, m := range got {
		if uint64(m.Offset) != r.at {
			if len(stored) > 0 {
				return stored, nil // and looked at again
			}
			return nil, r.t.lose(damaged(r.t.where(), "what follows %d is missing, up to %d", r.at, m.Offset))
		}
		r.at++
		r.anywhere = false
		record, ok := decode(m)
		if !ok {
			r.t.e.log.Warn("a record that Banyan did not publish is passed over", "topic", r.t.name, "offset", m.Offset)
			continue
		}
		stored = append(stored, engine.Stored{Position: engine.Position{Offset: r.at}, Record: record})
	}
	return stored, nil
}
