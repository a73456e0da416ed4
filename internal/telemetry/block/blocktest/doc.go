// Package blocktest makes spans and log records such as a small web shop's, for
// tests and benchmarks of the telemetry store: eight services with three instances
// each, about eight spans a trace, eleven attributes a span of which two are nearly
// always different, and log lines with numbers in them. The same seed makes the same records.
package blocktest
