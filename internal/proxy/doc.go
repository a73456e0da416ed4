// Package proxy is the data plane: it accepts connections, finds out by
// listener and snapshot where a request belongs, picks an instance and relays.
//
// [Serve] is the process: the link to the daemon, restarts of the daemon,
// shutdown. [Engine] is what moves the bytes; Serve knows it by the small
// interface dataPlane, so that another engine can take its place behind the
// same snapshots. Only package cli's hidden command and tests use this package.
//
// It promises: a request that was accepted keeps one consistent snapshot; an
// instance is reported drained only when nothing can be sent to it any more and
// nothing is in flight; a request is sent twice only where that is safe (see
// try.go); and every answer that a service did not give carries the header
// Banyan-Error with a code of codes.go.
//
// Each loop has a worker; what belongs to a connection or a request is touched
// on its loop only. Requests take no lock of the engine: they load the current
// table. Locks, in the order in which they may be taken: serving.order,
// Engine.mu, instance.mu. Whoever holds one of these may wait for the loops, so a
// loop takes none of the first two: what it has to tell goes through
// Engine.reports. What else is locked is held for a few instructions.
package proxy
