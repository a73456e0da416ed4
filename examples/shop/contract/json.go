package contract

import (
	"encoding/json"
	"errors"
	"net/http"
)

// maxBody bounds what a service reads of a request, in bytes.
const maxBody = 1 << 20

// List is a page of things. Next is the cursor of the page after it, absent on the last one.
type List[T any] struct {
	Items []T    `json:"items"`
	Next  string `json:"next,omitempty"`
}

// ListOf makes a list whose items are [] in JSON, never null.
func ListOf[T any](items []T) List[T] {
	if items == nil {
		items = []T{}
	}
	return List[T]{Items: items}
}

// ReadJSON decodes the request's body into v. Unknown fields are ignored, so that a caller may be newer than the service.
func ReadJSON(w http.ResponseWriter, r *http.Request, v any) error {
	err := json.NewDecoder(http.MaxBytesReader(w, r.Body, maxBody)).Decode(v)
	if _, tooLarge := errors.AsType[*http.MaxBytesError](err); tooLarge {
		return NewProblem(http.StatusRequestEntityTooLarge, "body-too-large", "The body is larger than 1 MiB.")
	}
	if err != nil {
		return NewProblem(http.StatusBadRequest, "bad-json", "The body is not the JSON that is expected here: "+err.Error())
	}
	return nil
}

// WriteJSON answers with v.
func WriteJSON(w http.ResponseWriter, status int, v any) error {
	body, err := json.Marshal(v)
	if err != nil {
		return err
	}
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_, _ = w.Write(append(body, '\n')) // a caller that went away needs no answer
	return nil
}
