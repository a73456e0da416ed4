// Package export sends what is kept of telemetry to others: spans, log records and
// metrics, to as many targets as an app names. The daemon runs it; senders, in the
// rooms below, know the targets' formats.
//
// What it promises: nothing waits for it. It reads what the stores have on disk and in
// memory already, and notes how far a target has come, so that a target which is away
// costs no memory and misses nothing while that is kept, restarts of the program
// included. A target is sent at least once what there is, in about the order in which
// it came, one request of each signal at a time. What a target refuses for good, and
// what goes before it could be sent, is counted.
//
// An Exporter may be used by several goroutines.
package export
