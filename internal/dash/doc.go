// Package dash is the dashboard's door: it serves the page, the RPCs and the
// stream of events that the page uses, to browsers of people who were let in. What
// it shows and does comes from handlers and functions that the daemon gives it.
//
// It promises: whoever has no session gets nothing but the page itself, which
// holds nothing of the app; a request by another host name, from another origin, or
// for an RPC that its role may not call is refused and says why; what a session
// changes is recorded before it is done; no token is ever written to a log.
package dash
