package otlp

import (
	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/pmetric"
	"go.opentelemetry.io/collector/pdata/ptrace"
)

// form is how a message is written.
type form uint8

const (
	binary form = iota // protobuf
	text               // OTLP's JSON
)

func (f form) mediaType() string {
	if f == text {
		return "application/json"
	}
	return "application/x-protobuf"
}

// check refuses what could not be decoded within bounds.
func (f form) check(body []byte, s *shape) error {
	if f == text {
		return checkJSON(body)
	}
	return checkBinary(body, s)
}

func (f form) traces(body []byte) (t ptrace.Traces, err error) {
	if err = f.check(body, tracesShape); err != nil {
		return t, err
	}
	if f == text {
		return (&ptrace.JSONUnmarshaler{}).UnmarshalTraces(body)
	}
	return (&ptrace.ProtoUnmarshaler{}).UnmarshalTraces(body)
}

func (f form) logs(body []byte) (l plog.Logs, err error) {
	if err = f.check(body, logsShape); err != nil {
		return l, err
	}
	if f == text {
		return (&plog.JSONUnmarshaler{}).UnmarshalLogs(body)
	}
	return (&plog.ProtoUnmarshaler{}).UnmarshalLogs(body)
}

func (f form) metrics(body []byte) (m pmetric.Metrics, err error) {
	if err = f.check(body, metricsShape); err != nil {
		return m, err
	}
	if f == text {
		return (&pmetric.JSONUnmarshaler{}).UnmarshalMetrics(body)
	}
	return (&pmetric.ProtoUnmarshaler{}).UnmarshalMetrics(body)
}
