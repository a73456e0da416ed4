package machine

import (
	"encoding/json"
	"time"

	"github.com/banyanrun/banyan/internal/saga/definition"
)

// Status of a saga.
type Status string

// Every saga is in one of these.
const (
	// Running: its steps are being done.
	Running Status = "running"
	// Compensating: what its steps did is being undone, in reverse order.
	Compensating Status = "compensating"
	// NeedsAttention: a person must retry, skip or compensate. What can be
	// repeated without harm still is, so it may go on by itself.
	NeedsAttention Status = "needs_attention"
	// Succeeded: all steps are done or skipped. The saga has ended.
	Succeeded Status = "succeeded"
	// Compensated: all that was done is undone. The saga has ended.
	Compensated Status = "compensated"
)

// Ended tells whether nothing happens any more. Only a saga's parent can reopen
// one that succeeded, to have it undone.
func (s Status) Ended() bool { return s == Succeeded || s == Compensated }

// Phase of a step.
type Phase string

// Every step is in one of these.
const (
	// Idle: it was not reached yet.
	Idle Phase = "idle"
	// Called: a request was, or is to be, made; or a sub-saga runs.
	Called Phase = "called"
	// Pending: the service answered that it works on it.
	Pending Phase = "pending"
	// Unknown: the request is repeated at NotBefore, since nobody knows whether
	// it had an effect.
	Unknown Phase = "unknown"
	// Waiting: for an event, or for a time.
	Waiting Phase = "waiting"
	// Done: it has its output.
	Done Phase = "done"
	// Aborted: the service refused.
	Aborted Phase = "aborted"
	// Skipped: by its condition, by a person, or because the saga turned back.
	Skipped Phase = "skipped"
	// Undoing: the opposite request was, or is to be, made.
	Undoing Phase = "undoing"
	// UndoPending: the service answered that it works on the undo.
	UndoPending Phase = "undo_pending"
	// Undone: what it did is taken back.
	Undone Phase = "undone"
)

// Op is which of a step's two requests is meant.
type Op string

// A step has these requests.
const (
	Do   Op = "do"
	Undo Op = "undo"
)

// State is all that is known of a saga. It is kept as JSON; a State that was read
// back behaves like the one that was written. Slices and raw JSON in it are
// shared between states and never changed in place.
type State struct {
	ID     string          `json:"id"`
	Name   string          `json:"name"`
	Digest string          `json:"def"` // of the definition it runs by, to its end
	Input  json.RawMessage `json:"input,omitempty"`
	Status Status          `json:"status"`
	// Reason is why it turned back or needs attention, for people.
	Reason string `json:"reason,omitempty"`
	// Failure is why it turned back, for the expressions of undos.
	Failure *definition.Failure `json:"failure,omitempty"`
	// Back: it is being undone, or is.
	Back bool `json:"back,omitempty"`
	// Cancel is why it is to turn back if a pivot that is under way fails.
	Cancel string `json:"cancel,omitempty"`
	// Late: its deadline has passed after the pivot.
	Late     bool        `json:"late,omitempty"`
	Created  time.Time   `json:"created"`
	Deadline time.Time   `json:"deadline"`
	Ended    time.Time   `json:"ended,omitzero"`
	Parent   *Parent     `json:"parent,omitempty"`
	Steps    []StepState `json:"steps"` // one per leaf step, in the order of the definition
}

// Parent is the saga and the step that a sub-saga is run by.
type Parent struct {
	ID   string `json:"id"`
	Step string `json:"step"`
}

// StepState is where one step is. Attempts, Fails, Since, NotBefore, Busy, Stuck,
// Error and Poll are of the request in its present direction.
type StepState struct {
	Name  string `json:"n"`
	Phase Phase  `json:"p"`
	// Undo is registered: the step may have had an effect that must be taken back
	// if the saga turns back. It is set before the call is made.
	Undo bool `json:"u,omitempty"`
	// Unsure: the outcome of some attempt was never learned.
	Unsure bool `json:"q,omitempty"`
	// Sent: some attempt may have come to the service.
	Sent bool `json:"d,omitempty"`
	// Refused: the service said no, so there may be nothing for the undo to find.
	Refused bool `json:"r,omitempty"`
	// Busy: the call, poll or sub-saga of number Attempts is under way.
	Busy bool `json:"b,omitempty"`
	// Stuck: a person must look. It is still repeated where NotBefore is set.
	Stuck bool `json:"s,omitempty"`
	// Attempts counts calls and polls, from 1.
	Attempts int `json:"a,omitempty"`
	// Fails counts attempts since the last progress; the wait doubles with it.
	Fails int `json:"f,omitempty"`
	// Since is when the outcome began to be unknown.
	Since time.Time `json:"w,omitzero"`
	// NotBefore is when something is due: the next attempt, the next poll, the end
	// of a wait or delay; for what is Busy, when its answer is taken for lost.
	NotBefore time.Time `json:"t,omitzero"`
	// Output is JSON. Empty: null.
	Output json.RawMessage `json:"o,omitempty"`
	// Status is of the last answer over HTTP. 0: none came.
	Status int `json:"h,omitempty"`
	// Error is the last one, for people.
	Error string `json:"e,omitempty"`
	// Poll is where a pending request is asked after. Empty: a callback tells.
	Poll string `json:"l,omitempty"`
	// Child is the id of the sub-saga.
	Child string `json:"c,omitempty"`
	// Wait is what a waiting step waits for.
	Wait *Wait `json:"x,omitempty"`
}

