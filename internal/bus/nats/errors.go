package nats

import (
	"context"
	"errors"
	"slices"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
	"github.com/banyanrun/banyan/internal/fault"
)

// Codes of the server's errors that the client has no names for.
const (
	codeResources       jetstream.ErrorCode = 10023 // of the server
	codeAccountLimit    jetstream.ErrorCode = 10002
	codeMemory          jetstream.ErrorCode = 10028
	codeStorage         jetstream.ErrorCode = 10047
	codeWrongLastID     jetstream.ErrorCode = 10070
	codeStoreFailed     jetstream.ErrorCode = 10077
	codeDuplicateUnsure jetstream.ErrorCode = 10158 // the first one is being stored
)

// codeOf returns 0 for what is not an answer of the server.
func codeOf(err error) jetstream.ErrorCode {
	if js, ok := errors.AsType[jetstream.JetStreamError](err); ok && js.APIError() != nil {
		return js.APIError().ErrorCode
	}
	return 0
}

// overtaken: the message was to come after another than the last one.
func overtaken(err error) bool {
	return slices.Contains([]jetstream.ErrorCode{
		jetstream.JSErrCodeStreamWrongLastSequence, jetstream.JSErrCodeStreamWrongLastSequenceConstant, codeWrongLastID, codeDuplicateUnsure,
	}, codeOf(err))
}

// noRoom: a limit of the stream, the account or the server is met.
func noRoom(err error) bool {
	return slices.Contains([]jetstream.ErrorCode{codeResources, codeAccountLimit, codeMemory, codeStorage, codeStoreFailed}, codeOf(err))
}

func damaged(where, format string, args ...any) error {
	return remote.Damaged(where, "restore the stream from a backup, or remove it and bus-nats.db to begin anew without its events", format, args...)
}

func full(where string, cause error) error {
	return remote.Full(where, "let its subscribers catch up, raise retention.size, or give nats more room", cause)
}

// failed is what a call returns for an error of the client. Causes are not
// wrapped: a time limit of ours is not the end of the caller's context.
func (e *Engine) failed(ctx context.Context, where string, err error) error {
	switch {
	case e.life.Err() != nil:
		return engine.ErrClosed
	case ctx.Err() != nil:
		return ctx.Err()
	case errors.Is(err, jetstream.ErrJetStreamNotEnabled), errors.Is(err, jetstream.ErrJetStreamNotEnabledForAccount):
		return fault.New(fault.Unavailable, "nats has no JetStream for this account: %v", err).At(where).Fix("write jetstream {} into the server's configuration")
	case errors.Is(err, client.ErrNoResponders):
		return fault.New(fault.Unavailable, "nats has no JetStream, or its leader is being elected").At(where).Fix("write jetstream {} into the server's configuration")
	case noRoom(err):
		return full(where, err)
	case codeOf(err) != 0:
		return fault.New(fault.Unavailable, "nats refuses: %v", err).At(where).Fix("see the server's limits and the account's permissions")
	}
	if last := e.conn.LastError(); last != nil && !e.conn.IsConnected() {
		err = last
	}
	return fault.New(fault.Unavailable, "nats cannot be reached: %v", err).At(where).Fix("see that the server runs, and that bus.url is right; it is tried again")
}
