package bus

import (
	"context"
	"io"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/flow"
	"github.com/banyanrun/banyan/internal/bus/progress"
	"github.com/banyanrun/banyan/internal/fault"
)

// Replay delivers events of a topic to one of its subscriptions once more, from
// one place to another, each a sequence or a time (RFC 3339); an empty from is the
// oldest that is kept, an empty until the newest at this moment. Order holds among
// what is replayed, and not with what the subscription gets meanwhile. It moves
// nobody's progress. It returns when all was delivered or is a dead letter, or the
// context ends.
func (b *Bus) Replay(ctx context.Context, topic, service, from, until string) (Report, error) {
	_, s, err := b.find(topic, service)
	if err != nil {
		return Report{}, err
	}
	if !b.engine.Can().Replay {
		return Report{}, fault.New(fault.Invalid, "the bus's engine keeps no events that were delivered, so none can be replayed")
	}
	stat, err := b.engine.Stat(ctx, topic)
	if err != nil {
		return Report{}, translate(topic, err)
	}
	r := &replaySource{bus: b, name: progress.Name{Topic: topic, Service: service}}
	for _, p := range stat.Partitions {
		r.at, r.end = append(r.at, p.Start), append(r.end, p.End)
	}
	if err := b.bound(ctx, topic, from, r.at, true); err != nil {
		return Report{}, err
	}
	if err := b.bound(ctx, topic, until, r.end, false); err != nil {
		return Report{}, err
	}
	if reversed(from, until) {
		return Report{}, fault.New(fault.Invalid, "the replay ends at %s, before it begins at %s", until, from)
	}
	spec, config := s.job()
	return b.job(ctx, r.name, r, spec, config, newID(time.Now()))
}

// reversed reports whether two places, of which both may be empty, stand the wrong
// way round. A time and a sequence are not compared.
func reversed(from, until string) bool {
	a, ok := parseSequence(from)
	b, both := parseSequence(until)
	if ok && both {
		return a.Partition == b.Partition && b.Offset < a.Offset
	}
	begin, err := time.Parse(time.RFC3339, from)
	end, err2 := time.Parse(time.RFC3339, until)
	return err == nil && err2 == nil && !end.After(begin)
}

// bound moves positions to a sequence, which comes first or last, or to a time. A
// sequence that comes first is there, or is the next that will be.
func (b *Bus) bound(ctx context.Context, topic, text string, positions []engine.Position, first bool) error {
	if text == "" {
		return nil
	}
	if p, ok := parseSequence(text); ok {
		if int(p.Partition) >= len(positions) || p.Offset == 0 {
			return fault.New(fault.Invalid, "topic %s has no sequence %s", topic, text)
		}
		if !first {
			positions[p.Partition].Offset = min(positions[p.Partition].Offset, p.Offset)
			return nil
		}
		p = p.Before()
		stat, err := b.engine.Stat(ctx, topic)
		if err != nil {
			return translate(topic, err)
		}
		switch end := stat.Partitions[p.Partition].End; {
		case end.Offset == 0 && p.Offset > 0:
			return fault.New(fault.Invalid, "topic %s has no events yet", topic)
		case p.Offset > end.Offset:
			return fault.New(fault.Invalid, "topic %s has no sequence %s yet; its newest is %s", topic, text, sequence(end))
		}
		positions[p.Partition].Offset = max(positions[p.Partition].Offset, p.Offset)
		return nil
	}
	at, err := time.Parse(time.RFC3339, text)
	if err != nil {
		return fault.New(fault.Invalid, "%.100q is neither a sequence nor a time", text).Fix("write 481 or 2026-01-31T12:00:00Z")
	}
	found, err := b.engine.Find(ctx, topic, at)
	if err != nil {
		return translate(topic, err)
	}
	for _, p := range found {
		if int(p.Partition) < len(positions) {
			q := &positions[p.Partition]
			if first {
				q.Offset = max(q.Offset, p.Offset)
			} else {
				q.Offset = min(q.Offset, p.Offset)
			}
		}
	}
	return nil
}

// replaySource reads a topic between positions, one partition after the other.
type replaySource struct {
	bus  *Bus
	name progress.Name
	at   []engine.Position
	end  []engine.Position
	now  int // the partition
}

func (r *replaySource) next(ctx context.Context, most int) ([]engine.Stored, error) {
	for ; r.now < len(r.at); r.now++ {
		at, end := &r.at[r.now], r.end[r.now]
		if at.Offset >= end.Offset {
			continue
		}
		records, err := r.bus.engine.Read(ctx, r.name.Topic, *at, int(min(uint64(most), end.Offset-at.Offset)))
		if err != nil {
			return nil, err
		}
		for i := range records {
			if records[i].Offset > end.Offset {
				records = records[:i]
				break
			}
		}
		if len(records) > 0 {
			at.Offset = records[len(records)-1].Offset
			return records, nil
		}
	}
	return nil, io.EOF
}

func (r *replaySource) load(ctx context.Context, places []engine.Position) ([]engine.Stored, error) {
	return load(ctx, r.bus.engine, r.name.Topic, places)
}

func (r *replaySource) skipped(ctx context.Context) (uint64, error) {
	stat, err := r.bus.engine.Stat(ctx, r.name.Topic)
	if err != nil || r.now >= len(r.at) || r.now >= len(stat.Partitions) {
		return 0, err
	}
	at, start := &r.at[r.now], stat.Partitions[r.now].Start.Offset
	start = min(start, r.end[r.now].Offset)
	if start <= at.Offset {
		return 0, nil
	}
	count := start - at.Offset
	at.Offset = start
	return count, nil
}

func (r *replaySource) close()                                               {}
func (r *replaySource) place(at engine.Position) engine.Position             { return at }
func (r *replaySource) attempt(d flow.Delivery) int                          { return d.Attempt }
func (r *replaySource) delivered(ctx context.Context, d flow.Delivery) error { return nil }

func (r *replaySource) buried(ctx context.Context, d flow.Delivery, v flow.Verdict, a answer) error {
	now := time.Now()
	return r.bus.bury(ctx, progress.Dead{
		Name: r.name, Event: engine.Stored{Position: d.Position, Record: *d.Record},
		Attempts: v.Attempts, First: now, Last: now, Status: a.status, Error: a.err, Response: a.response,
	}, "")
}
