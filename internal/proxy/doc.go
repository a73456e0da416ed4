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
// retry.go); and every answer that a service did not give carries the header
// Banyan-Error with a code of codes.go.
//
// Locks, in the order in which they may be taken: serving.order, Engine.mu,
// instance.mu, outlier.mu. Engine.ejecting comes before outlier.mu and
// serving.order, and is taken by requests only. session.mu, Engine.connMu, a
// breaker's, a budget's, a body's and the events' are taken last. Callbacks are
// called with none of the engine's locks but ejecting held. Requests take no
// lock of the engine: they load the current table.
package proxy
