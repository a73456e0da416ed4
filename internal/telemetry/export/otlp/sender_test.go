package otlp

import (
	"compress/gzip"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"testing"
	"time"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/plog/plogotlp"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/pmetric/pmetricotlp"
	"go.opentelemetry.io/collector/pdata/ptrace"
	"go.opentelemetry.io/collector/pdata/ptrace/ptraceotlp"
	"google.golang.org/genproto/googleapis/rpc/errdetails"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	_ "google.golang.org/grpc/encoding/gzip" // as collectors have it
	"google.golang.org/grpc/metadata"
	"google.golang.org/grpc/status"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/banyanrun/banyan/internal/telemetry/export"
	"github.com/banyanrun/banyan/internal/telemetry/export/point"
	"github.com/banyanrun/banyan/internal/telemetry/export/post"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// collector is a receiver of OTLP made of pdata's own messages and services.
type collector struct {
	ptraceotlp.UnimplementedGRPCServer

	mu      sync.Mutex
	traces  []ptrace.Traces
	logs    []plog.Logs
	metrics []pmetric.Metrics
	token   string
	refused int64
	fail    error
}

func (c *collector) Export(ctx context.Context, q ptraceotlp.ExportRequest) (ptraceotlp.ExportResponse, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	r := ptraceotlp.NewExportResponse()
	if md, _ := metadata.FromIncomingContext(ctx); len(md["authorization"]) > 0 {
		c.token = md["authorization"][0]
	}
	if c.fail != nil {
		return r, c.fail
	}
	c.traces = append(c.traces, q.Traces())
	if c.refused > 0 {
		r.PartialSuccess().SetRejectedSpans(c.refused)
		r.PartialSuccess().SetErrorMessage("too old")
	}
	return r, nil
}

// logServer and metricServer are the collector's other two services.
type logServer struct {
	plogotlp.UnimplementedGRPCServer
	*collector
}

func (s *logServer) Export(_ context.Context, q plogotlp.ExportRequest) (plogotlp.ExportResponse, error) {
	s.collector.logs = append(s.collector.logs, q.Logs())
	return plogotlp.NewExportResponse(), nil
}

type metricServer struct {
	pmetricotlp.UnimplementedGRPCServer
	*collector
}

func (s *metricServer) Export(_ context.Context, q pmetricotlp.ExportRequest) (pmetricotlp.ExportResponse, error) {
	s.collector.metrics = append(s.collector.metrics, q.Metrics())
	return pmetricotlp.NewExportResponse(), nil
}

// ServeHTTP is OTLP/HTTP, strictly.
func (c *collector) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	zipped, err := gzip.NewReader(r.Body)
	if err != nil || r.Header.Get("Content-Encoding") != "gzip" || r.Header.Get("Content-Type") != "application/x-protobuf" || r.Method != http.MethodPost {
		http.Error(w, "that is no OTLP", http.StatusBadRequest)
		return
	}
	body, err := io.ReadAll(zipped)
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	c.token = r.Header.Get("Authorization")
	var answer interface{ MarshalProto() ([]byte, error) }
	switch r.URL.Path {
	case "/otlp/v1/traces":
		q := ptraceotlp.NewExportRequest()
		if err = q.UnmarshalProto(body); err == nil {
			answer, err = c.Export(r.Context(), q)
		}
	case "/otlp/v1/logs":
		q := plogotlp.NewExportRequest()
		if err = q.UnmarshalProto(body); err == nil {
			answer, err = (&logServer{collector: c}).Export(r.Context(), q)
		}
	case "/otlp/v1/metrics":
		q := pmetricotlp.NewExportRequest()
		if err = q.UnmarshalProto(body); err == nil {
			answer, err = (&metricServer{collector: c}).Export(r.Context(), q)
		}
	default:
		http.NotFound(w, r)
		return
	}
	if err != nil {
		http.Error(w, err.Error(), http.StatusBadRequest)
		return
	}
	w.Header().Set("Content-Type", "application/x-protobuf")
	said, _ := answer.MarshalProto()
	_, _ = w.Write(said)
}

