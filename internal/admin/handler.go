package admin

import (
	"context"
	"errors"
	"time"

	"connectrpc.com/connect"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/logs"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
)

// handler answers the calls of the control API.
type handler struct {
	engine Engine
}

var _ banyanv1connect.ControlServiceHandler = (*handler)(nil)

// codes maps faults to the wire, here and nowhere else.
var codes = map[fault.Code]connect.Code{
	fault.Invalid: connect.CodeInvalidArgument, fault.NotFound: connect.CodeNotFound,
	fault.Conflict: connect.CodeFailedPrecondition, fault.Unavailable: connect.CodeUnavailable,
	fault.Timeout: connect.CodeDeadlineExceeded, fault.Denied: connect.CodePermissionDenied,
	fault.Damaged: connect.CodeDataLoss, fault.Internal: connect.CodeInternal,
}

func wire(err error) error {
	if err == nil {
		return nil
	}
	if errors.Is(err, context.Canceled) { // by a caller that went, who sees nothing of it, or by a daemon that ends
		return connect.NewError(connect.CodeUnavailable, err)
	}
	return connect.NewError(codes[fault.CodeOf(err)], err)
}

func (h *handler) Apply(ctx context.Context, r *banyanv1.ApplyRequest) (*banyanv1.ApplyResponse, error) {
	done, err := h.engine.Apply(ctx, Apply{
		Path: r.GetPath(), Environment: r.GetEnvironment(), Profiles: r.GetProfiles(), Variables: r.GetVariables(),
	})
	if err != nil {
		return nil, wire(err)
	}
	return &banyanv1.ApplyResponse{Generation: done.Generation, Changed: done.Changed, Warnings: done.Warnings}, nil
}

func (h *handler) GetStatus(ctx context.Context, _ *banyanv1.GetStatusRequest) (*banyanv1.GetStatusResponse, error) {
	st, err := h.engine.Status(ctx, true)
	if err != nil {
		return nil, wire(err)
	}
	return &banyanv1.GetStatusResponse{Status: status(st)}, nil
}

// watchEvery bounds how often a watcher is sent the status.
const watchEvery = 100 * time.Millisecond

func (h *handler) Watch(ctx context.Context, _ *banyanv1.WatchRequest, stream *connect.ServerStream[banyanv1.WatchResponse]) error {
	for {
		changed := h.engine.Changes()
		st, err := h.engine.Status(ctx, false)
		if err != nil {
			return wire(err)
		}
		if err := stream.Send(&banyanv1.WatchResponse{Status: status(st)}); err != nil {
			return err
		}
		if err := await(ctx, time.After(watchEvery)); err != nil {
			return err
		}
		if err := await(ctx, changed); err != nil {
			return err
		}
	}
}

// await waits for an event or the end of ctx.
func await[T any](ctx context.Context, event <-chan T) error {
	select {
	case <-event:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// logBatch is how many records are sent in one message while there are more at hand.
const logBatch = 256

func (h *handler) Logs(ctx context.Context, r *banyanv1.LogsRequest, stream *connect.ServerStream[banyanv1.LogsResponse]) error {
	f := logs.Filter{Services: r.GetServices(), Instances: r.GetInstances(), Tail: int(r.GetTail())}
	if r.GetSince() != nil {
		f.Since = r.GetSince().AsTime()
	}
	if r.GetUntil() != nil {
		f.Until = r.GetUntil().AsTime()
	}
	records, err := h.engine.Logs(ctx, f, r.GetFollow())
	if err != nil {
		return wire(err)
	}
	most := logBatch
	if r.GetFollow() {
		most = 1 // a line is shown when it is written
		if err := stream.Send(&banyanv1.LogsResponse{}); err != nil {
			return err // the reader knows now that it is connected
		}
	}
	batch := &banyanv1.LogsResponse{}
	for record, err := range records {
		if err != nil {
			return ended(err)
		}
		addRecord(batch, record)
		if len(batch.Records) < most && batch.Missed == 0 {
			continue
		}
		if err := stream.Send(batch); err != nil {
			return err
		}
		batch = &banyanv1.LogsResponse{}
	}
	if len(batch.Records) == 0 {
		return nil
	}
	return stream.Send(batch)
}

// ended is the error of a stream that ends because its reader or the daemon goes.
func ended(err error) error {
	if errors.Is(err, context.Canceled) {
		return connect.NewError(connect.CodeCanceled, err)
	}
	return wire(err)
}

func (h *handler) Restart(ctx context.Context, r *banyanv1.RestartRequest) (*banyanv1.RestartResponse, error) {
	return &banyanv1.RestartResponse{}, wire(h.engine.Restart(ctx, r.GetService()))
}

func (h *handler) Scale(ctx context.Context, r *banyanv1.ScaleRequest) (*banyanv1.ScaleResponse, error) {
	return &banyanv1.ScaleResponse{}, wire(h.engine.Scale(ctx, r.GetService(), int(r.GetReplicas())))
}

func (h *handler) RunJob(ctx context.Context, r *banyanv1.RunJobRequest) (*banyanv1.RunJobResponse, error) {
	return &banyanv1.RunJobResponse{}, wire(h.engine.RunJob(ctx, r.GetJob()))
}

func (h *handler) Down(ctx context.Context, r *banyanv1.DownRequest) (*banyanv1.DownResponse, error) {
	return &banyanv1.DownResponse{}, wire(h.engine.Down(ctx, r.GetForce()))
}
