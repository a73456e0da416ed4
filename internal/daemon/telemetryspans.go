package daemon

import (
	"encoding/binary"
	"math/rand/v2"
	"net/http"
	"strconv"
	"time"

	"github.com/banyanrun/banyan/internal/route"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// traceParent is the field of W3C Trace Context, and the attribute of events.
const (
	traceParent = "traceparent"
	parentLen   = 55
)

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
	if len(v) != parentLen || v[2] != '-' || v[35] != '-' || v[52] != '-' || (v[54]-'0')&1 == 0 {
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
	// begin makes the span of a request, which it may change; false: there is no span
	// of it.
	begin func(*http.Request, *signal.Span) bool
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
	to := r.WithContext(r.Context()) // the caller's is not changed
	to.Header = r.Header.Clone()
	r = to
	seen := t.begin(r, &s)
	if v := r.Header.Get(traceParent); len(v) == parentLen { // for services that know no other
		r.Header.Set("B3", v[3:52]+"-"+strconv.Itoa(int(v[54]-'0')&1))
	}
	if !seen {
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
	return &spanTransport{RoundTripper: inner, room: r, begin: func(req *http.Request, s *signal.Span) bool {
		text := req.Header.Get(traceParent)
		var ok bool
		if s.Trace, s.Parent, ok = parseParent(text); !ok {
			return false
		}
		s.ID = newSpanID()
		topic := req.Header.Get("Banyan-Topic")
		s.Name, s.Kind, s.Scope.Name = "deliver "+topic, signal.KindConsumer, signal.ScopeBus
		s.Attrs = textAttrs("messaging.system", route.Platform, "messaging.destination.name", topic, "messaging.operation.name", "deliver",
			"banyan.delivery", req.Header.Get("Banyan-Delivery"), "banyan.attempt", req.Header.Get("Banyan-Attempt"),
			"banyan.replay", req.Header.Get("Banyan-Replay"), "url.path", req.URL.Path)
		req.Header.Set(traceParent, text[:36]+s.ID.String()+text[52:])
		return true
	}}
}