// senders are one of HTTP and one of gRPC to a collector.
func senders(t *testing.T, c *collector) map[string]*Sender {
	t.Helper()
	web := httptest.NewServer(c)
	t.Cleanup(web.Close)
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	s := grpc.NewServer()
	ptraceotlp.RegisterGRPCServer(s, c)
	plogotlp.RegisterGRPCServer(s, &logServer{collector: c})
	pmetricotlp.RegisterGRPCServer(s, &metricServer{collector: c})
	var serving sync.WaitGroup
	serving.Go(func() { _ = s.Serve(l) })
	t.Cleanup(func() { s.Stop(); serving.Wait() })
	o := post.Options{
		URL: web.URL + "/otlp", Timeout: 5 * time.Second, Headers: map[string]string{"Authorization": "Bearer ${secret.KEY}"},
		Expand: func(text string) (string, error) { return strings.ReplaceAll(text, "${secret.KEY}", "hunter2"), nil },
	}
	all := map[string]*Sender{"http": New(o, false)}
	o.URL = "http://" + l.Addr().String()
	all["grpc"] = New(o, true)
	for _, s := range all {
		t.Cleanup(s.Close)
	}
	return all
}

var shop = &signal.Resource{Service: "order", Instance: "order-1", Revision: "r1", Attrs: signal.Attrs{{Key: "host.name", Value: signal.Text("h")}}}

func someSpans() []signal.Span {
	s := signal.Span{
		Trace: signal.TraceID{1}, ID: signal.SpanID{2}, Parent: signal.SpanID{3}, Name: "GET /", Kind: signal.KindServer, Start: 1e18, End: 1e18 + 5,
		Status: signal.StatusError, Message: "boom", State: "a=b", Resource: shop, Scope: signal.Scope{Name: "lib", Version: "1"},
		Attrs: signal.Attrs{
			{Key: "n", Value: signal.Integer(-7)}, {Key: "d", Value: signal.Number(0.5)}, {Key: "b", Value: signal.Truth(true)},
			{Key: "list", Value: signal.Value{Type: signal.JSON, Text: `[1,"a",{"k":1.5}]`}}, {Key: "bytes", Value: signal.Value{Type: signal.JSON, Text: `"AQID"`}},
		},
		Events: []signal.Event{{Time: 1e18 + 1, Name: "exception", Attrs: signal.Attrs{{Key: "exception.type", Value: signal.Text("E")}}}},
		Links:  []signal.Link{{Trace: signal.TraceID{9}, Span: signal.SpanID{8}}},
	}
	other, third := s, s
	other.ID, other.Scope = signal.SpanID{4}, signal.Scope{Name: "other"}
	third.ID, third.Resource = signal.SpanID{5}, &signal.Resource{Service: "cart"}
	return []signal.Span{s, third, other}
}

// TestSend: what arrives is what was sent, by both protocols.
func TestSend(t *testing.T) {
	for name := range senders(t, &collector{}) {
		t.Run(name, func(t *testing.T) {
			c := &collector{}
			s := senders(t, c)[name]
			rising := &point.Metric{Name: "a_total", Unit: "s", Type: point.Sum}
			wide := &point.Metric{Name: "h", Type: point.Exponential}
			for _, b := range []export.Batch{
				{Signal: export.Traces, Spans: someSpans()},
				{Signal: export.Logs, Logs: []signal.Log{{
					Time: 1e18, Severity: signal.SeverityWarn, Text: "hello", Trace: signal.TraceID{1}, Resource: shop,
					Attrs: signal.Attrs{{Key: "event.name", Value: signal.Text("placed")}, {Key: "user.id", Value: signal.Integer(7)}},
				}}},
				{Signal: export.Metrics, Points: []point.Point{
					{Metric: rising, Resource: shop, Time: 1e18, Value: 5, Attrs: signal.Attrs{{Key: "path", Value: signal.Text("/")}}},
					{Metric: rising, Resource: shop, Time: 2e18, Ended: true},
					{Metric: wide, Resource: shop, Time: 1e18, Count: 3, Sum: 4, Scale: 2, Positive: point.Buckets{Offset: -1, Counts: []uint64{1, 2}}},
				}},
			} {
				a, err := s.Send(t.Context(), &b)
				if err != nil || a.Bytes == 0 || len(a.Refused) > 0 {
					t.Fatalf("%s: %+v, %v", b.Signal, a, err)
				}
			}
			if c.token != "Bearer hunter2" {
				t.Errorf("authorization %q", c.token)
			}
			c.check(t)
		})
	}
}

