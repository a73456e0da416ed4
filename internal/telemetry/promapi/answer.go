package promapi

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// kind is Prometheus' type of an error, and the status that goes with it.
type kind struct {
	name   string
	status int
}

var (
	badData   = kind{"bad_data", http.StatusBadRequest}
	execution = kind{"execution", http.StatusUnprocessableEntity}
	canceled  = kind{"canceled", 499} // nginx' "client closed request"
	timeout   = kind{"timeout", http.StatusServiceUnavailable}
	internal  = kind{"internal", http.StatusInternalServerError}
	notFound  = kind{"not_found", http.StatusNotFound}
	badMethod = kind{"bad_data", http.StatusMethodNotAllowed}
	closed    = kind{"unavailable", http.StatusServiceUnavailable}
)

// failure is an error that goes to the client.
type failure struct {
	kind    kind
	message string
}

func (f *failure) Error() string { return f.message }

// wrong says that a parameter cannot be used.
func wrong(name string, err error) error {
	return &failure{kind: badData, message: fmt.Sprintf("invalid parameter %q: %v", name, err)}
}

// notes are what is said beside an answer.
type notes struct {
	warnings, infos []string
}

func truncated(more bool) *notes {
	if !more {
		return nil
	}
	return &notes{warnings: []string{"results truncated due to limit"}}
}

// failureOf translates what package metrics says of the PromQL in a parameter.
func failureOf(name string, err error) *failure {
	if f, ok := errors.AsType[*failure](err); ok {
		return f
	}
	if s, ok := errors.AsType[*metrics.SyntaxError](err); ok {
		return &failure{kind: badData, message: fmt.Sprintf("invalid parameter %q: %d:%d: parse error: %s", name, s.Line, s.Column, s.Message)}
	}
	k := internal
	switch {
	case errors.Is(err, context.Canceled):
		k = canceled
	case fault.CodeOf(err) == fault.Timeout:
		k = timeout
	case fault.CodeOf(err) == fault.Invalid:
		k = execution
	case fault.CodeOf(err) == fault.Unavailable:
		k = closed
	}
	return &failure{kind: k, message: err.Error()}
}

// promqlIn is the parameter that holds PromQL.
func promqlIn(r *http.Request) string {
	if r.Form.Has("query") {
		return "query"
	}
	return "match[]"
}

// handler serves an answer, or the error in its place.
func (a *api) handler(answer func(*http.Request) (any, *notes, error)) http.Handler {
	const mostForm = 10 << 20 // queries are long where Grafana lists values
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		r.Body = http.MaxBytesReader(w, r.Body, mostForm)
		if err := r.ParseForm(); err != nil {
			a.fail(w, r, &failure{kind: badData, message: "error parsing form values: " + err.Error()})
			return
		}
		for _, name := range []string{"query", "match[]"} {
			for _, expr := range r.Form[name] {
				if why := unfit(expr); why != "" {
					a.fail(w, r, &failure{kind: badData, message: "invalid parameter \"" + name + "\": " + why})
					return
				}
			}
		}
		data, beside, err := answer(r)
		if err != nil {
			a.fail(w, r, failureOf(promqlIn(r), err))
			return
		}
		w.Header().Set("Content-Type", "application/json")
		out := encoder{w: bufio.NewWriterSize(w, 32<<10)}
		out.raw(`{"status":"success","data":`)
		out.value(data)
		if beside != nil {
			out.texts(`,"warnings":`, beside.warnings)
			out.texts(`,"infos":`, beside.infos)
		}
		out.raw("}")
		a.sent(r, out.end())
	})
}

func (a *api) fail(w http.ResponseWriter, r *http.Request, f *failure) { a.sent(r, f.send(w)) }

// Fail answers a request that cannot be handed to a handler of New, in the form that
// clients of the API read.
func Fail(w http.ResponseWriter, err error) {
	_ = failureOf("", err).send(w) // the client is gone
}

func (f *failure) send(w http.ResponseWriter) error {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(f.kind.status)
	out := encoder{w: bufio.NewWriter(w)}
	out.raw(`{"status":"error","errorType":`)
	out.value(f.kind.name)
	out.raw(`,"error":`)
	out.value(f.message)
	out.raw("}")
	return out.end()
}

// sent notes that an answer did not get through: the client is gone, usually.
func (a *api) sent(r *http.Request, err error) {
	if err != nil {
		a.Log.Debug("an answer of the Prometheus API was cut short", "path", r.URL.Path, "error", err)
	}
}
