package serviceapi

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Bounds of requests about sagas.
const (
	maxInput = 1 << 20 // of a body
	maxKey   = 255     // of Idempotency-Key, in bytes
	maxPage  = 1000
	page     = 100 // where the request does not say
)

// Fields of requests about sagas.
const (
	keyHeader     = "Idempotency-Key"
	outcomeHeader = "Banyan-Outcome"
)

// abort is the outcome by which a service says no.
const abort = "abort"

const sagasPath = "/v1/sagas/"

// sagas returns the app's sagas.
func (h *handler) sagas() (Sagas, error) {
	if h.Sagas == nil {
		return nil, &Problem{Code: SagasAbsent, Detail: "this daemon runs no sagas", RetryAfter: time.Second}
	}
	return h.Sagas, nil
}

// about returns err as an answer about a saga.
func about(saga string, err error) error {
	if err == nil {
		return nil
	}
	p := *problemOf(err)
	if p.Code == Internal {
		return err
	}
	p.Saga = saga
	return &p
}

// postSaga answers POST /v1/sagas/{name} and POST /v1/sagas/{id}:{action}.
func (h *handler) postSaga(w http.ResponseWriter, r *http.Request, caller string) error {
	target := r.PathValue("saga")
	if id, action, ok := strings.Cut(target, ":"); ok {
		return about(id, h.steerSaga(w, r, caller, id, Action(action)))
	}
	return about(target, h.startSaga(w, r, caller, target))
}

// startSaga answers 201, or 200 if the key is known.
func (h *handler) startSaga(w http.ResponseWriter, r *http.Request, caller, name string) error {
	sagas, err := h.sagas()
	if err != nil {
		return err
	}
	key := r.Header.Get(keyHeader)
	if err := checkKey(key); err != nil {
		return err
	}
	input, err := readJSON(w, r)
	if err != nil {
		return err
	}
	if input == nil {
		input = json.RawMessage("null")
	}
	started, err := sagas.Start(r.Context(), caller, name, key, r.Header.Get("Traceparent"), input)
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if started.Known {
		status = http.StatusOK
	}
	w.Header().Set("Location", sagasPath+started.ID)
	send(w, "application/json", status, struct {
		ID    string `json:"id"`
		Name  string `json:"name"`
		State string `json:"state"`
	}{started.ID, name, started.State})
	return nil
}

// checkKey refuses what is no idempotency key.
func checkKey(key string) error {
	const example = "an order's number, for example, so that the same saga is started once however often the request is sent"
	switch {
	case key == "":
		return &Problem{Code: KeyMissing, Detail: "send the header " + keyHeader + " with a name of your own for what you start: " + example}
	case len(key) > maxKey:
		return &Problem{Code: KeyMissing, Detail: fmt.Sprintf("the header %s has %d bytes; at most %d are taken", keyHeader, len(key), maxKey)}
	case strings.ContainsFunc(key, func(c rune) bool { return c < ' ' || c > '~' }):
		return &Problem{Code: KeyMissing, Detail: "the header " + keyHeader + " has characters that are not printable ASCII"}
	}
	return nil
}

// readJSON reads a body of JSON, whatever its type is said to be; nil: there is none.
func readJSON(w http.ResponseWriter, r *http.Request) (json.RawMessage, error) {
	body, err := io.ReadAll(http.MaxBytesReader(w, r.Body, maxInput+1)) // to its bound, so that the answer is read
	switch {
	case len(body) > maxInput || isTooLarge(err):
		return nil, &Problem{Code: InputTooLarge, Detail: fmt.Sprintf("the body has more than %d bytes; send a reference to what is large", maxInput)}
	case err != nil:
		return nil, &Problem{Code: BodyBroken, Detail: err.Error()}
	case strings.TrimSpace(string(body)) == "":
		return nil, nil
	case !json.Valid(body) || !utf8.Valid(body):
		return nil, &Problem{Code: SagaInvalid, Detail: "the body is not JSON: " + whyNotJSON(body)}
	}
	return body, nil
}

