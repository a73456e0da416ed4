package serviceapi

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"runtime/debug"
	"strconv"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// maxMessage bounds a message: a batch of maxBody as JSON, which has data in Base64.
const maxMessage = maxBody * 3 / 2

// rpcOptions are those of all services of the API.
func (h *handler) rpcOptions() []connect.HandlerOption {
	return []connect.HandlerOption{
		connect.WithReadMaxBytes(maxMessage),
		connect.WithInterceptors(interceptor{h}),
		connect.WithRecover(func(_ context.Context, spec connect.Spec, header http.Header, p any) error {
			h.Log.Error("panic", "procedure", spec.Procedure, "caller", header.Get(callerHeader), "panic", p, "stack", string(debug.Stack()))
			return rpcError(&Problem{Code: Internal, Detail: seeLog})
		}),
	}
}

// callerKey and headerKey are where the context of a procedure has its caller and
// the request's header.
type (
	callerKey struct{}
	headerKey struct{}
)

// callerOf returns who called the procedure that has ctx.
func callerOf(ctx context.Context) string {
	caller, _ := ctx.Value(callerKey{}).(string) // the interceptor has set it
	return caller
}

func headerOf(ctx context.Context) http.Header {
	header, _ := ctx.Value(headerKey{}).(http.Header) // as above
	return header
}

// interceptor finds out who calls, and makes what a procedure returns an error of Connect.
type interceptor struct{ *handler }

// WrapUnary implements connect.Interceptor.
func (i interceptor) WrapUnary(next connect.UnaryFunc) connect.UnaryFunc {
	return func(ctx context.Context, r connect.AnyRequest) (res connect.AnyResponse, err error) {
		err = i.call(ctx, r.Spec(), r.Header(), func(ctx context.Context) error {
			res, err = next(ctx, r)
			return err
		})
		return res, err
	}
}

// WrapStreamingHandler implements connect.Interceptor.
func (i interceptor) WrapStreamingHandler(next connect.StreamingHandlerFunc) connect.StreamingHandlerFunc {
	return func(ctx context.Context, conn connect.StreamingHandlerConn) error {
		return i.call(ctx, conn.Spec(), conn.RequestHeader(), func(ctx context.Context) error { return next(ctx, conn) })
	}
}

// WrapStreamingClient implements connect.Interceptor.
func (i interceptor) WrapStreamingClient(next connect.StreamingClientFunc) connect.StreamingClientFunc {
	return next
}

func (i interceptor) call(ctx context.Context, spec connect.Spec, header http.Header, next func(context.Context) error) error {
	caller, err := i.identify(header)
	if err != nil {
		return rpcError(problemOf(err))
	}
	ctx = context.WithValue(context.WithValue(ctx, callerKey{}, caller), headerKey{}, header)
	if err = next(ctx); err == nil {
		return nil
	}
	if e, ok := errors.AsType[*connect.Error](err); ok { // of the stream itself
		return e
	}
	p := problemOf(err)
	if p.Code == Internal {
		i.Log.LogAttrs(ctx, slog.LevelError, "a service's request failed",
			slog.String("procedure", spec.Procedure), slog.String("caller", caller), slog.Any("error", err))
	}
	return rpcError(p)
}

// rpcCodes is what a status of HTTP is in Connect.
var rpcCodes = map[int]connect.Code{
	http.StatusBadRequest: connect.CodeInvalidArgument, http.StatusUnauthorized: connect.CodeUnauthenticated,
	http.StatusForbidden: connect.CodePermissionDenied, http.StatusNotFound: connect.CodeNotFound,
	http.StatusMethodNotAllowed: connect.CodeUnimplemented, http.StatusConflict: connect.CodeFailedPrecondition,
	http.StatusGone: connect.CodeNotFound, http.StatusRequestEntityTooLarge: connect.CodeInvalidArgument,
	http.StatusUnsupportedMediaType: connect.CodeInvalidArgument, http.StatusUnprocessableEntity: connect.CodeInvalidArgument,
	http.StatusTooManyRequests: connect.CodeResourceExhausted, http.StatusInternalServerError: connect.CodeInternal,
	http.StatusServiceUnavailable: connect.CodeUnavailable, http.StatusInsufficientStorage: connect.CodeResourceExhausted,
}

// rpcError is a problem as Connect and gRPC answer it.
func rpcError(p *Problem) *connect.Error {
	code, ok := rpcCodes[meanings[p.Code].status]
	if !ok {
		code = connect.CodeInternal
	}
	err := connect.NewError(code, errors.New(p.Detail))
	err.Meta().Set(errorHeader, string(p.Code))
	to := &banyanv1.Problem{Code: string(p.Code), Detail: p.Detail, Topic: p.Topic}
	if p.RetryAfter > 0 {
		to.RetryAfter = durationpb.New(p.RetryAfter)
		err.Meta().Set("Retry-After", strconv.Itoa(int((p.RetryAfter+time.Second-1)/time.Second)))
	}
	if p.Index != nil {
		to.Index = new(int32(*p.Index))
	}
	for _, m := range p.Errors {
		to.Errors = append(to.Errors, &banyanv1.Mismatch{Path: m.Path, Message: m.Message})
	}
	if detail, e := connect.NewErrorDetail(to); e == nil {
		err.AddDetail(detail)
	}
	return err
}
