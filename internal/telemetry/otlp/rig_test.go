package otlp

import (
	"bytes"
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"sync"
	"testing"

	"go.opentelemetry.io/collector/pdata/pcommon"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// sink keeps what it is given, or refuses it.
type sink struct {
	mu      sync.Mutex
	from    string
	spans   []signal.Span
	logs    []signal.Log
	samples []Sample
	err     error
}

func (s *sink) Spans(_ context.Context, from string, spans []signal.Span) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from, s.spans = from, append(s.spans, spans...)
	return s.err
}

func (s *sink) Logs(_ context.Context, from string, logs []signal.Log) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from, s.logs = from, append(s.logs, logs...)
	return s.err
}

func (s *sink) Metrics(_ context.Context, from string, samples []Sample) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.from, s.samples = from, append(s.samples, samples...)
	return s.err
}

func newReceiver(s Sink) *Receiver { return New(s, NewRoom(0), slog.New(slog.DiscardHandler)) }

// post sends a request as the service order does.
func post(tb testing.TB, s Sink, path, media string, body []byte, header ...string) *httptest.ResponseRecorder {
	tb.Helper()
	q := httptest.NewRequestWithContext(tb.Context(), http.MethodPost, path, bytes.NewReader(body))
	q.Header.Set("Content-Type", media)
	for i := 0; i < len(header); i += 2 {
		q.Header.Set(header[i], header[i+1])
	}
	w := httptest.NewRecorder()
	newReceiver(s).ServeFrom(w, q, "order")
	return w
}

const (
	protobuf = "application/x-protobuf"
	jsonType = "application/json"
)

// traceID and spanID are those of samples.
var (
	traceID = pcommon.TraceID{1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11, 12, 13, 14, 15, 16}
	spanID  = pcommon.SpanID{1, 2, 3, 4, 5, 6, 7, 8}
)

// someTraces are n spans such as an HTTP server's SDK makes.
func someTraces(n int) ptrace.Traces {
	t := ptrace.NewTraces()
	rs := t.ResourceSpans().AppendEmpty()
	rs.Resource().Attributes().PutStr("service.name", "order")
	rs.Resource().Attributes().PutStr("service.instance.id", "order-3")
	rs.Resource().Attributes().PutStr("telemetry.sdk.language", "go")
	ss := rs.ScopeSpans().AppendEmpty()
	ss.Scope().SetName("otelhttp")
	ss.Scope().SetVersion("1.2.3")
	for i := range n {
		s := ss.Spans().AppendEmpty()
		s.SetTraceID(traceID)
		id := spanID
		id[7], id[6] = byte(i), byte(i>>8)
		s.SetSpanID(id)
		s.SetParentSpanID(pcommon.SpanID{9})
		s.SetName("GET /orders/{id}")
		s.SetKind(ptrace.SpanKindServer)
		s.SetStartTimestamp(1_800_000_000_000_000_000)
		s.SetEndTimestamp(1_800_000_000_001_500_000)
		a := s.Attributes()
		a.PutStr("http.request.method", "GET")
		a.PutStr("url.path", "/orders/17")
		a.PutStr("http.route", "/orders/{id}")
		a.PutInt("http.response.status_code", 500)
		a.PutStr("server.address", "127.0.0.1")
		a.PutInt("server.port", 20100)
		a.PutStr("user_agent.original", "curl/8.5.0")
		a.PutStr("network.protocol.version", "1.1")
		a.PutDouble("load", 0.5)
		a.PutBool("cached", true)
		a.PutEmptySlice("tags").AppendEmpty().SetStr("a")
		s.Status().SetCode(ptrace.StatusCodeError)
		s.Status().SetMessage("no stock")
		e := s.Events().AppendEmpty()
		e.SetName("exception")
		e.SetTimestamp(1_800_000_000_001_000_000)
		e.Attributes().PutStr("exception.message", "no stock")
		l := s.Links().AppendEmpty()
		l.SetTraceID(traceID)
		l.SetSpanID(pcommon.SpanID{7})
	}
	return t
}

func encode(tb testing.TB, traces ptrace.Traces, f form) []byte {
	tb.Helper()
	var b []byte
	var err error
	if f == text {
		b, err = (&ptrace.JSONMarshaler{}).MarshalTraces(traces)
	} else {
		b, err = (&ptrace.ProtoMarshaler{}).MarshalTraces(traces)
	}
	if err != nil {
		tb.Fatal(err)
	}
	return b
}
