package output

import (
	"fmt"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

const now = 1_800_000_000_000_000_000

var instance = &signal.Resource{Service: "order", Instance: "order-3"}

// records are those of lines that were read at once.
func records(lines ...string) []signal.Log {
	j := New()
	var out []signal.Log
	for _, text := range lines {
		out = j.Add(out, Line{Time: now, Resource: instance, Text: text})
	}
	return j.Close(out)
}

// show is a record in one line.
func show(l *signal.Log) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s|%s", l.Severity, l.Text)
	if !l.Trace.IsZero() {
		fmt.Fprintf(&b, "|%s", l.Trace)
	}
	if !l.Span.IsZero() {
		fmt.Fprintf(&b, "/%s", l.Span)
	}
	if l.Time != now {
		fmt.Fprintf(&b, "|%+d", l.Time-now)
	}
	for _, a := range l.Attrs[1:] {
		fmt.Fprintf(&b, "|%s=%s", a.Key, a.Value)
	}
	return b.String()
}

const (
	aTrace = "4bf92f3577b34da6a3ce929d0e0e4736"
	aSpan  = "00f067aa0ba902b7"
)

// TestLine: how loggers write, and what is made of it.
func TestLine(t *testing.T) {
	for _, c := range []struct{ name, line, want string }{
		{"slog", `{"time":"2027-01-15T08:00:00.000000005Z","level":"WARN","msg":"low","stock":3,"who":{"id":"a","tags":["x",1]}}`, `warn|low|+5|stock=3|who.id=a|who.tags=["x",1]`},
		{"slog's levels", `{"level":"INFO+2","msg":"x"}`, `info|x`},
		{"pino", `{"level":50,"time":1800000000001,"pid":7,"hostname":"h","msg":"boom","err":{"type":"Error"}}`, `error|boom|+1000000|pid=7|hostname=h|err.type=Error`},
		{"bunyan", `{"name":"a","v":0,"level":30,"time":"2027-01-15T08:00:00.000Z","msg":"x"}`, `info|x|name=a|v=0`},
		{"zap", `{"level":"error","ts":1800000000.25,"caller":"a.go:1","msg":"x","ok":true,"none":null}`, `error|x|+250000000|caller=a.go:1|ok=true|none=`},
		{"logrus", `{"level":"fatal","msg":"x","time":"2027-01-15T08:00:00Z"}`, `fatal|x`},
		{"python", `{"asctime":"2027-01-15 08:00:00,123","levelname":"CRITICAL","message":"a\n\"b\" é","otelTraceID":"` + aTrace + `","otelSpanID":"` + aSpan + `"}`,
			"fatal|a\n\"b\" é|" + aTrace + "/" + aSpan + "|asctime=2027-01-15 08:00:00,123"},
		{"python's numbers", `{"levelno":30,"msg":"x"}`, `warn|x`},
		{"ECS", `{"@timestamp":"2027-01-15T08:00:00.000Z","log.level":"ERROR","message":"x","trace.id":"` + aTrace + `","span":{"id":"` + aSpan + `"}}`, "error|x|" + aTrace + "/" + aSpan},
		{"traceparent", `{"msg":"x","traceparent":"00-` + aTrace + `-` + aSpan + `-01"}`, "|x|" + aTrace + "/" + aSpan},
		{"Serilog", `{"@t":"2027-01-15T08:00:00Z","@l":"Warning","@m":"x"}`, `warn|x`},
		{"structlog", `{"event":"paid","level":"info"}`, `info|paid`},
		{"a message and an event", `{"msg":"x","event":"paid"}`, `|x|event=paid`},
		{"a span of no trace", `{"msg":"x","span_id":"` + aSpan + `"}`, `|x|span_id=` + aSpan},
		{"ids that are none", `{"msg":"x","trace_id":"?","span_id":3}`, `|x|trace_id=?|span_id=3`},
		{"a time of another day", `{"msg":"x","time":"2020-01-15T08:00:00Z"}`, `|x|time=2020-01-15T08:00:00Z`},
		{"microseconds", `{"msg":"x","ts":1800000000000001}`, `|x|+1000`},
		{"nanoseconds", `{"msg":"x","ts":1800000000000000001}`, `|x|+1`},
		{"JSON without a message", `{"a":1}`, `|{"a":1}|a=1`},
		{"an empty object", `{}`, `|{}`},
		{"odd JSON", ` { "msg" : "a\u00e9\ud83d" , "b" : [ { } , "}" ] } `, "|aé\uFFFD|b=[ { } , \"}\" ]"},
		{"JSON that is broken", `{"msg":"x"`, `|{"msg":"x"`},
		{"more than JSON", `{"msg":"x"} y`, `|{"msg":"x"} y`},
		{"very nested", `{"a":{"b":{"c":{"d":1}}}}`, `|{"a":{"b":{"c":{"d":1}}}}|a.b.c={"d":1}`},

		{"slog's text", `time=2027-01-15T08:00:00.000Z level=ERROR msg="no \"stock\"" order=17 ok=false rate=0.5 e=""`, `error|no "stock"|order=17|ok=false|rate=0.5|e=`},
		{"logrus' text", `time="2027-01-15T08:00:00Z" level=warning msg=low`, `warn|low`},
		{"a sentence", `level=error but not logfmt`, `error|level=error but not logfmt`},
		{"a query", `a=1 b=2`, `|a=1 b=2`},
		{"a quote that does not end", `level=info msg="x`, `info|level=info msg="x`},

		{"a level in brackets", `[ERROR] x`, `error|[ERROR] x`},
		{"after the time", `2027-01-15 08:00:00,123 - WARNING - x`, `warn|2027-01-15 08:00:00,123 - WARNING - x`},
		{"nginx", `2027/01/15 08:00:00 [crit] 12#0: *1 x`, `fatal|2027/01/15 08:00:00 [crit] 12#0: *1 x`},
		{"Spring", `2027-01-15T08:00:00.000+01:00  INFO 17 --- [main] c.e.App : started`, `info|2027-01-15T08:00:00.000+01:00  INFO 17 --- [main] c.e.App : started`},
		{"logback", `08:00:00.000 [main] DEBUG c.e.App - x`, `debug|08:00:00.000 [main] DEBUG c.e.App - x`},
		{"python's logging", `ERROR:root:x`, `error|ERROR:root:x`},
		{"logrus at a terminal", "\x1b[31mERRO\x1b[0m[0000] x", `error|ERRO[0000] x`},
		{"klog", `E0102 15:04:05.000000 1 a.go:1] x`, `error|E0102 15:04:05.000000 1 a.go:1] x`},
		{"lower case", `error: x`, `error|error: x`},
		{"a word", `error in the weather`, `|error in the weather`},
		{"Go's log", `2027/01/15 08:00:00 http: listening`, `|2027/01/15 08:00:00 http: listening`},
		{"not HTTP", `HTTP 200`, `|HTTP 200`},
		{"a trace", `x trace_id=` + aTrace + ` span_id=` + aSpan + ` y`, `|x trace_id=` + aTrace + ` span_id=` + aSpan + ` y|` + aTrace + "/" + aSpan},
		{"a trace by another name", `tracer [traceId: "` + aTrace + `"]`, `|tracer [traceId: "` + aTrace + `"]|` + aTrace},
		{"nothing", ``, `|`},
		{"a carriage return", "x\r", `|x`},
		{"not UTF-8", "caf\xe9", "|caf\uFFFD"},
		{"an escape that is no colour", "a\x1b[2Jb\x1b", "|a\x1b[2Jb\x1b"},
	} {
		t.Run(c.name, func(t *testing.T) {
			got := records(c.line)
			if len(got) != 1 || show(&got[0]) != c.want {
				t.Errorf("%d: %s, want %s", len(got), show(&got[0]), c.want)
			}
			if a := got[0].Attrs[0]; a.Key != "log.iostream" || a.Value.Text != "stdout" || got[0].Scope.Name != signal.ScopeOutput || got[0].Resource != instance {
				t.Errorf("%+v", got[0])
			}
		})
	}
}

// TestManyFields: an object that has too many is kept as it is.
func TestManyFields(t *testing.T) {
	line := `{"msg":"x"` + strings.Repeat(`,"a":{"b":1}`, maxFields) + `}`
	if got := records(line); len(got) != 1 || got[0].Text != line || len(got[0].Attrs) != 1 {
		t.Errorf("%d records, %d attributes", len(got), len(got[0].Attrs))
	}
	line = strings.Repeat("level=info msg=x ", maxFields)
	if got := records(line); len(got) != 1 || len(got[0].Attrs) != 1 {
		t.Errorf("%d records, %d attributes", len(got), len(got[0].Attrs))
	}
}
