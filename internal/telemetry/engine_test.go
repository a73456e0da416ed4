package telemetry

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"
	"testing/synctest"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
	"github.com/banyanrun/banyan/internal/telemetry/otlp"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

var service = &signal.Resource{Service: "order"}

// keeper keeps records in memory; while it holds, it waits.
type keeper struct {
	hold  chan struct{}
	mu    sync.Mutex
	spans []signal.Span
	logs  []signal.Log
	err   error
}

func (k *keeper) AppendSpans(spans []signal.Span) error {
	if k.hold != nil {
		<-k.hold
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.spans = append(k.spans, spans...)
	return k.err
}

func (k *keeper) AppendLogs(logs []signal.Log) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.logs = append(k.logs, logs...)
	return k.err
}

func (k *keeper) TryLogs(logs []signal.Log) (int, error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.err != nil {
		return 0, k.err
	}
	k.logs = append(k.logs, logs...)
	return len(logs), nil
}

// series keeps samples in memory.
type series struct {
	samples   []metrics.Sample
	described map[string]metrics.Metadata
}

func (s *series) Append(_ context.Context, samples []metrics.Sample) error {
	s.samples = append(s.samples, samples...)
	return nil
}

func (s *series) Describe(name string, m metrics.Metadata) { s.described[name] = m }

func someSpans(n int) []signal.Span {
	spans := make([]signal.Span, n)
	for i := range spans {
		spans[i] = signal.Span{Name: strconv.Itoa(i), Resource: service}
	}
	return spans
}

// TestEngineIsBounded: senders that can wait are told to, what others bring is counted,
// and what was taken is kept when the engine ends.
func TestEngineIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		k := &keeper{hold: make(chan struct{})}
		one := signal.SizeOfSpans(someSpans(1))
		e := New(Options{QueueBytes: 10 * one})
		if err := e.Spans(ctx, "order", someSpans(4)); err != nil { // before Run
			t.Fatal(err)
		}
		done := make(chan error)
		e.Open(Stores{Records: k})
		go func() { done <- e.Run(ctx) }()
		synctest.Wait() // it has taken them, and waits for the keeper
		if err := e.Spans(ctx, "order", someSpans(8)); err != nil {
			t.Fatal(err)
		}
		err := e.Spans(ctx, "order", someSpans(8))
		if _, ok := errors.AsType[*otlp.Full](err); !ok {
			t.Errorf("too much: %v", err)
		}
		e.Seen("dataplane", someSpans(8))
		e.Seen("dataplane", someSpans(1))
		if got := e.Drops(); len(got) != 1 || got[0] != (Drop{Where: "dataplane", Reason: "queue full", Count: 8}) {
			t.Errorf("%+v", got)
		}
		if e.Waiting() != signal.SizeOfSpans(someSpans(8))+one {
			t.Errorf("%d bytes wait", e.Waiting())
		}
		cancel()
		close(k.hold)
		if err := <-done; !errors.Is(err, context.Canceled) {
			t.Error(err)
		}
		if len(k.spans) != 13 {
			t.Errorf("%d spans are kept", len(k.spans))
		}
		if err := e.Spans(ctx, "order", someSpans(1)); err == nil {
			t.Error("an engine that has ended takes spans")
		}
	})
}

// TestFailureIsNoEnd: what cannot be kept is lost, what follows is not.
func TestFailureIsNoEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		k := &keeper{err: errors.New("the disk is full")}
		e := New(Options{})
		done := make(chan error)
		e.Open(Stores{Records: k})
		go func() { done <- e.Run(ctx) }()
		e.Seen("dataplane", someSpans(1))
		synctest.Wait()
		if n, err := e.Lines([]signal.Log{{Resource: service}}); err == nil || n != 0 {
			t.Error("lines are told to be kept")
		}
		k.mu.Lock()
		k.err = nil
		k.mu.Unlock()
		if n, err := e.Lines([]signal.Log{{Resource: service}}); err != nil || n != 1 {
			t.Error(n, err)
		}
		cancel()
		<-done
	})
}

