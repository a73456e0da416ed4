package daemon

import (
	"maps"
	"strings"

	"github.com/banyanrun/banyan/internal/route"
)

// Variables by which the SDKs of OpenTelemetry are told where to send.
const (
	otelExporter   = "OTEL_EXPORTER_OTLP_"
	otelEndpoint   = "ENDPOINT"
	otelAttributes = "OTEL_RESOURCE_ATTRIBUTES"
)

// injectOTel makes SDKs of OpenTelemetry send to Banyan, and reports whether they
// do: not if the app file says itself where to. Then nothing is said of it here, as
// half of each would be neither. What the terminal has of it is meant for other
// programs, and would not fit.
func (e *surroundings) injectOTel(env map[string]string) bool {
	addr := e.addrs[route.EdgeID(e.service.Identity(), route.Platform)]
	if !e.telemetry || addr == "" || e.exportsItself() {
		return false
	}
	maps.DeleteFunc(env, func(name, _ string) bool { return strings.HasPrefix(name, otelExporter) || name == otelAttributes })
	env[otelExporter+otelEndpoint] = "http://" + addr
	env[otelExporter+"PROTOCOL"] = "http/protobuf"
	env["OTEL_SERVICE_NAME"] = e.service.Identity()
	return true
}

// exportsItself reports whether the app file says where telemetry of the service goes.
func (e *surroundings) exportsItself() bool {
	says := func(name string) bool {
		return strings.HasPrefix(name, otelExporter) && strings.HasSuffix(name, otelEndpoint)
	}
	for name := range e.service.Spec.Environment {
		if says(name) {
			return true
		}
	}
	for name := range e.service.Spec.Secrets {
		if says(name) {
			return true
		}
	}
	return false
}

// resource adds what identifies the instance to attributes of the app file, which win.
func (e *surroundings) resource(own string) string {
	list := strings.FieldsFunc(own, func(r rune) bool { return r == ',' })
	for _, kv := range [][2]string{{"service.instance.id", e.instance.ID}, {"banyan.revision", e.instance.Revision}} {
		if kv[1] != "" && !strings.Contains(","+own, ","+kv[0]+"=") {
			list = append(list, kv[0]+"="+kv[1])
		}
	}
	return strings.Join(list, ",")
}
