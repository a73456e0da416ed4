package daemon

import (
	"context"
	"net/http"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/dash/audit"
	"github.com/banyanrun/banyan/internal/telemetry/bundle"
	"github.com/banyanrun/banyan/internal/telemetry/filter"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
	"github.com/banyanrun/banyan/internal/telemetry/store"
)

// bundlePath is where the control socket has bundles of telemetry.
const bundlePath = "/telemetry/bundle"

// bundleHandler writes and imports bundles, whichever door they come by; imports are
// recorded.
func (d *daemon) bundleHandler() http.Handler {
	kept := bundled{seenTelemetry{d}}
	h := sync.OnceValue(func() http.Handler {
		return bundle.New(bundle.Options{
			Source: kept, Sink: kept, App: func() string { return d.current().app.Name }, Version: d.version, Dir: d.telemetry.dir, Log: d.log,
		})
	})
	return audit.Posts(d.dashboard.actions, "TelemetryService/ImportBundle", d.log, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if err := d.telemetry.ready(r.Context()); err != nil {
			http.Error(w, err.Error(), http.StatusServiceUnavailable)
			return
		}
		h().ServeHTTP(w, r)
	}))
}

// bundled is what is kept, for bundles. What is imported goes to the store alone: it
// is neither counted nor shown as something that happens.
type bundled struct{ seenTelemetry }

var (
	_ bundle.Source = bundled{}
	_ bundle.Sink   = bundled{}
)

// FindTraces implements bundle.Source.
func (b bundled) FindTraces(ctx context.Context, text string, from, to int64, limit int) ([]signal.TraceID, bool, error) {
	found, err := b.SearchTraces(ctx, text, store.TraceQuery{From: from, To: to, Limit: limit})
	if err != nil {
		return nil, false, err
	}
	return idsOf(found), found.More, nil
}

// bundlePage is how many log records are read at a time.
const bundlePage = 5000

// FindLogs implements bundle.Source.
func (b bundled) FindLogs(ctx context.Context, text string, from, to int64, cursor string) ([]signal.Log, string, error) {
	found, err := b.SearchLogs(ctx, text, store.LogQuery{From: from, To: to, Limit: bundlePage, OldestFirst: true, Cursor: cursor})
	if err != nil {
		return nil, "", err
	}
	return found.Logs, found.Next, nil
}

// KnowsTrace implements bundle.Sink.
func (b bundled) KnowsTrace(ctx context.Context, id signal.TraceID) (bool, error) {
	r, err := b.room(ctx)
	if err != nil {
		return false, err
	}
	spans, _, err := r.store.Trace(ctx, id)
	return len(spans) > 0, err
}

// KnowsBundle implements bundle.Sink.
func (b bundled) KnowsBundle(ctx context.Context, name string) (bool, error) {
	text := bundle.Attribute + "=" + filter.Quote(name)
	traces, err := b.SearchTraces(ctx, text, store.TraceQuery{Limit: 1})
	if err != nil || len(traces.Traces) > 0 {
		return err == nil, err
	}
	logs, err := b.SearchLogs(ctx, text, store.LogQuery{Limit: 1})
	return err == nil && len(logs.Logs) > 0, err
}

// AppendSpans implements bundle.Sink.
func (b bundled) AppendSpans(spans []signal.Span) error {
	return b.daemon.telemetry.store.AppendSpans(spans)
}

// AppendLogs implements bundle.Sink.
func (b bundled) AppendLogs(logs []signal.Log) error {
	return b.daemon.telemetry.store.AppendLogs(logs)
}

// Age implements bundle.Sink.
func (b bundled) Age(context.Context) (time.Duration, error) {
	return keepingOf(b.daemon.current().app).records.MaxAge, nil
}
