package contract

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
)

// Problem is an error as the shop's services tell it to their callers (RFC 9457). Code says what happened in a word that
// programs can rely on; Detail says it to people.
type Problem struct {
	Type     string   `json:"type"`
	Title    string   `json:"title"`
	Status   int      `json:"status"`
	Detail   string   `json:"detail,omitempty"`
	Instance string   `json:"instance,omitempty"`
	Code     string   `json:"code,omitempty"`
	Products []string `json:"products,omitempty"` // the products that it is about
}

// NewProblem makes a problem of the plain type, whose title is the status text.
func NewProblem(status int, code, detail string) *Problem {
	return &Problem{Type: "about:blank", Title: http.StatusText(status), Status: status, Code: code, Detail: detail}
}

// Invalid is the problem of a request that is well formed and still wrong.
func Invalid(detail string) *Problem {
	return NewProblem(http.StatusUnprocessableEntity, "invalid", detail)
}

// NotFound is the problem of a thing that is not there.
func NotFound(what, id string) *Problem {
	return NewProblem(http.StatusNotFound, what+"-not-found", fmt.Sprintf("There is no %s %q.", what, id))
}

// No is the problem of a step of a saga that says no, having done nothing: the saga is undone, and the step not asked again.
func No(w http.ResponseWriter, code, detail string) *Problem {
	w.Header().Set("Banyan-Outcome", "abort")
	return NewProblem(http.StatusConflict, code, detail)
}

func (p *Problem) Error() string { return fmt.Sprintf("%d %s: %s", p.Status, p.Code, p.Detail) }

// Handler is an HTTP handler that may fail. A *Problem is answered as it is; any other error is the service's own fault: the
// caller gets a bare 500 and the access record tells the rest.
type Handler func(http.ResponseWriter, *http.Request) error

func (h Handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	err := h(w, r)
	if err == nil {
		return
	}
	problem, ok := errors.AsType[*Problem](err)
	if !ok {
		problem = NewProblem(http.StatusInternalServerError, "internal", "The service failed; its log says why.")
	}
	noteError(r.Context(), err)
	writeProblem(w, problem)
}

func writeProblem(w http.ResponseWriter, p *Problem) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p) // a caller that went away needs no answer
}

// problems makes the answers of mux's own (404, 405) problems too.
func problems(mux *http.ServeMux) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if handler, pattern := mux.Handler(r); pattern == "" {
			w = &problemWriter{ResponseWriter: w}
			handler.ServeHTTP(w, r)
			return
		}
		mux.ServeHTTP(w, r)
	})
}

// problemWriter writes a problem in place of whatever body comes with a status.
type problemWriter struct{ http.ResponseWriter }

func (w *problemWriter) WriteHeader(status int) {
	detail := "There is nothing at this path."
	if status == http.StatusMethodNotAllowed {
		detail = "This path takes " + w.Header().Get("Allow") + "."
	}
	writeProblem(w.ResponseWriter, NewProblem(status, "no-route", detail))
}

func (w *problemWriter) Write(body []byte) (int, error) { return len(body), nil }
