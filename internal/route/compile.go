package route

import (
	"fmt"
	"maps"
	"net"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
)

// EdgeID names the listener of a caller's calls to a callee.
func EdgeID(caller, callee string) string { return "edge/" + caller + "/" + callee }

// RefuseID names the listener for a caller's undeclared calls.
func RefuseID(caller string) string { return "refuse/" + caller }

// GatewayID names the gateway's listener on an address. A gateway that moves to
// another address is another listener: the old one serves until the new one does.
func GatewayID(addr string) string { return "gateway/" + addr }

// Needs returns the listeners that an app needs, without addresses but for the
// gateway's: those of edges and refusals may be any port on loopback.
func Needs(app *model.App) ([]Listener, error) {
	var list []Listener
	if app.Gateway != nil {
		gateway, err := gatewayListeners(app.Gateway.Listen)
		if err != nil {
			return nil, err
		}
		list = append(list, gateway...)
		for _, callee := range gatewayCallees(app) {
			list = append(list, edgeListener(GatewayCaller, callee))
		}
	}
	for _, caller := range slices.Sorted(maps.Keys(app.Services)) {
		s := app.Services[caller]
		if s.LeftOut != "" || s.Of != "" { // it calls as another
			continue
		}
		list = append(list, Listener{ID: RefuseID(caller), Role: RoleRefuse, Caller: caller}, edgeListener(caller, Platform))
		if called(app, s) {
			list = append(list, edgeListener(Platform, caller))
		}
		for _, callee := range slices.Sorted(maps.Keys(s.Spec.Calls)) {
			list = append(list, edgeListener(caller, callee))
		}
	}
	return list, nil
}

func edgeListener(caller, callee string) Listener {
	return Listener{ID: EdgeID(caller, callee), Role: RoleEdge, Caller: caller, Callee: callee}
}

// gatewayListeners are the sockets of a gateway address: two on loopback, IPv4
// and IPv6, where the address names no host.
func gatewayListeners(listen string) ([]Listener, error) {
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return nil, fault.New(fault.Invalid, "gateway.listen %q is not an address: %w", listen, err)
	}
	on := func(host string) Listener {
		addr := net.JoinHostPort(host, port)
		return Listener{ID: GatewayID(addr), Role: RoleGateway, Addr: addr}
	}
	switch ip := net.ParseIP(host); {
	case host == "" || host == "localhost":
		return []Listener{on("127.0.0.1"), on("::1")}, nil
	case ip == nil:
		return nil, fault.New(fault.Invalid, "gateway.listen %q: %q is not an IP address", listen, host)
	case ip.To4() != nil:
		return []Listener{on(host)}, nil
	default:
		return []Listener{on(host)}, nil
	}
}

// gatewayCallees are the services that the gateway itself calls: those its settings name.
func gatewayCallees(app *model.App) []string {
	if app.Gateway.JWT == nil {
		return nil
	}
	var list []string
	for _, ref := range appfile.Refs(app.Gateway.JWT.JWKS) {
		if ref.Kind == "services" && !slices.Contains(list, ref.Name) {
			list = append(list, ref.Name)
		}
	}
	return list
}

// Compile makes the snapshot of an app: addrs are its listeners' addresses by
// ID, platform is where services reach Banyan itself (empty: nowhere), routed
// are the instances that get requests.
func Compile(version Version, app *model.App, addrs map[string]string, platform string, routed []model.Instance) (*Snapshot, error) {
	needs, err := Needs(app)
	if err != nil {
		return nil, err
	}
	s := &Snapshot{Version: version, App: app.Name, Services: map[string]*Service{}}
	for _, l := range needs {
		addr, ok := addrs[l.ID]
		if !ok {
			continue // an address family that this machine does not have
		}
		l.Addr = addr
		s.Listeners = append(s.Listeners, l)
	}
	for name, service := range app.Services {
		if service.Job != nil {
			continue
		}
		s.Services[name] = compileService(name, service.Spec)
	}
	for _, i := range routed {
		if to := s.Services[i.Service]; to != nil {
			to.Instances = append(to.Instances, Instance{ID: i.ID, Revision: i.Revision, Addr: net.JoinHostPort("127.0.0.1", strconv.Itoa(i.Port))})
		}
	}
	if platform != "" {
		s.Services[Platform] = &Service{Name: Platform, Protocol: HTTP1, Instances: []Instance{{ID: Platform, Addr: platform}}}
	}
	s.Edges = append(compileEdges(app), platformEdges(app)...)
	if app.Gateway != nil {
		if s.Gateway, err = compileGateway(app, addrs); err != nil {
			return nil, err
		}
	}
	s.addLeftOut()
	return s, nil
}

// addLeftOut adds the services that are called and that the profiles leave out:
// they have no instances.
func (s *Snapshot) addLeftOut() {
	add := func(names ...string) {
		for _, name := range names {
			if s.Services[name] == nil {
				s.Services[name] = &Service{Name: name, Protocol: HTTP1}
			}
		}
	}
	for i := range s.Edges {
		add(s.Edges[i].Callee)
		add(s.Edges[i].Policy.standIns()...)
	}
	if s.Gateway == nil {
		return
	}
	for i := range s.Gateway.Routes {
		add(s.Gateway.Routes[i].To)
		add(s.Gateway.Routes[i].Policy.standIns()...)
	}
}

