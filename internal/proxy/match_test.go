package proxy

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/route"
)

func parsePath(raw string) *cleanPath {
	p := new(cleanPath)
	p.parse(raw)
	return p
}

func TestParsePath(t *testing.T) {
	for _, c := range []struct {
		raw, segments, forward, loose string
		bad                           bool
	}{
		{raw: "/", forward: "/"},
		{raw: "", forward: "/"},
		{raw: "/a/b", segments: "a b", forward: "/a/b"},
		{raw: "/a/b/", segments: "a b", forward: "/a/b/"},
		{raw: "//a///b", segments: "a b", forward: "//a///b"},
		{raw: "/a/./b", segments: "a b", forward: "/a/b"},
		{raw: "/a/../b", segments: "b", forward: "/b"},
		{raw: "/a/%2e%2E/b", segments: "b", forward: "/b"},
		{raw: "/a/.%2e/b/", segments: "b", forward: "/b/"},
		{raw: "/../../etc", segments: "etc", forward: "/etc"},
		{raw: "/a/..", forward: "/"},
		{raw: "/a/b/..", segments: "a", forward: "/a/"},
		{raw: "/a/b/.", segments: "a b", forward: "/a/b/"},
		{raw: "/.well-known/x", segments: ".well-known x", forward: "/.well-known/x"},
		{raw: "/...", segments: "...", forward: "/..."},
		{raw: "/a%20b/%C3%BC", segments: "a b|ü", forward: "/a%20b/%C3%BC"},
		{raw: "/a//../b", segments: "b", forward: "/b"},
		{raw: "/%61pi/x", segments: "api x", forward: "/%61pi/x"},
		{raw: "/p/group%2Fname", segments: "p|group/name", forward: "/p/group%2Fname", loose: "p group name"},
		{raw: "/p/..%2Fadmin", segments: "p|../admin", forward: "/p/..%2Fadmin", loose: "admin"},
		{raw: `/p/..\admin`, segments: `p|..\admin`, forward: `/p/..\admin`, loose: "admin"},
		{raw: "/p/..%5cadmin", segments: `p|..\admin`, forward: "/p/..%5cadmin", loose: "admin"},
		{raw: "/p/..;x=1/admin", segments: "p|..;x=1|admin", forward: "/p/..;x=1/admin", loose: "admin"},
		{raw: "/p%00", bad: true, forward: "/p%00"},
		{raw: "/p%zz", bad: true, forward: "/p%zz"},
		{raw: "/%252e%252e/x", segments: "%2e%2e x", forward: "/%252e%252e/x"},
	} {
		p := parsePath(c.raw)
		sep := "|"
		if !strings.Contains(c.segments, "|") {
			sep = " "
		}
		want := slices.DeleteFunc(strings.Split(c.segments, sep), func(s string) bool { return s == "" })
		loose := strings.Fields(c.loose)
		if p.bad != c.bad || !p.bad && (!slices.Equal(p.segments, want) || p.raw != c.forward) ||
			(c.loose != "") != (p.loose != nil) || !slices.Equal(p.loose, loose) && c.loose != "" {
			t.Errorf("%q: %+v", c.raw, p)
		}
	}
}

// routes makes routes of texts: "path", "host path", "METHOD,METHOD path"; the
// text is also the service that the route leads to.
func routes(list ...string) []*gatewayRoute {
	var out []*gatewayRoute
	for _, text := range list {
		r := route.Route{To: text, Path: text}
		if first, rest, ok := strings.Cut(text, " "); ok {
			r.Path = rest
			switch {
			case strings.HasPrefix(first, "?"):
				k, v, _ := strings.Cut(first[1:], "=")
				r.Query = map[string]string{k: v}
			case strings.Contains(first, "="):
				k, v, _ := strings.Cut(first, "=")
				r.Headers = map[string]string{k: v}
			case strings.ToUpper(first) == first && first != "":
				r.Methods = strings.Split(first, ",")
			default:
				r.Host = first
			}
		}
		out = append(out, &gatewayRoute{Route: r})
	}
	return out
}

func TestMatchByQuery(t *testing.T) {
	r := newRouter(routes("/", "?beta=1 /", "?q=a+b /s", "?empty= /e"))
	for _, c := range []struct{ path, query, want string }{
		{"/", "", "/"},
		{"/", "beta=1", "?beta=1 /"},
		{"/", "x=2&beta=1", "?beta=1 /"},
		{"/", "beta=0&beta=1", "?beta=1 /"},
		{"/", "b%65ta=%31", "?beta=1 /"},
		{"/", "beta=11", "/"},
		{"/", "xbeta=1", "/"},
		{"/", "beta", "/"},
		{"/", "beta=%3", "/"},
		{"/s", "q=a%2Bb", "?q=a+b /s"},
		{"/s", "q=a+b", "/"},
		{"/s/t", "q=a", "/"},
		{"/e", "empty", "?empty= /e"},
		{"/e", "empty=&x", "?empty= /e"},
		{"/e", "", "/"},
	} {
		p := parsePath(c.path)
		gr, _ := r.find(&query{method: "GET", query: c.query}, p.segments)
		if gr == nil || gr.To != c.want {
			t.Errorf("%s?%s: %+v, want %s", c.path, c.query, gr, c.want)
		}
	}
}

