package audit

import (
	"bytes"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
)

// Posts returns a handler that records the POST requests to another as calls of a
// procedure, as Recorder does: by their name parameter, and what was answered.
func Posts(l *Log, procedure string, log *slog.Logger, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodPost {
			next.ServeHTTP(w, r)
			return
		}
		who := actorOf(r.Context())
		end, err := l.Begin(Action{Who: who.Who, Role: who.Role, From: who.From, Procedure: procedure, What: r.URL.Query().Get("name")})
		if err != nil {
			log.ErrorContext(r.Context(), "an action is not recorded", "procedure", procedure, "who", who.Who, "error", err)
		}
		answer := &answered{ResponseWriter: w, status: http.StatusOK}
		next.ServeHTTP(answer, r)
		if unsaved := end(answer.result()); unsaved != nil {
			log.ErrorContext(r.Context(), "an action's result is not recorded", "procedure", procedure, "who", who.Who, "error", unsaved)
		}
	})
}

// answered remembers how an answer begins.
type answered struct {
	http.ResponseWriter

	status int
	body   bytes.Buffer
}

const mostResult = 4 << 10

func (a *answered) WriteHeader(status int) {
	a.status = status
	a.ResponseWriter.WriteHeader(status)
}

func (a *answered) Write(b []byte) (int, error) {
	a.body.Write(b[:min(len(b), mostResult-min(a.body.Len(), mostResult))])
	return a.ResponseWriter.Write(b)
}

func (a *answered) result() string {
	if a.status < http.StatusBadRequest {
		return "ok"
	}
	var said struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	}
	if json.Unmarshal(a.body.Bytes(), &said) != nil || said.Code == "" {
		return fmt.Sprintf("status %d", a.status)
	}
	return said.Code + ": " + said.Message
}
