package appfile

import (
	"slices"
	"time"
)

func (a *App) telemetryDefaults() {
	t := a.Telemetry
	if t == nil {
		return
	}
	if t.Retention == nil {
		t.Retention = &TelemetryRetention{}
	}
	setDefault(&t.Retention.Size, 2<<30)
	setDefault(&t.Retention.Time, Duration(15*24*time.Hour))
	setDefault(&t.SamplePercent, 10)
	for _, n := range t.Notify {
		if n != nil && n.Email != nil {
			setDefault(&n.Email.TLS, "starttls")
		}
	}
	for _, e := range t.Export {
		e.defaults()
	}
	if t.OTLP != nil {
		t.OTLP.GRPC, t.OTLP.HTTP = loopback(t.OTLP.GRPC), loopback(t.OTLP.HTTP)
	}
}

func (e *Export) defaults() {
	if e != nil && e.OTLP != nil {
		setDefault(&e.OTLP.Protocol, "http")
		if len(e.OTLP.Signals) == 0 {
			e.OTLP.Signals = slices.Clone(telemetrySignals)
		}
	}
	if e != nil && e.Elasticsearch != nil {
		setDefault(&e.Elasticsearch.Index, "{signal}-banyan-default")
		if len(e.Elasticsearch.Signals) == 0 {
			e.Elasticsearch.Signals = slices.Clone(telemetrySignals)
		}
	}
}

// loopback is an address, on this machine where it does not say which.
func loopback(address string) string {
	if len(address) > 1 && address[0] == ':' {
		return "127.0.0.1" + address
	}
	return address
}