// steerSaga answers POST /v1/sagas/{id}:{action}.
func (h *handler) steerSaga(w http.ResponseWriter, r *http.Request, caller, id string, action Action) error {
	actions := []Action{Cancel, Retry, Skip, Compensate}
	if !slices.Contains(actions, action) {
		return &Problem{Code: NoRoute, Detail: fmt.Sprintf("a saga cannot be told %.40q; write :cancel, :retry, :skip or :compensate behind its id", string(action))}
	}
	sagas, err := h.sagas()
	if err != nil {
		return err
	}
	body, err := readJSON(w, r)
	if err != nil {
		return err
	}
	var s Steering
	if body != nil {
		if err := strict(body, &s); err != nil {
			return &Problem{Code: SagaInvalid, Detail: err.Error() + `; the body may be {"step": "NAME"} or, to cancel, {"reason": "WHY"}`}
		}
	}
	s.Action = action
	saga, err := sagas.Steer(r.Context(), caller, id, s)
	if err == nil {
		send(w, "application/json", http.StatusOK, saga)
	}
	return err
}

// getSaga answers GET /v1/sagas/{id}.
func (h *handler) getSaga(w http.ResponseWriter, r *http.Request, caller string) error {
	id := r.PathValue("saga")
	sagas, err := h.sagas()
	if err != nil {
		return about(id, err)
	}
	saga, err := sagas.Get(r.Context(), caller, id)
	if err == nil {
		send(w, "application/json", http.StatusOK, saga)
	}
	return about(id, err)
}

// listSagas answers GET /v1/sagas.
func (h *handler) listSagas(w http.ResponseWriter, r *http.Request, caller string) error {
	sagas, err := h.sagas()
	if err != nil {
		return err
	}
	f, err := filterOf(r)
	if err != nil {
		return err
	}
	list, next, err := sagas.List(r.Context(), caller, f)
	if err != nil {
		return err
	}
	if list == nil {
		list = []Saga{}
	}
	send(w, "application/json", http.StatusOK, struct {
		Sagas  []Saga `json:"sagas"`
		Cursor string `json:"cursor,omitempty"`
	}{list, next})
	return nil
}

func filterOf(r *http.Request) (SagaFilter, error) {
	f := SagaFilter{Limit: page}
	for name, values := range r.URL.Query() {
		value := values[0]
		switch name {
		case "name":
			f.Name = value
		case "state":
			f.State = value
		case "cursor":
			f.Cursor = value
		case "limit":
			n, err := strconv.Atoi(value)
			if err != nil || n < 1 || n > maxPage {
				return f, &Problem{Code: SagaInvalid, Detail: fmt.Sprintf("limit is %.40q; it is a number from 1 to %d", value, maxPage)}
			}
			f.Limit = n
		default:
			return f, &Problem{Code: SagaInvalid, Detail: fmt.Sprintf("there is no filter %.40q; there are name, state, cursor and limit", name)}
		}
	}
	return f, nil
}

// answerStep answers POST /v1/sagas/{id}/steps/{step}, by which a service says how
// a step ended that it answered 202.
func (h *handler) answerStep(w http.ResponseWriter, r *http.Request, caller string) error {
	id, step := r.PathValue("saga"), r.PathValue("step")
	sagas, err := h.sagas()
	if err != nil {
		return about(id, err)
	}
	a := Answer{Step: step}
	if a.Undo, err = operation(r.Header.Get(keyHeader), id, step); err != nil {
		return about(id, err)
	}
	switch outcome := r.Header.Get(outcomeHeader); outcome {
	case "", "done":
	case abort:
		a.Aborted = true
	default:
		return about(id, &Problem{Code: SagaInvalid, Detail: fmt.Sprintf("the header %s is %.40q; it is abort, or left out where the step is done", outcomeHeader, outcome)})
	}
	if a.Body, err = readJSON(w, r); err != nil {
		return about(id, err)
	}
	if err := sagas.Answer(r.Context(), caller, id, a); err != nil {
		return about(id, err)
	}
	w.WriteHeader(http.StatusNoContent)
	return nil
}

// operation reports whether the key that came with a call was an undo's. Without
// a key it is the step itself that ended.
func operation(key, id, step string) (undo bool, err error) {
	switch key {
	case "", id + "/" + step + "/do":
		return false, nil
	case id + "/" + step + "/undo":
		return true, nil
	}
	return false, &Problem{Code: SagaInvalid, Detail: fmt.Sprintf("the header %s is %.100q; it is that of the call: %s/%s/do or …/undo", keyHeader, key, id, step)}
}
