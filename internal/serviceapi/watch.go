package serviceapi

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
)

// watchSaga answers GET /v1/sagas/{id}/events with server-sent events: the saga as
// it is, and as it is after each change, until it has ended. A client that has seen
// the end and comes again, as browsers do, is answered 204.
func (h *handler) watchSaga(w http.ResponseWriter, r *http.Request, caller string) error {
	id := r.PathValue("saga")
	sagas, err := h.sagas()
	if err != nil {
		return about(id, err)
	}
	ctx, cancel := context.WithCancel(r.Context())
	defer cancel()
	go func() { // ended by cancel
		select {
		case <-h.ending:
			cancel()
		case <-ctx.Done():
		}
	}()
	seen, begun := r.Header.Get("Last-Event-ID"), false
	for saga, err := range sagas.Watch(ctx, caller, id) {
		version := strconv.FormatUint(saga.Version, 10)
		switch {
		case err != nil && begun:
			return nil // the client sees the stream end, and comes again
		case err != nil:
			return about(id, err)
		case version == seen && saga.Ended:
			w.WriteHeader(http.StatusNoContent)
			return nil
		case version == seen:
			continue
		}
		if !begun {
			w.Header().Set("Content-Type", "text/event-stream")
			w.Header().Set("Cache-Control", "no-store")
			begun = true
		}
		data, _ := json.Marshal(saga) // it holds JSON that is valid: cannot fail
		if _, err := fmt.Fprintf(w, "id: %s\nevent: saga\ndata: %s\n\n", version, data); err != nil {
			return nil // the client is gone
		}
		if err := http.NewResponseController(w).Flush(); err != nil {
			return nil
		}
	}
	return nil
}
