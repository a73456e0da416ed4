package proxy

import (
	"context"
	"io"
	"net"
	"net/http"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/route"
)

// TestEdgeLeaves: who has kept a connection to an edge that there is no more does not
// reach the service which that led to. Another edge may have the address by now.
func TestEdgeLeaves(t *testing.T) {
	for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.service("old", route.HTTP1, "old-1", backend(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "old") }))
			r.service("new", route.HTTP1, "new-1", backend(t, func(w http.ResponseWriter, _ *http.Request) { _, _ = io.WriteString(w, "new") }))
			edge := r.edge("x", "old", route.Policy{})
			r.apply()
			if _, body := get(t, c, edge); body != "old" {
				t.Fatal(body)
			}
			addr := r.addrs["edge/x/old"]
			r.snap.Edges, r.snap.Listeners = nil, nil
			r.apply()
			var sock *link.Socket
			eventually(t, "the address is free", func() bool {
				l, err := net.Listen("tcp", addr)
				if err != nil {
					return false
				}
				defer l.Close()
				sock, err = link.SocketOf(l)
				return err == nil
			})
			r.snap.Edges = []route.Edge{{Caller: "x", Callee: "new"}}
			r.snap.Listeners = []route.Listener{{ID: "edge/x/new", Role: route.RoleEdge, Addr: addr, Caller: "x", Callee: "new"}}
			r.fresh["edge/x/new"] = sock
			r.apply()
			resp, body := get(t, c, edge)
			if body != "new" && (resp.StatusCode != http.StatusForbidden || resp.Header.Get("Banyan-Error") != string(CallRefused)) {
				t.Errorf("%q %v", body, resp.Header)
			}
			if _, body := get(t, c, edge); body != "new" {
				t.Errorf("%q from the new edge", body)
			}
		})
	}
}

// TestClientLeavesAmidCachedAnswer: what it did not wait for is not kept.
func TestClientLeavesAmidCachedAnswer(t *testing.T) {
	for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			first := true
			r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
				w.Header().Set("Cache-Control", "max-age=60")
				if !first {
					_, _ = io.WriteString(w, "whole")
					return
				}
				first = false
				_, _ = io.WriteString(w, "ha")
				_ = http.NewResponseController(w).Flush()
				<-q.Context().Done()
			}))
			edge := r.edge("x", "s", route.Policy{Cache: &route.Cache{MaxBytes: 1 << 20}})
			r.apply()
			ctx, cancel := context.WithCancel(t.Context())
			req, _ := http.NewRequestWithContext(ctx, "GET", edge, nil)
			resp, err := c.Do(req)
			if err != nil {
				t.Fatal(err)
			}
			if _, err := io.ReadFull(resp.Body, make([]byte, 2)); err != nil {
				t.Error(err)
			}
			cancel()
			_ = resp.Body.Close()
			eventually(t, "it is over", func() bool { return r.e.InFlight() == 0 })
			if resp, body := get(t, c, edge); body != "whole" || resp.Header.Get("Banyan-Cache") != "miss" {
				t.Errorf("%q %v", body, resp.Header)
			}
		})
	}
}

// TestClientLeavesFallback: neither the service nor the one that stands in works on for nobody.
func TestClientLeavesFallback(t *testing.T) {
	for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			came, left := make(chan string, 1), make(chan string, 1)
			r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(500)
				_, _ = io.WriteString(w, "own")
			}))
			r.service("other", route.HTTP1, "other-1", backend(t, leaving(came, left)))
			edge := r.edge("x", "s", route.Policy{Fallback: &route.Fallback{Service: "other", Status: 200, Body: "static"}})
			r.apply()
			told := make(chan struct{})
			go func() {
				<-came
				close(told)
			}()
			leave(t, c, edge, told)
			<-left
			eventually(t, "nothing is left", func() bool {
				return r.e.InFlight() == 0 && r.instance("s", 0).inFlight.InFlight() == 0 && r.instance("other", 0).inFlight.InFlight() == 0
			})
		})
	}
}

// TestClientLeavesAmidMirroredBody: half a request is not copied.
func TestClientLeavesAmidMirroredBody(t *testing.T) {
	for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			came := make(chan struct{}, 1)
			got := make(chan copied, 10)
			r.service("s", route.HTTP1, "s-1", backend(t, func(_ http.ResponseWriter, q *http.Request) {
				_, _ = io.ReadFull(q.Body, make([]byte, 4))
				came <- struct{}{}
				_, _ = io.Copy(io.Discard, q.Body)
			}))
			r.service("m", route.HTTP1, "m-1", backend(t, recording(got)))
			edge := r.edge("x", "s", route.Policy{Mirror: &route.Mirror{To: "m", Percent: 100}, Timeout: time.Minute})
			r.apply()
			body, feed := io.Pipe()
			go func() {
				_, _ = io.WriteString(feed, "half")
				<-came
				_ = feed.CloseWithError(io.ErrUnexpectedEOF)
			}()
			req, _ := http.NewRequestWithContext(t.Context(), "POST", edge, body)
			if resp, err := c.Do(req); err == nil {
				_ = resp.Body.Close()
				t.Error("an answer")
			}
			eventually(t, "it is over", func() bool { return r.e.InFlight() == 0 })
			if len(got) > 0 {
				t.Errorf("copied: %+v", <-got)
			}
		})
	}
}
