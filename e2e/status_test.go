package e2e

import (
	"context"
	"fmt"
	"maps"
	"net"
	"net/http"
	"slices"
	"testing"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
)

// status asks the daemon that is there; it never starts one.
func (a *app) status() (*banyanv1.Status, error) {
	transport := &http.Transport{
		DisableKeepAlives: true,
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{}).DialContext(ctx, "unix", a.layout.ControlSocket)
		},
	}
	client := banyanv1connect.NewControlServiceClient(&http.Client{Transport: transport}, "http://banyan")
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	res, err := client.GetStatus(ctx, &banyanv1.GetStatusRequest{})
	return res.GetStatus(), err
}

// status is all there is to say of an app.
type appStatus = banyanv1.Status

// service returns one service of a status.
func service(st *banyanv1.Status, name string) *banyanv1.Service {
	for _, s := range st.GetServices() {
		if s.GetName() == name {
			return s
		}
	}
	return nil
}

// one returns the only instance of a service.
func (a *app) one(name string) *banyanv1.Instance {
	a.t.Helper()
	st, err := a.status()
	if err != nil {
		a.t.Fatal(err)
	}
	list := service(st, name).GetInstances()
	if len(list) != 1 {
		a.t.Fatalf("%s has %d instances, want one: %v", name, len(list), list)
	}
	return list[0]
}

// pids are those of all instances that are in a status, by instance.
func pids(st *banyanv1.Status) map[string]int {
	m := map[string]int{}
	for _, s := range st.GetServices() {
		for _, i := range s.GetInstances() {
			if i.GetPid() != 0 {
				m[i.GetId()] = int(i.GetPid())
			}
		}
	}
	return m
}

// pidsNow is pids of the present.
func (a *app) pidsNow() map[string]int {
	a.t.Helper()
	st, err := a.status()
	if err != nil {
		a.t.Fatal(err)
	}
	return pids(st)
}

// settled waits until all is as the app file wants it.
func (a *app) settled(most time.Duration) *banyanv1.Status {
	a.t.Helper()
	return a.when(most, "the app to settle", func(st *banyanv1.Status) error {
		if st.GetSettled() {
			return nil
		}
		for _, s := range st.GetServices() {
			if s.GetState() != banyanv1.State_STATE_READY {
				return fmt.Errorf("%s is %s: %s", s.GetName(), s.GetState(), s.GetReason())
			}
		}
		return fmt.Errorf("not settled: %v", st.GetDataPlane())
	})
}

// when waits until the status meets a condition.
func (a *app) when(most time.Duration, what string, meets func(*banyanv1.Status) error) *banyanv1.Status {
	a.t.Helper()
	var last *banyanv1.Status
	await(a.t, most, what, func() error {
		st, err := a.status()
		if err != nil {
			return err
		}
		last = st
		return meets(st)
	})
	return last
}

// inState waits until a service is in a state.
func (a *app) inState(most time.Duration, name string, want banyanv1.State) *banyanv1.Service {
	a.t.Helper()
	st := a.when(most, name, func(st *banyanv1.Status) error {
		s := service(st, name)
		if s.GetState() != want {
			return fmt.Errorf("is %s (%s), want %s", s.GetState(), s.GetReason(), want)
		}
		return nil
	})
	return service(st, name)
}

// samePids fails the test unless the instances' processes are the same.
func samePids(t *testing.T, before, after map[string]int, except ...string) {
	t.Helper()
	ids := map[string]bool{}
	for id := range before {
		ids[id] = true
	}
	for id := range after {
		ids[id] = true
	}
	for _, id := range slices.Sorted(maps.Keys(ids)) {
		if before[id] != after[id] && !slices.Contains(except, id) {
			t.Errorf("instance %s was process %d and is %d now", id, before[id], after[id])
		}
	}
}

// at is an address of an instance itself, past gateway and edges.
func at(i *banyanv1.Instance, path string) string { return "http://" + i.GetAddress() + path }
