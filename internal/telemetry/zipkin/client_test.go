package zipkin

import (
	"context"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/otlp"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// TestClient: OpenTelemetry's exporter for Zipkin sends what it sends to any server.
func TestClient(t *testing.T) {
	dir, err := filepath.Abs("../../../bin/otel")
	if err != nil {
		t.Fatal(err)
	}
	node, err := exec.LookPath("node")
	if err != nil {
		t.Skip("skipped: node is not on PATH: install Node.js 20 or later from your package manager or nodejs.org")
	}
	if _, err := os.Stat(filepath.Join(dir, "node_modules", "@opentelemetry", "exporter-zipkin")); err != nil {
		t.Skip("skipped: the library is not in bin/otel: run make otel-clients")
	}
	s := &sink{}
	receiver := New(s, otlp.NewRoom(0), slog.New(slog.DiscardHandler))
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { receiver.ServeFrom(w, r, "order") }))
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	cmd := exec.CommandContext(ctx, node, filepath.Join(dir, "sdk.mjs"))
	cmd.Env = append(os.Environ(), "OTEL_TRACES_EXPORTER=zipkin", "OTEL_METRICS_EXPORTER=none", "OTEL_LOGS_EXPORTER=none",
		"OTEL_EXPORTER_ZIPKIN_ENDPOINT="+server.URL+"/api/v2/spans", "OTEL_SERVICE_NAME=order")
	out, err := cmd.CombinedOutput()
	server.Close()
	if err != nil || len(s.spans) != 2 {
		t.Fatalf("%d spans, %v\n%s", len(s.spans), err, out)
	}
	client, parent := &s.spans[0], &s.spans[1]
	if client.Name != "stock" {
		client, parent = parent, client
	}
	code, _ := client.Attrs.Get("http.response.status_code")
	if client.Parent != parent.ID || client.Trace != parent.Trace || client.Kind != signal.KindClient || parent.Kind != signal.KindServer ||
		client.Status != signal.StatusError || client.Message != "no stock" || code != signal.Integer(500) || len(client.Events) != 1 ||
		client.Resource.Service != "order" || client.End < client.Start {
		t.Errorf("%+v, %+v", client, client.Resource)
	}
}
