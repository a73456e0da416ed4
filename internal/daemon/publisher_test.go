package daemon

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus"
	"github.com/banyanrun/banyan/internal/serviceapi"
)

// TestRefusal: services see why the bus refused.
func TestRefusal(t *testing.T) {
	for reason, want := range map[bus.Reason]serviceapi.Code{
		bus.EventInvalid: serviceapi.EventInvalid, bus.PublishRefused: serviceapi.PublishRefused, bus.NoTopic: serviceapi.NoTopic,
		bus.EventTooLarge: serviceapi.EventTooLarge, bus.BatchTooLarge: serviceapi.BatchTooLarge, bus.SchemaMismatch: serviceapi.SchemaMismatch,
		bus.TopicBusy: serviceapi.TopicBusy, bus.TopicStopped: serviceapi.TopicStopped, bus.TopicFull: serviceapi.TopicFull,
		bus.Unreachable: serviceapi.EngineAway, bus.Restarting: serviceapi.Restarting,
	} {
		if string(reason) != string(want) {
			t.Errorf("%s is %s to services", reason, want)
		}
	}
	if err := refusal(context.Canceled); !errors.Is(err, context.Canceled) {
		t.Error(err)
	}
}

// TestRefusalDetails: nothing of it is lost on the way.
func TestRefusalDetails(t *testing.T) {
	d := &daemon{}
	d.telemetry = d.newTelemetry()
	_, err := publisher{d}.Publish(t.Context(), "order", "order.placed", nil)
	if p, ok := errors.AsType[*serviceapi.Problem](err); !ok || p.Code != serviceapi.PublisherAbsent || p.RetryAfter == 0 {
		t.Errorf("without a bus: %v", err)
	}
	d.broker.Store(&broker{bus: new(bus.Bus)})
	_, err = publisher{d}.Publish(t.Context(), "order", "order.placed", nil)
	p, ok := errors.AsType[*serviceapi.Problem](err)
	if !ok || p.Code != serviceapi.NoTopic || p.Topic != "order.placed" || p.Detail == "" || p.Index != nil {
		t.Errorf("%+v", p)
	}
	_, err = new(bus.Bus).Publish(t.Context(), "order", "order.placed", nil)
	b, ok := errors.AsType[*bus.Error](err)
	if !ok {
		t.Fatal(err)
	}
	b.Index, b.RetryAfter, b.Problems = 0, time.Second, []bus.Problem{{Path: "/n", Message: "is no number"}}
	p, ok = errors.AsType[*serviceapi.Problem](refusal(b))
	if !ok || p.Topic != b.Topic || p.Index == nil || *p.Index != 0 || p.RetryAfter != b.RetryAfter ||
		len(p.Errors) != 1 || p.Errors[0].Path != "/n" || p.Errors[0].Message != "is no number" {
		t.Errorf("%+v", p)
	}
}
