package proxy

import (
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/route"
)

// revisions makes a service of which each instance, given as revision, address,
// …, tells its revision by the address.
func (r *rig) revisions(name string, revAddr ...string) *route.Service {
	s := &route.Service{Name: name, Protocol: route.HTTP1}
	for i := 0; i < len(revAddr); i += 2 {
		s.Instances = append(s.Instances, route.Instance{ID: name + "-" + strconv.Itoa(i/2), Revision: revAddr[i], Addr: revAddr[i+1]})
	}
	r.snap.Services = map[string]*route.Service{name: s}
	return s
}

func TestSplit(t *testing.T) {
	r := newRig(t)
	s := r.revisions("s", "old", backend(t, text("old")), "new", backend(t, text("new")), "new", backend(t, text("new")), "none", backend(t, text("none")))
	s.Split = []route.Share{{Revision: "old", Weight: 80}, {Revision: "new", Weight: 20}, {Revision: "none", Weight: 0}}
	edge := r.edge("x", "s", route.Policy{})
	r.apply()
	c := client(t)
	counts := map[string]int{}
	for range 300 {
		_, body := get(t, c, edge)
		counts[body]++
	}
	if counts["old"]+counts["new"] != 300 || counts["new"] < 30 || counts["new"] > 100 { // 60 ± 5.8 standard deviations
		t.Errorf("%v", counts)
	}
	// What is wanted is out: the others stand in, but for those that are to get nothing.
	r.instance("s", 0).draining.Store(true)
	for range 30 {
		if _, body := get(t, c, edge); body != "new" {
			t.Fatal(body)
		}
	}
	r.instance("s", 1).draining.Store(true)
	r.instance("s", 2).draining.Store(true)
	resp, body := get(t, c, edge)
	if p := problemOf(t, resp, body); p.Code != NoReadyInstance {
		t.Errorf("%+v", p)
	}
}

func TestStickySplit(t *testing.T) {
	r := newRig(t)
	a, b := backend(t, text("a")), backend(t, text("b"))
	s := r.revisions("s", "a", a, "b", b)
	s.Split = []route.Share{{Revision: "a", Weight: 50}, {Revision: "b", Weight: 50}}
	s.Sticky = &route.Sticky{Cookie: "version"}
	edge, gw := r.edge("x", "s", route.Policy{}), r.gateway(route.Route{Path: "/", To: "s"})
	r.apply()
	for name, url := range map[string]string{"edge": edge, "gateway": gw} {
		for proto, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
			seen := map[string]bool{}
			for range 20 {
				resp, first := get(t, c, url)
				line := resp.Header.Get("Set-Cookie")
				value, found := strings.CutPrefix(line, "version=")
				value, rest, _ := strings.Cut(value, "; ")
				if !found || len(value) != 32 || rest != "Path=/; HttpOnly; SameSite=Lax" {
					t.Fatalf("%s %s: %q", name, proto, line)
				}
				seen[first] = true
				for range 3 {
					req, _ := http.NewRequestWithContext(t.Context(), "GET", url, nil)
					req.AddCookie(&http.Cookie{Name: "other", Value: "1"})
					req.AddCookie(&http.Cookie{Name: "version", Value: value})
					resp, body := do(t, c, req)
					if body != first || resp.Header.Get("Set-Cookie") != "" {
						t.Errorf("%s %s: %s after %s, cookie %q", name, proto, body, first, resp.Header.Get("Set-Cookie"))
					}
				}
			}
			if len(seen) != 2 {
				t.Errorf("%s %s: %v", name, proto, seen)
			}
		}
	}
	s.Sticky = &route.Sticky{Header: "X-User"}
	r.apply()
	for _, user := range []string{"1", "2", "3", "4"} {
		first := ""
		for range 5 {
			req, _ := http.NewRequestWithContext(t.Context(), "GET", edge, nil)
			req.Header.Set("X-User", user)
			resp, body := do(t, client(t), req)
			if first != "" && body != first || resp.Header.Get("Set-Cookie") != "" {
				t.Errorf("user %s: %s, then %s", user, first, body)
			}
			first = body
		}
	}
}

// TestHashBalance: a key leads to one instance, over snapshots, and to another when that is out.
func TestHashBalance(t *testing.T) {
	for _, c := range []struct {
		name    string
		balance route.Balance
		key     func(*http.Request, string)
	}{
		{"header", route.Balance{Header: "X-User"}, func(q *http.Request, k string) { q.Header.Set("X-User", k) }},
		{"cookie", route.Balance{Cookie: "user"}, func(q *http.Request, k string) { q.AddCookie(&http.Cookie{Name: "user", Value: k}) }},
		{"source", route.Balance{Source: true}, func(*http.Request, string) {}},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.service("s", route.HTTP1, "s-0", backend(t, text("0")), "s-1", backend(t, text("1")), "s-2", backend(t, text("2")))
			c.balance.By = route.HashRing
			edge := r.edge("x", "s", route.Policy{Balance: &c.balance})
			r.apply()
			ask := func(key string) string {
				req, _ := http.NewRequestWithContext(t.Context(), "GET", edge, nil)
				c.key(req, key)
				_, body := do(t, client(t), req)
				return body
			}
			homes := map[string]string{}
			used := map[string]bool{}
			for i := range 20 {
				key := "user-" + strconv.Itoa(i)
				homes[key] = ask(key)
				used[homes[key]] = true
			}
			if want := 3; len(used) != want && c.name != "source" || len(used) != 1 && c.name == "source" {
				t.Errorf("instances in use: %v", used)
			}
			r.apply()
			gone := homes["user-0"]
			n, _ := strconv.Atoi(gone)
			for key, home := range homes {
				if got := ask(key); got != home {
					t.Errorf("%s: %s, then %s", key, home, got)
				}
			}
			r.instance("s", n).draining.Store(true)
			for key, home := range homes {
				if got := ask(key); got == gone || home != gone && got != home {
					t.Errorf("%s: %s, and %s without %s", key, home, got, gone)
				}
			}
		})
	}
}

func TestRoundRobin(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-0", backend(t, text("0")), "s-1", backend(t, text("1")), "s-2", backend(t, text("2")))
	edge := r.edge("x", "s", route.Policy{Balance: &route.Balance{By: route.RoundRobin}})
	r.apply()
	c := client(t)
	counts := map[string]int{}
	for range 30 {
		_, body := get(t, c, edge)
		counts[body]++
		r.apply() // whose turn it is outlives a snapshot
	}
	if counts["0"] != 10 || counts["1"] != 10 || counts["2"] != 10 {
		t.Errorf("%v", counts)
	}
}
