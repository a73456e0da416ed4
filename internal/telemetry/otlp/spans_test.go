package otlp

import (
	"reflect"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

func TestSpans(t *testing.T) {
	want := signal.Span{
		Trace: signal.TraceID(traceID), ID: signal.SpanID{1, 2, 3, 4, 5, 6}, Parent: signal.SpanID{9},
		Name: "GET /orders/{id}", Kind: signal.KindServer, Start: 1_800_000_000_000_000_000, End: 1_800_000_000_001_500_000,
		Status: signal.StatusError, Message: "no stock",
		Resource: &signal.Resource{Service: "order", Instance: "order-3", Attrs: signal.Attrs{{Key: "telemetry.sdk.language", Value: signal.Text("go")}}},
		Scope:    signal.Scope{Name: "otelhttp", Version: "1.2.3"},
		Attrs: signal.Attrs{
			{Key: "http.request.method", Value: signal.Text("GET")}, {Key: "url.path", Value: signal.Text("/orders/17")}, {Key: "http.route", Value: signal.Text("/orders/{id}")},
			{Key: "http.response.status_code", Value: signal.Integer(500)}, {Key: "server.address", Value: signal.Text("127.0.0.1")}, {Key: "server.port", Value: signal.Integer(20100)},
			{Key: "user_agent.original", Value: signal.Text("curl/8.5.0")}, {Key: "network.protocol.version", Value: signal.Text("1.1")},
			{Key: "load", Value: signal.Number(0.5)}, {Key: "cached", Value: signal.Truth(true)}, {Key: "tags", Value: signal.Value{Type: signal.JSON, Text: `["a"]`}},
		},
		Events: []signal.Event{{Time: 1_800_000_000_001_000_000, Name: "exception", Attrs: signal.Attrs{{Key: "exception.message", Value: signal.Text("no stock")}}}},
		Links:  []signal.Link{{Trace: signal.TraceID(traceID), Span: signal.SpanID{7}}},
	}
	for _, f := range []form{binary, text} {
		s := &sink{}
		w := post(t, s, "/v1/traces", f.mediaType(), encode(t, someTraces(2), f))
		if w.Code != 200 || w.Header().Get("Content-Type") != f.mediaType() {
			t.Errorf("%s: %d %v", f.mediaType(), w.Code, w.Header())
		}
		if answer := w.Body.String(); answer != map[form]string{binary: "", text: "{}"}[f] {
			t.Errorf("%s: the answer is %q", f.mediaType(), answer)
		}
		if len(s.spans) != 2 || s.from != "order" || !reflect.DeepEqual(s.spans[0], want) {
			t.Errorf("%s: from %s\n%+v, want\n%+v", f.mediaType(), s.from, s.spans, want)
		}
	}
}

// TestService: who sent it counts where it does not say, and is kept where it says another.
func TestService(t *testing.T) {
	for _, c := range []struct{ name, from, service, sender string }{
		{"", "order", "order", ""},
		{"unknown_service:node", "order", "order", ""},
		{"unknown_service", "", "unknown_service", ""},
		{"", "", "unknown_service", ""},
		{"order", "order", "order", ""},
		{"ledger", "order", "ledger", "order"},
		{"ledger", "", "ledger", ""},
	} {
		m := pcommon.NewMap()
		m.PutStr(sender, "forged")
		if c.name != "" {
			m.PutStr(serviceName, c.name)
		}
		if r := resourceOf(m, c.from); r.Service != c.service || r.Attrs.Text(sender) != c.sender {
			t.Errorf("%q from %q: %+v", c.name, c.from, r)
		}
	}
}

// TestRejectedSpans: what cannot be a span is counted, and the others are taken.
func TestRejectedSpans(t *testing.T) {
	for what, spoil := range map[string]func(ptrace.Span){
		"it has no trace_id":              func(s ptrace.Span) { s.SetTraceID(pcommon.TraceID{}) },
		"it has no span_id":               func(s ptrace.Span) { s.SetSpanID(pcommon.SpanID{}) },
		"its time is after the year 2262": func(s ptrace.Span) { s.SetStartTimestamp(1 << 63) },
		"it has neither start_time_unix_nano nor end_time_unix_nano": func(s ptrace.Span) { s.SetStartTimestamp(0); s.SetEndTimestamp(0) },
	} {
		traces := someTraces(3)
		spoil(traces.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(1))
		s := &sink{}
		w := post(t, s, "/v1/traces", jsonType, encode(t, traces, text))
		if want := `{"partialSuccess":{"errorMessage":"1 of the spans was not taken: ` + what + `","rejectedSpans":"1"}}`; w.Code != 200 || w.Body.String() != want || len(s.spans) != 2 {
			t.Errorf("%d %s, and %d spans; want %s", w.Code, w.Body, len(s.spans), want)
		}
		w = post(t, s, "/v1/traces", protobuf, encode(t, traces, binary))
		if want := "\n" + string(rune(w.Body.Len()-2)) + "\x08\x01\x12"; w.Code != 200 || w.Body.String()[:5] != want {
			t.Errorf("%d %q, want %q", w.Code, w.Body, want)
		}
	}
}

// TestOddSpans: what can be put right is.
func TestOddSpans(t *testing.T) {
	in := someTraces(1)
	span := in.ResourceSpans().At(0).ScopeSpans().At(0).Spans().At(0)
	span.SetEndTimestamp(span.StartTimestamp() - 5)
	span.SetName("caf\xe9")
	span.SetKind(99)
	span.Status().SetCode(7)
	span.Events().At(0).SetTimestamp(0)
	span.Links().At(0).SetTraceID(pcommon.TraceID{})
	span.Attributes().PutEmptyBytes("raw").FromRaw([]byte("hi"))
	m := span.Attributes().PutEmptyMap("deep")
	m.PutEmptySlice("l").AppendEmpty().SetDouble(1e300)
	m.PutEmpty("nil")
	m.PutStr("q", "a\"\\\n\x01\xff")
	span.Attributes().PutEmpty("empty")
	spans, no, err := readSpans(binary, encode(t, in, binary), "order")
	if err != nil || no.count != 0 || len(spans) != 1 {
		t.Fatal(spans, no, err)
	}
	s := &spans[0]
	if s.End != s.Start || s.Name != "caf\uFFFD" || s.Kind != signal.KindUnspecified || s.Status != signal.StatusUnset || s.Events[0].Time != s.Start || len(s.Links) != 0 {
		t.Errorf("%+v", s)
	}
	for key, want := range map[string]string{"raw": `"aGk="`, "deep": `{"l":[1e+300],"nil":null,"q":"a\"\\\n\u0001` + "\uFFFD" + `"}`, "empty": ""} {
		if got := s.Attrs.Text(key); got != want {
			t.Errorf("%s is %s, want %s", key, got, want)
		}
	}
}

func BenchmarkSpans(b *testing.B) {
	for _, f := range []form{binary, text} {
		b.Run(f.mediaType(), func(b *testing.B) {
			const n = 512
			body := encode(b, someTraces(n), f)
			b.ReportAllocs()
			for b.Loop() {
				spans, _, err := readSpans(f, body, "order")
				if err != nil || len(spans) != n {
					b.Fatal(err)
				}
			}
			b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/n, "ns/span")
		})
	}
}
