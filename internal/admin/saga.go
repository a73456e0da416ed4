package admin

import (
	"context"
	"encoding/json"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// Sagas is what the API needs of the app's sagas. Its methods are safe for
// concurrent use; their errors are fault.Errors, which for a saga that is not there
// name what is.
type Sagas interface {
	// List returns a page of sagas, the newest first, and the cursor of the next; empty: there is none.
	List(ctx context.Context, f SagaFilter) ([]Saga, string, error)
	// Get returns a saga with its input and steps.
	Get(ctx context.Context, id string) (Saga, error)
	// Timeline returns what happened in a saga, the oldest first, and how much that is
	// older is left out.
	Timeline(ctx context.Context, id string) ([]SagaEntry, int, error)
	// Start returns when a saga is durable. Key "" starts a new one each time.
	Start(ctx context.Context, name, key string, input json.RawMessage) (StartedSaga, error)
	// Steer makes a saga go on, or back, and returns it as it is then. Step "" is the
	// one that needs attention.
	Steer(ctx context.Context, id string, action banyanv1.SagaAction, step, reason string) (Saga, error)
}

// SagaFilter says which sagas are listed.
type SagaFilter struct {
	Name   string             // "": all
	State  banyanv1.SagaState // 0: all
	Cursor string             // "": the newest first
	Limit  int                // 1–1,000
}

// StartedSaga is a saga that was started, now or with the same key before.
type StartedSaga struct {
	ID    string
	Known bool
}

// Saga is how a saga is.
type Saga struct {
	ID, Name          string
	State             banyanv1.SagaState
	Reason            string
	Created, Updated  time.Time
	Deadline, Due     time.Time // zero: not known, or not to come
	StartedBy, Parent string
	Definition        string
	Input             json.RawMessage
	Steps             []SagaStep
}

// SagaStep is how a step of a saga is.
type SagaStep struct {
	Name, Phase string
	Attempts    int
	Output      json.RawMessage
	Error       string
	Due         time.Time
	Attention   bool
	Child       string // the id of the saga that it runs
}

// SagaEntry is something that happened in a saga.
type SagaEntry struct {
	N        int64
	Time     time.Time
	Step, Op string
	Attempt  int
	Request  string
	Took     time.Duration
	Status   int
	Outcome  string
	Body     []byte
	Text     string
}
