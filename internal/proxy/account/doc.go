// Package account counts what the data plane does: requests by edge, route and
// revision, with their outcomes, bytes and latencies; and it gathers spans.
//
// Each loop writes a [Set] of its own with plain additions. A reader posts to
// every loop, which copies a piece of its set ([Set.Copy]), and merges the copies
// ([Merge]). Atomics would spare the post but make the rare reader cheap at the
// expense of every request: on amd64 sync/atomic's Store is an XCHG, which locks,
// and a request writes about ten words (BenchmarkWords compares them).
//
// Totals of an edge never decrease while the data plane lives. A revision that is
// not used any more is dropped in the end, and its counts stay in [Edge.Past].
//
// It does no I/O and reads no clock: time comes in as `now`, nanoseconds on one
// monotonic clock of any origin.
package account
