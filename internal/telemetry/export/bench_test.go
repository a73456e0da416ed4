package export

import (
	"context"
	"log/slog"
	"sync/atomic"
	"testing"

	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
	"github.com/banyanrun/banyan/internal/telemetry/store"
)

// counted takes everything.
type counted struct{ records atomic.Int64 }

func (c *counted) Send(_ context.Context, b *Batch) (Answer, error) {
	c.records.Add(int64(b.Len()))
	return Answer{}, nil
}

func (c *counted) Close() {}

// BenchmarkCatchUp is how many spans a second a target gets that was away, from blocks.
func BenchmarkCatchUp(b *testing.B) {
	s, err := store.Open(store.Options{Dir: b.TempDir()})
	if err != nil {
		b.Fatal(err)
	}
	source := blocktest.New(1, 1e18)
	spans := int64(0)
	for spans < 200_000 {
		batch := source.Spans(1000)
		if err := s.AppendSpans(batch); err != nil {
			b.Fatal(err)
		}
		spans += int64(len(batch))
	}
	for b.Loop() {
		follow, err := s.Follow(store.Spans, &store.Place{})
		if err != nil {
			b.Fatal(err)
		}
		ending := make(chan struct{})
		close(ending)
		target := &counted{}
		p := &pipe{signal: Traces, sender: target, ending: ending, saved: func() {}, log: slog.New(slog.DiscardHandler)}
		p.source = &records{signal: Traces, follow: follow, origin: "o", prefix: "p", counter: &p.counter, skip: never}
		p.run(b.Context())
		if n := target.records.Load(); n != spans {
			b.Fatalf("%d were sent", n)
		}
	}
	b.ReportMetric(float64(spans)*float64(b.N)/b.Elapsed().Seconds(), "spans/s")
	if err := s.Close(); err != nil {
		b.Fatal(err)
	}
}