func (c *collector) check(t *testing.T) {
	t.Helper()
	rs := c.traces[0].ResourceSpans()
	if rs.Len() != 2 || rs.At(0).ScopeSpans().Len() != 2 {
		t.Fatalf("%d resources", rs.Len())
	}
	want := map[string]any{"service.name": "order", "service.instance.id": "order-1", "banyan.revision": "r1", "host.name": "h"}
	if got := rs.At(0).Resource().Attributes().AsRaw(); fmt.Sprint(got) != fmt.Sprint(want) {
		t.Errorf("resource %v", got)
	}
	s := rs.At(0).ScopeSpans().At(0).Spans().At(0)
	if got := s.Attributes().AsRaw(); fmt.Sprint(got) != "map[b:true bytes:[1 2 3] d:0.5 list:[1 a map[k:1.5]] n:-7]" {
		t.Errorf("attributes %v", got)
	}
	if s.ParentSpanID() != [8]byte{3} || s.Kind() != ptrace.SpanKindServer || s.Status().Code() != ptrace.StatusCodeError || s.Status().Message() != "boom" ||
		s.EndTimestamp()-s.StartTimestamp() != 5 || s.TraceState().AsRaw() != "a=b" || s.Events().At(0).Name() != "exception" || s.Links().At(0).TraceID() != [16]byte{9} {
		t.Errorf("span %+v", s)
	}
	l := c.logs[0].ResourceLogs().At(0).ScopeLogs().At(0).LogRecords().At(0)
	if l.Body().Str() != "hello" || l.SeverityNumber() != plog.SeverityNumberWarn || l.EventName() != "placed" || l.Attributes().Len() != 1 || l.TraceID() != [16]byte{1} {
		t.Errorf("log %v %v", l.Body().AsString(), l.Attributes().AsRaw())
	}
	m := c.metrics[0].ResourceMetrics().At(0).ScopeMetrics().At(0).Metrics()
	sum := m.At(0).Sum()
	if m.Len() != 2 || !sum.IsMonotonic() || sum.AggregationTemporality() != pmetric.AggregationTemporalityCumulative || sum.DataPoints().At(0).DoubleValue() != 5 ||
		!sum.DataPoints().At(1).Flags().NoRecordedValue() || m.At(0).Unit() != "s" {
		t.Errorf("sum of %d: %+v", m.Len(), sum)
	}
	if p := m.At(1).ExponentialHistogram().DataPoints().At(0); p.Count() != 3 || p.Scale() != 2 || p.Positive().Offset() != -1 || p.Positive().BucketCounts().Len() != 2 {
		t.Errorf("histogram %+v", p)
	}
}

// TestPartial: what is refused of a batch is counted, with what the collector says.
func TestPartial(t *testing.T) {
	c := &collector{refused: 1}
	for name, s := range senders(t, c) {
		a, err := s.Send(t.Context(), &export.Batch{Signal: export.Traces, Spans: someSpans()})
		if err != nil || a.Refused["refused by the target"] != 1 || !strings.Contains(a.Why.Error(), "too old") {
			t.Errorf("%s: %+v, %v", name, a, err)
		}
	}
}

// TestStatusesOfGRPC: what may be sent again is, as OTLP has it.
func TestStatusesOfGRPC(t *testing.T) {
	c := &collector{}
	s := senders(t, c)["grpc"]
	info := func(code codes.Code) error {
		st, err := status.New(code, "hunter2 is no good").WithDetails(&errdetails.RetryInfo{RetryDelay: durationpb.New(7 * time.Second)})
		if err != nil {
			t.Fatal(err)
		}
		return st.Err()
	}
	for _, one := range []struct {
		fail  error
		kind  export.Kind
		after time.Duration
	}{
		{status.Error(codes.Unavailable, "x"), export.Later, 0},
		{status.Error(codes.DataLoss, "x"), export.Later, 0},
		{info(codes.ResourceExhausted), export.Later, 7 * time.Second},
		{status.Error(codes.ResourceExhausted, "x"), export.Never, 0},
		{status.Error(codes.InvalidArgument, "x"), export.Never, 0},
		{status.Error(codes.Unauthenticated, "x"), export.Barred, 0},
		{status.Error(codes.Unimplemented, "x"), export.Barred, 0},
	} {
		c.fail = one.fail
		_, err := s.Send(t.Context(), &export.Batch{Signal: export.Traces, Spans: someSpans()})
		f, ok := errors.AsType[*export.Failure](err)
		if !ok || f.Kind != one.kind || f.After != one.after || strings.Contains(f.Error(), "hunter2") {
			t.Errorf("%v: %+v", one.fail, err)
		}
	}
}

