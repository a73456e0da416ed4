package otlp

import (
	"context"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Sink takes what was read. Its methods return soon: what cannot be queued is
// refused with *Full. They may keep what they are given, which is not changed any more.
//
// The sender is the service whose address was used; empty: it is not known.
type Sink interface {
	Spans(ctx context.Context, from string, spans []signal.Span) error
	Logs(ctx context.Context, from string, logs []signal.Log) error
	Metrics(ctx context.Context, from string, samples []Sample) error
}

// Full is a Sink's error when it cannot take more now. Nothing of what it was given
// was taken.
type Full struct {
	// RetryAfter is when sending it again may help. 0: a second.
	RetryAfter time.Duration
}

// Error implements error.
func (*Full) Error() string {
	return "telemetry comes in faster than it can be kept; send it again later"
}