func compileService(name string, from *appfile.Service) *Service {
	s := &Service{Name: name, Protocol: Protocol(from.Protocol), ProxyProtocol: from.ProxyProtocol}
	if c := from.Concurrency; c != nil {
		s.Concurrency = &Concurrency{Max: c.Max, Adaptive: c.Adaptive}
	}
	return s
}

func compileEdges(app *model.App) []Edge {
	var edges []Edge
	for _, caller := range slices.Sorted(maps.Keys(app.Services)) {
		if app.Services[caller].Of != "" {
			continue
		}
		calls := app.Services[caller].Spec.Calls
		for _, callee := range slices.Sorted(maps.Keys(calls)) {
			edges = append(edges, Edge{Caller: caller, Callee: callee, Policy: compilePolicy(&calls[callee].Policy)})
		}
	}
	if app.Gateway != nil {
		for _, callee := range gatewayCallees(app) {
			edges = append(edges, Edge{Caller: GatewayCaller, Callee: callee, Policy: Policy{Timeout: 10 * time.Second, Retries: 1}})
		}
	}
	return edges
}

func value(d *appfile.Duration) time.Duration {
	if d == nil {
		return 0
	}
	return time.Duration(*d)
}

func compileGateway(app *model.App, addrs map[string]string) (*Gateway, error) {
	from := app.Gateway
	g := &Gateway{
		AccessLog: from.AccessLog == nil || *from.AccessLog, MaxHeader: int64(from.MaxHeader),
		HeaderTimeout: time.Duration(from.HeaderTimeout), IdleTimeout: time.Duration(from.IdleTimeout),
		ProxyProtocol: from.ProxyProtocol,
	}
	if from.TLS != nil {
		g.TLS = &TLS{Cert: besideFile(app, from.TLS.Cert), Key: besideFile(app, from.TLS.Key)}
	}
	if from.JWT != nil {
		jwks, err := appfile.Expand(from.JWT.JWKS, func(ref appfile.Ref) (string, error) {
			return Address(addrs, GatewayCaller, ref)
		})
		if err != nil {
			return nil, fmt.Errorf("gateway.jwt.jwks: %w", err)
		}
		g.JWT = &JWT{
			Issuer: from.JWT.Issuer, Audience: from.JWT.Audience, JWKS: jwks, Algorithms: from.JWT.Algorithms,
			Forward: from.JWT.Forward, Leeway: time.Duration(from.JWT.Leeway),
		}
	}
	for _, r := range from.Routes {
		g.Routes = append(g.Routes, compileRoute(r, from))
	}
	return g, nil
}

// besideFile is a path of the app file, made absolute.
func besideFile(app *model.App, name string) string {
	if filepath.IsAbs(name) {
		return filepath.Clean(name)
	}
	return filepath.Join(filepath.Dir(app.Path), name)
}

func compileRoute(r *appfile.Route, g *appfile.Gateway) Route {
	to := Route{
		Path: r.Path, Host: strings.ToLower(r.Host), Methods: r.Methods, Headers: r.Headers, Query: r.Query, To: r.To, Rewrite: r.Rewrite,
		Connect: r.Connect, Auth: Auth(r.Auth), MaxBody: int64(g.MaxBody), Policy: compilePolicy(&r.Policy),
	}
	if r.MaxBody != nil {
		to.MaxBody = int64(*r.MaxBody)
	}
	if to.Connect {
		to.MaxBody = 0 // what a tunnel carries is no body
	}
	if l := r.RateLimit; l != nil {
		to.RateLimit = &RateLimit{Requests: l.Requests, Per: time.Duration(l.Per), Burst: l.Burst, BySubject: l.By == "subject"}
	}
	if c := r.CORS; c != nil {
		to.CORS = &CORS{
			Origins: c.Origins, Methods: c.Methods, Headers: c.Headers, Expose: c.Expose,
			Credentials: c.Credentials, MaxAge: time.Duration(c.MaxAge),
		}
	}
	return to
}

// Address is what ${services.NAME.ATTR} means to a caller: where its listener
// for the callee is.
func Address(addrs map[string]string, caller string, ref appfile.Ref) (string, error) {
	addr, ok := addrs[EdgeID(caller, ref.Name)]
	if ref.Kind != "services" || !ok {
		return "", fault.New(fault.Invalid, "%s has no address of %s", caller, ref.Name).Fix("declare the call under calls")
	}
	host, port, err := net.SplitHostPort(addr)
	if err != nil {
		return "", fault.New(fault.Internal, "address of %s: %w", ref.Name, err)
	}
	switch ref.Attr {
	case "url":
		return "http://" + addr, nil
	case "addr":
		return addr, nil
	case "host":
		return host, nil
	case "port":
		return port, nil
	default:
		return "", fault.New(fault.Invalid, "a service has no %q", ref.Attr).Fix("use url, addr, host or port")
	}
}
