package dash

import (
	"encoding/json"
	"errors"
	"fmt"
	"net/http"
	"strings"

	"github.com/banyanrun/banyan/internal/dash/access"
	"github.com/banyanrun/banyan/internal/dash/audit"
	"github.com/banyanrun/banyan/internal/dash/stream"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
)

// mostBody bounds what a browser may send.
const mostBody = 1 << 20

// The paths below /api/ that are no procedures.
const (
	sessionPath = "/session"
	endPath     = "/session/end"
	streamPath  = "/stream"
	bundlePath  = "/telemetry/bundle"
)

// api answers a visitor's request below /api/.
func (d *door) api(w http.ResponseWriter, r *http.Request, v *visitor) {
	path := "/" + strings.TrimPrefix(r.URL.Path, apiPath)
	if path == bundlePath {
		d.bundle(w, r, v)
		return
	}
	if r.Method == http.MethodPost {
		if t := mediaType(r); t != "application/json" && t != "application/connect+json" || r.Header.Get("Content-Encoding") != "" {
			// No form of another page can send these types without asking first.
			refuse(w, http.StatusUnsupportedMediaType, "invalid_argument", "requests are JSON: Content-Type: application/json")
			return
		}
		r.Body = http.MaxBytesReader(w, r.Body, mostBody)
	}
	get, post := r.Method == http.MethodGet, r.Method == http.MethodPost
	id, isStream := strings.CutPrefix(path, streamPath+"/")
	switch {
	case path == sessionPath && get:
		d.tellSession(w, v)
	case path == endPath && post:
		d.leave(w, r, v)
	case path == streamPath && get:
		d.stream(w, r, v)
	case isStream && post:
		d.changeStream(w, r, v, id)
	case post:
		d.call(w, r, v, path)
	default:
		w.Header().Set("Allow", "POST")
		refuse(w, http.StatusMethodNotAllowed, "unimplemented", "procedures are called by POST")
	}
}

// call calls a procedure that the visitor's role may call. One that was not
// classified is refused, whether there is one of that name or not.
func (d *door) call(w http.ResponseWriter, r *http.Request, v *visitor, procedure string) {
	need := access.NeedOf(procedure)
	if !v.Role.May(need) {
		if need == access.Act {
			d.refuseAct(w, r, v, audit.Short(procedure))
			return
		}
		refuse(w, http.StatusForbidden, "permission_denied", "a browser cannot call that; use the CLI")
		return
	}
	r = r.WithContext(audit.With(r.Context(), v.actor()))
	http.StripPrefix(strings.TrimSuffix(apiPath, "/"), d.mux).ServeHTTP(w, r)
}

func (d *door) tellSession(w http.ResponseWriter, v *visitor) {
	answer(w, http.StatusOK, map[string]any{
		"role": v.Role, "who": v.Who, "app": d.App(), "version": d.Version, "boot": d.Boot, "home": d.site.URL + "/",
		"telemetry": d.RPCs["/"+banyanv1connect.TelemetryServiceName+"/"] != nil,
	})
}

// stream sends events of the kinds that the query names.
func (d *door) stream(w http.ResponseWriter, r *http.Request, v *visitor) {
	kinds := []string{}
	if text := r.URL.Query().Get("kinds"); text != "" {
		kinds = strings.Split(text, ",")
	}
	hello := stream.Hello{App: d.App(), Version: d.Version, Role: string(v.Role)}
	if p, ok := w.(*patient); ok {
		w = p.ResponseWriter // a stream has deadlines of its own
	}
	if err := d.Stream.Serve(w, r, v.id, kinds, hello); err != nil {
		refuseFault(w, err)
	}
}

// changeStream changes what a stream of the visitor sends.
func (d *door) changeStream(w http.ResponseWriter, r *http.Request, v *visitor, id string) {
	var asked struct {
		Kinds []string        `json:"kinds"`
		Logs  json.RawMessage `json:"logs"`
	}
	if err := json.NewDecoder(r.Body).Decode(&asked); err != nil {
		refuse(w, http.StatusBadRequest, "invalid_argument", fmt.Sprintf("the request cannot be read: %v", err))
		return
	}
	c := stream.Change{Kinds: asked.Kinds, SetLogs: len(asked.Logs) > 0}
	if c.SetLogs {
		if err := json.Unmarshal(asked.Logs, &c.Logs); err != nil {
			refuse(w, http.StatusBadRequest, "invalid_argument", fmt.Sprintf("logs cannot be read: %v", err))
			return
		}
	}
	if err := d.Stream.Change(id, v.id, c); err != nil {
		refuseFault(w, err)
		return
	}
	if unknown := d.Stream.Unknown(c.Kinds); unknown != nil {
		answer(w, http.StatusOK, map[string][]string{"unknown": unknown})
		return
	}
	w.WriteHeader(http.StatusNoContent)
}

// refuseFault answers with a fault; those of RPCs are mapped by their handlers.
func refuseFault(w http.ResponseWriter, err error) {
	status, code := http.StatusInternalServerError, "internal"
	if f, ok := errors.AsType[*fault.Error](err); ok {
		switch f.Code {
		case fault.Invalid:
			status, code = http.StatusBadRequest, "invalid_argument"
		case fault.NotFound:
			status, code = http.StatusNotFound, "not_found"
		case fault.Unavailable:
			status, code = http.StatusServiceUnavailable, "unavailable"
		case fault.Conflict, fault.Timeout, fault.Denied, fault.Damaged, fault.Internal:
		}
	}
	refuse(w, status, code, err.Error())
}
