package definition

import (
	"encoding/json"
	"time"

	"github.com/banyanrun/banyan/internal/saga/expr"
)

// Kind of a step.
type Kind int

// A step is one of these.
const (
	Call Kind = iota
	Wait
	Delay
	Sub
)

// Definition is a saga that was compiled. It is safe for concurrent use.
type Definition struct {
	Name string
	// Digest identifies the text that it was compiled from.
	Digest string
	// Timeout and Retention are as in the app file.
	Timeout, Retention time.Duration
	// Steps are those that do something, in the order of the file.
	Steps []*Step
	// Pivot is the index of the step that is the point of no return; -1: none.
	Pivot int

	input  *schema
	source []byte
}

// Step is a step that does something; groups are told by Stage.
type Step struct {
	Name string
	// Stage counts from 0. Steps of the same stage are done at the same time.
	Stage int
	Kind  Kind
	// HasUndo: what the step did can, and must, be taken back.
	HasUndo bool
	// Timeout bounds an attempt.
	Timeout time.Duration
	// First, Most and For are as in appfile.StepRetry.
	First, Most, For time.Duration
	// AbsentOK: an undo that is answered by 404 or 410 is done.
	AbsentOK bool
	// Delay, and for a Wait its deadline.
	Delay time.Duration
	// Topic of a Wait.
	Topic string
	// GoOn: a Wait ends well at its deadline.
	GoOn bool
	// Saga that a Sub runs.
	Saga string

	whens    []*expr.Program // all must be true
	do, undo *request
	where    *expr.Program
	on       string
	value    *expr.Program // that where compares on with; nil: none
	input    *expr.Program // of a Sub; nil: the saga's own
	output   *expr.Program // nil: response.body, or event.data
	schema   *schema       // of the output
}

type request struct {
	service, method string
	path            *expr.Template
	body            *expr.Program // nil: none
}

// Request of a step.
type Request struct {
	Service, Method, Path string
	Body                  json.RawMessage // empty: none
}

// Response of a service.
type Response struct {
	Status int               `json:"status"`
	Header map[string]string `json:"headers"` // by lower-case name
	Body   json.RawMessage   `json:"body"`    // empty: null
}

// Scope is what the expressions of a saga see.
type Scope struct {
	ID      string
	Created time.Time
	Input   json.RawMessage
	// Failure is why it is being undone; nil: it is not.
	Failure *Failure
	// Output is that of a step, and false if it has none yet.
	Output func(step string) (json.RawMessage, bool)
}
