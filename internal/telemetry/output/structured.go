package output

import (
	"math"
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// field is a member of a line that is JSON or logfmt.
type field struct {
	key   string
	value signal.Value
}

// structured reads a line that is JSON or logfmt; false: it is neither.
func structured(l *Line) (signal.Log, bool) {
	var fields []field
	var ok bool
	switch text := strings.TrimSpace(l.Text); {
	case strings.HasPrefix(text, "{"):
		fields, ok = fieldsOfJSON(text)
	case !strings.Contains(text, "\n"):
		fields, ok = fieldsOfLogfmt(text)
	}
	if !ok {
		return signal.Log{}, false
	}
	record := l.record()
	r := reading{record: &record, stamp: l.Time}
	for i := range fields {
		if !r.take(&fields[i]) {
			record.Attrs = append(record.Attrs, signal.Attr{Key: fields[i].key, Value: fields[i].value})
		}
	}
	if !r.said {
		record.Text = l.Text
	}
	if record.Trace.IsZero() && !record.Span.IsZero() {
		record.Attrs = append(record.Attrs, signal.Attr{Key: "span_id", Value: signal.Text(record.Span.String())})
		record.Span = signal.SpanID{}
	}
	return record, true
}

// reading is a record that fields are put into.
type reading struct {
	record *signal.Log
	stamp  int64
	said   bool // its text is known
	timed  bool
}

// role is what a field is for.
type role uint8

const (
	message role = iota + 1
	level
	number // of Python's level
	when
	trace
	span
	parent // W3C's traceparent
)

// roles are the names that loggers give fields, in lower case.
var roles = map[string]role{
	"msg": message, "message": message, "event": message, "@m": message, "@message": message,
	"level": level, "severity": level, "lvl": level, "loglevel": level, "log.level": level, "levelname": level, "level_name": level, "@l": level,
	"severity_text": level, "severitytext": level, "log_level": level, "levelno": number,
	"time": when, "ts": when, "timestamp": when, "@timestamp": when, "@t": when, "asctime": when, "datetime": when,
	"trace_id": trace, "traceid": trace, "trace.id": trace, "oteltraceid": trace, "@tr": trace,
	"span_id": span, "spanid": span, "span.id": span, "otelspanid": span, "@sp": span,
	"traceparent": parent,
}

const longestRole = 13 // of the names of roles

// take puts a field to its use; false: it has none, and is an attribute.
func (r *reading) take(f *field) bool {
	if len(f.key) > longestRole {
		return false
	}
	switch roles[strings.ToLower(f.key)] {
	case message:
		if r.said {
			return false
		}
		r.record.Text, r.said = f.value.String(), true
		return true
	case level:
		return r.level(f.value, pino)
	case number:
		return r.level(f.value, python)
	case when:
		at, ok := timeOf(f.value, r.stamp)
		if !ok || r.timed {
			return false
		}
		r.record.Time, r.timed = at, true
		return true
	case trace:
		id, ok := signal.ParseTraceID(f.value.Text)
		if ok && r.record.Trace.IsZero() {
			r.record.Trace = id
			return true
		}
	case span:
		id, ok := signal.ParseSpanID(f.value.Text)
		if ok && r.record.Span.IsZero() {
			r.record.Span = id
			return true
		}
	case parent:
		return r.parent(f.value.Text)
	}
	return false
}

// parent reads 00-TRACE-SPAN-FLAGS.
func (r *reading) parent(s string) bool {
	parts := strings.Split(s, "-")
	if len(parts) < 4 || !r.record.Trace.IsZero() {
		return false
	}
	id, ok1 := signal.ParseTraceID(parts[1])
	sp, ok2 := signal.ParseSpanID(parts[2])
	if !ok1 || !ok2 {
		return false
	}
	r.record.Trace, r.record.Span = id, sp
	return true
}

// Levels of loggers that have numbers for them, by ten.
var (
	pino   = []signal.Severity{1: signal.SeverityTrace, signal.SeverityDebug, signal.SeverityInfo, signal.SeverityWarn, signal.SeverityError, signal.SeverityFatal}
	python = []signal.Severity{1: signal.SeverityDebug, signal.SeverityInfo, signal.SeverityWarn, signal.SeverityError, signal.SeverityFatal}
)

func (r *reading) level(v signal.Value, numbers []signal.Severity) bool {
	if r.record.Severity != 0 {
		return false
	}
	n, ok := v.Float()
	if !ok {
		s, ok := signal.ParseSeverity(strings.TrimSpace(v.Text))
		r.record.Severity = s
		return ok
	}
	ten := int(math.Max(0, math.Min(n, 1e6))) / 10
	if ten < 1 || ten >= len(numbers) {
		return false
	}
	r.record.Severity = numbers[ten]
	return true
}

// numberOf reads what is written as a number.
func numberOf(s string) signal.Value {
	if n, err := strconv.ParseInt(s, 10, 64); err == nil {
		return signal.Integer(n)
	}
	if f, err := strconv.ParseFloat(s, 64); err == nil {
		return signal.Number(f)
	}
	return signal.Text(s)
}
