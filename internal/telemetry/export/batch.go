package export

import (
	"context"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/export/point"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Signal is one of the three things that are sent.
type Signal string

// The signals.
const (
	Traces  Signal = "traces"
	Logs    Signal = "logs"
	Metrics Signal = "metrics"
)

// Signals are all of them.
var Signals = []Signal{Traces, Logs, Metrics}

// Batch is what is sent at once: records of one signal.
type Batch struct {
	Signal Signal
	Spans  []signal.Span
	Logs   []signal.Log
	Points []point.Point
	// IDs tell spans or logs from all others that are ever sent to a target; one that is
	// sent again has the same. Points have none.
	IDs []string
}

// Len is how many records there are.
func (b *Batch) Len() int { return len(b.Spans) + len(b.Logs) + len(b.Points) }

// halves are the two halves of a batch.
func (b *Batch) halves() (first, second Batch) {
	n := b.Len() / 2
	cut := func(from, to int) Batch {
		part := Batch{Signal: b.Signal}
		switch b.Signal {
		case Traces:
			part.Spans, part.IDs = b.Spans[from:to], b.IDs[from:to]
		case Logs:
			part.Logs, part.IDs = b.Logs[from:to], b.IDs[from:to]
		case Metrics:
			part.Points = b.Points[from:to]
		}
		return part
	}
	return cut(0, n), cut(n, b.Len())
}

// pick are some of a batch's records.
func (b *Batch) pick(rows []int) Batch {
	part := Batch{Signal: b.Signal}
	for _, i := range rows {
		switch b.Signal {
		case Traces:
			part.Spans, part.IDs = append(part.Spans, b.Spans[i]), append(part.IDs, b.IDs[i])
		case Logs:
			part.Logs, part.IDs = append(part.Logs, b.Logs[i]), append(part.IDs, b.IDs[i])
		case Metrics:
			part.Points = append(part.Points, b.Points[i])
		}
	}
	return part
}

// Sender sends batches to a target.
type Sender interface {
	// Send makes one attempt. An error that is no *Failure is one that passes.
	Send(ctx context.Context, b *Batch) (Answer, error)
	// Close gives back what the sender holds.
	Close()
}

// Answer is what became of a batch that a target took.
type Answer struct {
	Bytes int // that were sent
	// Refused are the records that the target will never take, by reason, and Why what
	// it says of one of them, without secrets.
	Refused map[string]int
	Why     error
	// Again are the records that it did not take now, and After how long they should
	// wait. Zero: it does not say.
	Again []int
	After time.Duration
}

// Kind is what can be done about a Failure.
type Kind uint8

// The kinds of failures.
const (
	// Later: it may help to send the same again.
	Later Kind = iota
	// Barred: nothing is taken, whatever is sent, until a person does something.
	Barred
	// TooLarge: less at once may be taken.
	TooLarge
	// Never: the batch will never be taken.
	Never
)

// Failure is why a target took nothing of a batch.
type Failure struct {
	Kind  Kind
	After time.Duration // how long to wait at least; 0: it does not say
	Err   error         // without secrets
}

// Error implements error.
func (f *Failure) Error() string { return f.Err.Error() }

// Unwrap is for package errors.
func (f *Failure) Unwrap() error { return f.Err }
