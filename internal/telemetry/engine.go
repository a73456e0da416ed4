package telemetry

import (
	"context"
	"errors"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
	"github.com/banyanrun/banyan/internal/telemetry/otlp"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Records keeps spans and logs. What it does not take it counts itself.
type Records interface {
	AppendSpans(spans []signal.Span) error
	AppendLogs(logs []signal.Log) error
	// TryLogs returns how many of the first it takes, and counts nothing.
	TryLogs(logs []signal.Log) (taken int, err error)
}

// Series keeps metrics.
type Series interface {
	Append(ctx context.Context, samples []metrics.Sample) error
	Describe(name string, m metrics.Metadata)
}

// queueMost bounds what waits to be kept, in bytes.
const queueMost = 64 << 20

// Stores are what keeps what comes in.
type Stores struct {
	Records Records
	Series  Series
}

// Options are what an Engine is built from. The zero Options are good.
type Options struct {
	Log *slog.Logger // nil: none
	// Observe is called with spans that services sent, once they are taken. It must
	// not block. Nil: nobody looks.
	Observe func([]signal.Span)
	// QueueBytes bounds what waits to be kept. 0: 64 MiB.
	QueueBytes int64
}

// Engine takes telemetry in. Make it by New; what comes before Open waits.
type Engine struct {
	stores  atomic.Pointer[Stores] // nil: not before Open
	log     *slog.Logger
	observe func([]signal.Span)
	queue   *queue
	drops   drops
	tails   tails
	shapes  shapes
}

var _ otlp.Sink = (*Engine)(nil)

// New returns an engine.
func New(o Options) *Engine {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.QueueBytes <= 0 {
		o.QueueBytes = queueMost
	}
	if o.Observe == nil {
		o.Observe = func([]signal.Span) {}
	}
	return &Engine{log: o.Log, observe: o.Observe, queue: newQueue(o.QueueBytes)}
}

// Open says what keeps what comes in. It comes before Run.
func (e *Engine) Open(s Stores) { e.stores.Store(&s) }

// Run keeps what comes in until ctx ends, and then what waits.
func (e *Engine) Run(ctx context.Context) error {
	stop := context.AfterFunc(ctx, e.queue.close)
	defer stop()
	well := true
	for {
		item, ok := e.queue.take()
		if !ok {
			return ctx.Err()
		}
		err := e.keep(item)
		if (err == nil) != well {
			well = err == nil
			if well {
				e.log.Info("telemetry is kept again")
			} else {
				e.log.Error("telemetry is lost: it cannot be kept", "error", err)
			}
		}
	}
}

// Close is for an engine that nobody runs: what comes in is refused or dropped.
func (e *Engine) Close() { e.queue.close() }

func (e *Engine) keep(i item) error {
	var spansErr, logsErr error
	records := e.stores.Load().Records
	if len(i.spans) > 0 {
		spansErr = records.AppendSpans(i.spans)
	}
	if len(i.logs) > 0 {
		if logsErr = records.AppendLogs(i.logs); logsErr == nil {
			e.tails.tell(i.logs)
		}
	}
	return errors.Join(spansErr, logsErr)
}

// full is the answer to a sender for whose records there is no room.
var full = &otlp.Full{RetryAfter: time.Second}

// Spans implements otlp.Sink.
func (e *Engine) Spans(_ context.Context, _ string, spans []signal.Span) error {
	if len(spans) > 0 && !e.queue.put(item{spans: spans, size: signal.SizeOfSpans(spans)}) {
		return full
	}
	e.observe(spans)
	return nil
}

// Logs implements otlp.Sink.
func (e *Engine) Logs(_ context.Context, _ string, logs []signal.Log) error {
	if len(logs) > 0 && !e.queue.put(item{logs: logs, size: signal.SizeOfLogs(logs)}) {
		return full
	}
	return nil
}

// Metrics implements otlp.Sink.
func (e *Engine) Metrics(ctx context.Context, _ string, samples []otlp.Sample) error {
	s := e.stores.Load()
	if s == nil {
		return full
	}
	kept, refused := e.shapes.samples(samples, s.Series)
	if refused > 0 {
		e.drops.add("otlp", "a name that is Banyan's own", refused)
	}
	return s.Series.Append(ctx, kept)
}

// Seen takes spans that Banyan made itself: what does not fit is dropped and counted,
// by where it came from.
func (e *Engine) Seen(where string, spans []signal.Span) {
	if len(spans) > 0 && !e.queue.put(item{spans: spans, size: signal.SizeOfSpans(spans)}) {
		e.drops.add(where, "queue full", len(spans))
	}
}

// Lines keeps what services wrote. It returns how many of the first are kept when that
// is done, and why the others cannot be: they are the caller's still, to try again.
func (e *Engine) Lines(logs []signal.Log) (kept int, err error) {
	if len(logs) == 0 {
		return 0, nil
	}
	s := e.stores.Load()
	if s == nil {
		return 0, full
	}
	kept, err = s.Records.TryLogs(logs)
	if kept > 0 {
		e.tails.tell(logs[:kept])
	}
	return kept, err
}

// Lost counts records that were dropped before they came to the engine.
func (e *Engine) Lost(where, reason string, n int) { e.drops.add(where, reason, n) }

// Drops are the records that were dropped since the engine was made, sorted.
func (e *Engine) Drops() []Drop { return e.drops.list() }

// Waiting is how many bytes wait to be kept.
func (e *Engine) Waiting() int64 { return e.queue.waiting() }
