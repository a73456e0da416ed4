package proxy

import (
	"crypto/tls"
	"net/http"
	"reflect"
	"strings"

	"github.com/banyanrun/banyan/internal/gateway"
	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/route"
)

// gatewayTable is the gateway's part of a table.
type gatewayTable struct {
	router    *router
	verifier  *gateway.Verifier // nil: no tokens
	accessLog bool
	settings  settings
	tls       *tls.Config // nil: plain text
	// proxyProtocol: connections begin with a PROXY header.
	proxyProtocol bool
}

// begins reports whether something comes before a connection's first request.
func (gt *gatewayTable) begins() bool { return gt.tls != nil || gt.proxyProtocol }

// filters are what a route wants done before a request is relayed.
type filters struct {
	cors    *gateway.CORS    // nil: none
	limiter *gateway.Limiter // nil: none
}

// gatewayKeepers are what the gateway keeps over tables: fetched keys and
// clients' rates. Guarded by Engine.mu.
type gatewayKeepers struct {
	verifier *gateway.Verifier
	limiters map[edgeKey]*gateway.Limiter
	shown    shown
}

// defaults for snapshots that leave them out
const (
	defaultMaxHeader = 64 << 10
	gatewayStreams   = 250
)

// compileGateway makes the gateway's table. e.mu is held.
func (e *Engine) compileGateway(t *table, g *route.Gateway, states map[edgeKey]*edgeState) (*gatewayTable, error) {
	secure, err := e.tlsFor(g.TLS)
	if err != nil {
		return nil, err
	}
	gt := &gatewayTable{accessLog: g.AccessLog, tls: secure, proxyProtocol: g.ProxyProtocol, verifier: e.verifierFor(g.JWT)}
	gt.settings = settings{
		headerTimeout: g.HeaderTimeout, idleTimeout: g.IdleTimeout, maxHeader: int(g.MaxHeader), streams: gatewayStreams,
	}
	if g.MaxHeader <= 0 {
		gt.settings.maxHeader = defaultMaxHeader
	}
	routes := make([]*gatewayRoute, len(g.Routes))
	limiters := map[edgeKey]*gateway.Limiter{}
	for i, r := range g.Routes {
		yield(i)
		k := edgeKey{caller: route.GatewayCaller, callee: r.To, route: routeKey(&r)}
		gr := &gatewayRoute{Route: r, name: r.Host + r.Path, edge: e.compileEdge(t, k, r.Policy, states)}
		if r.CORS != nil {
			gr.cors = gateway.NewCORS(*r.CORS)
		}
		if r.RateLimit != nil {
			gr.limiter = e.limiterFor(k, *r.RateLimit)
			limiters[k] = gr.limiter
		}
		routes[i] = gr
	}
	e.keepers.limiters = limiters
	gt.router = newRouter(routes)
	return gt, nil
}

// routeKey tells a route from the others to the same service over snapshots.
func routeKey(r *route.Route) string {
	var key strings.Builder
	key.WriteString(r.Host + r.Path)
	for _, m := range r.Methods {
		key.WriteString(" " + m)
	}
	for _, k := range sortedKeys(r.Headers) {
		key.WriteString(" " + k + "=" + r.Headers[k])
	}
	for _, k := range sortedKeys(r.Query) {
		key.WriteString(" ?" + k + "=" + r.Query[k])
	}
	return key.String()
}

func (e *Engine) verifierFor(cfg *route.JWT) *gateway.Verifier {
	old := e.keepers.verifier
	if cfg != nil && old != nil && reflect.DeepEqual(old.Config(), *cfg) {
		return old
	}
	if old != nil {
		e.tasks.Go(old.Close) // requests that still use it get no new keys
	}
	e.keepers.verifier = nil
	if cfg != nil {
		e.keepers.verifier = gateway.NewVerifier(*cfg, gateway.VerifierOptions{Client: e.keyClient, Report: e.keysReported})
	}
	return e.keepers.verifier
}

func (e *Engine) keysReported(err error) {
	ev := link.Event{Kind: "jwks", Detail: "the key set is fetched again"}
	if err != nil {
		ev.Detail = err.Error()
	}
	e.events.send(ev)
}

func (e *Engine) limiterFor(k edgeKey, cfg route.RateLimit) *gateway.Limiter {
	if old := e.keepers.limiters[k]; old != nil && old.Config() == cfg {
		return old
	}
	return gateway.NewLimiter(cfg)
}

// keyClientFor fetches key sets: seldom, so it keeps no connections.
func keyClientFor() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}