// TestStatusesOfHTTP: the same of HTTP; what is no receiver of OTLP is told as such.
func TestStatusesOfHTTP(t *testing.T) {
	var answer func(http.ResponseWriter)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { answer(w) }))
	defer server.Close()
	s := New(post.Options{URL: server.URL, Timeout: time.Second}, false)
	defer s.Close()
	status := func(code int, header ...string) func(http.ResponseWriter) {
		return func(w http.ResponseWriter) {
			for i := 0; i+1 < len(header); i += 2 {
				w.Header().Set(header[i], header[i+1])
			}
			w.WriteHeader(code)
			_, _ = io.WriteString(w, "<html>hello")
		}
	}
	for i, one := range []struct {
		answer func(http.ResponseWriter)
		kind   export.Kind
		after  time.Duration
		says   string
	}{
		{status(503, "Retry-After", "3"), export.Later, 3 * time.Second, "503 Service Unavailable"},
		{status(429), export.Later, 0, "429"},
		{status(502), export.Later, 0, "502"},
		{status(500), export.Never, 0, "500"},
		{status(400), export.Never, 0, `"<html>hello"`},
		{status(413), export.TooLarge, 0, "413"},
		{status(401), export.Barred, 0, "401"},
		{status(404), export.Barred, 0, "404"},
		{status(302, "Location", "/"), export.Barred, 0, "302"},
		{status(200, "Content-Type", "text/html"), export.Barred, 0, "no receiver of OTLP"},
		{status(200, "Content-Type", "application/x-protobuf"), export.Barred, 0, "no receiver of OTLP"},
	} {
		answer = one.answer
		_, err := s.Send(t.Context(), &export.Batch{Signal: export.Traces, Spans: someSpans()})
		f, ok := errors.AsType[*export.Failure](err)
		if !ok || f.Kind != one.kind || f.After != one.after || !strings.Contains(f.Error(), one.says) {
			t.Errorf("%d: %+v", i, err)
		}
	}
	answer = func(w http.ResponseWriter) {
		w.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(w, `{"partialSuccess":{}}`)
	}
	if _, err := s.Send(t.Context(), &export.Batch{Signal: export.Logs}); err != nil {
		t.Errorf("an answer in JSON: %v", err)
	}
}

// TestAway: nobody there, nobody who answers, and one who hangs up: it may pass.
func TestAway(t *testing.T) {
	for _, grpc := range []bool{false, true} {
		held := make(chan struct{})
		server := httptest.NewUnstartedServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { <-held }))
		server.Config.Protocols = new(http.Protocols)
		server.Config.Protocols.SetHTTP1(true)
		server.Config.Protocols.SetUnencryptedHTTP2(true)
		server.Start()
		s := New(post.Options{URL: server.URL, Timeout: 100 * time.Millisecond}, grpc)
		_, err := s.Send(t.Context(), &export.Batch{Signal: export.Traces, Spans: someSpans()})
		f, ok := errors.AsType[*export.Failure](err)
		if err == nil || ok && f.Kind != export.Later || !strings.Contains(err.Error(), "did not answer within 100ms") {
			t.Errorf("grpc %v, hanging: %v", grpc, err)
		}
		close(held)
		server.Close()
		_, err = s.Send(t.Context(), &export.Batch{Signal: export.Traces, Spans: someSpans()})
		f, ok = errors.AsType[*export.Failure](err)
		if err == nil || ok && f.Kind != export.Later {
			t.Errorf("grpc %v, away: %v", grpc, err)
		}
		s.Close()
	}
}

// TestNotGRPC: a server that speaks another protocol may be an upstream that is away.
func TestNotGRPC(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "hello") }))
	defer server.Close()
	s := New(post.Options{URL: server.URL, Timeout: time.Second}, true)
	defer s.Close()
	_, err := s.Send(t.Context(), &export.Batch{Signal: export.Traces, Spans: someSpans()})
	if f, ok := errors.AsType[*export.Failure](err); err == nil || ok && f.Kind == export.Never {
		t.Errorf("%v", err)
	}
}
