package otlp

import (
	"slices"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Traces are spans as OpenTelemetry has them. Those that follow each other share their
// resource and scope. What is read of it is the same, but for the order of attributes.
func Traces(spans []signal.Span) ptrace.Traces {
	all := ptrace.NewTraces()
	var of ptrace.ResourceSpans
	var in ptrace.ScopeSpans
	for i := range spans {
		s := &spans[i]
		if i == 0 || s.Resource != spans[i-1].Resource {
			of = all.ResourceSpans().AppendEmpty()
			putResource(of.Resource().Attributes(), s.Resource)
		}
		if i == 0 || s.Resource != spans[i-1].Resource || s.Scope != spans[i-1].Scope {
			in = of.ScopeSpans().AppendEmpty()
			putScope(in.Scope(), s.Scope)
		}
		putSpan(in.Spans().AppendEmpty(), s)
	}
	return all
}

func putSpan(to ptrace.Span, s *signal.Span) {
	to.SetTraceID(pcommon.TraceID(s.Trace))
	to.SetSpanID(pcommon.SpanID(s.ID))
	to.SetParentSpanID(pcommon.SpanID(s.Parent))
	to.SetName(s.Name)
	to.SetKind(ptrace.SpanKind(s.Kind))
	to.SetStartTimestamp(stamp(s.Start))
	to.SetEndTimestamp(stamp(s.End))
	to.Status().SetCode(ptrace.StatusCode(s.Status))
	to.Status().SetMessage(s.Message)
	to.TraceState().FromRaw(s.State)
	putAttrs(to.Attributes(), s.Attrs)
	for _, e := range s.Events {
		event := to.Events().AppendEmpty()
		event.SetTimestamp(stamp(e.Time))
		event.SetName(e.Name)
		putAttrs(event.Attributes(), e.Attrs)
	}
	for _, l := range s.Links {
		link := to.Links().AppendEmpty()
		link.SetTraceID(pcommon.TraceID(l.Trace))
		link.SetSpanID(pcommon.SpanID(l.Span))
		putAttrs(link.Attributes(), l.Attrs)
	}
}

// Logs is Traces for log records.
func Logs(logs []signal.Log) plog.Logs {
	all := plog.NewLogs()
	var of plog.ResourceLogs
	var in plog.ScopeLogs
	for i := range logs {
		l := &logs[i]
		if i == 0 || l.Resource != logs[i-1].Resource {
			of = all.ResourceLogs().AppendEmpty()
			putResource(of.Resource().Attributes(), l.Resource)
		}
		if i == 0 || l.Resource != logs[i-1].Resource || l.Scope != logs[i-1].Scope {
			in = of.ScopeLogs().AppendEmpty()
			putScope(in.Scope(), l.Scope)
		}
		putLog(in.LogRecords().AppendEmpty(), l)
	}
	return all
}

func putLog(to plog.LogRecord, l *signal.Log) {
	to.SetTimestamp(stamp(l.Time))
	to.SetSeverityNumber(plog.SeverityNumber(l.Severity))
	to.Body().SetStr(l.Text)
	to.SetTraceID(pcommon.TraceID(l.Trace))
	to.SetSpanID(pcommon.SpanID(l.Span))
	to.SetEventName(l.Attrs.Text(eventName))
	to.SetSeverityText(l.Attrs.Text(severityText))
	putAttrs(to.Attributes(), slices.DeleteFunc(slices.Clone(l.Attrs), func(a signal.Attr) bool { return a.Key == eventName || a.Key == severityText }))
}

// stamp is a time; what was before 1970 is then.
func stamp(ns int64) pcommon.Timestamp { return pcommon.Timestamp(max(ns, 0)) }

func putResource(to pcommon.Map, r *signal.Resource) {
	to.EnsureCapacity(len(r.Attrs) + 3)
	for _, pair := range [][2]string{{serviceName, r.Service}, {serviceInstance, r.Instance}, {revision, r.Revision}} {
		if pair[1] != "" {
			to.PutStr(pair[0], pair[1])
		}
	}
	putAttrs(to, r.Attrs)
}

func putScope(to pcommon.InstrumentationScope, s signal.Scope) {
	to.SetName(s.Name)
	to.SetVersion(s.Version)
}

// putAttrs adds attributes. Of a key that comes twice the first counts.
func putAttrs(to pcommon.Map, attrs signal.Attrs) {
	to.EnsureCapacity(to.Len() + len(attrs))
	for _, a := range attrs {
		if v, exists := to.GetOrPutEmpty(a.Key); !exists {
			putValue(v, a.Value)
		}
	}
}
