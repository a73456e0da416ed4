package dash

import (
	"context"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/banyanrun/banyan/internal/dash/access"
	"github.com/banyanrun/banyan/internal/dash/audit"
	"github.com/banyanrun/banyan/internal/fault"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
)

// Service serves DashboardService, at the dashboard and at the control socket.
type Service struct {
	// Invite makes an address that lets one browser in.
	Invite func(ctx context.Context, role access.Role) (*banyanv1.OpenDashboardResponse, error)
	Audit  *audit.Log
	// File reads the app file.
	File func(ctx context.Context) (*banyanv1.GetAppFileResponse, error)
}

var _ banyanv1connect.DashboardServiceHandler = (*Service)(nil)

// OpenDashboard implements banyanv1connect.DashboardServiceHandler.
func (s *Service) OpenDashboard(ctx context.Context, r *banyanv1.OpenDashboardRequest) (*banyanv1.OpenDashboardResponse, error) {
	role := access.Operator
	if r.GetRole() == banyanv1.DashboardRole_DASHBOARD_ROLE_VIEWER {
		role = access.Viewer
	}
	res, err := s.Invite(ctx, role)
	return res, wire(err)
}

const (
	someActions = 100
	mostActions = 1000
)

// ListActions implements banyanv1connect.DashboardServiceHandler.
func (s *Service) ListActions(_ context.Context, r *banyanv1.ListActionsRequest) (*banyanv1.ListActionsResponse, error) {
	limit := int(r.GetLimit())
	if limit <= 0 {
		limit = someActions
	}
	actions, more, err := s.Audit.List(min(limit, mostActions), r.GetBefore())
	if err != nil {
		return nil, wire(err)
	}
	to := &banyanv1.ListActionsResponse{More: more}
	for i := range actions {
		a := &actions[i]
		to.Actions = append(to.Actions, &banyanv1.Action{
			N: a.N, Time: timestamppb.New(a.Time), Who: a.Who, Role: a.Role, From: a.From, Procedure: a.Procedure,
			What: a.What, Result: a.Result, Took: durationpb.New(a.Took),
		})
	}
	return to, nil
}

// GetAppFile implements banyanv1connect.DashboardServiceHandler.
func (s *Service) GetAppFile(ctx context.Context, _ *banyanv1.GetAppFileRequest) (*banyanv1.GetAppFileResponse, error) {
	res, err := s.File(ctx)
	return res, wire(err)
}

func wire(err error) error {
	if err == nil {
		return nil
	}
	code := connect.CodeInternal
	switch fault.CodeOf(err) {
	case fault.Invalid:
		code = connect.CodeInvalidArgument
	case fault.NotFound:
		code = connect.CodeNotFound
	case fault.Conflict, fault.Unavailable:
		code = connect.CodeFailedPrecondition
	case fault.Denied:
		code = connect.CodePermissionDenied
	case fault.Timeout, fault.Damaged, fault.Internal:
	}
	return connect.NewError(code, err)
}
