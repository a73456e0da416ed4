package proxy

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/route"
)

// TestMirrorsAreCounted: copies have figures of their own, beside those of the
// calls and routes between the same two services.
func TestMirrorsAreCounted(t *testing.T) {
	for _, proto := range []route.Protocol{route.HTTP1, route.H2C} {
		t.Run(string(proto), func(t *testing.T) {
			start := backend
			if proto == route.H2C {
				start = h2cBackend
			}
			r := newRig(t)
			r.service("s", proto, "s-1", start(t, text("hello")))
			r.service("m", proto, "m-1", start(t, func(w http.ResponseWriter, q *http.Request) {
				_, _ = io.Copy(io.Discard, q.Body)
				if q.URL.Path == "/fail" {
					w.WriteHeader(500)
				}
				_, _ = io.WriteString(w, "nobody reads this")
			}))
			r.service("down", proto, "down-1", dead(t))
			p := route.Policy{Mirror: &route.Mirror{To: "m", Percent: 100}}
			edge, direct := r.edge("x", "s", p), r.edge("x", "m", route.Policy{})
			gw := r.gateway(route.Route{Path: "/", To: "s", Policy: p})
			lost := r.edge("y", "s", route.Policy{Mirror: &route.Mirror{To: "down", Percent: 100}})
			r.apply()
			c := client(t)
			for _, url := range []string{edge, edge + "/fail", gw, lost, direct} {
				req, _ := http.NewRequestWithContext(t.Context(), "POST", url, strings.NewReader("ten bytes!"))
				do(t, c, req)
			}
			eventually(t, "the copies are over", func() bool {
				return r.total("x", "m", "mirror of s").Requests == 2 && r.total("gateway", "m", "/, mirror of s").Requests == 1 &&
					r.total("y", "down", "mirror of s").Requests == 1
			})
			if n := r.counted("x", "m", "mirror of s"); n.InFlight != 0 || len(n.Revisions) != 1 || n.Revisions[0].Revision != "r1" {
				t.Errorf("%+v", n)
			}
			if n := r.total("x", "m", "mirror of s"); n.Status != [6]uint64{2: 1, 5: 1} || n.Errors != 1 || n.BytesIn != 20 || n.BytesOut != 34 ||
				n.Latency.Count() != 2 || n.Upstream.Count() != 2 || len(n.Codes) != 0 {
				t.Errorf("%+v", n)
			}
			if n := r.total("y", "down", "mirror of s"); n.Codes[string(UpstreamConnect)] != 1 || n.Errors != 1 {
				t.Errorf("%+v", n)
			}
			for caller, callee := range map[string]string{"x": "s", "y": "s"} {
				if n := r.total(caller, callee, ""); n.Errors != 0 || n.Status[2] != n.Requests || n.Retries != 0 {
					t.Errorf("%s to %s: %+v", caller, callee, n)
				}
			}
			if n := r.total("x", "m", ""); n.Requests != 1 || n.Errors != 0 {
				t.Errorf("calls: %+v", n)
			}
		})
	}
}
