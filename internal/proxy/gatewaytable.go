package proxy

import (
	"crypto/tls"
	"net/http"
	"reflect"
	"slices"
	"strings"

	"github.com/banyanrun/banyan/internal/gateway"
	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/route"
)

// gatewayTable is the gateway's part of a table.
type gatewayTable struct {
	router    *router
	tunnels   *router           // of the routes that take CONNECT
	edges     []edge            // the table's
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

// gatewayKeepers are what the gateway keeps over tables. Guarded by Engine.mu.
type gatewayKeepers struct {
	verifier *gateway.Verifier
	shown    shown
}

// defaults for snapshots that leave them out
const (
	defaultMaxHeader = 64 << 10
	gatewayStreams   = 250
)

// prepareGateway begins the gateway's table with what may be refused.
func (c *compiler) prepareGateway() error {
	g := c.s.Gateway
	if g == nil {
		return nil
	}
	secure, err := c.e.tlsFor(g.TLS)
	if err != nil {
		return err
	}
	gt := &gatewayTable{accessLog: g.AccessLog, tls: secure, proxyProtocol: g.ProxyProtocol}
	gt.settings = settings{
		headerTimeout: g.HeaderTimeout, idleTimeout: g.IdleTimeout, maxHeader: int(g.MaxHeader), streams: gatewayStreams,
	}
	if g.MaxHeader <= 0 {
		gt.settings.maxHeader = defaultMaxHeader
	}
	c.t.gateway = gt
	return nil
}

// compareRoutes finds out which routes are new, which are gone, and which have
// come before others that were before them.
func (c *compiler) compareRoutes() {
	r := newReuse(c.old.routes)
	var list []route.Route
	if c.s.Gateway != nil {
		list = c.s.Gateway.Routes
	}
	c.t.routes = make([]*gatewayRoute, len(list))
	last := -1
	for i := range list {
		rt := &list[i]
		equal := func(gr *gatewayRoute) bool { return gr.Equal(rt) }
		gr, ok := r.beside(i, equal)
		if !ok {
			k := edgeKey{caller: route.GatewayCaller, callee: rt.To, route: routeKey(rt)}
			if st := c.e.edges[k]; st != nil && st.route != nil {
				gr, ok = r.at(st.route.order, i, st.route, equal)
			}
			if !ok {
				gr = c.route(k, rt)
				gr.order = i
				c.new = append(c.new, gr)
			}
		}
		if ok {
			c.pause(workCompare)
			if gr.order < last {
				c.moved = append(c.moved, gr)
			} else {
				last = gr.order
			}
			if gr.order != i {
				gr.order = i
			}
		}
		c.t.routes[i] = gr
	}
	for gr := range r.rest() {
		c.gone = append(c.gone, gr)
		c.drop(gr.lane)
	}
}

// route compiles one.
func (c *compiler) route(k edgeKey, rt *route.Route) *gatewayRoute {
	c.pause(workMake)
	gr := c.paths.next()
	*gr = gatewayRoute{Route: *rt, name: routeName(k.route, rt), depth: depthOf(rt.Path), lane: c.lane(k, &rt.Policy)}
	if rt.CORS != nil {
		gr.cors = gateway.NewCORS(*rt.CORS)
	}
	gr.limiter = gr.lane.state.limiterFor(rt.RateLimit)
	gr.lane.state.route = gr
	return gr
}

// changed is what a router has to know: that of routes which take CONNECT, or of the others.
func (c *compiler) changed(connect bool) *routerChange {
	return &routerChange{
		gone: ofKind(c.gone, connect), moved: ofKind(c.moved, connect), new: ofKind(c.new, connect),
		all: func() []*gatewayRoute { return ofKind(c.t.routes, connect) }, pause: c.pause,
	}
}

func ofKind(list []*gatewayRoute, connect bool) []*gatewayRoute {
	return slices.DeleteFunc(slices.Clone(list), func(gr *gatewayRoute) bool { return gr.Connect != connect })
}

// routeName is the name of rt for logs; the key begins with it.
func routeName(key string, rt *route.Route) string {
	n := len(rt.Host) + len(rt.Path)
	if rt.Connect {
		n = len(http.MethodConnect+" ") + len(rt.Host)
	}
	return key[:n]
}

// commitGateway ends the gateway's table.
func (c *compiler) commitGateway() {
	gt := c.t.gateway
	if gt == nil {
		return
	}
	gt.verifier, gt.edges = c.e.verifierFor(c.s.Gateway.JWT), c.t.edges
	before := &gatewayTable{router: &router{}, tunnels: &router{}}
	if c.old.gateway != nil {
		before = c.old.gateway
	}
	gt.router = before.router.with(c.changed(false))
	gt.tunnels = before.tunnels.with(c.changed(true))
	for _, en := range c.t.listeners {
		if en.Role == route.RoleGateway {
			en.settings = gt.settings
		}
	}
}

// routeKey tells a route from the others to the same service over snapshots.
func routeKey(r *route.Route) string {
	if !r.Connect && len(r.Methods)+len(r.Headers)+len(r.Query) == 0 {
		return r.Host + r.Path
	}
	var key strings.Builder
	if r.Connect {
		key.WriteString(http.MethodConnect + " ")
	}
	key.WriteString(r.Host)
	key.WriteString(r.Path)
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

// keyClientFor fetches key sets: seldom, so it keeps no connections.
func keyClientFor() *http.Client {
	return &http.Client{Transport: &http.Transport{DisableKeepAlives: true}}
}
