package daemon

import (
	"context"
	"fmt"
	"math"
	"net/http"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/filter"
	"github.com/banyanrun/banyan/internal/telemetry/jaeger"
	"github.com/banyanrun/banyan/internal/telemetry/red"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
	"github.com/banyanrun/banyan/internal/telemetry/store"
)

// jaegerPath is where the control socket and the dashboard have Jaeger's query API.
const jaegerPath = "/jaeger/"

func (d *daemon) jaegerHandler() http.Handler {
	return jaeger.New(jaeger.Options{Traces: jaegerTraces{seenTelemetry{d}}, Log: d.log})
}

// jaegerTraces is what is kept, for Jaeger's API.
type jaegerTraces struct{ seenTelemetry }

var _ jaeger.Traces = jaegerTraces{}

// Services implements jaeger.Traces.
func (t jaegerTraces) Services(ctx context.Context) ([]string, error) {
	r, err := t.room(ctx)
	if err != nil {
		return nil, err
	}
	return r.store.Services(), nil
}

// operationsMost bounds what the spans of a service are called.
const operationsMost = 2000

// Operations implements jaeger.Traces.
func (t jaegerTraces) Operations(ctx context.Context, service string) ([]jaeger.Operation, error) {
	r, f, err := t.asked(ctx, "service="+filter.Quote(service), filter.Spans)
	if err != nil {
		return nil, err
	}
	names, err := r.store.SpanNames(ctx, f, operationsMost)
	all := make([]jaeger.Operation, len(names))
	for i, n := range names {
		all[i] = jaeger.Operation(n)
	}
	return all, err
}

// Search implements jaeger.Traces.
func (t jaegerTraces) Search(ctx context.Context, q jaeger.Query) ([]signal.TraceID, error) {
	found, err := t.SearchTraces(ctx, q.Filter, store.TraceQuery{From: q.From.UnixNano(), To: q.To.UnixNano(), Limit: q.Limit})
	if err != nil {
		return nil, err
	}
	return idsOf(found), nil
}

func idsOf(found *store.TraceResult) []signal.TraceID {
	ids := make([]signal.TraceID, len(found.Traces))
	for i := range found.Traces {
		ids[i] = found.Traces[i].Trace
	}
	return ids
}

// Trace implements jaeger.Traces.
func (t jaegerTraces) Trace(ctx context.Context, id signal.TraceID) ([]signal.Span, bool, error) {
	r, err := t.room(ctx)
	if err != nil {
		return nil, false, err
	}
	return r.store.Trace(ctx, id)
}

// callsLeast is the least time that calls are counted in: they are kept each 5 seconds.
const callsLeast = 15 * time.Second

// Calls implements jaeger.Traces.
func (t jaegerTraces) Calls(ctx context.Context, from, to time.Time) ([]jaeger.Call, error) {
	r, err := t.room(ctx)
	if err != nil {
		return nil, err
	}
	window := max(to.Sub(from), callsLeast).Milliseconds()
	found, err := r.metrics.Query(ctx, fmt.Sprintf(`sum by (caller, callee) (increase(%s{callee!=""}[%dms]))`, red.Requests, window), to)
	if err != nil {
		return nil, err
	}
	var calls []jaeger.Call
	for i := range found.Series {
		s := &found.Series[i]
		if len(s.Points) == 0 || math.IsNaN(s.Points[0].Value) {
			continue
		}
		calls = append(calls, jaeger.Call{
			Parent: s.Labels.Get("caller"), Child: s.Labels.Get("callee"), Count: uint64(max(0, math.Round(s.Points[0].Value))),
		})
	}
	return calls, nil
}