// Wait is an event that a step waits for.
type Wait struct {
	Step  string `json:"-"`
	Topic string `json:"topic"`
	// Since: an event counts if it was accepted at that time or later, also if
	// that was before the wait began.
	Since time.Time `json:"since"`
	// On and Value narrow the events: what expr.Pick takes from the event by On
	// equals Value. Empty On: any event may be the one.
	On    string `json:"on,omitempty"`
	Value string `json:"value,omitempty"`
}

// OutcomeKind is what an answer means.
type OutcomeKind string

// An answer means one of these.
const (
	// OutcomeDone: it had its effect; Body is the response.
	OutcomeDone OutcomeKind = "done"
	// OutcomePending: the service works on it; Location tells where to ask.
	OutcomePending OutcomeKind = "pending"
	// OutcomeAborted: the service refuses, as its business demands.
	OutcomeAborted OutcomeKind = "aborted"
	// OutcomeLater: the service is busy and did not take it. It is repeated after
	// RetryAfter, for as long as the saga may take.
	OutcomeLater OutcomeKind = "later"
	// OutcomeAway: nobody was there to take it. It had no effect, and is repeated
	// for as long as one whose outcome is unknown.
	OutcomeAway OutcomeKind = "away"
	// OutcomeAttention: repeating it would not help.
	OutcomeAttention OutcomeKind = "attention"
	// OutcomeUnknown: nobody knows whether it had an effect.
	OutcomeUnknown OutcomeKind = "unknown"
)

// Outcome of a call or poll.
type Outcome struct {
	Kind   OutcomeKind
	Status int // of HTTP; 0: none came
	// Header are the response's fields by lower-case name, with their first value.
	Header     map[string]string
	Body       json.RawMessage // empty: none, which is null
	RetryAfter time.Duration   // 0: not said
	Location   string          // of OutcomePending
	Error      string          // for people
	Unsent     bool            // it did not come to the service; of OutcomeAway that goes without saying
}

// Event is what happened to a saga: one of the types below.
type Event interface{ event() }

// The events.
type (
	// Answered is the outcome of a Call or Poll. Those of an attempt that is not
	// under way any more change nothing.
	Answered struct {
		Step    string
		Op      Op
		Attempt int
		Outcome Outcome
	}
	// Callback is the outcome that a service reports by itself. Empty Op: that
	// which is under way. Its kind is done, aborted or attention.
	Callback struct {
		Step    string
		Op      Op
		Outcome Outcome
	}
	// Due says that it is time, as State.Due asked for.
	Due struct{}
	// Happened is an event of the topic that Step waits for: CloudEvents as one
	// JSON object. If it is not the one, nothing changes.
	Happened struct {
		Step  string
		Event json.RawMessage
	}
	// ChildEnded says how the sub-saga ID of Step ended.
	ChildEnded struct {
		Step, ID string
		Status   Status
		Output   json.RawMessage // State.Output of the child
		Reason   string
	}
	// Cancel turns a saga back, if it is not past its pivot. ByParent may reopen
	// one that succeeded.
	Cancel struct {
		Reason   string
		ByParent bool
	}
	// Retry makes a step that needs attention try again. Empty Step: all of them.
	Retry struct{ Step string }
	// Skip takes a step that needs attention as done, or as undone.
	Skip struct{ Step string }
	// Compensate turns a saga back that needs attention.
	Compensate struct{ Reason string }
	// Resumed says that all effects may be lost, as after a restart: what is under
	// way is made again.
	Resumed struct{}
)

func (Answered) event()   {}
func (Callback) event()   {}
func (Due) event()        {}
func (Happened) event()   {}
func (ChildEnded) event() {}
func (Cancel) event()     {}
func (Retry) event()      {}
func (Skip) event()       {}
func (Compensate) event() {}
func (Resumed) event()    {}

// Effect is what is to be done after the State is stored, in the order given:
// one of the types below.
type Effect interface{ effect() }

// The effects.
type (
	// Call is a request of a step. It ends in Answered with the same Step, Op and
	// Attempt.
	Call struct {
		Step    string
		Op      Op
		Attempt int
		Key     string // the same for all attempts: <saga>/<step>/<op>
		Request Request
		Timeout time.Duration
		// Deadline is when the saga gives up; zero: never.
		Deadline time.Time
	}
	// Poll asks after a pending request. It ends in Answered too.
	Poll struct {
		Step    string
		Op      Op
		Attempt int
		Key     string
		Service string
		URL     string // as the service gave it: a path, or an address of that service
		Timeout time.Duration
	}
	// StartChild starts the saga Name with the given ID. If there is one it stays
	// as it is; if that has ended, ChildEnded tells so again.
	StartChild struct {
		Step, Name, ID string
		Input          json.RawMessage
	}
	// CancelChild is Cancel by the parent. If the child has ended, and Cancel
	// changes nothing, or there is none (which counts as compensated), ChildEnded
	// tells so.
	CancelChild struct{ Step, ID, Reason string }
	// Report is ChildEnded for the parent.
	Report struct {
		Parent Parent
		Ended  ChildEnded
	}
	// Log is a line of the saga's timeline.
	Log struct {
		Step    string // empty: of the saga as a whole
		Op      Op
		Attempt int
		What    string // the outcome's kind, or such as started, cancelled, skipped
		Status  int    // of HTTP; 0: none
		Text    string
		Body    json.RawMessage
	}
)

// Request of a step.
type Request = definition.Request

func (Call) effect()        {}
func (Poll) effect()        {}
func (StartChild) effect()  {}
func (CancelChild) effect() {}
func (Report) effect()      {}
func (Log) effect()         {}
