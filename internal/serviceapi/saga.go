package serviceapi

import (
	"context"
	"encoding/json"
	"iter"
	"time"
)

// Sagas runs the app's sagas. service is always the one that asks; it sees those
// only that it may start. Errors that are a *Problem are answered as they say.
type Sagas interface {
	// Start returns when a saga is durable. The same service, name, key and input start
	// one saga once. trace is the request's traceparent, or empty.
	Start(ctx context.Context, service, name, key, trace string, input json.RawMessage) (Started, error)
	// Get returns a saga with its input and steps.
	Get(ctx context.Context, service, id string) (Saga, error)
	// List returns a page of sagas, the newest first, and the cursor of the next page;
	// empty: there is none.
	List(ctx context.Context, service string, f SagaFilter) ([]Saga, string, error)
	// Watch returns a saga as Get does, now and after each change, until it has ended.
	Watch(ctx context.Context, service, id string) iter.Seq2[Saga, error]
	// Steer makes a saga go on, or back, and returns it as it is then.
	Steer(ctx context.Context, service, id string, s Steering) (Saga, error)
	// Answer takes the result of a pending step from the service that was called.
	Answer(ctx context.Context, service, id string, a Answer) error
}

// Started is a saga that was started, now or with the same key before.
type Started struct {
	ID, State string
	Known     bool
}

// Saga is how a saga is.
type Saga struct {
	ID       string          `json:"id"`
	Name     string          `json:"name"`
	State    string          `json:"state"`
	Reason   string          `json:"reason,omitempty"`
	Created  time.Time       `json:"created"`
	Updated  time.Time       `json:"updated"`
	Deadline time.Time       `json:"deadline,omitzero"`
	Input    json.RawMessage `json:"input,omitempty"`
	Steps    []SagaStep      `json:"steps,omitempty"`
	// Ended: nothing will happen any more.
	Ended bool `json:"-"`
	// Version is another after each change.
	Version uint64 `json:"-"`
}

// SagaStep is how a step of a saga is.
type SagaStep struct {
	Name     string          `json:"name"`
	Phase    string          `json:"phase"`
	Attempts int             `json:"attempts,omitempty"`
	Output   json.RawMessage `json:"output,omitempty"`
	Error    string          `json:"error,omitempty"`
	Due      time.Time       `json:"due,omitzero"`
	// Attention: a person must look.
	Attention bool `json:"needs_attention,omitempty"`
	// Child is the id of the saga that it runs.
	Child string `json:"saga,omitempty"`
}

// SagaFilter says which sagas are listed.
type SagaFilter struct {
	Name, State string // "": all
	Cursor      string // "": the newest first
	Limit       int    // 1–maxPage
}

// Action is something to do with a saga.
type Action string

// The actions.
const (
	Cancel     Action = "cancel"     // undo what it did
	Retry      Action = "retry"      // try again what needs attention
	Skip       Action = "skip"       // take what needs attention for done
	Compensate Action = "compensate" // of one that needs attention: undo what it did
)

// Steering is an action and what it is about.
type Steering struct {
	Action Action `json:"-"`
	Step   string `json:"step"`   // of retry and skip; "": the one that needs attention
	Reason string `json:"reason"` // of cancel, for people
}

// Answer is the result of a pending step.
type Answer struct {
	Step    string
	Undo    bool // it is the undo's
	Aborted bool // the service says no
	Body    json.RawMessage
}