func TestFollow(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithCancel(t.Context())
		e := New(Options{})
		done := make(chan error)
		e.Open(Stores{Records: &keeper{}})
		go func() { done <- e.Run(ctx) }()
		synctest.Wait()
		tail := e.Follow(nil)
		write := func(from, to int) {
			logs := make([]signal.Log, 0, to-from)
			for i := from; i < to; i++ {
				logs = append(logs, signal.Log{Text: strconv.Itoa(i), Resource: service})
			}
			if _, err := e.Lines(logs); err != nil {
				t.Fatal(err)
			}
		}
		write(0, 2)
		if logs, missed, err := tail.Next(ctx); len(logs) != 2 || missed != 0 || err != nil || logs[1].Text != "1" {
			t.Errorf("%+v, %d, %v", logs, missed, err)
		}
		write(0, tailMost+7)
		if logs, missed, err := tail.Next(ctx); len(logs) != tailMost || missed != 7 || err != nil {
			t.Errorf("%d, %d, %v", len(logs), missed, err)
		}
		if err := e.Logs(ctx, "order", []signal.Log{{Text: "by OTLP", Resource: service}}); err != nil {
			t.Fatal(err)
		}
		if logs, _, err := tail.Next(ctx); err != nil || len(logs) != 1 || logs[0].Text != "by OTLP" {
			t.Errorf("%+v, %v", logs, err)
		}
		tail.Close()
		write(0, 1)
		cancel()
		if _, _, err := tail.Next(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("a tail that was closed: %v", err)
		}
		<-done
	})
}

func TestMetrics(t *testing.T) {
	s := &series{described: map[string]metrics.Metadata{}}
	e := New(Options{})
	samples := []otlp.Sample{{
		Family: &otlp.Family{Name: "latency_seconds", Type: otlp.HistogramType, Unit: "s", Help: "How long."}, Name: "latency_seconds",
		Labels: []otlp.Label{{Name: "job", Value: "order"}}, Time: 1_700_000_000_123_456_789,
		Histogram: &otlp.Histogram{Schema: 3, Count: 2, Sum: 4, Positive: otlp.Buckets{Offset: 1, Counts: []uint64{2}}},
		Exemplars: []otlp.Exemplar{{Value: 1, Time: 1_700_000_000_000_000_000, Labels: []otlp.Label{{Name: "trace_id", Value: "ab"}}}},
	}, {Family: &otlp.Family{Name: "gone", Type: otlp.Gauge}, Name: "gone", Value: otlp.Stale()}}
	if err := e.Metrics(t.Context(), "order", samples); err == nil {
		t.Error("they are taken before there is a store")
	}
	e.Open(Stores{Series: s})
	if err := e.Metrics(t.Context(), "order", samples); err != nil {
		t.Fatal(err)
	}
	got := s.samples[0]
	if got.Labels.Get(metrics.NameLabel) != "latency_seconds" || got.Labels.Get("job") != "order" || got.Time != 1_700_000_000_123 ||
		got.Histogram.Scale != 3 || got.Histogram.Positive.Offset != 0 || got.Exemplars[0].Labels.Get("trace_id") != "ab" {
		t.Errorf("%+v, %+v", got, got.Histogram)
	}
	if !otlp.IsStale(s.samples[1].Value) {
		t.Error("the end of a series is lost")
	}
	if m := s.described["latency_seconds"]; m != (metrics.Metadata{Type: "histogram", Unit: "s", Help: "How long."}) {
		t.Errorf("%+v", m)
	}
}

// A service cannot speak for Banyan.
func TestNamesOfBanyan(t *testing.T) {
	s := &series{described: map[string]metrics.Metadata{}}
	e := New(Options{})
	e.Open(Stores{Series: s})
	var samples []otlp.Sample
	for _, name := range []string{"banyan_up", "mine", "ALERTS"} {
		samples = append(samples, otlp.Sample{Family: &otlp.Family{Name: name, Type: otlp.Gauge}, Name: name, Value: 1})
	}
	if err := e.Metrics(t.Context(), "order", samples); err != nil {
		t.Fatal(err)
	}
	if len(s.samples) != 1 || s.samples[0].Labels.Get(metrics.NameLabel) != "mine" || len(s.described) != 1 {
		t.Errorf("%+v", s.samples)
	}
	if got := e.Drops(); len(got) != 1 || got[0].Count != 2 {
		t.Errorf("%+v", got)
	}
}
