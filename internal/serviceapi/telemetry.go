package serviceapi

import "net/http"

// Telemetry takes traces, logs and metrics in the forms in which services send
// them. It answers all by itself, in the way of each form.
type Telemetry interface {
	// ServeOTLP answers a request of OpenTelemetry's protocol, by HTTP or gRPC.
	ServeOTLP(w http.ResponseWriter, r *http.Request, caller string)
	// ServeZipkin answers a request of Zipkin's API, version 2.
	ServeZipkin(w http.ResponseWriter, r *http.Request, caller string)
}

// otlpPaths are where senders of OpenTelemetry's protocol go.
var otlpPaths = []string{
	"/v1/traces", "/v1/logs", "/v1/metrics",
	"/opentelemetry.proto.collector.trace.v1.TraceService/Export",
	"/opentelemetry.proto.collector.logs.v1.LogsService/Export",
	"/opentelemetry.proto.collector.metrics.v1.MetricsService/Export",
}

// zipkinPath is where senders of Zipkin's spans go.
const zipkinPath = "/api/v2/spans"

// takeTelemetry serves what services say of themselves.
func (h *handler) takeTelemetry() {
	for _, path := range otlpPaths {
		h.handle(path, calls{http.MethodPost: h.otlp})
	}
	h.handle(zipkinPath, calls{http.MethodPost: h.zipkin})
}

var errTelemetryOff = &Problem{Code: TelemetryOff, Detail: "this daemon takes no telemetry: the app file says so, or what it keeps could not be opened"}

func (h *handler) otlp(w http.ResponseWriter, r *http.Request, caller string) error {
	if h.Telemetry == nil {
		return errTelemetryOff
	}
	h.Telemetry.ServeOTLP(w, r, caller)
	return nil
}

func (h *handler) zipkin(w http.ResponseWriter, r *http.Request, caller string) error {
	if h.Telemetry == nil {
		return errTelemetryOff
	}
	h.Telemetry.ServeZipkin(w, r, caller)
	return nil
}
