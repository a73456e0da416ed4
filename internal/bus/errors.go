package bus

import (
	"context"
	"errors"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/fault"
)

// Reason is why the bus refused something, for programs: it stands in the
// problem's `code` and in Banyan-Error.
type Reason string

// The reasons.
const (
	EventInvalid   Reason = "event-invalid"   // not CloudEvents 1.0, or a delay that cannot be
	PublishRefused Reason = "publish-refused" // the service does not declare that it publishes to the topic
	NoTopic        Reason = "no-topic"        // no service declares it
	NoSubscription Reason = "no-subscription" // the service does not subscribe to the topic
	NoDeadLetter   Reason = "no-dead-letter"  // there is none of that number
	EventTooLarge  Reason = "event-too-large"
	BatchTooLarge  Reason = "batch-too-large"
	SchemaMismatch Reason = "schema-mismatch"
	TopicBusy      Reason = "topic-busy"          // too much waits; RetryAfter
	TopicStopped   Reason = "topic-stopped"       // damage, or a disk that fails; RetryAfter
	Restarting     Reason = "platform-restarting" // the bus is ending; RetryAfter
	Unreachable    Reason = "engine-unreachable"  // the engine does not answer; RetryAfter
	TopicFull      Reason = "topic-full"          // a bound of bytes, or a full disk
)

var codes = map[Reason]fault.Code{
	EventInvalid: fault.Invalid, PublishRefused: fault.Denied, NoTopic: fault.NotFound, NoSubscription: fault.NotFound,
	NoDeadLetter: fault.NotFound, NoDelayed: fault.NotFound, EventTooLarge: fault.Invalid, BatchTooLarge: fault.Invalid, SchemaMismatch: fault.Invalid,
	TopicBusy: fault.Unavailable, TopicStopped: fault.Unavailable, Restarting: fault.Unavailable,
	Unreachable: fault.Unavailable, TopicFull: fault.Unavailable,
}

// Problem is one place where data does not satisfy its schema.
type Problem struct {
	Path    string `json:"path"` // a JSON pointer into the data; empty: all of it
	Message string `json:"message"`
}

// Error is a refusal. It wraps a *fault.Error.
type Error struct {
	Reason Reason
	Topic  string
	// Index of the event in the call, from 0; -1: it is not about one event.
	Index int
	// Problems of SchemaMismatch, at most ten.
	Problems []Problem
	// RetryAfter is when trying again may help; zero: it will not.
	RetryAfter time.Duration

	fault *fault.Error
}

// Error says what happened and what to do.
func (e *Error) Error() string { return e.fault.Error() }

// Unwrap returns the *fault.Error.
func (e *Error) Unwrap() error { return e.fault }

func refuse(reason Reason, topic, format string, args ...any) *Error {
	return &Error{Reason: reason, Topic: topic, Index: -1, fault: fault.New(codes[reason], format, args...)}
}

func (e *Error) fix(format string, args ...any) *Error {
	_ = e.fault.Fix(format, args...)
	return e
}

func (e *Error) after(wait time.Duration) *Error {
	e.RetryAfter = wait
	return e
}

// translate makes what an engine returned a refusal. A context's end stays what it is.
func translate(topic string, err error) error {
	switch {
	case err == nil, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return err
	case errors.Is(err, engine.ErrFull):
		return refuse(TopicFull, topic, "%w", err)
	case errors.Is(err, engine.ErrBusy):
		return refuse(TopicBusy, topic, "%w", err).after(time.Second)
	case errors.Is(err, engine.ErrNoTopic):
		return refuse(NoTopic, topic, "there is no topic %s", topic)
	case errors.Is(err, engine.ErrStopped), errors.Is(err, engine.ErrDamaged):
		return refuse(TopicStopped, topic, "%w", err).after(time.Minute)
	case errors.Is(err, engine.ErrClosed):
		return restarting(topic)
	case fault.CodeOf(err) == fault.Invalid:
		return refuse(EventTooLarge, topic, "%w", err)
	}
	return refuse(Unreachable, topic, "%w", err).after(time.Second)
}

func restarting(topic string) *Error {
	return refuse(Restarting, topic, "Banyan is restarting").after(time.Second)
}
