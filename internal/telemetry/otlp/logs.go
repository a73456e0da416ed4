package otlp

import (
	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Attributes that stand for what a log record has beside its attributes.
const (
	eventName    = "event.name"
	severityText = "severity.text"
)

// readLogs decodes a request. A record without a time is one of now.
func readLogs(f form, body []byte, from string, now int64) (logs []signal.Log, no refusals, err error) {
	all, err := f.logs(body)
	if err != nil {
		return nil, no, err
	}
	logs = make([]signal.Log, 0, all.LogRecordCount())
	for _, rl := range all.ResourceLogs().All() {
		resource := resourceOf(rl.Resource().Attributes(), from)
		for _, sl := range rl.ScopeLogs().All() {
			scope := scopeOf(sl.Scope())
			for _, in := range sl.LogRecords().All() {
				l, why := logOf(in, now)
				if why != "" {
					no.add(why)
					continue
				}
				l.Resource, l.Scope = resource, scope
				logs = append(logs, l)
			}
		}
	}
	return logs, no, nil
}

// logOf reads a record, or says why it is none.
func logOf(in plog.LogRecord, now int64) (l signal.Log, why string) {
	at, ok := nanos(in.Timestamp())
	if at == 0 {
		at, ok = nanos(in.ObservedTimestamp())
	}
	if !ok {
		return l, "its time is after the year 2262"
	}
	if at == 0 {
		at = now
	}
	l = signal.Log{
		Time: at, Text: valueOf(in.Body()).String(), Attrs: attrsOf(in.Attributes()),
		Trace: signal.TraceID(in.TraceID()), Span: signal.SpanID(in.SpanID()),
	}
	if l.Trace.IsZero() {
		l.Span = signal.SpanID{} // it says nothing without a trace
	}
	name := in.SeverityText()
	if n := in.SeverityNumber(); n > 0 && n <= plog.SeverityNumberFatal4 {
		l.Severity = signal.Severity(n)
	} else if l.Severity, ok = signal.ParseSeverity(name); !ok && name != "" {
		l.Attrs = append(l.Attrs, signal.Attr{Key: severityText, Value: signal.Text(utf(name))})
	}
	if e := in.EventName(); e != "" {
		l.Attrs = append(l.Attrs, signal.Attr{Key: eventName, Value: signal.Text(utf(e))})
	}
	if l.Text == "" && in.Body().Type() == pcommon.ValueTypeEmpty && len(l.Attrs) == 0 {
		return l, "it has neither a body nor attributes"
	}
	return l, ""
}
