package rabbitmq

import (
	"context"
	"errors"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
	"github.com/banyanrun/banyan/internal/fault"
)

// errSilent: what was asked was not answered in time.
var errSilent = errors.New("it does not answer")

func damaged(where, format string, args ...any) error {
	return remote.Damaged(where, "restore it, or remove bus-rabbitmq.db as well to begin anew without its events", format, args...)
}

// failed is what a call returns for an error of the client. Causes are not
// wrapped: a time limit of ours is not the end of the caller's context.
func (e *Engine) failed(ctx context.Context, where string, err error) error {
	if _, ok := errors.AsType[*fault.Error](err); ok {
		return err
	}
	switch {
	case e.life.Err() != nil, errors.Is(err, engine.ErrClosed):
		return engine.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	}
	if refusal, ok := errors.AsType[*amqp.Error](err); ok && refusal.Server {
		return fault.New(fault.Unavailable, "rabbitmq refuses: %s", refusal.Reason).At(where).
			Fix("see the server's settings, and what the user in bus.url may do")
	}
	if errors.Is(err, context.DeadlineExceeded) || errors.Is(err, context.Canceled) {
		err = errSilent
	}
	return fault.New(fault.Unavailable, "rabbitmq cannot be reached: %v", err).At(where).Fix("see that the server runs, and that bus.url is right; it is tried again")
}

// refusedWith says whether the server refused with a code of AMQP.
func refusedWith(err error, code int) bool {
	refusal, ok := errors.AsType[*amqp.Error](err)
	return ok && refusal.Code == code
}
