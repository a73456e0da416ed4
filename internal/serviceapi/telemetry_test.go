package serviceapi

import (
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
)

// taker is Telemetry that says what it was asked.
type taker struct{}

func (taker) ServeOTLP(w http.ResponseWriter, r *http.Request, caller string) {
	_, _ = io.WriteString(w, "otlp "+r.URL.Path+" of "+caller)
}

func (taker) ServeZipkin(w http.ResponseWriter, r *http.Request, caller string) {
	_, _ = io.WriteString(w, "zipkin "+r.URL.Path+" of "+caller)
}

func TestTelemetry(t *testing.T) {
	for _, c := range []struct {
		name, method, path, caller string
		off                        bool
		status                     int
		want                       string
	}{
		{name: "OTLP", path: "/v1/traces", caller: "order", status: 200, want: "otlp /v1/traces of order"},
		{name: "its gRPC", path: otlpPaths[4], caller: "order", status: 200, want: "otlp " + otlpPaths[4] + " of order"},
		{name: "Zipkin", path: "/api/v2/spans", caller: "order", status: 200, want: "zipkin /api/v2/spans of order"},
		{name: "another method", method: http.MethodGet, path: "/v1/logs", caller: "order", status: 405, want: "POST"},
		{name: "of nobody", path: "/v1/logs", status: 403, want: "caller-unknown"},
		{name: "off", off: true, path: "/v1/metrics", caller: "order", status: 404, want: "telemetry-off"},
		{name: "Zipkin, off", off: true, path: "/api/v2/spans", caller: "order", status: 404, want: "telemetry-off"},
	} {
		t.Run(c.name, func(t *testing.T) {
			config := Config{Log: slog.New(slog.DiscardHandler)}
			if !c.off {
				config.Telemetry = taker{}
			}
			if c.method == "" {
				c.method = http.MethodPost
			}
			r := httptest.NewRequestWithContext(t.Context(), c.method, c.path, nil)
			r.Header.Set("Banyan-Caller", c.caller)
			w := httptest.NewRecorder()
			newHandler(config).ServeHTTP(w, r)
			if w.Code != c.status || !strings.Contains(w.Body.String(), c.want) {
				t.Errorf("%d %s, want %d %s", w.Code, w.Body, c.status, c.want)
			}
		})
	}
}
