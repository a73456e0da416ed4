package proxy

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// silent answers nothing until its client leaves, and counts.
func silent(hits *atomic.Int32) http.HandlerFunc {
	return func(_ http.ResponseWriter, q *http.Request) {
		hits.Add(1)
		_, _ = io.Copy(io.Discard, q.Body) // or net/http would not see it leave
		<-q.Context().Done()
	}
}

// TestTryTimeout: a try that takes too long is given up; the next is made where that is safe.
func TestTryTimeout(t *testing.T) {
	for _, c := range []struct {
		name, method string
		proto        route.Protocol
		retries      int
		want         int
	}{
		{"h1", "GET", route.HTTP1, 1, 200},
		{"h1, with a body", "PUT", route.HTTP1, 1, 200},
		{"h2", "GET", route.H2C, 1, 200},
		{"no retries", "GET", route.HTTP1, 0, 504},
		{"not idempotent", "POST", route.HTTP1, 1, 504},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			var hits atomic.Int32
			start := backend
			if c.proto == route.H2C {
				start = h2cBackend
			}
			r.service("s", c.proto, "s-1", start(t, silent(&hits)), "s-2", start(t, text("ok")))
			edge := r.edge("x", "s", route.Policy{TryTimeout: 500 * time.Millisecond, Timeout: time.Minute, Retries: c.retries})
			r.apply()
			occupy(t, r.instance("s", 1), 1000)
			req, _ := http.NewRequestWithContext(t.Context(), c.method, edge, strings.NewReader("hello"))
			resp, body := do(t, client(t), req)
			if resp.StatusCode != c.want || hits.Load() != 1 {
				t.Errorf("%s %s, %d hits", resp.Status, body, hits.Load())
			}
			if c.want != 200 {
				if p := problemOf(t, resp, body); p.Code != UpstreamTimeout || p.Instance != "s-1" || !strings.Contains(p.Detail, "500ms") {
					t.Errorf("%+v", p)
				}
			}
		})
	}
}

// TestDeadlineIsPassedOn: an instance hears how long its answer may take.
func TestDeadlineIsPassedOn(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, func(w http.ResponseWriter, q *http.Request) {
		_, _ = fmt.Fprintf(w, "%s/%s", q.Header.Get("Banyan-Deadline"), q.Header.Get("Grpc-Timeout"))
	}))
	long := r.edge("x", "s", route.Policy{Timeout: time.Minute})
	try := r.edge("y", "s", route.Policy{Timeout: time.Minute, TryTimeout: 10 * time.Second})
	none := r.edge("z", "s", route.Policy{})
	gw := r.gateway(route.Route{Path: "/", To: "s", Policy: route.Policy{Timeout: time.Minute}})
	r.apply()
	for _, c := range []struct {
		name, url, header, value string
		least, most              int // ms; 0: no header
		grpc                     string
	}{
		{"of the edge", long, "", "", 1, 60_000, ""},
		{"of a try", try, "", "", 1, 10_000, ""},
		{"none", none, "", "", 0, 0, ""},
		{"the caller's, shorter", long, "Banyan-Deadline", "20000", 1, 20_000, ""},
		{"the caller's, alone", none, "Banyan-Deadline", "20000", 1, 20_000, ""},
		{"the caller's, longer", long, "Banyan-Deadline", "100000", 20_001, 60_000, ""},
		{"nonsense", none, "Banyan-Deadline", "soon", 0, 0, ""},
		{"a client of the gateway has no say", gw, "Banyan-Deadline", "5000", 5001, 60_000, ""},
		{"gRPC's", long, "Grpc-Timeout", "30S", 1, 30_000, "u"},
		{"gRPC's, longer", long, "Grpc-Timeout", "2H", 30_001, 60_000, "m"},
		{"none of gRPC's", long, "Content-Type", "application/grpc", 1, 60_000, ""},
	} {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", c.url, nil)
		if c.header != "" {
			req.Header.Set(c.header, c.value)
		}
		resp, body := do(t, client(t), req)
		deadline, grpc, _ := strings.Cut(body, "/")
		ms, _ := strconv.Atoi(deadline)
		if resp.StatusCode != 200 || ms < c.least || ms > c.most || (deadline != "") != (c.most > 0) {
			t.Errorf("%s: %s, %q ms", c.name, resp.Status, deadline)
		}
		if d, _ := grpcTimeout([]byte(grpc)); (d > 0) != (c.grpc != "") || !strings.HasSuffix(grpc, c.grpc) || d > 2*time.Hour {
			t.Errorf("%s: grpc-timeout %q", c.name, grpc)
		}
	}
}

// TestCallersDeadline: when the caller's time is over, so is the request; the instance is not to blame.
func TestCallersDeadline(t *testing.T) {
	r := newRig(t)
	var hits atomic.Int32
	r.service("s", route.HTTP1, "s-1", backend(t, silent(&hits)))
	edge := r.edge("x", "s", route.Policy{Timeout: time.Minute, Retries: 3, Breaker: &route.Breaker{
		FailureRatio: 0.1, MinRequests: 1, Window: time.Minute, OpenFor: time.Minute}})
	r.apply()
	for range 2 {
		req, _ := http.NewRequestWithContext(t.Context(), "GET", edge, nil)
		req.Header.Set("Banyan-Deadline", "30")
		resp, body := do(t, client(t), req)
		if p := problemOf(t, resp, body); p.Code != UpstreamTimeout || !strings.Contains(p.Detail, "30ms") {
			t.Errorf("%+v", p)
		}
	}
	if hits.Load() != 2 {
		t.Errorf("%d requests at the instance", hits.Load())
	}
}
