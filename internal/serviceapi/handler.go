package serviceapi

import (
	"fmt"
	"log/slog"
	"net/http"
	"runtime/debug"
)

// Header fields beside those of HTTP.
const (
	callerHeader    = "Banyan-Caller"
	errorHeader     = "Banyan-Error"
	requestIDHeader = "X-Request-Id"
)

// platform is our own name among services.
const platform = "banyan"

// handler answers requests.
type handler struct {
	Config

	mux *http.ServeMux
}

func newHandler(c Config) *handler {
	h := &handler{Config: c, mux: http.NewServeMux()}
	h.handle(http.MethodPost, "/v1/topics/{topic}", h.publish)
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, &Problem{Code: NoRoute, Detail: fmt.Sprintf("Banyan has nothing at %s", r.URL.Path)})
	})
	return h
}

// call answers a request of caller; what it returns is answered for it.
type call func(w http.ResponseWriter, r *http.Request, caller string) error

func (h *handler) handle(method, path string, c call) {
	h.mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
		caller, err := identify(r)
		if err == nil {
			err = c(w, r, caller)
		}
		if err != nil {
			h.refuse(w, r, err)
		}
	})
	h.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", method)
		answer(w, r, &Problem{Code: MethodNotOK, Detail: fmt.Sprintf("%s takes %s", r.URL.Path, method)})
	})
}

// ServeHTTP implements http.Handler. A panic is one failed request.
func (h *handler) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	defer func() {
		if p := recover(); p != nil {
			h.Log.Error("panic", "method", r.Method, "path", r.URL.Path, "caller", r.Header.Get(callerHeader), "panic", p, "stack", string(debug.Stack()))
			answer(w, r, &Problem{Code: Internal, Detail: seeLog})
		}
	}()
	h.mux.ServeHTTP(w, r)
}

// refuse answers with an error.
func (h *handler) refuse(w http.ResponseWriter, r *http.Request, err error) {
	p := problemOf(err)
	if p.Code == Internal {
		h.Log.LogAttrs(r.Context(), slog.LevelError, "a service's request failed",
			slog.String("path", r.URL.Path), slog.String("caller", r.Header.Get(callerHeader)), slog.Any("error", err))
	}
	answer(w, r, p)
}

// identify returns who calls. Only the data plane opens the socket, and it sets
// the header on each request, in place of what the client sent.
func identify(r *http.Request) (string, error) {
	names := r.Header.Values(callerHeader)
	if len(names) != 1 || names[0] == "" || names[0] == platform {
		return "", &Problem{Code: CallerUnknown, Detail: "requests come from services, by the address in their $BANYAN_URL"}
	}
	return names[0], nil
}
