package otlp

import (
	"math"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// readSpans decodes a request.
func readSpans(f form, body []byte, from string) (spans []signal.Span, no refusals, err error) {
	traces, err := f.traces(body)
	if err != nil {
		return nil, no, err
	}
	spans = make([]signal.Span, 0, traces.SpanCount())
	for _, rs := range traces.ResourceSpans().All() {
		resource := resourceOf(rs.Resource().Attributes(), from)
		for _, ss := range rs.ScopeSpans().All() {
			scope := scopeOf(ss.Scope())
			for _, in := range ss.Spans().All() {
				s, why := spanOf(in)
				if why != "" {
					no.add(why)
					continue
				}
				s.Resource, s.Scope = resource, scope
				spans = append(spans, s)
			}
		}
	}
	return spans, no, nil
}

// spanOf reads a span, or says why it is none.
func spanOf(in ptrace.Span) (s signal.Span, why string) {
	start, ok1 := nanos(in.StartTimestamp())
	end, ok2 := nanos(in.EndTimestamp())
	switch {
	case in.TraceID().IsEmpty():
		return s, "it has no trace_id"
	case in.SpanID().IsEmpty():
		return s, "it has no span_id"
	case !ok1 || !ok2:
		return s, "its time is after the year 2262"
	case start == 0 && end == 0:
		return s, "it has neither start_time_unix_nano nor end_time_unix_nano"
	}
	if start == 0 {
		start = end
	}
	s = signal.Span{
		Trace: signal.TraceID(in.TraceID()), ID: signal.SpanID(in.SpanID()), Parent: signal.SpanID(in.ParentSpanID()),
		Name: utf(in.Name()), Kind: kindOf(in.Kind()), Start: start, End: max(start, end),
		Status: statusOf(in.Status().Code()), Message: utf(in.Status().Message()), State: utf(in.TraceState().AsRaw()),
		Attrs: attrsOf(in.Attributes()),
	}
	if n := in.Events().Len(); n > 0 {
		s.Events = eventsOf(in.Events(), start)
	}
	if n := in.Links().Len(); n > 0 {
		s.Links = linksOf(in.Links())
	}
	return s, ""
}

// eventsOf reads the events of a span; those without a time happened at its start.
func eventsOf(in ptrace.SpanEventSlice, start int64) []signal.Event {
	events := make([]signal.Event, 0, in.Len())
	for _, e := range in.All() {
		at, ok := nanos(e.Timestamp())
		if !ok || at == 0 {
			at = start
		}
		events = append(events, signal.Event{Time: at, Name: utf(e.Name()), Attrs: attrsOf(e.Attributes())})
	}
	return events
}

// linksOf reads the links that lead somewhere.
func linksOf(in ptrace.SpanLinkSlice) []signal.Link {
	links := make([]signal.Link, 0, in.Len())
	for _, l := range in.All() {
		if !l.TraceID().IsEmpty() {
			links = append(links, signal.Link{Trace: signal.TraceID(l.TraceID()), Span: signal.SpanID(l.SpanID()), Attrs: attrsOf(l.Attributes())})
		}
	}
	return links
}

func kindOf(k ptrace.SpanKind) signal.Kind {
	if k < 0 || k > ptrace.SpanKindConsumer {
		return signal.KindUnspecified
	}
	return signal.Kind(k)
}

func statusOf(c ptrace.StatusCode) signal.Status {
	switch c {
	case ptrace.StatusCodeOk:
		return signal.StatusOK
	case ptrace.StatusCodeError:
		return signal.StatusError
	case ptrace.StatusCodeUnset:
	}
	return signal.StatusUnset
}

// nanos is a time that a signed number can hold.
func nanos(t pcommon.Timestamp) (int64, bool) {
	return int64(t), t <= math.MaxInt64
}
