package admin

import (
	"context"
	"errors"
	"testing"
	"time"

	"connectrpc.com/connect"
	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
	"github.com/banyanrun/banyan/internal/telemetry/store"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// fakeTelemetry answers what it is told to.
type fakeTelemetry struct {
	Telemetry

	asked store.TraceQuery
	spans []signal.Span
}

func (f *fakeTelemetry) SearchTraces(_ context.Context, _ string, q store.TraceQuery) (*store.TraceResult, error) {
	f.asked = q
	return &store.TraceResult{Traces: []store.TraceSummary{{Trace: signal.TraceID{15: 1}, Start: 5, End: 12, Spans: 2, Matched: 1}}}, nil
}

func (f *fakeTelemetry) Trace(context.Context, signal.TraceID) ([]signal.Span, []signal.Log, bool, error) {
	if f.spans == nil {
		return nil, nil, false, fault.New(fault.NotFound, "nothing is kept")
	}
	return f.spans, nil, true, nil
}

func TestSearchTraces(t *testing.T) {
	f := &fakeTelemetry{}
	h := &telemetryHandler{f}
	r, err := h.SearchTraces(t.Context(), &banyanv1.SearchTracesRequest{Limit: 5000})
	if err != nil || len(r.GetTraces()) != 1 || r.GetTraces()[0].GetDuration().AsDuration() != 7 {
		t.Fatalf("%v, %v", r, err)
	}
	if f.asked.Limit != tracesMost || f.asked.To-f.asked.From != int64(searchSpan) {
		t.Errorf("%+v", f.asked)
	}
	now := time.Now()
	_, err = h.SearchTraces(t.Context(), &banyanv1.SearchTracesRequest{From: timestamppb.New(now), To: timestamppb.New(now.Add(-time.Minute))})
	if connect.CodeOf(err) != connect.CodeInvalidArgument {
		t.Errorf("a time that ends before it begins: %v", err)
	}
}

func TestGetTrace(t *testing.T) {
	f := &fakeTelemetry{}
	h := &telemetryHandler{f}
	for id, want := range map[string]connect.Code{"": connect.CodeInvalidArgument, "xyz": connect.CodeInvalidArgument, "ab": connect.CodeNotFound} {
		if _, err := h.GetTrace(t.Context(), &banyanv1.GetTraceRequest{TraceId: id}); connect.CodeOf(err) != want {
			t.Errorf("%q: %v", id, err)
		}
	}
	f.spans = []signal.Span{{
		Trace: signal.TraceID{1}, ID: signal.SpanID{2}, Name: "GET /", Kind: signal.KindClient, Start: 5, End: 9, Status: signal.StatusError,
		Resource: &signal.Resource{Service: "order", Attrs: signal.Attrs{{Key: "host", Value: signal.Text("a")}}},
		Attrs:    signal.Attrs{{Key: "n", Value: signal.Integer(3)}},
		Events:   []signal.Event{{Time: 6, Name: "exception"}}, Links: []signal.Link{{Trace: signal.TraceID{3}}},
	}}
	r, err := h.GetTrace(t.Context(), &banyanv1.GetTraceRequest{TraceId: "ab"})
	if err != nil || !r.GetCut() || len(r.GetSpans()) != 1 {
		t.Fatalf("%v, %v", r, err)
	}
	s := r.GetSpans()[0]
	if s.GetParentId() != "" || s.GetKind() != "client" || s.GetStatus() != "error" || s.GetDuration().AsDuration() != 4 || s.GetService() != "order" ||
		s.GetAttributes()[0].GetType() != "int" || s.GetAttributes()[0].GetValue() != "3" || s.GetResource()[0].GetKey() != "host" ||
		s.GetEvents()[0].GetName() != "exception" || len(s.GetLinks()) != 1 {
		t.Errorf("%v", s)
	}
}

func TestLimits(t *testing.T) {
	for n, want := range map[int32]int{0: 50, -1: 50, 7: 7, 5000: 1000} {
		if got := atMost(n, 50, 1000); got != want {
			t.Errorf("%d: %d", n, got)
		}
	}
	if err := ended(context.Canceled); connect.CodeOf(err) != connect.CodeCanceled || !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}
