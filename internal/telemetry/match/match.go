package match

import "github.com/banyanrun/banyan/internal/telemetry/signal"

// Matcher decides which records are wanted. It may be used by several goroutines.
type Matcher interface {
	Span(*signal.Span) bool
	Log(*signal.Log) bool
	Plan() Plan
}

// Plan is what a store may use instead of asking for every record. The zero Plan
// is always right, and slow.
type Plan struct {
	// Needs hold for every record that matches.
	Needs []Need
	// Exact: every record for which all Needs hold matches, too. Then records are
	// not even read.
	Exact bool
	// Reads are the names of all fields that Span and Log look at; what is not among
	// them may be missing in the records that they are given. Nil: any.
	Reads []string
}

// Condition is the kind of a Need.
type Condition uint8

// The conditions.
const (
	// Equal: the Field's value, as Value.String writes it, is Text. Text is not
	// empty, and not NaN. Kind, status and severity are by name: see SpanField.
	Equal Condition = iota
	// AtLeast: Field, which is FieldDuration or FieldSeverity, is Number or more.
	AtLeast
	// Word: a log's text has Text among its Words. Text is lower-case, and at most
	// WordMost bytes, as Words returns it. It says nothing of spans.
	Word
)

// Need is one condition.
type Need struct {
	Condition Condition
	Field     string
	Text      string
	Number    int64
}
