package kafka

import (
	"context"
	"errors"

	"github.com/twmb/franz-go/pkg/kerr"
	"github.com/twmb/franz-go/pkg/kgo"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
	"github.com/banyanrun/banyan/internal/fault"
)

func unusable(err error) error {
	return fault.New(fault.Invalid, "kafka cannot be used: %v", err).At("bus.url")
}

func damaged(where, format string, args ...any) error {
	return remote.Damaged(where, "restore the topic, or remove it and bus-kafka.db to begin anew without its events", format, args...)
}

func full(where string) error {
	return remote.Full(where, "let its subscribers catch up, or raise retention.size", errors.New("it holds what its subscriptions still need"))
}

// failed is what a call returns for an error of the client. Causes are not
// wrapped: a time limit of ours is not the end of the caller's context.
func (e *Engine) failed(ctx context.Context, where string, err error) error {
	switch {
	case e.life.Err() != nil, errors.Is(err, kgo.ErrClientClosed):
		return engine.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case missing(err):
		return fault.New(fault.Unavailable, "the topic is not there").At(where).
			Fix("restore it, or remove bus-kafka.db as well to begin anew without its events")
	case errors.Is(err, kerr.NotEnoughReplicas), errors.Is(err, kerr.NotEnoughReplicasAfterAppend):
		return fault.New(fault.Unavailable, "fewer brokers have the topic than min.insync.replicas wants").At(where).Fix("see which broker is down; it is tried again")
	}
	if refusal, ok := errors.AsType[*kerr.Error](err); ok {
		return fault.New(fault.Unavailable, "kafka refuses: %s: %s", refusal.Message, refusal.Description).At(where).
			Fix("see the cluster's settings, and what the user in bus.url may do")
	}
	if errors.Is(err, context.DeadlineExceeded) {
		err = errors.New("it does not answer")
	}
	return fault.New(fault.Unavailable, "kafka cannot be reached: %v", err).At(where).Fix("see that the brokers run, and that bus.url is right; it is tried again")
}

// missing says that the cluster knows no such topic.
func missing(err error) bool {
	return errors.Is(err, kerr.UnknownTopicOrPartition) || errors.Is(err, kerr.UnknownTopicID)
}
