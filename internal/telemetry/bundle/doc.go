// Package bundle writes traces and log records to one file, to hand to somebody,
// and reads such a file: a tar, packed by gzip, of requests in OTLP's JSON, with a
// manifest and checksums (docs/telemetry-format.md). It serves both by HTTP. The
// daemon mounts it, and says where records come from and go to.
//
// It promises: neither side has more than a part of a bundle in memory; nothing of a
// bundle is handed on before all of it was read and its checksums were right; what
// is malformed, too large or cut short is refused, with the place; what was left out
// is said, on both sides. Who may ask is decided by whoever mounts the handler.
package bundle
