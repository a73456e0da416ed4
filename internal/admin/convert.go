package admin

import (
	"net"
	"strconv"
	"time"

	"google.golang.org/protobuf/types/known/durationpb"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/banyanrun/banyan/internal/logs"
	"github.com/banyanrun/banyan/internal/model"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// states maps states to the wire.
var states = map[model.State]banyanv1.State{
	model.StateWaiting: banyanv1.State_STATE_WAITING, model.StateBuilding: banyanv1.State_STATE_BUILDING,
	model.StateLeftOut: banyanv1.State_STATE_LEFT_OUT, model.StateScheduled: banyanv1.State_STATE_SCHEDULED,
	model.State(model.Starting): banyanv1.State_STATE_STARTING, model.State(model.Ready): banyanv1.State_STATE_READY,
	model.State(model.Unready): banyanv1.State_STATE_UNREADY, model.State(model.BackingOff): banyanv1.State_STATE_BACKING_OFF,
	model.State(model.Draining): banyanv1.State_STATE_STOPPING, model.State(model.Stopping): banyanv1.State_STATE_STOPPING,
	model.State(model.Stopped): banyanv1.State_STATE_STOPPED, model.State(model.Failed): banyanv1.State_STATE_FAILED,
	model.State(model.Completed): banyanv1.State_STATE_COMPLETED,
}

// Status is how the app is, as the API says it.
func Status(st *model.Status) *banyanv1.Status { return status(st) }

func status(st *model.Status) *banyanv1.Status {
	to := &banyanv1.Status{
		GatewayUrls: st.GatewayURLs, DashboardUrl: st.DashboardURL, Daemon: process(st.Daemon), DataPlane: process(st.DataPlane),
		Settled: st.Settled(), Stuck: st.Stuck(), GoingDown: st.GoingDown,
	}
	if st.App != nil {
		to.App, to.Path, to.Environment = st.App.Name, st.App.Path, st.App.Environment
		to.Generation, to.Warnings = st.App.Generation, st.App.Warnings
	}
	for n := range st.Services {
		to.Services = append(to.Services, service(&st.Services[n], st.Usage))
	}
	return to
}

func process(p model.ProcessStatus) *banyanv1.Process {
	state := banyanv1.State_STATE_READY
	if !p.Ready {
		state = banyanv1.State_STATE_STARTING
	}
	return &banyanv1.Process{
		Pid: int32(p.PID), Version: p.Version, StartedAt: timestamp(p.Started), State: state, Reason: p.Reason,
		MemoryBytes: p.Usage.Memory, CpuTime: durationpb.New(p.Usage.CPU),
	}
}

func service(s *model.ServiceStatus, usage map[string]model.Usage) *banyanv1.Service {
	to := &banyanv1.Service{
		Name: s.Service.Name, Job: s.Service.Job != nil, State: states[s.State], Reason: s.Reason, Details: s.Details,
		Desired: int32(s.Service.Replicas), Ready: int32(s.Ready), Revision: s.Revision, Updating: s.Updating,
		NextRun: timestamp(s.NextRun),
	}
	if s.Service.Spec != nil {
		to.Owner = s.Service.Spec.Owner
	}
	for n := range s.Instances {
		to.Instances = append(to.Instances, instance(&s.Instances[n], usage))
	}
	return to
}

func instance(i *model.Instance, usage map[string]model.Usage) *banyanv1.Instance {
	to := &banyanv1.Instance{
		Id: i.ID, Revision: i.Revision, State: states[model.State(i.Phase)], Reason: i.Reason,
		Pid: int32(i.PID), Restarts: int32(i.Restarts),
		StartedAt: timestamp(i.Started), ReadyAt: timestamp(i.ReadyAt), Warnings: i.Warnings,
	}
	if i.Port != 0 {
		to.Address = net.JoinHostPort("127.0.0.1", strconv.Itoa(i.Port))
	}
	if i.Phase == model.BackingOff {
		to.RetryAt = timestamp(i.RetryAt)
	}
	if u, ok := usage[i.ID]; ok {
		to.MemoryBytes, to.CpuTime = u.Memory, durationpb.New(u.CPU)
	}
	return to
}

func timestamp(t time.Time) *timestamppb.Timestamp {
	if t.IsZero() {
		return nil
	}
	return timestamppb.New(t)
}

func addRecord(to *banyanv1.LogsResponse, r logs.Record) {
	if r.Lost > 0 {
		to.Missed += r.Lost
		return
	}
	to.Records = append(to.Records, &banyanv1.LogRecord{
		Time: timestamppb.New(r.Time), Service: r.Service, Instance: r.Instance, Stream: r.Stream, Line: r.Line,
	})
}
