package otlp

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
	"strconv"
	"time"

	"google.golang.org/protobuf/encoding/protowire"

	"github.com/banyanrun/banyan/internal/fault"
)

// The codes of gRPC that are answered.
const (
	invalidArgument   = 3
	resourceExhausted = 8
	unimplemented     = 12
	internal          = 13
	unavailable       = 14
)

// failure is a request that was not carried out, as both protocols say it.
type failure struct {
	status  int    // of HTTP
	code    uint32 // of gRPC
	message string
	retry   time.Duration // 0: trying again does not help
}

// failureOf says how an error is answered. Only what may be sent again as it is has
// a status that senders do that for: 503, which all of them know.
func (r *Receiver) failureOf(ctx context.Context, err error) *failure {
	if full, ok := errors.AsType[*Full](err); ok {
		return &failure{http.StatusServiceUnavailable, unavailable, full.Error(), max(full.RetryAfter, time.Second)}
	}
	if large, ok := errors.AsType[TooLarge](err); ok {
		return &failure{http.StatusRequestEntityTooLarge, resourceExhausted, large.Error(), 0}
	}
	if encoding, ok := errors.AsType[BadEncoding](err); ok {
		return &failure{http.StatusUnsupportedMediaType, unimplemented, encoding.Error(), 0}
	}
	switch {
	case fault.CodeOf(err) == fault.Invalid:
		return &failure{http.StatusBadRequest, invalidArgument, err.Error(), 0}
	case fault.CodeOf(err) == fault.Unavailable, errors.Is(err, context.Canceled), errors.Is(err, context.DeadlineExceeded):
		return &failure{http.StatusServiceUnavailable, unavailable, "telemetry is not taken at the moment; send it again", time.Second}
	}
	r.log.LogAttrs(ctx, slog.LevelError, "telemetry that came in failed", slog.String("from", fromOf(ctx)), slog.Any("error", err))
	return &failure{http.StatusInternalServerError, internal, "a defect of Banyan; `banyan logs daemon` says more", 0}
}

// seconds is the retry as HTTP writes it.
func (f *failure) seconds() string {
	return strconv.Itoa(int((f.retry + time.Second - 1) / time.Second))
}

// body is google.rpc.Status, which has a code and a message.
func (f *failure) body(as form) []byte {
	if as == text {
		b, _ := json.Marshal(map[string]any{"code": f.code, "message": f.message}) // plain data: cannot fail
		return b
	}
	b := protowire.AppendTag(nil, 1, protowire.VarintType)
	b = protowire.AppendVarint(b, uint64(f.code))
	b = protowire.AppendTag(b, 2, protowire.BytesType)
	return protowire.AppendString(b, f.message)
}

// success is an Export…ServiceResponse: empty, or with partial_success.
func (k *kind) success(as form, no *refusals) []byte {
	if as == text {
		if no.count == 0 {
			return []byte("{}")
		}
		b, _ := json.Marshal(map[string]any{"partialSuccess": map[string]any{ // plain data: cannot fail
			k.rejected: strconv.FormatInt(no.count, 10), "errorMessage": no.message(k.what),
		}})
		return b
	}
	if no.count == 0 {
		return nil
	}
	partial := protowire.AppendTag(nil, 1, protowire.VarintType)
	partial = protowire.AppendVarint(partial, uint64(no.count))
	partial = protowire.AppendTag(partial, 2, protowire.BytesType)
	partial = protowire.AppendString(partial, no.message(k.what))
	return protowire.AppendBytes(protowire.AppendTag(nil, 1, protowire.BytesType), partial)
}
