package daemon

import (
	"context"
	"net/http"

	"github.com/banyanrun/banyan/internal/saga/call"
	"github.com/banyanrun/banyan/internal/saga/coordinator"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// sagaStep is the request of a step that is under way.
type sagaStep struct{ id, step, op, service string }

type sagaStepKey struct{}

// tracedCaller makes the requests of steps, and lets spans be made of them.
type tracedCaller struct{ *call.Caller }

var _ coordinator.Caller = tracedCaller{}

// Call implements coordinator.Caller.
func (c tracedCaller) Call(ctx context.Context, id, trace string, m machine.Call) machine.Outcome {
	step := sagaStep{id: id, step: m.Step, op: string(m.Op), service: m.Request.Service}
	return c.Caller.Call(context.WithValue(ctx, sagaStepKey{}, step), id, trace, m)
}

// Poll implements coordinator.Caller.
func (c tracedCaller) Poll(ctx context.Context, id, trace string, m machine.Poll) machine.Outcome {
	step := sagaStep{id: id, step: m.Step, op: "poll", service: m.Service}
	return c.Caller.Poll(context.WithValue(ctx, sagaStepKey{}, step), id, trace, m)
}

// aroundSteps makes spans of the requests of steps: each is a child of its saga's, and
// has the id that the request says already.
func (r *telemetryRoom) aroundSteps(inner http.RoundTripper) http.RoundTripper {
	return &spanTransport{RoundTripper: inner, room: r, begin: func(req *http.Request, s *signal.Span) bool {
		step, ok := req.Context().Value(sagaStepKey{}).(sagaStep)
		if !ok {
			return false
		}
		s.Trace, s.ID, ok = parseParent(req.Header.Get(traceParent))
		s.Parent = coordinator.SpanID(step.id)
		s.Name, s.Kind, s.Scope.Name = step.op+" "+step.step, signal.KindInternal, signal.ScopeSaga
		s.Attrs = textAttrs("banyan.saga", step.id, "banyan.step", step.step, "banyan.op", step.op, "peer.service", step.service,
			"banyan.attempt", req.Header.Get("Banyan-Attempt"), "url.path", req.URL.Path)
		return ok
	}}
}

// sagaSpan makes a span of a saga that has ended: it is the parent of the spans of its
// steps, which are there before. One that its parent reopened has another, within that.
func (r *telemetryRoom) sagaSpan(e coordinator.Ended) {
	s := signal.Span{
		ID: coordinator.SpanID(e.ID), Name: "saga " + e.Name, Kind: signal.KindInternal,
		Start: e.Began.UnixNano(), End: max(e.Began.UnixNano(), e.At.UnixNano()), Resource: ourselves, Scope: signal.Scope{Name: signal.ScopeSaga},
		Attrs: textAttrs("banyan.saga", e.ID, "banyan.saga.name", e.Name, "banyan.saga.outcome", string(e.Status),
			"banyan.saga.parent", e.Parent, "banyan.saga.started_by", e.By),
	}
	var ok bool
	if s.Trace, s.Parent, ok = parseParent(e.Trace); !ok {
		return
	}
	switch {
	case e.Reopened:
		s.Name, s.ID, s.Parent = "undo "+s.Name, newSpanID(), s.ID
	case e.Parent != "":
		s.Parent = coordinator.SpanID(e.Parent)
	case s.Parent == s.ID: // the trace begins with it
		s.Parent = signal.SpanID{}
	}
	if e.Status != machine.Succeeded {
		s.Status, s.Message = signal.StatusError, e.Reason
	}
	r.engine.Seen("bus and sagas", []signal.Span{s})
}
