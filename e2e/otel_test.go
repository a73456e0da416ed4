package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// otelClients are OpenTelemetry's SDKs, by services that run them before they serve,
// as make otel-clients gets them: the program, and how it sends.
var otelClients = map[string]struct {
	needs, command, protocol string
}{
	"go":       {"sdk", "sdk", ""},
	"gogrpc":   {"sdk", "sdk", "grpc"},
	"py":       {"python", "PYTHONPATH=$(echo python/lib/*/site-packages) python3 ../../tools/otel/sdk.py", ""},
	"node":     {"node_modules/@opentelemetry/sdk-node", "node sdk.mjs", ""},
	"nodegrpc": {"node_modules/@opentelemetry/sdk-node", "node sdk.mjs", "grpc"},
}

// TestOpenTelemetry: SDKs that nobody told anything send to Banyan, by HTTP and, where
// the app file asks for it, by gRPC; instances that offer metrics are scraped; stack
// traces in what services write are one record.
func TestOpenTelemetry(t *testing.T) {
	dir, err := filepath.Abs("../bin/otel")
	if err != nil {
		t.Fatal(err)
	}
	var file strings.Builder
	file.WriteString("name: otel\ngateway:\n\tlisten: \":${port}\"\nservices:\n\tscraped:\n\t\tcommand: ${testapp}\n\t\tmetrics: {}\n")
	file.WriteString("\tpanics:\n\t\tcommand: [sh, -c, \"printf 'panic: boom\\\\n\\\\ngoroutine 1 [running]:\\\\nmain.main()\\\\n\\\\t/a.go:1 +0x1\\\\n' >&2; exec ${testapp}\"]\n")
	var there []string
	for name, c := range otelClients {
		if _, err := os.Stat(filepath.Join(dir, c.needs)); errors.Is(err, os.ErrNotExist) {
			t.Logf("without %s: run make otel-clients to get it", c.needs)
			continue
		}
		there = append(there, name)
		fmt.Fprintf(&file, "\t%s:\n\t\tcommand: [sh, -c, \"cd %s && export PATH=$PATH:. && %s && exec ${testapp}\"]\n", name, dir, c.command)
		if c.protocol != "" {
			fmt.Fprintf(&file, "\t\tenvironment: {OTEL_EXPORTER_OTLP_PROTOCOL: %s, OTEL_EXPORTER_OTLP_METRICS_TEMPORALITY_PREFERENCE: delta}\n", c.protocol)
		}
	}
	s := startSeenFile(t, file.String())
	for _, name := range there {
		s.sdkIsSeen(t, name)
	}
	await(t, 40*time.Second, "what was scraped", func() error {
		v, err := s.query(`testapp_seen{service="scraped",where="here",instance=~"scraped-.+"} + on(instance) up`)
		if err == nil && v != 18 {
			err = fmt.Errorf("it is %v", v)
		}
		return err
	})
	await(t, 10*time.Second, "the panic", func() error {
		found, err := s.lines("service=panics severity=fatal")
		if err == nil && found["panic: boom\n\ngoroutine 1 [running]:\nmain.main()\n\t/a.go:1 +0x1"] != 1 {
			err = fmt.Errorf("there is %v", found)
		}
		return err
	})
}

// sdkIsSeen: the trace, the log record and the metrics that a service's SDK sent.
func (s *seen) sdkIsSeen(t *testing.T, service string) {
	t.Helper()
	await(t, 20*time.Second, "the trace of "+service, func() error {
		found, err := s.traces("service=" + service + ` name="stock" status=error`)
		if err == nil && (len(found) != 1 || found[0].GetSpans() != 2 || found[0].GetRootService() != service) {
			err = fmt.Errorf("there is %v", found)
		}
		return err
	})
	await(t, 10*time.Second, "the log record of "+service, func() error {
		r, err := s.SearchLogs(context.WithoutCancel(t.Context()), &banyanv1.SearchLogsRequest{Filter: "service=" + service + ` scope=client`, Limit: 10})
		if err == nil && (len(r.GetLogs()) != 1 || r.GetLogs()[0].GetText() != "low stock" || r.GetLogs()[0].GetTraceId() == "" || !strings.HasPrefix(r.GetLogs()[0].GetInstance(), service+"-")) {
			err = fmt.Errorf("there is %v", r.GetLogs())
		}
		return err
	})
	await(t, 10*time.Second, "the metrics of "+service, func() error {
		v, err := s.query(fmt.Sprintf(`orders_placed_total{service=%q,state="new"}`, service))
		if err == nil && v != 3 {
			err = fmt.Errorf("it is %v", v)
		}
		return err
	})
	await(t, 30*time.Second, "what the spans of "+service+" are of", func() error {
		v, err := s.query(fmt.Sprintf(`histogram_count(banyan_span_duration_seconds{service=%q,name="stock",kind="client",status="error"})`, service))
		if err == nil && v != 1 {
			err = fmt.Errorf("it is %v", v)
		}
		return err
	})
}
