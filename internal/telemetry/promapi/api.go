package promapi

import (
	"context"
	"log/slog"
	"net/http"
	"runtime"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/alert"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// Store is what is asked for metrics.
type Store interface {
	Query(ctx context.Context, expr string, at time.Time) (*metrics.Result, error)
	QueryRange(ctx context.Context, expr string, from, to time.Time, step time.Duration) (*metrics.Result, error)
	Series(ctx context.Context, l metrics.Lookup) ([]metrics.Labels, bool, error)
	LabelNames(ctx context.Context, l metrics.Lookup) ([]string, bool, error)
	LabelValues(ctx context.Context, name string, l metrics.Lookup) ([]string, bool, error)
	Exemplars(ctx context.Context, expr string, from, to time.Time) ([]metrics.ExemplarSeries, error)
	Metadata() map[string]metrics.Metadata
}

var _ Store = (*metrics.Store)(nil)

// Rules is what is asked for rules and alerts.
type Rules interface {
	Rules() []alert.RuleStatus
}

// Options of a handler.
type Options struct {
	Store Store
	// Rules may be nil: there are none.
	Rules Rules
	// Version is Banyan's.
	Version string
	// Now tells the time. Nil: time.Now.
	Now func() time.Time
	// Log may be nil.
	Log *slog.Logger
}

// promVersion is the version of Prometheus whose API this is: clients look at it
// to know what they may ask.
const promVersion = "3.14.0"

// api answers requests.
type api struct {
	Options

	started time.Time
}

// New returns a handler of /api/v1/… and /metrics.
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &api{Options: o, started: o.Now()}
	mux := http.NewServeMux()
	both := func(path string, answer func(*http.Request) (any, *notes, error)) {
		mux.Handle("GET "+path, a.handler(answer))
		mux.Handle("POST "+path, a.handler(answer))
	}
	get := func(path string, answer func(*http.Request) (any, *notes, error)) {
		mux.Handle("GET "+path, a.handler(answer))
		// Grafana asks by POST first, and by GET only if it is told so.
		mux.HandleFunc("POST "+path, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Allow", "GET, HEAD")
			a.fail(w, r, &failure{kind: badMethod, message: "Method Not Allowed"})
		})
	}
	both("/api/v1/query", a.query)
	both("/api/v1/query_range", a.queryRange)
	both("/api/v1/query_exemplars", a.exemplars)
	both("/api/v1/format_query", a.formatQuery)
	both("/api/v1/series", a.series)
	both("/api/v1/labels", a.labelNames)
	get("/api/v1/label/{name}/values", a.labelValues)
	get("/api/v1/metadata", a.metadata)
	get("/api/v1/rules", a.rules)
	get("/api/v1/alerts", a.alerts)
	get("/api/v1/status/buildinfo", a.buildInfo)
	get("/api/v1/status/runtimeinfo", a.runtimeInfo)
	mux.HandleFunc("/api/v1/", func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, &failure{kind: notFound, message: "there is no " + r.Method + " " + r.URL.Path})
	})
	mux.HandleFunc("GET /metrics", a.exposition)
	return mux
}

func (a *api) buildInfo(*http.Request) (any, *notes, error) {
	return map[string]string{
		"version": promVersion, "revision": "banyan " + a.Version, "branch": "banyan", "buildUser": "", "buildDate": "",
		"goVersion": runtime.Version(),
	}, nil, nil
}

func (a *api) runtimeInfo(*http.Request) (any, *notes, error) {
	return map[string]any{
		"startTime": a.started.UTC(), "reloadConfigSuccess": true, "lastConfigTime": a.started.UTC(), "corruptionCount": 0,
		"goroutineCount": runtime.NumGoroutine(), "GOMAXPROCS": runtime.GOMAXPROCS(0), "GOMEMLIMIT": 0, "GOGC": "", "GODEBUG": "",
		"storageRetention": "",
	}, nil, nil
}
