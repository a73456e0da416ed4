package otlp

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// clients are OpenTelemetry's own SDKs, as make otel-clients gets them into bin/otel.
var clients = []struct {
	name, protocol string
	program, file  string
	deltas         bool
}{
	{"Go by HTTP", "http/protobuf", "sdk", "", false},
	{"Go by gRPC, deltas", "grpc", "sdk", "", true},
	{"Python by HTTP, deltas", "http/protobuf", "python/bin/python", "../../tools/otel/sdk.py", true},
	{"Python by gRPC", "grpc", "python/bin/python", "../../tools/otel/sdk.py", false},
	{"Node by HTTP, deltas", "http/protobuf", "node", "sdk.mjs", true},
	{"Node by JSON", "http/json", "node", "sdk.mjs", false},
	{"Node by gRPC", "grpc", "node", "sdk.mjs", false},
}

// TestClients: the SDKs send what they send to any collector, told by the variables
// that services get.
func TestClients(t *testing.T) {
	dir, err := filepath.Abs("../../../bin/otel")
	if err != nil {
		t.Fatal(err)
	}
	for _, c := range clients {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			program := filepath.Join(dir, c.program)
			if c.program == "node" {
				program, _ = exec.LookPath("node") // "": it is missing
				if _, err := os.Stat(filepath.Join(dir, "node_modules", "@opentelemetry", "sdk-node")); err != nil {
					program = ""
				}
			}
			if _, err := os.Stat(program); err != nil {
				t.Skip("skipped: the SDK is not in bin/otel: run make otel-clients")
			}
			s := &sink{}
			r := newReceiver(s)
			addr := serving(t, r)
			ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
			defer cancel()
			var args []string
			if c.file != "" {
				args = append(args, filepath.Join(dir, c.file))
			}
			cmd := exec.CommandContext(ctx, program, args...)
			cmd.Dir = dir
			cmd.Env = append(os.Environ(), "OTEL_EXPORTER_OTLP_ENDPOINT=http://"+addr, "OTEL_EXPORTER_OTLP_PROTOCOL="+c.protocol,
				"OTEL_SERVICE_NAME=order", "OTEL_RESOURCE_ATTRIBUTES=service.instance.id=order-3,banyan.revision=abc")
			if c.deltas {
				cmd.Env = append(cmd.Env, "OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE=delta")
			}
			if out, err := cmd.CombinedOutput(); err != nil {
				t.Errorf("%v\n%s", err, out)
			}
			s.check(t)
			if summed := len(r.sums.of) > 1; summed != c.deltas {
				t.Errorf("%d metrics came with delta temporality", len(r.sums.of))
			}
		})
	}
}

// check looks for what all clients send.
func (s *sink) check(t *testing.T) {
	t.Helper()
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.spans) != 2 || len(s.logs) != 1 {
		t.Fatalf("%d spans, %d logs", len(s.spans), len(s.logs))
	}
	client, server := &s.spans[0], &s.spans[1]
	if client.Name != "stock" {
		client, server = server, client
	}
	if r := server.Resource; r.Service != "order" || r.Instance != "order-3" || r.Revision != "abc" || r.Attrs.Text("telemetry.sdk.language") == "" {
		t.Errorf("%+v", r)
	}
	if server.Name != "GET /orders" || server.Kind != signal.KindServer || server.Scope != (signal.Scope{Name: "client", Version: "1.2.3"}) {
		t.Errorf("%+v", server)
	}
	code, _ := client.Attrs.Get("http.response.status_code")
	if client.Parent != server.ID || client.Trace != server.Trace || client.Status != signal.StatusError || client.Message != "no stock" ||
		len(client.Events) != 1 || client.Attrs.Text("tags") != `["a","b"]` || code != signal.Integer(500) {
		t.Errorf("%+v", client)
	}
	if l := &s.logs[0]; l.Text != "low stock" || l.Severity != signal.SeverityWarn || l.Trace != server.Trace || l.Span != server.ID {
		t.Errorf("%+v", l)
	}
	var lines []string
	for i := range s.samples {
		m := s.samples[i]
		m.Exemplars = nil
		lines = append(lines, write(&m))
	}
	all := strings.Join(lines, "\n")
	for _, want := range []string{
		`orders_placed_total{instance="order-3",service="order",state="new"} 3`,
		`http_server_request_duration_seconds_sum{instance="order-3",service="order"} 0.25`,
		`http_server_request_duration_seconds_bucket{instance="order-3",le="+Inf",service="order"} 1`,
	} {
		if !strings.Contains(all, want) {
			t.Errorf("%s is not in\n%s", want, all)
		}
	}
}
