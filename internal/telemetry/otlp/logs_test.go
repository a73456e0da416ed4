package otlp

import (
	"reflect"
	"testing"

	"go.opentelemetry.io/collector/pdata/plog"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

func someLogs() plog.Logs {
	logs := plog.NewLogs()
	rl := logs.ResourceLogs().AppendEmpty()
	rl.Resource().Attributes().PutStr("service.name", "order")
	sl := rl.ScopeLogs().AppendEmpty()
	sl.Scope().SetName("slog")
	l := sl.LogRecords().AppendEmpty()
	l.SetTimestamp(1_800_000_000_000_000_000)
	l.SetObservedTimestamp(1_800_000_000_000_000_001)
	l.SetSeverityNumber(plog.SeverityNumberWarn2)
	l.SetSeverityText("WARN+1")
	l.Body().SetStr("no stock")
	l.Attributes().PutInt("order", 17)
	l.SetTraceID(traceID)
	l.SetSpanID(spanID)
	return logs
}

func TestLogs(t *testing.T) {
	want := signal.Log{
		Time: 1_800_000_000_000_000_000, Severity: signal.SeverityWarn + 1, Text: "no stock",
		Trace: signal.TraceID(traceID), Span: signal.SpanID(spanID),
		Resource: &signal.Resource{Service: "order", Attrs: signal.Attrs{}}, Scope: signal.Scope{Name: "slog"},
		Attrs: signal.Attrs{{Key: "order", Value: signal.Integer(17)}},
	}
	b, err := (&plog.ProtoMarshaler{}).MarshalLogs(someLogs())
	if err != nil {
		t.Fatal(err)
	}
	j, err := (&plog.JSONMarshaler{}).MarshalLogs(someLogs())
	if err != nil {
		t.Fatal(err)
	}
	for media, body := range map[string][]byte{protobuf: b, jsonType: j} {
		s := &sink{}
		w := post(t, s, "/v1/logs", media, body)
		if w.Code != 200 || len(s.logs) != 1 || !reflect.DeepEqual(s.logs[0], want) {
			t.Errorf("%s: %d %s\n%+v, want\n%+v", media, w.Code, w.Body, s.logs, want)
		}
	}
}

func TestOddLogs(t *testing.T) {
	const now = 1_800_000_000_000_000_005
	for _, c := range []struct {
		name  string
		spoil func(plog.LogRecord)
		why   string
		is    func(*signal.Log) bool
	}{
		{"no time", func(l plog.LogRecord) { l.SetTimestamp(0); l.SetObservedTimestamp(0) }, "", func(l *signal.Log) bool { return l.Time == now }},
		{"observed", func(l plog.LogRecord) { l.SetTimestamp(0) }, "", func(l *signal.Log) bool { return l.Time == 1_800_000_000_000_000_001 }},
		{"a time too far", func(l plog.LogRecord) { l.SetTimestamp(1 << 63) }, "its time is after the year 2262", nil},
		{"a level by name", func(l plog.LogRecord) { l.SetSeverityNumber(0); l.SetSeverityText("ERROR") }, "", func(l *signal.Log) bool { return l.Severity == signal.SeverityError && len(l.Attrs) == 1 }},
		{"a level of its own", func(l plog.LogRecord) { l.SetSeverityNumber(0); l.SetSeverityText("loud") }, "", func(l *signal.Log) bool { return l.Severity == 0 && l.Attrs.Text("severity.text") == "loud" }},
		{"a level that is none", func(l plog.LogRecord) { l.SetSeverityNumber(99); l.SetSeverityText("") }, "", func(l *signal.Log) bool { return l.Severity == 0 }},
		{"a span of no trace", func(l plog.LogRecord) { l.SetTraceID([16]byte{}) }, "", func(l *signal.Log) bool { return l.Span.IsZero() }},
		{"an event", func(l plog.LogRecord) { l.SetEventName("paid") }, "", func(l *signal.Log) bool { return l.Attrs.Text("event.name") == "paid" }},
		{"a map", func(l plog.LogRecord) { l.Body().SetEmptyMap().PutStr("a", "b") }, "", func(l *signal.Log) bool { return l.Text == `{"a":"b"}` }},
		{"nothing", func(l plog.LogRecord) { plog.NewLogRecord().CopyTo(l) }, "it has neither a body nor attributes", nil},
	} {
		in := someLogs().ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
		c.spoil(in)
		l, why := logOf(in, now)
		if why != c.why || c.is != nil && !c.is(&l) {
			t.Errorf("%s: %+v, %q", c.name, l, why)
		}
	}
}
