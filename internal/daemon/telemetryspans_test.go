package daemon

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/saga/coordinator"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// TestSagaSpans: a saga is a span between who started it and its steps.
func TestSagaSpans(t *testing.T) {
	began := time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)
	ended := func(id, parent, trace string, status machine.Status) coordinator.Ended {
		return coordinator.Ended{
			ID: id, Name: "checkout", By: "order", Parent: parent, Trace: trace, Status: status, Reason: "no money",
			Began: began, At: began.Add(time.Minute),
		}
	}
	own := coordinator.SpanID("s3")
	reopened := ended("s2", "s1", "00-"+traceOf+"-"+parentOf+"-01", machine.Compensated)
	reopened.Reopened = true
	spans := seeing(t, func(r *telemetryRoom) {
		r.sagaSpan(ended("s1", "", "00-"+traceOf+"-"+parentOf+"-01", machine.Compensated))
		r.sagaSpan(ended("s2", "s1", "00-"+traceOf+"-"+parentOf+"-01", machine.Succeeded))
		r.sagaSpan(reopened)
		r.sagaSpan(ended("s3", "", "00-"+traceOf+"-"+signal.SpanID(own).String()+"-01", machine.Succeeded))
		r.sagaSpan(ended("s4", "", "00-"+traceOf+"-"+parentOf+"-00", machine.Succeeded))
	})
	if len(spans) != 4 {
		t.Fatalf("%+v", spans)
	}
	s := spans[0]
	if s.Trace.String() != traceOf || s.ID != coordinator.SpanID("s1") || s.Parent.String() != parentOf || s.Name != "saga checkout" || s.Kind != signal.KindInternal ||
		s.Scope.Name != signal.ScopeSaga || s.Status != signal.StatusError || s.Message != "no money" || s.Start != began.UnixNano() || s.Duration() != int64(time.Minute) ||
		s.Attrs.Text("banyan.saga") != "s1" || s.Attrs.Text("banyan.saga.name") != "checkout" || s.Attrs.Text("banyan.saga.outcome") != "compensated" {
		t.Errorf("%+v", s)
	}
	if s := spans[1]; s.Parent != coordinator.SpanID("s1") || s.Status != signal.StatusUnset {
		t.Errorf("a sub-saga: %+v", s)
	}
	if s := spans[2]; s.Parent != coordinator.SpanID("s2") || s.ID == spans[1].ID || s.Name != "undo saga checkout" {
		t.Errorf("one that was reopened: %+v", s)
	}
	if s := spans[3]; s.ID != own || !s.Parent.IsZero() {
		t.Errorf("one that begins its trace: %+v", s)
	}
}

// relayer is a bus that refuses events of a type.
type relayer struct {
	sent []cloudevent.Event
	err  error
}

func (r *relayer) Publish(_ context.Context, _, _ string, events []cloudevent.Event) ([]error, error) {
	r.sent = events
	never := make([]error, len(events))
	for i := range events {
		if v, _ := events[i].Get(cloudevent.Type); v == "bad" {
			never[i] = errors.New("refused")
		}
	}
	return never, r.err
}

// TestOutboxSpans: each event of an outbox is published in the trace that it says, or
// in one that begins with that. What is tried again has no span yet.
func TestOutboxSpans(t *testing.T) {
	event := func(typ, trace string) cloudevent.Event {
		e := cloudevent.Event{Attrs: make([]cloudevent.Attr, 0, 8)}
		e.Set(cloudevent.Type, typ)
		if trace != "" {
			e.Set(traceParent, trace)
		}
		return e
	}
	from := []cloudevent.Event{event("a", ""), event("bad", ""), event("c", "00-"+traceOf+"-"+parentOf+"-01"), event("d", "00-"+traceOf+"-"+parentOf+"-01")}
	b := &relayer{}
	spans := seeing(t, func(r *telemetryRoom) {
		relay := tracedRelay{b, r}
		if never, err := relay.Publish(t.Context(), "order", "order.placed", from); err != nil || len(never) != 4 {
			t.Error(never, err)
		}
		b.err = errors.New("later")
		if _, err := relay.Publish(t.Context(), "order", "order.placed", from); err == nil {
			t.Error("no error")
		}
	})
	if len(spans) != 3 || len(from[0].Attrs) != 1 {
		t.Fatalf("%+v, from %+v", spans, from)
	}
	for i, want := range []struct {
		parent, count string
		status        signal.Status
	}{{"", "1", signal.StatusUnset}, {"", "1", signal.StatusError}, {parentOf, "2", signal.StatusUnset}} {
		s := spans[i]
		if s.Name != "publish order.placed" || s.Status != want.status || s.Attrs.Text("messaging.batch.message_count") != want.count || s.Attrs.Text("banyan.publisher") != "order" {
			t.Errorf("%d: %+v", i, s)
		}
		if want.parent == "" && !s.Parent.IsZero() || want.parent != "" && s.Parent.String() != want.parent {
			t.Errorf("%d: %+v", i, s)
		}
	}
	if spans[0].Trace == spans[1].Trace {
		t.Error("events that have nothing to do with each other are one trace")
	}
}

// TestPeopleSpans: what a person publishes is one trace, which goes on with the
// deliveries.
func TestPeopleSpans(t *testing.T) {
	var sent []cloudevent.Event
	spans := seeing(t, func(r *telemetryRoom) {
		p := r.publishing("", "order.placed", make([]cloudevent.Event, 2), false)
		p.end(func(int) error { return nil })
		sent = p.events
	})
	if len(spans) != 1 || spans[0].Attrs.Text("messaging.batch.message_count") != "2" || !spans[0].Parent.IsZero() {
		t.Fatalf("%+v", spans)
	}
	for i := range sent {
		if v, _ := sent[i].Get(traceParent); v != "00-"+spans[0].Trace.String()+"-"+spans[0].ID.String()+"-01" {
			t.Errorf("%q", v)
		}
	}
}

// TestDeliveriesSayB3: for subscribers that know no other.
func TestDeliveriesSayB3(t *testing.T) {
	var got http.Header
	answer := roundTrip(func(r *http.Request) (*http.Response, error) {
		got = r.Header
		return &http.Response{StatusCode: http.StatusOK, Body: io.NopCloser(strings.NewReader(""))}, nil
	})
	for flags, state := range map[string]string{"01": "-1", "00": "-0"} {
		seeing(t, func(r *telemetryRoom) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://mail/events", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("traceparent", "00-"+traceOf+"-"+parentOf+"-"+flags)
			resp, err := r.aroundDeliveries(answer).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
		})
		if v := got.Get("traceparent"); got.Get("b3") != v[3:52]+state {
			t.Errorf("%v", got)
		}
	}
}
