package route_test

import (
	"slices"
	"testing"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/route"
)

// Sagas may call every service, but no job and none that speaks TCP alone.
func TestPlatformCallsAll(t *testing.T) {
	a := app(t, shop)
	a.CallsAll = true
	a.Services["nightly"] = &model.Service{Name: "nightly", Spec: &appfile.Service{}, Job: &model.Job{}}
	a.Services["db"] = &model.Service{Name: "db", Spec: &appfile.Service{Protocol: appfile.ProtocolTCP}}
	needs, err := route.Needs(a)
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, l := range needs {
		if l.Caller == route.Platform {
			got = append(got, l.Callee)
		}
	}
	if want := []string{"order", "stock", "user"}; !slices.Equal(got, want) {
		t.Errorf("Banyan calls %q, want %q", got, want)
	}
}

// TestPlatform: every service and job can call Banyan, and Banyan those that
// subscribe; nobody else, and none that is left out.
func TestPlatform(t *testing.T) {
	a := app(t, shop)
	a.Services["stock"].Spec.Subscribes = map[string]*appfile.Subscription{"order.placed": {Path: "/"}}
	a.Services["nightly"] = &model.Service{Name: "nightly", Spec: &appfile.Service{}, Job: &model.Job{}}
	a.Services["away"] = &model.Service{Name: "away", LeftOut: "no node", Spec: a.Services["stock"].Spec}
	needs, err := route.Needs(a)
	if err != nil {
		t.Fatal(err)
	}
	addrs := map[string]string{}
	for _, l := range needs {
		addrs[l.ID] = "127.0.0.1:20001"
	}
	s, err := route.Compile(route.Version{}, a, addrs, "unix:/run/s.sock", nil)
	if err != nil {
		t.Fatal(err)
	}
	want := []string{"edge/banyan/stock", "edge/nightly/banyan", "edge/order/banyan", "edge/stock/banyan", "edge/user/banyan"}
	var listeners, edges []string
	for _, l := range s.Listeners {
		if l.Caller == route.Platform || l.Callee == route.Platform {
			listeners = append(listeners, l.ID)
		}
	}
	for _, e := range s.Edges {
		switch p := e.Policy; {
		case e.Callee == route.Platform:
			if p.Wait != 10*time.Second || p.Timeout != 30*time.Second || p.Retries != 0 || p.Breaker != nil || p.Outlier == nil || p.Outlier.Errors != 0 {
				t.Errorf("%s calls Banyan with %+v", e.Caller, p)
			}
		case e.Caller == route.Platform:
			if p.Wait != 0 || p.Retries != 0 {
				t.Errorf("Banyan calls %s with %+v", e.Callee, p)
			}
		default:
			continue
		}
		edges = append(edges, route.EdgeID(e.Caller, e.Callee))
	}
	slices.Sort(listeners)
	slices.Sort(edges)
	if !slices.Equal(listeners, want) || !slices.Equal(edges, want) {
		t.Errorf("listeners %q\nedges %q\nwant %q", listeners, edges, want)
	}
	if got := s.Services[route.Platform]; len(got.Instances) != 1 || got.Instances[0].Addr != "unix:/run/s.sock" || got.Protocol != route.HTTP1 {
		t.Errorf("%+v", got)
	}
	if s, err = route.Compile(route.Version{}, a, addrs, "", nil); err != nil || len(s.Services[route.Platform].Instances) != 0 {
		t.Errorf("%+v, %v", s.Services[route.Platform], err)
	}
}
