package daemon

import (
	"net/http"

	"github.com/banyanrun/banyan/internal/serviceapi"
	"github.com/banyanrun/banyan/internal/telemetry/otlp"
	"github.com/banyanrun/banyan/internal/telemetry/zipkin"
)

// telemetryIntake takes what services, and others, send of themselves.
type telemetryIntake struct {
	otlp   *otlp.Receiver
	zipkin *zipkin.Receiver
}

var _ serviceapi.Telemetry = (*telemetryIntake)(nil)

func (d *daemon) newIntake() *telemetryIntake {
	room := otlp.NewRoom(0) // of both
	return &telemetryIntake{otlp: otlp.New(d.telemetry.engine, room, d.log), zipkin: zipkin.New(d.telemetry.engine, room, d.log)}
}

// ServeOTLP implements serviceapi.Telemetry.
func (t *telemetryIntake) ServeOTLP(w http.ResponseWriter, r *http.Request, caller string) {
	t.otlp.ServeFrom(w, r, caller)
}

// ServeZipkin implements serviceapi.Telemetry.
func (t *telemetryIntake) ServeZipkin(w http.ResponseWriter, r *http.Request, caller string) {
	t.zipkin.ServeFrom(w, r, caller)
}
