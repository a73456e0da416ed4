package alert

import (
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// TestShippedAlertsFire gives each shipped alert series for which it must fire, and
// series for which it must not.
func TestShippedAlertsFire(t *testing.T) {
	counter := func(perStep float64, name string, pairs ...string) func(int) metrics.Sample {
		return func(i int) metrics.Sample {
			return metrics.Sample{Labels: metrics.Named(name, pairs...), Value: perStep * float64(i)}
		}
	}
	gauge := func(v float64, name string, pairs ...string) func(int) metrics.Sample {
		return func(int) metrics.Sample { return metrics.Sample{Labels: metrics.Named(name, pairs...), Value: v} }
	}
	// latency has ten requests a step that take so many buckets' time: bucket 1 is 2 to 4 s.
	latency := func(bucket int) func(int) metrics.Sample {
		return func(i int) metrics.Sample {
			n := uint64(10 * i)
			return metrics.Sample{
				Labels:    metrics.Named("banyan_request_duration_seconds", "caller", "gateway", "callee", "cart", "revision", "a"),
				Histogram: &metrics.Histogram{Count: n, Sum: float64(n), Positive: metrics.Buckets{Offset: bucket, Counts: []uint64{n}}},
			}
		}
	}
	requests := counter(10, "banyan_requests_total", "caller", "gateway", "callee", "cart", "status", "2xx")
	failing := counter(2, "banyan_requests_total", "caller", "gateway", "callee", "cart", "status", "5xx")
	type given = []func(int) metrics.Sample
	for name, c := range map[string]struct{ bad, good given }{
		"ServiceDown": {
			given{gauge(0, "banyan_service_ready_instances", "service", "cart"), gauge(2, "banyan_service_desired_instances", "service", "cart")},
			given{gauge(0, "banyan_service_ready_instances", "service", "cart"), gauge(0, "banyan_service_desired_instances", "service", "cart")},
		},
		"CrashLoop": {
			given{gauge(3, "banyan_instance_crashes", "service", "cart", "instance", "cart-1")},
			given{gauge(2, "banyan_instance_crashes", "service", "cart", "instance", "cart-1")},
		},
		"ErrorsBurnFast": {
			given{requests, failing, counter(2, "banyan_request_errors_total", "caller", "gateway", "callee", "cart")},
			given{requests, counter(1, "banyan_request_errors_total", "caller", "gateway", "callee", "cart")},
		},
		"ErrorsBurnSlowly": {
			given{requests, counter(1, "banyan_request_errors_total", "caller", "gateway", "callee", "cart")},
			given{requests, counter(0.5, "banyan_request_errors_total", "caller", "gateway", "callee", "cart")},
		},
		"LatencyHigh": {given{requests, latency(1)}, given{requests, latency(0)}},
		"DeadLettersGrow": {
			given{counter(1, "banyan_subscription_dead_letters", "service", "cart", "topic", "order.placed")},
			given{gauge(7, "banyan_subscription_dead_letters", "service", "cart", "topic", "order.placed")},
		},
		"EventsWait":         {given{gauge(900, "banyan_subscription_oldest_seconds", "service", "cart")}, given{gauge(60, "banyan_subscription_oldest_seconds", "service", "cart")}},
		"OutboxRefused":      {given{gauge(1, "banyan_outbox_refused", "service", "cart")}, given{gauge(0, "banyan_outbox_refused", "service", "cart")}},
		"SagaNeedsAttention": {given{gauge(1, "banyan_sagas", "state", "needs_attention")}, given{gauge(9, "banyan_sagas", "state", "running"), gauge(0, "banyan_sagas", "state", "needs_attention")}},
		"DiskNearlyFull": {
			given{gauge(4, "banyan_disk_free_bytes"), gauge(100, "banyan_disk_size_bytes")},
			given{gauge(40, "banyan_disk_free_bytes"), gauge(100, "banyan_disk_size_bytes")},
		},
		"ExportBehind": {given{gauge(700, "banyan_export_behind_seconds", "target", "otlp-1", "signal", "logs")}, given{gauge(7, "banyan_export_behind_seconds", "target", "otlp-1", "signal", "logs")}},
		"TelemetryDropped": {
			given{counter(1, "banyan_telemetry_dropped_total", "where", "otlp", "reason", "queue full")},
			given{gauge(5, "banyan_telemetry_dropped_total", "where", "otlp", "reason", "queue full")},
		},
	} {
		t.Run(name, func(t *testing.T) {
			if got := runShipped(t, name, c.bad); got != Firing {
				t.Errorf("it is %s where it must fire", got)
			}
			if got := runShipped(t, name, c.good); got != Inactive {
				t.Errorf("it is %s where it must not fire", got)
			}
		})
	}
}

// runShipped evaluates a shipped alert over a quarter of an hour of series.
func runShipped(t *testing.T, name string, series []func(int) metrics.Sample) State {
	t.Helper()
	c := &clock{t: start}
	r := newRig(t, openStore(t), c, "")
	for _, rule := range Shipped() {
		if rule.Name == name {
			r.Apply([]Rule{rule}, nil)
		}
	}
	for i := range 60 {
		c.set(after(i * 15))
		var samples []metrics.Sample
		for _, s := range series {
			sample := s(i)
			sample.Time = c.now().UnixMilli()
			samples = append(samples, sample)
		}
		if err := r.store.Append(t.Context(), samples); err != nil {
			t.Fatal(err)
		}
		if i%4 == 3 {
			r.evaluate(t.Context())
		}
	}
	s := r.Rules()[0]
	if s.Error != "" {
		t.Error(s.Error)
	}
	if s.State == Firing && (s.Active[0].Annotations["summary"] == "" || s.Active[0].Since.After(start.Add(15*time.Minute))) {
		t.Errorf("%+v", s.Active[0])
	}
	if s.State == Firing {
		t.Logf("%s: %s", name, s.Active[0].Annotations["summary"])
	}
	return s.State
}
