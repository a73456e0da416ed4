package red

import (
	"cmp"
	"net"
	"net/url"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/route"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// The names of the series of calls that the data plane does not see. Their labels are
// service, kind and peer, such as postgresql/orders.
const (
	ClientCalls     = "banyan_client_calls_total"
	ClientErrors    = "banyan_client_call_errors_total"
	ClientDurations = "banyan_client_call_duration_seconds"
)

// The kinds of peers.
const (
	database  = "database"
	messaging = "messaging" // what is published
	consumer  = "consumer"  // what is taken from a message broker
	outside   = "outside"
)

// peersMost bounds what is told apart: hosts come from what services send.
const peersMost = 1000

// Clients count calls to databases, message brokers and hosts outside of the app, by
// the spans of those who call. The zero value is ready. Its methods are safe for
// concurrent use.
type Clients struct {
	mu      sync.Mutex
	tallies tallies[peer]
}

type peer struct{ service, kind, name string }

// Add counts those of the spans that are such calls.
func (c *Clients) Add(spans []signal.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range spans {
		p, ok := peerOf(&spans[i])
		if !ok {
			continue
		}
		n := c.tallies.of[p]
		if n == nil {
			n = c.begin(p)
		}
		n.add(&spans[i])
	}
}

// begin returns the tally of a peer that has none, or of those that are not told apart.
func (c *Clients) begin(p peer) *tally {
	if len(c.tallies.of) >= peersMost || len(p.service) > nameMost || len(p.name) > nameMost {
		if p.service, p.name = other, other; c.tallies.of[p] != nil {
			return c.tallies.of[p]
		}
	}
	return c.tallies.begin(p)
}

// peerOf is whom a span calls, if that is none that the data plane sees.
func peerOf(s *signal.Span) (peer, bool) {
	if s.Kind != signal.KindClient && s.Kind != signal.KindProducer && s.Kind != signal.KindConsumer {
		return peer{}, false
	}
	p := peer{service: s.Resource.Service}
	host := cmp.Or(s.Attrs.Text("server.address"), s.Attrs.Text("net.peer.name"))
	if system := cmp.Or(s.Attrs.Text("db.system.name"), s.Attrs.Text("db.system")); system != "" && s.Kind == signal.KindClient {
		p.kind, p.name = database, below(system, s.Attrs.Text("db.namespace"), s.Attrs.Text("db.name"), host)
		return p, true
	}
	if system := s.Attrs.Text("messaging.system"); system != "" {
		if p.kind = messaging; s.Kind == signal.KindConsumer {
			p.kind = consumer
		}
		p.name = below(system, s.Attrs.Text("messaging.destination.name"), s.Attrs.Text("messaging.destination"))
		return p, system != route.Platform // which counts what passes it
	}
	if host == "" {
		if u, err := url.Parse(cmp.Or(s.Attrs.Text("url.full"), s.Attrs.Text("http.url"))); err == nil {
			host = u.Hostname()
		}
	}
	if host == "" && !isLocal(s.Attrs.Text("network.peer.address")) {
		host = s.Attrs.Text("peer.service")
	}
	host = strings.ToLower(strings.TrimSuffix(host, "."))
	if s.Kind != signal.KindClient || host == "" || isLocal(host) {
		return peer{}, false
	}
	p.kind, p.name = outside, host
	return p, true
}

// below is a part of a system, by the first name that it has.
func below(system string, names ...string) string {
	if name := cmp.Or(names...); name != "" {
		return system + "/" + name
	}
	return system
}

// isLocal reports whether a host is this machine: calls within the app go there.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || strings.HasSuffix(host, ".localhost") || strings.HasPrefix(host, "/") || ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// Samples returns the series' values.
func (c *Clients) Samples(now time.Time) []metrics.Sample {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := now.UnixMilli()
	var out []metrics.Sample
	c.tallies.look(now, func(p peer, n *tally, zero int64) {
		pairs := []string{"service", p.service, "kind", p.kind, "peer", p.name}
		out = counter(out, metrics.Named(ClientCalls, pairs...), n.calls, at, zero)
		out = counter(out, metrics.Named(ClientErrors, pairs...), n.errors, at, zero)
		out = n.took(out, metrics.Named(ClientDurations, pairs...), at, zero)
	}, func(peer) {})
	return slices.Clip(out)
}
