package otlp

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// MaxBody bounds a request, as it comes and as it is decompressed, in bytes.
const MaxBody = 16 << 20

// Receiver answers requests of OTLP.
type Receiver struct {
	sink Sink
	log  *slog.Logger
	now  func() time.Time
	mux  *http.ServeMux
	room *Room
	sums *sums // of what comes with delta temporality
}

// New makes a Receiver that hands what it reads to sink. It takes no more memory than
// there is in room.
func New(sink Sink, room *Room, log *slog.Logger) *Receiver {
	r := &Receiver{sink: sink, log: log, now: time.Now, mux: http.NewServeMux(), room: room, sums: newSums(sumsMost)}
	for i := range kinds {
		k := &kinds[i]
		r.mux.HandleFunc(k.path, func(w http.ResponseWriter, q *http.Request) { r.post(w, q, k) })
		r.mux.Handle(k.procedure, r.procedure(k))
	}
	return r
}

// ServeFrom answers a request that came by a service's address; empty: it is not
// known from whom.
func (r *Receiver) ServeFrom(w http.ResponseWriter, q *http.Request, from string) {
	r.mux.ServeHTTP(w, q.WithContext(context.WithValue(q.Context(), fromKey{}, from)))
}

// ServeHTTP implements http.Handler for requests of whom nobody knows.
func (r *Receiver) ServeHTTP(w http.ResponseWriter, q *http.Request) { r.ServeFrom(w, q, "") }

// fromKey is where a request's context has the service it came from.
type fromKey struct{}

func fromOf(ctx context.Context) string {
	from, _ := ctx.Value(fromKey{}).(string) // ServeFrom has set it
	return from
}

// kind is one of the three things that OTLP carries.
type kind struct {
	path, procedure string
	what            string // of its records
	rejected        string // the member of partial_success in JSON
	take            func(ctx context.Context, r *Receiver, f form, body []byte) (refusals, error)
}

var kinds = [...]kind{
	{"/v1/traces", "/opentelemetry.proto.collector.trace.v1.TraceService/Export", "spans", "rejectedSpans", takeTraces},
	{"/v1/logs", "/opentelemetry.proto.collector.logs.v1.LogsService/Export", "log records", "rejectedLogRecords", takeLogs},
	{"/v1/metrics", "/opentelemetry.proto.collector.metrics.v1.MetricsService/Export", "data points", "rejectedDataPoints", takeMetrics},
}

func takeTraces(ctx context.Context, r *Receiver, f form, body []byte) (refusals, error) {
	from := fromOf(ctx)
	var spans []signal.Span
	var no refusals
	err := r.room.Decode(func() (err error) { spans, no, err = readSpans(f, body, from); return err })
	if err != nil || len(spans) == 0 {
		return no, malformed(err)
	}
	return no, r.sink.Spans(ctx, from, spans)
}

func takeLogs(ctx context.Context, r *Receiver, f form, body []byte) (refusals, error) {
	from := fromOf(ctx)
	var logs []signal.Log
	var no refusals
	err := r.room.Decode(func() (err error) { logs, no, err = readLogs(f, body, from, r.now().UnixNano()); return err })
	if err != nil || len(logs) == 0 {
		return no, malformed(err)
	}
	return no, r.sink.Logs(ctx, from, logs)
}

func takeMetrics(ctx context.Context, r *Receiver, f form, body []byte) (refusals, error) {
	from := fromOf(ctx)
	var samples []Sample
	var no refusals
	err := r.room.Decode(func() (err error) { samples, no, err = r.readMetrics(f, body, from); return err })
	if err != nil || len(samples) == 0 {
		return no, malformed(err)
	}
	return no, r.sink.Metrics(ctx, from, samples)
}

// malformed says that an error is the sender's; nil stays nil.
func malformed(err error) error {
	if err == nil {
		return nil
	}
	if _, ok := err.(TooLarge); ok { //nolint:errorlint // of the check, as it is
		return err
	}
	return fault.New(fault.Invalid, "the request cannot be read as OTLP: %w", err)
}
