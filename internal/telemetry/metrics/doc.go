// Package metrics keeps time series and answers PromQL about them. It wraps
// Prometheus' storage and query engine, whose Go API changes from release to
// release: no other package imports them, and no type of theirs is to be seen
// outside. The telemetry engine appends; the Prometheus API, the alert rules and
// the dashboard query.
//
// What it promises: samples that Append returned without an error are there after
// the process is killed (after a loss of power the last second may be missing). A
// sample that cannot be taken is counted and costs the others nothing. Memory and
// disk are bounded: by the number of series, the bytes and age of what is kept, and
// the time, size and number of queries. Damage on disk is repaired or set aside,
// and said in Status: Open fails only where the disk cannot be written at all.
//
// All methods of a Store are safe for concurrent use.
package metrics
