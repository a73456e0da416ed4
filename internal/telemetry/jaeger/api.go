package jaeger

import (
	"cmp"
	"context"
	"log/slog"
	"net/http"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Traces is what is asked for traces. Its errors are fault.Errors.
type Traces interface {
	// Services returns the names of services that have spans.
	Services(ctx context.Context) ([]string, error)
	// Operations returns what the spans of a service are called, with their kinds.
	Operations(ctx context.Context, service string) ([]Operation, error)
	// Search returns the newest traces that have a span that a filter takes.
	Search(ctx context.Context, q Query) ([]signal.TraceID, error)
	// Trace returns a trace's spans, the earliest first; cut: there are more.
	Trace(ctx context.Context, id signal.TraceID) (spans []signal.Span, cut bool, err error)
	// Calls returns who called whom how often.
	Calls(ctx context.Context, from, to time.Time) ([]Call, error)
}

// Operation is a name that spans have.
type Operation struct {
	Name string
	Kind signal.Kind
}

// Query asks for traces.
type Query struct {
	Filter   string // of spans, in Banyan's language
	From, To time.Time
	Limit    int
}

// Call is how often one service called another.
type Call struct {
	Parent, Child string
	Count         uint64
}

// Options of a handler.
type Options struct {
	Traces Traces
	// Now tells the time. Nil: time.Now.
	Now func() time.Time
	// Log may be nil.
	Log *slog.Logger
}

// api answers requests.
type api struct{ Options }

// New returns a handler of /api/….
func New(o Options) http.Handler {
	if o.Now == nil {
		o.Now = time.Now
	}
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	a := &api{o}
	mux := http.NewServeMux()
	get := func(path string, answer func(*http.Request) (any, int, error)) {
		mux.HandleFunc("GET "+path, func(w http.ResponseWriter, r *http.Request) {
			data, total, err := answer(r)
			if err != nil {
				a.fail(w, r, err)
				return
			}
			a.answer(w, r, data, total)
		})
	}
	get("/api/services", a.services)
	get("/api/services/{service}/operations", a.operationNames)
	get("/api/operations", a.operations)
	get("/api/dependencies", a.dependencies)
	mux.HandleFunc("GET /api/traces", a.search)
	mux.HandleFunc("GET /api/traces/{id}", a.trace)
	mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		a.fail(w, r, &failure{status: http.StatusNotFound, message: "there is no " + r.Method + " " + r.URL.Path})
	})
	return mux
}

func (a *api) services(r *http.Request) (any, int, error) {
	names, err := a.Traces.Services(r.Context())
	return append([]string{}, names...), len(names), err
}

// operationNames answers what older clients ask: names without kinds.
func (a *api) operationNames(r *http.Request) (any, int, error) {
	all, err := a.Traces.Operations(r.Context(), r.PathValue("service"))
	names := make([]string, 0, len(all))
	for _, o := range all {
		names = append(names, o.Name)
	}
	slices.Sort(names)
	names = slices.Compact(names)
	return names, len(names), err
}

func (a *api) operations(r *http.Request) (any, int, error) {
	type operation struct {
		Name string `json:"name"`
		Kind string `json:"spanKind"`
	}
	service, kind := r.FormValue("service"), r.FormValue("spanKind")
	if service == "" {
		return nil, 0, wrong("service", errMissing)
	}
	all, err := a.Traces.Operations(r.Context(), service)
	found := []operation{}
	for _, o := range all {
		if name := match.KindName(o.Kind); kind == "" || kind == name {
			found = append(found, operation{o.Name, name})
		}
	}
	slices.SortFunc(found, func(a, b operation) int { return cmp.Or(cmp.Compare(a.Name, b.Name), cmp.Compare(a.Kind, b.Kind)) })
	return found, len(found), err
}

// lookback is how far a question reaches back that does not say.
const lookback = 24 * time.Hour

func (a *api) dependencies(r *http.Request) (any, int, error) {
	type link struct {
		Parent string `json:"parent"`
		Child  string `json:"child"`
		Count  uint64 `json:"callCount"`
	}
	to, err := timeParam(r, "endTs", time.Millisecond, a.Now())
	if err != nil {
		return nil, 0, err
	}
	back, err := numberParam(r, "lookback", lookback.Milliseconds())
	if err != nil {
		return nil, 0, err
	}
	of := r.FormValue("service")
	calls, err := a.Traces.Calls(r.Context(), to.Add(-time.Duration(back)*time.Millisecond), to)
	links := []link{}
	for _, c := range calls {
		if c.Count > 0 && (of == "" || of == c.Parent || of == c.Child) {
			links = append(links, link(c))
		}
	}
	slices.SortFunc(links, func(a, b link) int { return cmp.Or(cmp.Compare(a.Parent, b.Parent), cmp.Compare(a.Child, b.Child)) })
	return links, len(links), err
}
