package serviceapi

import (
	"fmt"
	"log/slog"
	"maps"
	"net/http"
	"runtime/debug"
	"slices"
	"strings"

	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
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
	// ending ends streams, which would otherwise be what the end waits for.
	ending <-chan struct{}
}

func newHandler(c Config) *handler {
	h := &handler{Config: c, mux: http.NewServeMux()}
	if h.Authentic == nil {
		h.Authentic = func(string, string) bool { return false }
	}
	h.handle("/v1/topics/{topic}", calls{http.MethodPost: h.publish})
	h.handle("/v1/sagas", calls{http.MethodGet: h.listSagas})
	h.handle("/v1/sagas/{saga}", calls{http.MethodGet: h.getSaga, http.MethodPost: h.postSaga})
	h.handle("/v1/sagas/{saga}/events", calls{http.MethodGet: h.watchSaga})
	h.handle("/v1/sagas/{saga}/steps/{step}", calls{http.MethodPost: h.answerStep})
	h.takeTelemetry()
	h.mux.Handle(banyanv1connect.NewBusServiceHandler(busService{h}, h.rpcOptions()...))
	h.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		answer(w, r, &Problem{Code: NoRoute, Detail: fmt.Sprintf("Banyan has nothing at %s", r.URL.Path)})
	})
	return h
}

// call answers a request of caller; what it returns is answered for it.
type call func(w http.ResponseWriter, r *http.Request, caller string) error

// calls are those of a path, by method.
type calls map[string]call

func (h *handler) handle(path string, all calls) {
	for method, c := range all {
		h.mux.HandleFunc(method+" "+path, func(w http.ResponseWriter, r *http.Request) {
			caller, err := h.identify(r.Header)
			if err == nil {
				err = c(w, r, caller)
			}
			if err != nil {
				h.refuse(w, r, err)
			}
		})
	}
	methods := strings.Join(slices.Sorted(maps.Keys(all)), ", ")
	h.mux.HandleFunc(path, func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Allow", methods)
		answer(w, r, &Problem{Code: MethodNotOK, Detail: fmt.Sprintf("%s takes %s", r.URL.Path, methods)})
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
// the field on each request, in place of what the client sent. Nobody has to send a
// token, but one that is sent must be right.
func (h *handler) identify(header http.Header) (string, error) {
	names := header.Values(callerHeader)
	if len(names) != 1 || names[0] == "" || names[0] == platform {
		return "", &Problem{Code: CallerUnknown, Detail: "requests come from services, by the address in their $BANYAN_URL"}
	}
	for _, sent := range header.Values("Authorization") {
		scheme, token, _ := strings.Cut(sent, " ")
		if !strings.EqualFold(scheme, "Bearer") || !h.Authentic(names[0], strings.TrimSpace(token)) {
			return "", &Problem{
				Code: TokenInvalid, Detail: "the header Authorization is not what service " + names[0] + " would send; send Bearer $BANYAN_TOKEN, or leave it out",
			}
		}
	}
	return names[0], nil
}
