package route_test

import (
	"encoding/json"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/route"
)

const shop = `
name: shop
gateway:
  listen: ":8080"
  jwt: {issuer: shop, jwks: "${services.user.url}/.well-known/jwks.json"}
  routes:
    - {path: /api/orders, to: order, auth: required, timeout: 3s, max_body: 1Ki, rate_limit: {requests: 5, per: 1s, by: subject}}
    - {path: /, to: user}
services:
  user: {command: user}
  order:
    command: order
    calls: {stock: {timeout: 500ms, retries: 2, breaker: {failure_ratio: 0.25}}}
  stock: {command: stock, protocol: h2c}
`

func app(t *testing.T, text string) *model.App {
	t.Helper()
	f, err := appfile.Parse("banyan.yaml", []byte(text), appfile.Options{})
	if err != nil {
		t.Fatal(err)
	}
	a := &model.App{Name: f.App.Name, Gateway: f.App.Gateway, Services: map[string]*model.Service{}}
	for name, s := range f.App.Services {
		a.Services[name] = &model.Service{Name: name, Spec: s, Replicas: *s.Replicas}
	}
	return a
}

func TestNeedsOneListenerForEachEdge(t *testing.T) {
	needs, err := route.Needs(app(t, shop))
	if err != nil {
		t.Fatal(err)
	}
	var ids []string
	for _, l := range needs {
		ids = append(ids, l.ID)
	}
	want := []string{
		"gateway/127.0.0.1:8080", "gateway/[::1]:8080", "edge/gateway/user",
		"refuse/order", "edge/order/banyan", "edge/order/stock",
		"refuse/stock", "edge/stock/banyan", "refuse/user", "edge/user/banyan",
	}
	if !reflect.DeepEqual(ids, want) {
		t.Fatalf("got %q, want %q", ids, want)
	}
}

func TestCompile(t *testing.T) {
	a := app(t, shop)
	addrs := map[string]string{
		"gateway/127.0.0.1:8080": "127.0.0.1:8080", "edge/gateway/user": "127.0.0.1:20001",
		"edge/order/stock": "127.0.0.1:20002", "refuse/order": "127.0.0.1:20003",
	}
	routed := []model.Instance{{ID: "stock-1", Service: "stock", Revision: "r1", Port: 20100}, {ID: "gone-1", Service: "gone", Port: 1}}
	s, err := route.Compile(route.Version{Epoch: 2, N: 3}, a, addrs, "unix:/run/s.sock", routed)
	if err != nil {
		t.Fatal(err)
	}
	if s.Gateway.JWT.JWKS != "http://127.0.0.1:20001/.well-known/jwks.json" {
		t.Errorf("JWKS %q", s.Gateway.JWT.JWKS)
	}
	if want := []route.Instance{{ID: "stock-1", Revision: "r1", Addr: "127.0.0.1:20100"}}; !reflect.DeepEqual(s.Services["stock"].Instances, want) {
		t.Errorf("instances %+v", s.Services["stock"].Instances)
	}
	if s.Services["stock"].Protocol != route.H2C {
		t.Errorf("protocol %q", s.Services["stock"].Protocol)
	}
	edge := s.Edges[0]
	if edge.Policy.Timeout != 500*time.Millisecond || edge.Policy.Retries != 2 || edge.Policy.Breaker.FailureRatio != 0.25 || edge.Policy.Breaker.MinRequests == 0 {
		t.Errorf("edge %+v %+v", edge, edge.Policy.Breaker)
	}
	r := s.Gateway.Routes[0]
	if r.Auth != route.AuthRequired || r.Policy.Timeout != 3*time.Second || r.MaxBody != 1024 || !r.RateLimit.BySubject || r.RateLimit.Burst != 5 {
		t.Errorf("route %+v %+v", r, r.RateLimit)
	}
	if s.Gateway.Routes[1].MaxBody == 0 {
		t.Error("a route without max_body must have the gateway's")
	}
	for _, l := range s.Listeners {
		if l.Addr == "" {
			t.Errorf("listener %s has no address", l.ID)
		}
	}
}

