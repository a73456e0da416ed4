//go:build linux

package main

import (
	"context"
	"strconv"
	"sync/atomic"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/journal"
)

// engineRoom is the embedded engine in this process.
type engineRoom struct{ *journal.Journal }

const dedup = 24 * time.Hour

func openEngine(ctx context.Context, dir string) (*engineRoom, error) {
	j := journal.New(journal.Config{Dir: dir})
	topic := engine.Topic{Name: "load", Dedup: dedup, MaxBytes: 1 << 30, DropOldest: true, MaxEvent: 1 << 20}
	drain := topic
	drain.Name = "drain"
	err := j.Ensure(ctx, []engine.Topic{topic, drain})
	return &engineRoom{j}, err
}

type enginePublisher struct {
	journal *journal.Journal
	topic   string
	data    []byte
}

func (r *engineRoom) publisher(_ context.Context, bytes int) (publisher, error) {
	return &enginePublisher{r.Journal, "load", make([]byte, bytes)}, nil
}

func (p *enginePublisher) publish(ctx context.Context, ids []uint64, durable *atomic.Int64) error {
	records := make([]engine.Record, len(ids))
	for i, id := range ids {
		records[i] = engine.Record{ID: engine.IDOf("/bench", strconv.FormatUint(id, 10)), Time: time.Now(), Dedup: dedup, Data: p.data}
	}
	if _, err := p.journal.Publish(ctx, p.topic, records); err != nil {
		return err
	}
	durable.Add(int64(len(ids)))
	return nil
}

func (*enginePublisher) close() {}
