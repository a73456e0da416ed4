package scrape

import (
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/promhttp"

	"github.com/banyanrun/banyan/internal/telemetry/otlp"
)

// TestClient: what Prometheus' own library serves is read, in either format.
func TestClient(t *testing.T) {
	registry := prometheus.NewRegistry()
	c := prometheus.NewCounterVec(prometheus.CounterOpts{Name: "orders_total", Help: "Orders."}, []string{"state"})
	h := prometheus.NewHistogram(prometheus.HistogramOpts{Name: "wait_seconds", Help: "A \"wait\".", Buckets: []float64{0.5, 1}})
	s := prometheus.NewSummary(prometheus.SummaryOpts{Name: "size_bytes", Objectives: map[float64]float64{0.5: 0.1}})
	registry.MustRegister(c, h, s)
	c.WithLabelValues("a\nb").(prometheus.ExemplarAdder).AddWithExemplar(3, prometheus.Labels{"trace_id": "4bf9"})
	h.Observe(0.7)
	s.Observe(5)
	for _, open := range []bool{false, true} {
		server := httptest.NewServer(promhttp.HandlerFor(registry, promhttp.HandlerOpts{EnableOpenMetrics: open}))
		client := newClient(false)
		samples, err := fetch(t.Context(), client, &Target{Service: "order", Instance: "order-3", URL: server.URL}, at)
		client.CloseIdleConnections()
		server.Close()
		var lines []string
		for i := range samples {
			lines = append(lines, strings.NewReplacer(` instance="order-3"`, "", ` service="order"`, "").Replace(show(&samples[i])))
		}
		got := strings.Join(lines, "; ")
		want := `orders_total state="a\nb" 3; size_bytes quantile="0.5" 5; size_bytes_sum 5; size_bytes_count 1; ` +
			`wait_seconds_bucket le="0.5" 0; wait_seconds_bucket le="1.0" 1; wait_seconds_bucket le="+Inf" 1; wait_seconds_sum 0.7; wait_seconds_count 1`
		if open {
			if !strings.Contains(got, `# [{trace_id 4bf9}] 3 at `) || samples[0].Family.Type != otlp.Counter || samples[0].Family.Name != "orders" {
				t.Errorf("%s, %+v", got, samples[0].Family)
			}
			continue
		}
		if err != nil || got != want {
			t.Errorf("%v\n%s, want\n%s", err, got, want)
		}
	}
}
