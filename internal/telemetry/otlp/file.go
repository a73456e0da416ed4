package otlp

import (
	"fmt"

	"go.opentelemetry.io/collector/pdata/plog"
	"go.opentelemetry.io/collector/pdata/ptrace"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// ReadSpans reads an ExportTraceServiceRequest in OTLP's JSON that is not a
// sender's request but a part of a file: a record that is none is an error.
func ReadSpans(body []byte) ([]signal.Span, error) {
	spans, no, err := readSpans(text, body, "")
	return spans, wholly(no, err)
}

// ReadLogs is ReadSpans for an ExportLogsServiceRequest.
func ReadLogs(body []byte) ([]signal.Log, error) {
	logs, no, err := readLogs(text, body, "", 0)
	return logs, wholly(no, err)
}

// WriteSpans writes what ReadSpans reads.
func WriteSpans(spans []signal.Span) ([]byte, error) {
	return (&ptrace.JSONMarshaler{}).MarshalTraces(Traces(spans))
}

// WriteLogs writes what ReadLogs reads.
func WriteLogs(logs []signal.Log) ([]byte, error) {
	return (&plog.JSONMarshaler{}).MarshalLogs(Logs(logs))
}

func wholly(no refusals, err error) error {
	switch {
	case err != nil:
		return fmt.Errorf("it cannot be read as OTLP: %w", err)
	case no.count > 0:
		return fmt.Errorf("a record cannot be read: %s", no.why)
	}
	return nil
}
