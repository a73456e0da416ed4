// Package access decides who may come into the dashboard and what they may do
// there: tokens that let in once, sessions, the host names that are answered,
// roles, and which RPC needs which. It listens to nothing and stores nothing
// itself; package dash and the daemon use it.
//
// It promises: a token works once and for some minutes; of tokens and sessions
// only hashes are kept; both are bounded in number and time; an RPC that nobody
// has classified is refused.
package access
