package match

import (
	"strconv"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// The fields that all records of a kind have. Any other name, those of the other
// kind's fields among them, is an attribute of the record or, where the record has none
// of that name, of its resource. So an attribute that has one of these names cannot be
// asked for.
const (
	FieldService  = "service"
	FieldInstance = "instance"
	FieldRevision = "revision"
	FieldScope    = "scope"
	FieldTrace    = "trace"
	FieldSpan     = "span"

	FieldName     = "name"     // of spans
	FieldKind     = "kind"     // of spans: internal, server, client, producer, consumer
	FieldStatus   = "status"   // of spans: ok, error
	FieldDuration = "duration" // of spans: nanoseconds

	FieldSeverity = "severity" // of logs: trace, debug, info, warn, error, fatal
	FieldText     = "text"     // of logs; of spans: the status's message
)

// OfSpans reports whether a name is a field of spans, and no attribute.
func OfSpans(field string) bool {
	switch field {
	case FieldName, FieldKind, FieldStatus, FieldDuration:
		return true
	}
	return ofBoth(field)
}

// OfLogs reports whether a name is a field of log records, and no attribute.
func OfLogs(field string) bool { return field == FieldSeverity || ofBoth(field) }

func ofBoth(field string) bool {
	switch field {
	case FieldService, FieldInstance, FieldRevision, FieldScope, FieldTrace, FieldSpan, FieldText:
		return true
	}
	return false
}

// SpanField returns a field of a span; false: it has none, or an empty one.
func SpanField(s *signal.Span, field string) (signal.Value, bool) {
	switch field {
	case FieldTrace:
		return signal.Text(s.Trace.String()), !s.Trace.IsZero()
	case FieldSpan:
		return signal.Text(s.ID.String()), !s.ID.IsZero()
	case FieldName:
		return text(s.Name)
	case FieldKind:
		return text(KindName(s.Kind))
	case FieldStatus:
		return text(StatusName(s.Status))
	case FieldDuration:
		return signal.Integer(s.Duration()), true
	case FieldText:
		return text(s.Message)
	}
	return shared(s.Resource, s.Scope.Name, s.Attrs, field)
}

// LogField returns a field of a log record; false: it has none, or an empty one.
func LogField(l *signal.Log, field string) (signal.Value, bool) {
	switch field {
	case FieldTrace:
		return signal.Text(l.Trace.String()), !l.Trace.IsZero()
	case FieldSpan:
		return signal.Text(l.Span.String()), !l.Span.IsZero()
	case FieldSeverity:
		return text(l.Severity.String())
	case FieldText:
		return text(l.Text)
	}
	return shared(l.Resource, l.Scope.Name, l.Attrs, field)
}

func shared(r *signal.Resource, scope string, attrs signal.Attrs, field string) (signal.Value, bool) {
	switch field {
	case FieldScope:
		return text(scope)
	case FieldService, FieldInstance, FieldRevision:
		return ResourceField(r, field)
	}
	if v, ok := attrs.Get(field); ok {
		return v, true
	}
	return ResourceField(r, field)
}

// ResourceField returns a field that a resource has; false: it has none.
func ResourceField(r *signal.Resource, field string) (signal.Value, bool) {
	switch field {
	case FieldService:
		return text(r.Service)
	case FieldInstance:
		return text(r.Instance)
	case FieldRevision:
		return text(r.Revision)
	}
	return r.Attrs.Get(field)
}

func text(s string) (signal.Value, bool) { return signal.Text(s), s != "" }

var kinds = [...]string{"", "internal", "server", "client", "producer", "consumer"}

// KindName is a kind as filters write it; empty: unspecified, or unknown.
func KindName(k signal.Kind) string {
	if int(k) < len(kinds) {
		return kinds[k]
	}
	return ""
}

// StatusName is a status as filters write it; empty: unset.
func StatusName(s signal.Status) string {
	switch s {
	case signal.StatusOK:
		return "ok"
	case signal.StatusError:
		return "error"
	case signal.StatusUnset:
	}
	return ""
}

// Values returns the values that are written as the text, without those that are
// Double and not a number.
func Values(text string) []signal.Value {
	values := []signal.Value{signal.Text(text), {Type: signal.JSON, Text: text}}
	if n, err := strconv.ParseInt(text, 10, 64); err == nil {
		values = append(values, signal.Integer(n))
	}
	if f, err := strconv.ParseFloat(text, 64); err == nil {
		values = append(values, signal.Number(f))
	}
	values = append(values, signal.Truth(true), signal.Truth(false))
	kept := values[:0]
	for _, v := range values {
		if v.String() == text {
			kept = append(kept, v)
		}
	}
	return kept
}
