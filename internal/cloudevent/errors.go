package cloudevent

import (
	"fmt"
	"strings"
)

// Kind is what a sender has to change.
type Kind int

// The kinds of errors.
const (
	Invalid       Kind = iota // it is not CloudEvents 1.0
	MediaType                 // the Content-Type is that of none of the modes
	EventTooLarge             // an event's data or attributes
	BatchTooLarge             // the number of events, or the bytes of all
)

// Error says what is wrong with a request or an event, and where.
type Error struct {
	Kind Kind
	// Index of the event in its batch, from 0; -1: it is not about one event of a batch.
	Index int
	// Attr is the attribute, "data", "data_base64", or empty.
	Attr    string
	Problem string
}

// Error returns, for example, `event 3 of the batch: attribute "source": must not
// be empty`. Events are counted from 0, as in Index.
func (e *Error) Error() string {
	var b strings.Builder
	if e.Index >= 0 {
		fmt.Fprintf(&b, "event %d of the batch: ", e.Index)
	}
	switch e.Attr {
	case "":
	case data, dataBase64:
		b.WriteString(e.Attr + ": ")
	default:
		fmt.Fprintf(&b, "attribute %q: ", e.Attr)
	}
	b.WriteString(e.Problem)
	return b.String()
}

func newError(kind Kind, attr, format string, args ...any) *Error {
	return &Error{Kind: kind, Index: -1, Attr: attr, Problem: fmt.Sprintf(format, args...)}
}

// invalid is the kind that nearly all rules end in.
func invalid(attr, format string, args ...any) *Error {
	return newError(Invalid, attr, format, args...)
}
