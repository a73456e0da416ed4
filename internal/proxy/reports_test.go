package proxy

import (
	"context"
	"net/http"
	"sync"
	"testing"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/route"
)

// TestReportsHoldNoLoop: whoever is told something may wait for a lock under which
// a snapshot is applied, and that waits for the loops.
func TestReportsHoldNoLoop(t *testing.T) {
	var order sync.Mutex
	told := make(chan struct{}, 1000)
	e := New(Options{Event: func(link.Event) {
		order.Lock()
		defer order.Unlock()
		told <- struct{}{}
	}})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		_ = e.Run(ctx)
	}()
	defer func() {
		cancel()
		<-done
	}()
	sockets := map[string]*link.Socket{}
	s := &route.Snapshot{Services: map[string]*route.Service{}}
	add := func(id string) string {
		sockets[id] = mustHold(t)
		s.Listeners = append(s.Listeners, route.Listener{ID: id, Role: route.RoleRefuse, Caller: id})
		return "http://" + sockets[id].Addr().String()
	}
	first := add("first")
	if err := e.Apply(s, sockets); err != nil {
		t.Fatal(err)
	}
	c := client(t)
	for i := range 20 {
		order.Lock()
		if resp, _ := get(t, c, first+refusedPrefix+string(rune('a'+i))+"/"); resp.StatusCode != http.StatusForbidden {
			t.Error(resp.Status)
		}
		sockets = map[string]*link.Socket{}
		s.Version.N++
		add(string(rune('a' + i)))
		err := e.Apply(s, sockets)
		order.Unlock()
		if err != nil {
			t.Fatal(err)
		}
		<-told
	}
}
