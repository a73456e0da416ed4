// Package otlp sends telemetry to a collector, or whoever else takes it, by the
// OpenTelemetry protocol: HTTP with protobuf, or gRPC. It is a sender of package export.
//
// It promises to read answers as the protocol has them: what a collector takes in part
// is counted, what it refuses for good is not sent again, and how long it asks to wait
// is told.
package otlp
