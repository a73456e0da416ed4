package daemon

import (
	"context"
	"net/http"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/banyanrun/banyan/internal/admin"
	"github.com/banyanrun/banyan/internal/dash"
	"github.com/banyanrun/banyan/internal/dash/access"
	"github.com/banyanrun/banyan/internal/dash/audit"
	"github.com/banyanrun/banyan/internal/dash/stream"
	counted "github.com/banyanrun/banyan/internal/proxy/account"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
)

// rpcs are the handlers of the RPC services, by path: the control socket serves
// them to the CLI, the dashboard to browsers. Actions are recorded.
func (d *daemon) rpcs() map[string]http.Handler {
	all := map[string]http.Handler{}
	add := func(path string, h http.Handler) { all[path] = h }
	recorded := connect.WithInterceptors(audit.Recorder(d.dashboard.actions, access.Changes, d.log))
	add(banyanv1connect.NewControlServiceHandler(admin.New(d), recorded))
	add(admin.TelemetryHandler(seenTelemetry{d}))
	add(banyanv1connect.NewDashboardServiceHandler(&dash.Service{Invite: d.invite, Audit: d.dashboard.actions, File: d.appFile}))
	return all
}

// invite makes an address that lets a browser in.
func (d *daemon) invite(_ context.Context, role access.Role) (*banyanv1.OpenDashboardResponse, error) {
	url, until, err := d.dashboard.dash.Invite(role)
	if err != nil {
		return nil, err
	}
	return &banyanv1.OpenDashboardResponse{Url: url, ExpiresAt: timestamppb.New(until)}, nil
}

// tail follows log records.
func (d *daemon) tail() stream.Tail { return seenTelemetry{d}.tail }

// feeds are what the dashboard's stream shows.
func (d *daemon) feeds() stream.Feeds {
	control, seen := admin.New(d), admin.NewTelemetry(seenTelemetry{d})
	return stream.Feeds{
		Status: func(ctx context.Context, usage bool) (*banyanv1.Status, error) {
			st, err := d.Status(ctx, usage)
			if err != nil {
				return nil, err
			}
			return admin.Status(st), nil
		},
		Changes: d.Changes,
		Stats:   func(ctx context.Context) (counted.Snapshot, error) { return d.Stats(ctx, "") },
		Topics: func(ctx context.Context) (*banyanv1.ListTopicsResponse, error) {
			topics, err := control.ListTopics(ctx, &banyanv1.ListTopicsRequest{})
			if connect.CodeOf(err) == connect.CodeNotFound { // the app has none: pages shall know that
				return &banyanv1.ListTopicsResponse{}, nil
			}
			return topics, err
		},
		Sagas: func(ctx context.Context) (*banyanv1.ListSagasResponse, error) {
			return control.ListSagas(ctx, &banyanv1.ListSagasRequest{Limit: streamedSagas})
		},
		Alerts: func(ctx context.Context) (*banyanv1.ListAlertsResponse, error) {
			return seen.ListAlerts(ctx, &banyanv1.ListAlertsRequest{})
		},
	}
}

// streamedSagas are sent to pages when they change: the newest.
const streamedSagas = 50
