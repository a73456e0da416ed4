package route_test

import (
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
		"refuse/order", "edge/order/stock", "refuse/stock", "refuse/user",
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
	s, err := route.Compile(route.Version{Epoch: 2, N: 3}, a, addrs, routed)
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