// TestCompileTunnel: a route that takes CONNECT has neither a bound on bodies nor
// times of requests.
func TestCompileTunnel(t *testing.T) {
	a := app(t, `
gateway:
  routes:
    - {host: db.example, to: db, connect: true, breaker: {}}
services:
  db: {command: ./db, protocol: tcp}
`)
	s, err := route.Compile(route.Version{}, a, nil, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	r := s.Gateway.Routes[0]
	if !r.Connect || r.Host != "db.example" || r.Path != "" || r.MaxBody != 0 || r.Policy.Timeout != 0 || r.Policy.Retries != 0 || r.Policy.Breaker == nil {
		t.Errorf("%+v", r)
	}
	if s.Services["db"].Protocol != route.TCP {
		t.Errorf("protocol %s", s.Services["db"].Protocol)
	}
}

const policies = `
name: shop
gateway:
  tls: {cert: certs/shop.pem, key: /etc/shop-key.pem}
  proxy_protocol: true
  routes:
    - path: /
      to: order
      breaker: {}
      balance: {by: hash, cookie: session}
      cache: {max_bytes: 1Ki, default_ttl: 5s, stale_if_error: 1m}
      fallback: {stale: 5m, service: spare, body: "[]"}
    - {path: /old, to: gone, mirror: {to: missing}}
services:
  order:
    command: order
    concurrency: {max: 200, adaptive: true}
    calls:
      stock:
        try_timeout: 1s
        retry_budget: 0.5
        outlier: {errors: 0}
        balance: round_robin
        bulkhead: 50
        hedge: {after: 50ms}
        mirror: {to: spare, percent: 10}
        fault: {delay: 100ms, abort: 503, abort_percent: 5}
      spare: {fallback: {service: absent}}
  stock: {command: stock, concurrency: 100}
  spare: {command: spare}
  db: {command: db, protocol: tcp, proxy_protocol: 2}
  gone: {command: gone, profiles: [full]}
  missing: {command: missing, profiles: [full]}
  absent: {command: absent, profiles: [full]}
`

func compiled(t *testing.T, text string) *route.Snapshot {
	t.Helper()
	a := app(t, text)
	a.Path = "/srv/shop/banyan.yaml"
	s, err := route.Compile(route.Version{}, a, nil, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestCompilePolicy compares whole policies, so that no field is forgotten.
func TestCompilePolicy(t *testing.T) {
	s := compiled(t, policies)
	edge := s.Edges[1]
	if want := (route.Edge{Caller: "order", Callee: "stock", Policy: route.Policy{
		Timeout: 30 * time.Second, TryTimeout: time.Second, Retries: 1, RetryBudget: 0.5, Bulkhead: 50,
		Outlier: &route.Outlier{Errors: 0, Base: 30 * time.Second, Max: 300 * time.Second, MaxPercent: 10},
		Balance: &route.Balance{By: route.RoundRobin}, Hedge: &route.Hedge{After: 50 * time.Millisecond, Max: 1},
		Mirror: &route.Mirror{To: "spare", Percent: 10},
		Fault:  &route.Fault{Delay: 100 * time.Millisecond, DelayPercent: 100, Abort: 503, AbortPercent: 5},
	}}); !reflect.DeepEqual(edge, want) {
		t.Errorf("edge:\n%s\nwant:\n%s", show(edge), show(want))
	}
	if want := (route.Policy{
		Timeout: 30 * time.Second, Retries: 1, RetryBudget: 0.2,
		Breaker:  &route.Breaker{FailureRatio: 0.5, MinRequests: 20, Window: 10 * time.Second, OpenFor: 5 * time.Second},
		Balance:  &route.Balance{By: route.HashRing, Cookie: "session"},
		Fallback: &route.Fallback{Stale: 5 * time.Minute, Service: "spare", Status: 200, Type: "text/plain; charset=utf-8", Body: "[]"},
		Cache:    &route.Cache{MaxBytes: 1024, MaxObject: 1024, DefaultTTL: 5 * time.Second, StaleIfError: time.Minute},
	}); !reflect.DeepEqual(s.Gateway.Routes[0].Policy, want) {
		t.Errorf("route:\n%s\nwant:\n%s", show(s.Gateway.Routes[0].Policy), show(want))
	}
}

func show(v any) string {
	data, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		return err.Error()
	}
	return string(data)
}

func TestCompileServices(t *testing.T) {
	s := compiled(t, policies)
	for name, want := range map[string]*route.Concurrency{"order": {Max: 200, Adaptive: true}, "stock": {Max: 100}, "spare": nil} {
		if got := s.Services[name].Concurrency; !reflect.DeepEqual(got, want) {
			t.Errorf("%s: concurrency %+v", name, got)
		}
	}
	if db := s.Services["db"]; db.Protocol != route.TCP || db.ProxyProtocol != 2 {
		t.Errorf("db: %+v", db)
	}
	for _, name := range []string{"gone", "missing", "absent"} {
		if s.Services[name] == nil {
			t.Errorf("%s is called, left out by the profiles, and not there", name)
		}
	}
}

// TestStandInsNeedNoListener: the data plane itself calls them, in the name of the edge's caller.
func TestStandInsNeedNoListener(t *testing.T) {
	needs, err := route.Needs(app(t, policies))
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range needs {
		if l.Role == route.RoleEdge && (l.Callee == "absent" || l.Callee == "missing") {
			t.Errorf("%s is needed", l.ID)
		}
	}
}

func TestCompileGateway(t *testing.T) {
	g := compiled(t, policies).Gateway
	if want := (route.TLS{Cert: "/srv/shop/certs/shop.pem", Key: "/etc/shop-key.pem"}); g.TLS == nil || *g.TLS != want {
		t.Errorf("TLS %+v, want %+v", g.TLS, want)
	}
	if !g.ProxyProtocol {
		t.Error("the gateway wants no PROXY header")
	}
	plain := compiled(t, plainShop).Gateway
	if plain.TLS != nil || plain.ProxyProtocol {
		t.Errorf("%+v", plain)
	}
}

const plainShop = "gateway: {routes: [{path: /, to: user}]}\nservices: {user: {command: user}}\n"

func TestAddressNeedsADeclaredCall(t *testing.T) {
	addrs := map[string]string{"edge/order/stock": "127.0.0.1:20002"}
	for attr, want := range map[string]string{"url": "http://127.0.0.1:20002", "addr": "127.0.0.1:20002", "host": "127.0.0.1", "port": "20002"} {
		got, err := route.Address(addrs, "order", appfile.Ref{Kind: "services", Name: "stock", Attr: attr})
		if err != nil || got != want {
			t.Errorf("%s: %q, %v", attr, got, err)
		}
	}
	_, err := route.Address(addrs, "user", appfile.Ref{Kind: "services", Name: "stock", Attr: "url"})
	if err == nil || !strings.Contains(err.Error(), "declare the call") {
		t.Errorf("%v", err)
	}
}
