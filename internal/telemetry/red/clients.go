package red

import (
	"cmp"
	"net"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// The names of the series of calls that the data plane does not see. Their labels are
// service, kind (database, messaging, outside) and peer, such as postgresql/orders.
const (
	ClientCalls     = "banyan_client_calls_total"
	ClientErrors    = "banyan_client_call_errors_total"
	ClientDurations = "banyan_client_call_duration_seconds"
)

// peersMost bounds what is told apart: hosts come from what services send.
const peersMost = 1000

// peerRest is how long a peer is remembered that nobody calls, in milliseconds.
const peerRest = int64(time.Hour / time.Millisecond)

// Clients count calls to databases, message brokers and hosts outside of the app, by
// the spans of those who call. The zero value is ready. Its methods are safe for
// concurrent use.
type Clients struct {
	mu    sync.Mutex
	peers map[peer]*peerCounts
	last  int64 // when Samples was called, in milliseconds
}

type peer struct{ service, kind, name string }

type peerCounts struct {
	calls, errors uint64
	durations     account.Histogram
	told          bool
	toldCalls     uint64
	toldAt        int64 // when there were new calls, in milliseconds
}

// Add counts those of the spans that are such calls.
func (c *Clients) Add(spans []signal.Span) {
	c.mu.Lock()
	defer c.mu.Unlock()
	for i := range spans {
		s := &spans[i]
		p, ok := peerOf(s)
		if !ok {
			continue
		}
		n := c.peers[p]
		if n == nil {
			if len(c.peers) >= peersMost {
				continue
			}
			if c.peers == nil {
				c.peers = map[peer]*peerCounts{}
			}
			n = &peerCounts{}
			c.peers[p] = n
		}
		n.calls++
		if s.Status == signal.StatusError {
			n.errors++
		}
		n.durations.Observe(time.Duration(s.Duration()))
	}
}

// peerOf is whom a span calls, if that is none that the data plane sees.
func peerOf(s *signal.Span) (peer, bool) {
	if s.Kind != signal.KindClient && s.Kind != signal.KindProducer {
		return peer{}, false
	}
	p := peer{service: s.Resource.Service}
	host := cmp.Or(s.Attrs.Text("server.address"), s.Attrs.Text("net.peer.name"))
	if system := cmp.Or(s.Attrs.Text("db.system.name"), s.Attrs.Text("db.system")); system != "" {
		p.kind, p.name = "database", system
		if name := cmp.Or(s.Attrs.Text("db.namespace"), s.Attrs.Text("db.name"), host); name != "" {
			p.name += "/" + name
		}
		return p, true
	}
	if system := s.Attrs.Text("messaging.system"); system != "" {
		p.kind, p.name = "messaging", system
		if name := s.Attrs.Text("messaging.destination.name"); name != "" {
			p.name += "/" + name
		}
		return p, true
	}
	if host == "" {
		if u, err := url.Parse(cmp.Or(s.Attrs.Text("url.full"), s.Attrs.Text("http.url"))); err == nil {
			host = u.Hostname()
		}
	}
	if s.Kind != signal.KindClient || host == "" || isLocal(host) {
		return peer{}, false
	}
	p.kind, p.name = "outside", host
	return p, true
}

// isLocal reports whether a host is this machine: calls within the app go there.
func isLocal(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && (ip.IsLoopback() || ip.IsUnspecified())
}

// Samples returns the series' values.
func (c *Clients) Samples(now time.Time) []metrics.Sample {
	c.mu.Lock()
	defer c.mu.Unlock()
	at := now.UnixMilli()
	var out []metrics.Sample
	for p, n := range c.peers {
		if n.toldCalls != n.calls {
			n.toldCalls, n.toldAt = n.calls, at
		} else if at-n.toldAt >= peerRest {
			delete(c.peers, p)
			continue
		}
		pairs := []string{"service", p.service, "kind", p.kind, "peer", p.name}
		calls, errs, durations := metrics.Named(ClientCalls, pairs...), metrics.Named(ClientErrors, pairs...), metrics.Named(ClientDurations, pairs...)
		if !n.told && c.last > 0 && c.last < at { // it was 0 then
			out = append(out, metrics.Sample{Labels: calls, Time: c.last}, metrics.Sample{Labels: errs, Time: c.last},
				metrics.Sample{Labels: durations, Time: c.last, Histogram: &metrics.Histogram{Scale: scale}})
		}
		n.told = true
		out = append(out, metrics.Sample{Labels: calls, Time: at, Value: float64(n.calls)}, metrics.Sample{Labels: errs, Time: at, Value: float64(n.errors)},
			metrics.Sample{Labels: durations, Time: at, Histogram: histogram(&n.durations)})
	}
	c.last = at
	return slices.Clip(out)
}
