// Package signal is what the telemetry rooms agree on: spans, log records, and the
// attributes of both, as they are once they were read from whatever format they
// came in. It holds data and says nothing of where it comes from or goes.
//
// Records that were handed on are not changed any more: they, their attributes and
// resources may be shared.
package signal
