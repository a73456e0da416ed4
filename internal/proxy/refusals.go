package proxy

import (
	"strings"

	"github.com/banyanrun/banyan/internal/proxy/h1"
	"github.com/banyanrun/banyan/internal/proxy/h2"
)

// refused is a kind of client that is turned away by what it does with its
// connection, before or beside any request's own answer.
type refused uint8

// The kinds: one for each of h1's and of h2's, and those that take their time or
// do not get as far as HTTP.
const (
	refusedH1          refused = 0
	refusedH2                  = refusedH1 + refused(h1.NotHTTP) + 1
	refusedSilent              = refusedH2 + refused(h2.SlowRead) + 1 // nothing came within header_timeout
	refusedSlowHeader          = refusedSilent + 1                    // a head did not come within header_timeout
	refusedSlowBody            = refusedSilent + 2                    // a body paused for idle_timeout
	refusedSlowRead            = refusedSilent + 3                    // an answer was not taken for idle_timeout
	refusedLargeHeader         = refusedSilent + 4                    // over HTTP/2
	refusedHandshake           = refusedSilent + 5
	refusedProxyHeader         = refusedSilent + 6
	refusedKinds               = refusedSilent + 7
)

// String is the kind's name in snake case.
func (r refused) String() string {
	switch {
	case r < refusedH2:
		return "h1_" + strings.ReplaceAll(h1.Kind(r-refusedH1).String(), " ", "_")
	case r < refusedSilent:
		return "h2_" + h2.Kind(r-refusedH2).String()
	}
	return [...]string{
		"silent", "slow_header", "slow_body", "slow_read", "large_header", "tls_handshake", "proxy_header",
	}[r-refusedSilent]
}

// refuse counts a client that is turned away.
func (w *worker) refuse(kind refused) { w.refusals[kind].Add(1) }

// Refusals counts the clients that were turned away by what they did with their
// connections, since the engine began, by kind. Kinds that never came are left out.
func (e *Engine) Refusals() map[string]uint64 {
	m := map[string]uint64{}
	for kind := range refusedKinds {
		n := uint64(0)
		for _, w := range e.workers {
			n += w.refusals[kind].Load()
		}
		if n > 0 {
			m[kind.String()] = n
		}
	}
	return m
}
