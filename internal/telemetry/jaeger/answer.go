package jaeger

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net/http"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// failure is an error with the status that it is answered with.
type failure struct {
	status  int
	message string
}

func (f *failure) Error() string { return f.message }

// wrong says that a parameter cannot be used.
func wrong(param string, err error) error {
	return &failure{http.StatusBadRequest, fmt.Sprintf("unable to parse param '%s': %v", param, err)}
}

// problem is an error in an answer's list.
type problem struct {
	Code    int    `json:"code,omitempty"`
	Message string `json:"msg"`
	Trace   string `json:"traceID,omitempty"`
}

func problemOf(err error) problem {
	if f, ok := errors.AsType[*failure](err); ok {
		return problem{Code: f.status, Message: f.message}
	}
	status := http.StatusInternalServerError
	switch fault.CodeOf(err) {
	case fault.Invalid:
		status = http.StatusBadRequest
	case fault.NotFound:
		status = http.StatusNotFound
	case fault.Unavailable:
		status = http.StatusServiceUnavailable
	case fault.Timeout:
		status = http.StatusGatewayTimeout
	case fault.Conflict, fault.Denied, fault.Damaged, fault.Internal:
	}
	return problem{Code: status, Message: err.Error()}
}

// envelope is around every answer.
type envelope struct {
	Data   any       `json:"data"`
	Total  int       `json:"total"`
	Limit  int       `json:"limit"`
	Offset int       `json:"offset"`
	Errors []problem `json:"errors"`
}

func (a *api) fail(w http.ResponseWriter, r *http.Request, err error) {
	if errors.Is(err, context.Canceled) {
		return // nobody listens
	}
	p := problemOf(err)
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(p.Code)
	a.sent(r, json.NewEncoder(w).Encode(envelope{Errors: []problem{p}}))
}

func (a *api) answer(w http.ResponseWriter, r *http.Request, data any, total int) {
	w.Header().Set("Content-Type", "application/json")
	a.sent(r, json.NewEncoder(w).Encode(envelope{Data: data, Total: total}))
}

// sent notes that an answer did not get through: the client is gone, usually.
func (a *api) sent(r *http.Request, err error) {
	if err != nil {
		a.Log.Debug("an answer of the Jaeger API was cut short", "path", r.URL.Path, "error", err)
	}
}

// trace answers one trace. The times that clients may send along are for stores
// that need them.
func (a *api) trace(w http.ResponseWriter, r *http.Request) {
	id, ok := signal.ParseTraceID(r.PathValue("id"))
	if !ok {
		a.fail(w, r, wrong("traceID", fmt.Errorf("%q is no id of 1 to 32 hexadecimal digits", r.PathValue("id"))))
		return
	}
	spans, cut, err := a.Traces.Trace(r.Context(), id)
	if err == nil && len(spans) == 0 {
		err = errNotFound
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	a.answer(w, r, []trace{traceOf(spans, cut)}, 1)
}

var errNotFound = &failure{http.StatusNotFound, "trace not found"}

// spansMost bounds the spans in an answer to a search: with full traces, as Jaeger
// answers it, a thousand of them would be more than anybody reads.
const spansMost = 200_000

// search answers the traces that are found, as it reads them: what goes wrong with
// one is told behind the others.
func (a *api) search(w http.ResponseWriter, r *http.Request) {
	if err := r.ParseForm(); err != nil {
		a.fail(w, r, &failure{http.StatusBadRequest, err.Error()})
		return
	}
	asked, err := a.searchOf(r)
	ids := asked.ids
	if err == nil && len(ids) == 0 {
		ids, err = a.Traces.Search(r.Context(), asked.Query)
	}
	if err != nil {
		a.fail(w, r, err)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	list := &traceList{w: w, begin: `{"data":[`}
	for i, id := range ids {
		if list.spans >= spansMost {
			list.errors = append(list.errors, problem{Message: fmt.Sprintf("the answer has %d spans: %d other traces are left out; ask for less with limit", list.spans, len(ids)-i)})
			break
		}
		spans, cut, err := a.Traces.Trace(r.Context(), id)
		switch {
		case r.Context().Err() != nil:
			return
		case err != nil:
			p := problemOf(err)
			p.Trace = id.String()
			list.errors = append(list.errors, p)
		case len(spans) > 0: // its block may have gone since it was found
			list.add(spans, cut)
		case len(asked.ids) > 0:
			list.errors = append(list.errors, problem{Code: errNotFound.status, Message: errNotFound.message, Trace: id.String()})
		}
	}
	a.sent(r, list.end())
}

// traceList writes a list of traces. After an error it writes nothing more.
type traceList struct {
	w      http.ResponseWriter
	begin  string // what stands before the next trace
	total  int
	spans  int
	errors []problem
	err    error
}

func (l *traceList) add(spans []signal.Span, cut bool) {
	data, err := json.Marshal(traceOf(spans, cut))
	if err != nil { // what traceOf makes can always be written
		l.errors = append(l.errors, problem{Code: http.StatusInternalServerError, Message: err.Error()})
		return
	}
	l.write([]byte(l.begin))
	l.write(data)
	l.begin = ","
	l.total++
	l.spans += len(spans)
}

func (l *traceList) end() error {
	if l.total == 0 {
		l.write([]byte(l.begin))
	}
	errs, err := json.Marshal(l.errors)
	if err != nil {
		return err
	}
	l.write(fmt.Appendf(nil, `],"total":%d,"limit":0,"offset":0,"errors":%s}`, l.total, errs))
	return l.err
}

func (l *traceList) write(b []byte) {
	if l.err == nil {
		_, l.err = l.w.Write(b)
	}
}
