package definition

import "encoding/json"

// Failure is why a saga is being undone: the variable error of undos.
type Failure struct {
	// Step that failed. Empty: it was none.
	Step string      `json:"step"`
	Kind FailureKind `json:"kind"`
	// Message is for people.
	Message string `json:"message"`
	// Status and Body are those of the step's last answer; 0 and null: there was none.
	Status int             `json:"status"`
	Body   json.RawMessage `json:"body"`
}

// FailureKind is in what way a saga failed.
type FailureKind string

// A saga fails in one of these ways.
const (
	Aborted   FailureKind = "aborted"   // the step refused
	Unknown   FailureKind = "unknown"   // the step's outcome stayed unknown
	Away      FailureKind = "away"      // nobody was there to take the step
	TimedOut  FailureKind = "timeout"   // of the saga, or of a wait
	Cancelled FailureKind = "cancelled" // by a service, a person, or the saga that runs it
)

// failureBodyMost bounds what is kept of an answer for undos, in bytes.
const failureBodyMost = 16 << 10

// ShortBody is an answer as Failure keeps it: null if it is too long, or no JSON.
func ShortBody(body json.RawMessage) json.RawMessage {
	if len(body) > failureBodyMost || !json.Valid(body) {
		return nil
	}
	return body
}
