package proxy

import (
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/banyanrun/banyan/internal/proxy/message"
)

// propagate has OpenTelemetry's propagator write a span's context as both forms of B3,
// or read what it is given.
const propagate = `
const { context, trace, defaultTextMapGetter, defaultTextMapSetter, ROOT_CONTEXT } = require('@opentelemetry/api');
const { B3Propagator, B3InjectEncoding } = require('@opentelemetry/propagator-b3');
const forms = [B3InjectEncoding.SINGLE_HEADER, B3InjectEncoding.MULTI_HEADER];
if (process.argv[1] === 'write') {
  const span = { traceId: process.argv[2], spanId: process.argv[3], traceFlags: Number(process.argv[4]) };
  console.log(JSON.stringify(forms.map((injectEncoding) => {
    const carrier = {};
    new B3Propagator({ injectEncoding }).inject(trace.setSpanContext(ROOT_CONTEXT, span), carrier, defaultTextMapSetter);
    return carrier;
  })));
} else {
  console.log(JSON.stringify(trace.getSpanContext(new B3Propagator().extract(ROOT_CONTEXT, JSON.parse(process.argv[2]), defaultTextMapGetter))));
}`

// TestB3Client: what OpenTelemetry's own propagator writes is continued, and what goes
// on is read by it.
func TestB3Client(t *testing.T) {
	dir, err := filepath.Abs("../../bin/otel")
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("skipped: node is not on PATH: install Node.js 20 or later from your package manager or nodejs.org")
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@opentelemetry", "propagator-b3")); err != nil {
		t.Skip("skipped: the library is not in bin/otel: run make otel-clients")
	}
	run := func(into any, args ...string) {
		t.Helper()
		cmd := exec.CommandContext(t.Context(), node, append([]string{"-e", propagate}, args...)...)
		cmd.Dir = dir
		out, err := cmd.Output()
		if err == nil {
			err = json.Unmarshal(out, into)
		}
		if err != nil {
			t.Fatalf("%v %s", err, out)
		}
	}
	for flags, sampled := range map[string]bool{"0": false, "1": true} {
		var forms []map[string]string
		run(&forms, "write", b3Trace, b3Span, flags)
		for _, carrier := range forms {
			h := new(message.Head)
			for k, v := range carrier {
				h.AddNamed([]byte(k), []byte(v))
			}
			id := continueTrace(h)
			if string(id.trace) != b3Trace || string(id.parent) != b3Span || id.sampled != sampled {
				t.Errorf("%v is continued as %s %s %v", carrier, id.trace, id.parent, id.sampled)
			}
			passed := map[string]string{}
			for _, f := range h.Fields {
				if f.ID != message.Removed && f.ID != message.Traceparent {
					passed[string(f.ID.Lower())] = string(f.Value)
				}
			}
			text, err := json.Marshal(passed)
			if err != nil {
				t.Fatal(err)
			}
			var got struct {
				TraceID    string `json:"traceId"`
				SpanID     string `json:"spanId"`
				TraceFlags int    `json:"traceFlags"`
			}
			run(&got, "read", string(text))
			if got.TraceID != b3Trace || got.SpanID != string(id.span) || got.TraceFlags&1 == 1 != sampled {
				t.Errorf("%s is read as %+v", text, got)
			}
		}
	}
}
