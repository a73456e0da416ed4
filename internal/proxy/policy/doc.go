// Package policy decides about requests: whether one may be sent (breakers,
// outlier detection, retry budgets, limits of concurrency, faults on purpose)
// and where to (balancers, splits between revisions).
//
// It does no I/O, starts no goroutine and reads no clock: time comes in as
// `now`, nanoseconds ≥ 0 on one monotonic clock of any origin, and randomness
// as an evenly distributed uint64 (math/rand/v2's Uint64 takes no lock). Loops
// may have read their clocks at slightly different moments: a `now` that is a
// little older than another does no harm.
//
// Everything is safe for use by several loops at once. What a request meets
// when all is well is a few atomic operations and no allocation; locks are
// taken only to eject an instance and to close a window of [Adaptive].
// Only package proxy uses this package.
package policy
