package daemon

import (
	"context"
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"time"

	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/route"
	"github.com/banyanrun/banyan/internal/saga/call"
	"github.com/banyanrun/banyan/internal/saga/coordinator"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// traceParent is the field of W3C Trace Context, and the attribute of events.
const traceParent = "traceparent"

// ourselves is the resource of spans that the platform makes.
var ourselves = &signal.Resource{Service: route.Platform}

// newSpanID returns one that is not zero.
func newSpanID() (id signal.SpanID) {
	binary.BigEndian.PutUint64(id[:], max(1, rand.Uint64())) //nolint:gosec // unique, not secret
	return id
}

// parseParent reads a traceparent that the platform made or passed on; false: it is
// none, or its trace is not sampled.
func parseParent(v string) (trace signal.TraceID, span signal.SpanID, ok bool) {
	if len(v) != 55 || v[2] != '-' || v[35] != '-' || v[52] != '-' || (v[54]-'0')&1 == 0 {
		return trace, span, false
	}
	trace, ok = signal.ParseTraceID(v[3:35])
	if ok {
		span, ok = signal.ParseSpanID(v[36:52])
	}
	return trace, span, ok
}

// spanTransport makes a span of each request, which is that of the hop's parent.
type spanTransport struct {
	http.RoundTripper

	room *telemetryRoom
	// begin makes the span of a request and returns the request as it is to be sent;
	// false: there is no span of it.
	begin func(*http.Request, *signal.Span) (*http.Request, bool)
}

// CloseIdleConnections is what http.Client looks for.
func (t *spanTransport) CloseIdleConnections() {
	if c, ok := t.RoundTripper.(interface{ CloseIdleConnections() }); ok {
		c.CloseIdleConnections()
	}
}

// RoundTrip implements http.RoundTripper.
func (t *spanTransport) RoundTrip(r *http.Request) (*http.Response, error) {
	s := signal.Span{Resource: ourselves}
	r, ok := t.begin(r, &s)
	if !ok {
		return t.RoundTripper.RoundTrip(r)
	}
	s.Start = time.Now().UnixNano()
	resp, err := t.RoundTripper.RoundTrip(r)
	s.End = time.Now().UnixNano()
	switch {
	case err != nil:
		s.Status, s.Message = signal.StatusError, err.Error()
	default:
		s.Attrs = append(s.Attrs, signal.Attr{Key: "http.response.status_code", Value: signal.Integer(int64(resp.StatusCode))})
		if resp.StatusCode >= http.StatusBadRequest {
			s.Status, s.Message = signal.StatusError, resp.Status
		}
	}
	t.room.engine.Seen("bus and sagas", []signal.Span{s})
	return resp, err
}

// textAttrs are attributes of pairs of keys and texts, without those that are empty.
func textAttrs(pairs ...string) signal.Attrs {
	var attrs signal.Attrs
	for i := 0; i+1 < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			attrs = append(attrs, signal.Attr{Key: pairs[i], Value: signal.Text(pairs[i+1])})
		}
	}
	return attrs
}

// aroundDeliveries makes spans of deliveries: each stands between the event's
// publisher and the hop to its subscriber.
func (r *telemetryRoom) aroundDeliveries(inner http.RoundTripper) http.RoundTripper {
	return &spanTransport{RoundTripper: inner, room: r, begin: func(req *http.Request, s *signal.Span) (*http.Request, bool) {
		text := req.Header.Get(traceParent)
		var ok bool
		if s.Trace, s.Parent, ok = parseParent(text); !ok {
			return req, false
		}
		s.ID = newSpanID()
		topic := req.Header.Get("Banyan-Topic")
		s.Name, s.Kind, s.Scope.Name = "deliver "+topic, signal.KindConsumer, signal.ScopeBus
		s.Attrs = textAttrs("messaging.system", route.Platform, "messaging.destination.name", topic, "messaging.operation.name", "deliver",
			"banyan.delivery", req.Header.Get("Banyan-Delivery"), "banyan.attempt", req.Header.Get("Banyan-Attempt"),
			"banyan.replay", req.Header.Get("Banyan-Replay"), "url.path", req.URL.Path)
		to := req.WithContext(req.Context())
		to.Header = req.Header.Clone()
		to.Header.Set(traceParent, text[:36]+s.ID.String()+text[52:])
		return to, true
	}}
}

// publishSpan makes a span of a publish, if the events say of which trace it is.
func (r *telemetryRoom) publishSpan(publisher, topic string, events []cloudevent.Event, began time.Time, err error) {
	if len(events) == 0 {
		return
	}
	text, _ := events[0].Get(traceParent)
	trace, parent, ok := parseParent(text)
	if !ok {
		return
	}
	s := signal.Span{
		Trace: trace, ID: newSpanID(), Parent: parent, Name: "publish " + topic, Kind: signal.KindProducer,
		Start: began.UnixNano(), End: time.Now().UnixNano(), Resource: ourselves, Scope: signal.Scope{Name: signal.ScopeBus},
		Attrs: append(textAttrs("messaging.system", route.Platform, "messaging.destination.name", topic, "messaging.operation.name", "publish",
			"banyan.publisher", publisher), signal.Attr{Key: "messaging.batch.message_count", Value: signal.Integer(int64(len(events)))}),
	}
	if err != nil {
		s.Status, s.Message = signal.StatusError, err.Error()
	}
	r.engine.Seen("bus and sagas", []signal.Span{s})
}

// sagaStep is the request of a step that is under way.
type sagaStep struct{ id, trace, step, op, service string }

type sagaStepKey struct{}

// tracedCaller makes the requests of steps, and lets spans be made of them.
type tracedCaller struct{ *call.Caller }

var _ coordinator.Caller = tracedCaller{}

// Call implements coordinator.Caller.
func (c tracedCaller) Call(ctx context.Context, id, trace string, m machine.Call) machine.Outcome {
	step := sagaStep{id: id, trace: trace, step: m.Step, op: string(m.Op), service: m.Request.Service}
	return c.Caller.Call(context.WithValue(ctx, sagaStepKey{}, step), id, trace, m)
}

// Poll implements coordinator.Caller.
func (c tracedCaller) Poll(ctx context.Context, id, trace string, m machine.Poll) machine.Outcome {
	step := sagaStep{id: id, trace: trace, step: m.Step, op: "poll", service: m.Service}
	return c.Caller.Poll(context.WithValue(ctx, sagaStepKey{}, step), id, trace, m)
}

// aroundSteps makes spans of the requests of steps: each is a child of what started
// the saga, and has the id that the request says already.
func (r *telemetryRoom) aroundSteps(inner http.RoundTripper) http.RoundTripper {
	return &spanTransport{RoundTripper: inner, room: r, begin: func(req *http.Request, s *signal.Span) (*http.Request, bool) {
		step, ok := req.Context().Value(sagaStepKey{}).(sagaStep)
		if !ok {
			return req, false
		}
		if s.Trace, s.ID, ok = parseParent(req.Header.Get(traceParent)); ok {
			_, s.Parent, ok = parseParent(step.trace)
		}
		s.Name, s.Kind, s.Scope.Name = step.op+" "+step.step, signal.KindInternal, signal.ScopeSaga
		s.Attrs = textAttrs("banyan.saga", step.id, "banyan.step", step.step, "banyan.op", step.op, "peer.service", step.service,
			"banyan.attempt", req.Header.Get("Banyan-Attempt"), "url.path", req.URL.Path)
		return req, ok
	}}
}
