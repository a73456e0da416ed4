package daemon

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/banyanrun/banyan/internal/cloudevent"
	"github.com/banyanrun/banyan/internal/saga/call"
	"github.com/banyanrun/banyan/internal/saga/coordinator"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/telemetry"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// keptSpans keeps spans in memory.
type keptSpans struct {
	mu    sync.Mutex
	spans []signal.Span
}

func (k *keptSpans) AppendSpans(spans []signal.Span) error {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.spans = append(k.spans, spans...)
	return nil
}

func (k *keptSpans) AppendLogs([]signal.Log) error { return nil }

func (k *keptSpans) TryLogs(logs []signal.Log) (int, error) { return len(logs), nil }

// roundTrip is a function as an http.RoundTripper.
type roundTrip func(*http.Request) (*http.Response, error)

func (f roundTrip) RoundTrip(r *http.Request) (*http.Response, error) { return f(r) }

// seeing calls do with a room, and returns the spans that were made.
func seeing(t *testing.T, do func(*telemetryRoom)) []signal.Span {
	t.Helper()
	d := &daemon{log: slog.New(slog.DiscardHandler)}
	r, k := d.newTelemetry(), &keptSpans{}
	ctx, cancel := context.WithCancel(t.Context())
	var running sync.WaitGroup
	r.engine.Open(telemetry.Stores{Records: k})
	running.Go(func() { _ = r.engine.Run(ctx) })
	do(r)
	cancel()
	running.Wait() // it keeps what waits before it ends
	return k.spans
}

const (
	traceOf  = "0af7651916cd43dd8448eb211c80319c"
	parentOf = "b7ad6b7169203331"
)

// TestDeliverySpans: a delivery is a span between the event's and the hop's.
func TestDeliverySpans(t *testing.T) {
	var sent string
	answer := roundTrip(func(r *http.Request) (*http.Response, error) {
		sent = r.Header.Get("Traceparent")
		return &http.Response{StatusCode: http.StatusServiceUnavailable, Status: "503", Body: io.NopCloser(strings.NewReader(""))}, nil
	})
	for flags, want := range map[string]int{"01": 1, "00": 0} {
		spans := seeing(t, func(r *telemetryRoom) {
			req, err := http.NewRequestWithContext(t.Context(), http.MethodPost, "http://mail/events", nil)
			if err != nil {
				t.Fatal(err)
			}
			req.Header.Set("traceparent", "00-"+traceOf+"-"+parentOf+"-"+flags)
			req.Header.Set("Banyan-Topic", "order.placed")
			resp, err := r.aroundDeliveries(answer).RoundTrip(req)
			if err != nil {
				t.Fatal(err)
			}
			_ = resp.Body.Close()
			if req.Header.Get("traceparent") != "00-"+traceOf+"-"+parentOf+"-"+flags {
				t.Error("the caller's request was changed")
			}
		})
		if len(spans) != want {
			t.Fatalf("%d spans with flags %s", len(spans), flags)
		}
		if want == 0 {
			continue
		}
		s := spans[0]
		if s.Trace.String() != traceOf || s.Parent.String() != parentOf || sent != "00-"+traceOf+"-"+s.ID.String()+"-01" ||
			s.Name != "deliver order.placed" || s.Kind != signal.KindConsumer || s.Status != signal.StatusError || s.Scope.Name != signal.ScopeBus {
			t.Errorf("%+v, sent %s", s, sent)
		}
	}
}

func TestPublishSpans(t *testing.T) {
	event := func(trace string) []cloudevent.Event {
		return []cloudevent.Event{{Attrs: []cloudevent.Attr{{Name: "traceparent", Value: trace}}}}
	}
	spans := seeing(t, func(r *telemetryRoom) {
		publish := func(events []cloudevent.Event, err error) {
			r.publishing("order", "order.placed", events, false).end(func(int) error { return err })
		}
		publish(event("00-"+traceOf+"-"+parentOf+"-01"), errors.New("full"))
		publish(event("nonsense"), nil)
		publish(nil, nil)
	})
	if len(spans) != 1 || spans[0].Parent.String() != parentOf || spans[0].Name != "publish order.placed" || spans[0].Status != signal.StatusError ||
		spans[0].Attrs.Text("banyan.publisher") != "order" {
		t.Errorf("%+v", spans)
	}
}

// TestStepSpans: a step's request is a span of the trace in which the saga was
// started, and the parent of its hop.
func TestStepSpans(t *testing.T) {
	var sent string
	answer := roundTrip(func(r *http.Request) (*http.Response, error) {
		sent = r.Header.Get("Traceparent")
		return &http.Response{StatusCode: http.StatusOK, Status: "200", Header: http.Header{}, Body: io.NopCloser(strings.NewReader("{}"))}, nil
	})
	spans := seeing(t, func(r *telemetryRoom) {
		c := tracedCaller{call.New(call.Options{
			Target: func(string) (call.Target, bool) { return call.Target{Address: "127.0.0.1:1"}, true },
			HTTP:   answer, H2C: answer, Around: r.aroundSteps,
		})}
		defer c.Close()
		c.Call(t.Context(), "s1", "00-"+traceOf+"-"+parentOf+"-01", machine.Call{
			Step: "pay", Op: machine.Do, Attempt: 1, Request: machine.Request{Service: "payment", Method: http.MethodPost, Path: "/pay"}, Timeout: 1e9,
		})
	})
	if len(spans) != 1 {
		t.Fatalf("%d spans", len(spans))
	}
	s := spans[0]
	if s.Parent != coordinator.SpanID("s1") || sent != "00-"+traceOf+"-"+s.ID.String()+"-01" || s.Scope.Name != signal.ScopeSaga ||
		s.Attrs.Text("banyan.step") != "pay" || s.Attrs.Text("peer.service") != "payment" || s.Status != signal.StatusUnset {
		t.Errorf("%+v, sent %s", s, sent)
	}
}

// TestEarlierAreNotSeenTwice: what came while earlier records were looked for.
func TestEarlierAreNotSeenTwice(t *testing.T) {
	r := &signal.Resource{Service: "a"}
	log := func(at int64, text string) signal.Log { return signal.Log{Time: at, Text: text, Resource: r} }
	earlier := []signal.Log{log(1, "x"), log(2, "y"), log(2, "y")}
	got := unseen(earlier, []signal.Log{log(2, "y"), log(2, "y"), log(2, "y"), log(3, "x")})
	if len(got) != 2 || got[0].Text != "y" || got[1].Time != 3 {
		t.Errorf("%+v", got)
	}
}
