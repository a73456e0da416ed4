package proxy

import (
	"fmt"
	"net/http"
	"runtime"
	"testing"
	"weak"

	"github.com/banyanrun/banyan/internal/route"
)

// TestOldTablesGo: a table holds on to none before it, however much they share,
// and neither do requests that last.
func TestOldTablesGo(t *testing.T) {
	r := newRigWith(t, Options{Loops: 1})
	r.service("s", route.HTTP1, "s-1", "127.0.0.1:1")
	r.service("t", route.HTTP1, "t-1", "127.0.0.1:1")
	r.edge("x", "t", route.Policy{Fallback: &route.Fallback{Service: "s"}})
	gw := r.gateway(manyRoutes(300)...)
	gate := make(chan struct{})
	defer close(gate)
	slow := backend(t, func(w http.ResponseWriter, _ *http.Request) {
		w.WriteHeader(http.StatusOK)
		_ = http.NewResponseController(w).Flush()
		<-gate
	})
	r.service("slow", route.HTTP1, "slow-1", slow)
	r.snap.Gateway.Routes = append(r.snap.Gateway.Routes, route.Route{Path: "/slow", To: "slow"})
	edge := r.edge("y", "slow", route.Policy{})
	c := client(t)
	var tables []weak.Pointer[table]
	var services []weak.Pointer[service]
	var routers []weak.Pointer[router]
	var roots []weak.Pointer[node]
	for i := range 50 {
		r.service("s", route.HTTP1, fmt.Sprintf("s-%d", i), "127.0.0.1:1")
		r.snap.Gateway.Routes[i].Policy.Retries++
		r.snap.Gateway.Routes[i+100].Rewrite = "/"
		r.applyDecoded()
		if i%10 == 0 { // some that last
			for _, url := range []string{gw + "/slow", edge} {
				resp, err := c.Get(url)
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() { _ = resp.Body.Close() })
			}
		}
		tb := r.e.table.Load()
		tables, services = append(tables, weak.Make(tb)), append(services, weak.Make(tb.services["s"]))
		routers, roots = append(routers, weak.Make(tb.gateway.router)), append(roots, weak.Make(tb.gateway.router.exact["h0.example"]))
	}
	eventually(t, "only the last table is left", func() bool {
		runtime.GC()
		return live(tables) == 1 && live(services) == 1 && live(routers) == 1 && live(roots) <= 2 // the first may be beside what is in use
	})
}

func live[T any](list []weak.Pointer[T]) int {
	n := 0
	seen := map[*T]bool{}
	for _, p := range list {
		if v := p.Value(); v != nil && !seen[v] {
			seen[v] = true
			n++
		}
	}
	return n
}