func TestMatch(t *testing.T) {
	r := newRouter(routes("/", "/api", "/api/orders/", "POST /api/orders", "shop.example /", "*.example /", "*.shop.example /x",
		"shop.example /api", "X-Beta=1 /api", "GET /only", "DELETE /only"))
	for _, c := range []struct{ host, method, path, header, want string }{
		{"h", "GET", "/", "", "/"},
		{"h", "GET", "/apix", "", "/"},
		{"h", "GET", "/api", "", "/api"},
		{"h", "GET", "/api/", "", "/api"},
		{"h", "GET", "/api/x/y", "", "/api"},
		{"h", "GET", "/api/x", "1", "X-Beta=1 /api"},
		{"h", "GET", "/api/orders/7", "", "/api/orders/"},
		{"h", "POST", "/api/orders/7", "", "POST /api/orders"},
		{"h", "POST", "/api/ordersx", "", "/api"},
		{"shop.example", "GET", "/api/orders", "", "shop.example /api"},
		{"shop.example", "GET", "/q", "", "shop.example /"},
		{"a.example", "GET", "/q", "", "*.example /"},
		{"a.shop.example", "GET", "/x", "", "*.shop.example /x"},
		{"a.shop.example", "GET", "/y", "", "*.example /"},
		{"example", "GET", "/y", "", "/"},
		{"h", "HEAD", "/only", "", "GET /only"},
		{"h", "PUT", "/only", "", "/"},
	} {
		p := parsePath(c.path)
		gr, _ := r.find(&query{host: c.host, method: c.method, head: headOf("X-Beta", c.header)}, p.segments)
		if gr == nil || gr.To != c.want {
			t.Errorf("%+v: %v", c, gr)
		}
	}
	r = newRouter(routes("POST,PUT /a", "GET /a/b"))
	gr, allow := r.find(&query{method: "DELETE"}, []string{"a", "b"})
	if gr != nil || !slices.Equal(allow, []string{"GET", "POST", "PUT"}) {
		t.Errorf("%v, %v", gr, allow)
	}
}

func TestRewrite(t *testing.T) {
	for _, c := range []struct{ path, rewrite, request, want string }{
		{"/api", "", "/api/x", "/api/x"},
		{"/api", "/", "/api/x", "/x"},
		{"/api", "/", "/api", "/"},
		{"/api", "/", "/api/", "/"},
		{"/api", "/v1/", "/api/x%2Fy/", "/v1/x%2Fy/"},
		{"/api", "/v1", "/api", "/v1"},
		{"/", "/v1", "/x", "/v1/x"},
		{"/", "/v1", "/", "/v1"},
		{"/a/b", "/c", "//a//b//d", "/c//d"},
		{"/a/b", "/c", "/x/../a/b/d", "/c/d"},
	} {
		gr := &gatewayRoute{Route: route.Route{Path: c.path, Rewrite: c.rewrite}}
		newRouter([]*gatewayRoute{gr})
		p := parsePath(c.request)
		if got := gr.target(p); got != c.want {
			t.Errorf("%+v: %q", c, got)
		}
	}
}

// TestPathsEscapeNoPrefix: however /admin is spelled, it has /admin's route or none.
func TestPathsEscapeNoPrefix(t *testing.T) {
	r := newRig(t)
	seen := backend(t, func(w http.ResponseWriter, q *http.Request) { _, _ = w.Write([]byte(q.URL.Path)) })
	r.service("s", route.HTTP1, "s-1", seen)
	gw := r.gateway(
		route.Route{Path: "/public", To: "s"},
		route.Route{Path: "/admin", To: "s", Auth: route.AuthRequired},
	)
	r.apply()
	c := client(t)
	for _, p := range []string{
		"/admin", "//admin", "/admin/x", "/public/../admin", "/public/%2e%2e/admin", "/public/..%2Fadmin", "/public/%2e%2e%2fadmin/x",
		`/public/..%5Cadmin`, "/public/..;/admin", "/public//../admin", "/public/./../admin", "/%61dmin", "/public/x/..%2f../admin", "/public/..%00/admin",
	} {
		req, _ := http.NewRequestWithContext(t.Context(), http.MethodGet, gw, nil)
		req.URL.Opaque = p
		if strings.HasPrefix(p, "//") {
			req.URL.Opaque, req.URL.Path = "", p
		}
		resp, body := do(t, c, req)
		if resp.StatusCode == http.StatusOK {
			t.Errorf("%s came through as %s", p, body)
		}
	}
	if resp, _ := get(t, c, gw+"/public/a%2Fb"); resp.StatusCode != http.StatusOK {
		t.Errorf("a slash that changes nothing: %s", resp.Status)
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"/", "/a/../b", "/a%2f..%2fb", "//a/%2e/", `/a\..\b`, "/;/..;", "/a/b/c/"} {
		f.Add(s)
	}
	gr := routes("/a", "/a/b", "/")
	r := newRouter(gr)
	f.Fuzz(func(t *testing.T, raw string) {
		p := parsePath(raw)
		if p.bad {
			return
		}
		if p.raw == "" || p.raw[0] != '/' {
			t.Fatalf("%q is forwarded as %q", raw, p.raw)
		}
		if slices.Contains(p.segments, "..") || slices.Contains(p.segments, ".") || slices.Contains(p.loose, "..") {
			t.Fatalf("%q: %+v", raw, p)
		}
		// What is forwarded means the same as what was matched.
		again := parsePath(p.raw)
		if again.bad || !slices.Equal(again.segments, p.segments) || again.raw != p.raw {
			t.Fatalf("%q: %+v, then %+v", raw, p, again)
		}
		if found, _ := r.find(&query{method: "GET"}, p.segments); found == nil {
			t.Fatal("no route")
		}
		for _, g := range gr {
			if g.depth <= len(p.segments) {
				if out := p.rewritten(g.depth, "/v"); !strings.HasPrefix(out, "/v") {
					t.Fatalf("%q rewritten: %q", raw, out)
				}
			}
		}
	})
}
