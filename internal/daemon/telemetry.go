package daemon

import (
	"context"
	"errors"
	"log/slog"
	"path/filepath"
	"sync"
	"sync/atomic"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	counted "github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/telemetry"
	"github.com/banyanrun/banyan/internal/telemetry/alert"
	"github.com/banyanrun/banyan/internal/telemetry/export"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
	"github.com/banyanrun/banyan/internal/telemetry/red"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
	"github.com/banyanrun/banyan/internal/telemetry/store"
)

// telemetryRoom is what keeps what is seen of the app, and what takes it there.
type telemetryRoom struct {
	log    *slog.Logger
	dir    string
	engine *telemetry.Engine

	// What follows is there once opened is closed, unless err says why not.
	opened  chan struct{}
	store   *store.Store
	metrics *metrics.Store
	alerts  *alert.Evaluator
	exports *export.Exporter
	err     error

	tracer    red.Tracer // of the data plane's spans
	deriver   red.Deriver
	exemplars red.Exemplars
	clients   red.Clients
	spans     red.Operations // of services
	published publishCounts
	lostSpans atomic.Uint64 // by the data plane
}

// newTelemetry returns a room that takes in what runTelemetry will keep.
func (d *daemon) newTelemetry() *telemetryRoom {
	r := &telemetryRoom{log: d.log, dir: d.layout.Telemetry, opened: make(chan struct{})}
	r.engine = telemetry.New(telemetry.Options{Log: d.log, Observe: func(spans []signal.Span) {
		r.clients.Add(spans)
		r.spans.Add(spans)
	}})
	return r
}

// open opens what is kept, which takes seconds where there is much. An app must come
// up without it, too. opened is the caller's to close.
func (r *telemetryRoom) open(k keeping) error {
	var err error
	k.records.Dir, k.records.Log = r.dir, r.log
	if r.store, err = store.Open(k.records); err != nil {
		return err
	}
	k.metrics.Dir, k.metrics.Log = filepath.Join(r.dir, "metrics"), quieter(r.log)
	if r.metrics, err = metrics.Open(k.metrics); err != nil {
		return err
	}
	for name, m := range red.Families() {
		r.metrics.Describe(name, m)
	}
	for name, m := range families {
		r.metrics.Describe(name, m)
	}
	return nil
}

// close is for when nothing is taken in any more.
func (r *telemetryRoom) close() error {
	var err error
	if r.metrics != nil {
		err = r.metrics.Close()
	}
	if r.store != nil {
		err = errors.Join(err, r.store.Close())
	}
	return err
}

// ready waits until what is kept can be read, and returns why it cannot.
func (r *telemetryRoom) ready(ctx context.Context) error {
	select {
	case <-r.opened:
	case <-ctx.Done():
		return ctx.Err()
	}
	if r.err == nil {
		return nil
	}
	return fault.New(fault.Unavailable, "there is no telemetry: %w", r.err).
		Fix("put that right, then run `banyan down` and `banyan up`")
}

// runTelemetry keeps what comes in, and looks at what is counted elsewhere. That it
// ends is no reason for the daemon to.
func (d *daemon) runTelemetry(ctx context.Context) error {
	r := d.telemetry
	app, ok := d.firstApp(ctx)
	if !ok {
		return ctx.Err()
	}
	if r.err = r.open(keepingOf(app)); r.err != nil {
		close(r.opened)
		d.log.Error("there is no telemetry", "error", r.err)
		r.engine.Close()
		<-ctx.Done()
		return ctx.Err()
	}
	r.alerts = d.newAlerts(app)
	r.exports = d.newExporter(app)
	close(r.opened)
	r.engine.Open(telemetry.Stores{Records: r.store, Series: r.metrics})
	var tasks sync.WaitGroup
	tasks.Go(func() { _ = r.engine.Run(ctx) }) // this and the next two end with ctx
	tasks.Go(func() { _ = r.alerts.Run(ctx) })
	tasks.Go(func() { _ = d.newScraper(ctx).Run(ctx) })
	tasks.Go(func() { d.pollTelemetry(ctx) })
	tasks.Go(func() { d.keepLines(ctx) })
	tasks.Go(func() { d.followApp(ctx) })
	<-ctx.Done()
	tasks.Wait()
	r.endExports()
	return ctx.Err()
}

// seen takes the data plane's spans; it does not wait.
func (r *telemetryRoom) seen(spans []counted.Span) {
	r.exemplars.Add(spans)
	r.engine.Seen("dataplane", r.tracer.Spans(spans))
}

// quieter is for a room that tells more than people want to read.
func quieter(log *slog.Logger) *slog.Logger { return slog.New(warnings{log.Handler()}) }

// warnings passes on what is a warning at least.
type warnings struct{ slog.Handler }

// Enabled implements slog.Handler.
func (w warnings) Enabled(ctx context.Context, l slog.Level) bool {
	return l >= slog.LevelWarn && w.Handler.Enabled(ctx, l)
}

// WithAttrs implements slog.Handler.
func (w warnings) WithAttrs(attrs []slog.Attr) slog.Handler {
	return warnings{w.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (w warnings) WithGroup(name string) slog.Handler { return warnings{w.Handler.WithGroup(name)} }

// The times between two looks at counters: the data plane's, and all others.
const (
	pollEach = 5 * time.Second
	pollSlow = 3 // of the looks above
)

// pollTelemetry looks at counters until ctx ends.
func (d *daemon) pollTelemetry(ctx context.Context) {
	tick := time.NewTicker(pollEach)
	defer tick.Stop()
	for n := 0; ; n++ {
		d.pollPlane(ctx)
		if n%pollSlow == 0 {
			d.pollOthers(ctx)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// pollPlane keeps what the data plane has counted.
func (d *daemon) pollPlane(ctx context.Context) {
	s, err := d.keeper.Stats(ctx)
	if err != nil {
		return // there is none now; its counters go on with the next
	}
	r := d.telemetry
	r.lostSpans.Store(s.LostSpans)
	r.append(ctx, r.deriver.Samples(&s, &r.exemplars))
}

// append keeps samples.
func (r *telemetryRoom) append(ctx context.Context, samples []metrics.Sample) {
	if err := r.metrics.Append(ctx, samples); err != nil && ctx.Err() == nil {
		r.log.Warn("metrics are lost", "samples", len(samples), "error", err)
	}
}
