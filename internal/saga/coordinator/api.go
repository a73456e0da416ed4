package coordinator

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

// What callers tell apart by errors.Is, beside machine.ErrState: what is asked
// does not fit the saga's state. All come with a fault.Error that says more.
var (
	// ErrNoSaga: there is no saga with that id, or none of that name can be started.
	ErrNoSaga = errors.New("there is no such saga")
	// ErrRefused: the service is not among those that may start and steer the
	// saga, or that may report a step's outcome.
	ErrRefused = errors.New("the service may not do that with this saga")
	// ErrKeyMissing: a service starts a saga without an idempotency key.
	ErrKeyMissing = errors.New("the idempotency key is missing")
	// ErrKeyReused: the service has started another saga, or one with another
	// input, with the same idempotency key.
	ErrKeyReused = errors.New("the idempotency key belongs to another start")
	// ErrInput: the input does not fit the saga's schema.
	ErrInput = errors.New("the input is refused")
	// ErrEnded: the outcome comes after the saga has ended.
	ErrEnded = errors.New("the saga has ended")
	// ErrBusy: too many calls of the API wait already, or the coordinator is not
	// running, as while another has the store. Try again in a second.
	ErrBusy = errors.New("the coordinator is not ready")
)

// Started is what Start made.
type Started struct {
	ID     string
	Status machine.Status
	New    bool // false: it was started before with the same key
}

// Saga is what is known of one.
type Saga struct {
	ID, Name string
	Status   machine.Status
	// By is the service that started it. Empty: a person, or its parent.
	By string
	// Parent is the saga that it is a step of. Empty: none.
	Parent           string
	Created, Updated time.Time
	// Version rises with each change.
	Version int64
	// Stopped says why nothing is done for it any more, though it has not ended: a
	// damaged row, a defect. Nil: it is not stopped.
	Stopped error
	// State is nil in lists, and where the stored one cannot be read.
	State *machine.State
	// Place is for Filter.Before.
	Place int64
}

// Entry is a line of a saga's timeline.
type Entry struct {
	At      time.Time `json:"at"`
	Version int64     `json:"version"` // of the saga that it is a part of
	// Step is empty for the saga as a whole, and Op then too.
	Step    string     `json:"step,omitempty"`
	Op      machine.Op `json:"op,omitempty"`
	Attempt int        `json:"attempt,omitempty"`
	// What happened: called or polled for a request that is made, an outcome's kind
	// for its answer, and others as package machine says.
	What   string `json:"what"`
	Status int    `json:"status,omitempty"` // of an answer by HTTP
	Text   string `json:"text,omitempty"`   // for people; for a request its method, service and path
	// Body is of the request or of the answer, cut off after 4 KiB: then it is a JSON string.
	Body json.RawMessage `json:"body,omitempty"`
}

// Filter of a list. The newest saga comes first.
type Filter struct {
	// By lists what that service may steer. Empty: all.
	By string
	// Name and Statuses of the sagas. Empty: all.
	Name     string
	Statuses []machine.Status
	// Parent lists the sub-sagas of one. Empty: all sagas.
	Parent string
	// Before is the Place of the last saga of the page before. Zero: from the newest.
	Before int64
	// Most sagas that are listed, 1–1000. Zero: 100.
	Most int
}

// Start starts a saga as service by; empty: a person, who need not give a key. When
// it returns, the saga is durable. Started again with the same key and input, it
// is the one that was made before. trace is a W3C traceparent, or empty. Errors:
// ErrNoSaga, ErrRefused, ErrKeyMissing, ErrKeyReused, ErrInput, ErrBusy.
func (c *Coordinator) Start(ctx context.Context, by, name, key, trace string, input json.RawMessage) (Started, error) {
	return c.start(ctx, by, name, key, trace, input)
}

// Get returns a saga with its State. by is as with Start. Errors: ErrNoSaga (also
// where by may not see it).
func (c *Coordinator) Get(ctx context.Context, by, id string) (Saga, error) {
	return c.get(ctx, by, id)
}

// List returns sagas without State.
func (c *Coordinator) List(ctx context.Context, f Filter) ([]Saga, error) {
	return c.list(ctx, f)
}

// Count returns how many sagas there are of each status, those that ended and are
// still kept too.
func (c *Coordinator) Count(ctx context.Context) (map[machine.Status]int, error) {
	return c.count(ctx)
}

// Timeline returns what happened to a saga behind a version, at most 1,000
// changes. Errors: ErrNoSaga.
func (c *Coordinator) Timeline(ctx context.Context, by, id string, after int64) ([]Entry, error) {
	return c.timeline(ctx, by, id, after)
}

// Watch calls show with the saga as it is and what happened behind a version, and
// again for each change, of which some may come together, until the saga has
// ended, show returns an error, which is returned, or ctx ends. Errors: ErrNoSaga.
func (c *Coordinator) Watch(ctx context.Context, by, id string, after int64, show func(Saga, []Entry) error) error {
	return c.watch(ctx, by, id, after, show)
}

// Cancel turns a saga back that is not past its pivot. Errors of this and of the
// other three: ErrNoSaga, ErrRefused, machine.ErrState, ErrBusy.
func (c *Coordinator) Cancel(ctx context.Context, by, id, reason string) (Saga, error) {
	return c.steer(ctx, by, id, machine.Cancel{Reason: reason})
}

// Retry repeats a step that needs attention. Empty step: all of them.
func (c *Coordinator) Retry(ctx context.Context, by, id, step string) (Saga, error) {
	return c.steer(ctx, by, id, machine.Retry{Step: step})
}

// Skip takes a step that needs attention as done, or as undone.
func (c *Coordinator) Skip(ctx context.Context, by, id, step string) (Saga, error) {
	return c.steer(ctx, by, id, machine.Skip{Step: step})
}

// Compensate turns a saga back that needs attention.
func (c *Coordinator) Compensate(ctx context.Context, by, id, reason string) (Saga, error) {
	return c.steer(ctx, by, id, machine.Compensate{Reason: reason})
}

// Answer is the outcome that service by reports for a step that it said was
// pending. op is empty for the request that is under way. Errors: ErrNoSaga,
// ErrRefused, ErrEnded, machine.ErrState, ErrBusy.
func (c *Coordinator) Answer(ctx context.Context, by, id, step string, op machine.Op, outcome machine.Outcome) (Saga, error) {
	return c.answer(ctx, by, id, step, op, outcome)
}
