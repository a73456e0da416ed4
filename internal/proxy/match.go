package proxy

import (
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/route"
)

// router finds the route of a request: exact host before wildcard (the longer
// one first) before any; in a host the longer path; on a path the route with
// more conditions (methods, each header, each query parameter); then the file's order. A GET route
// also answers HEAD. A slash at the end of a route's path means nothing.
type router struct {
	exact map[string]*node
	wild  []wildcard // longest suffix first
	any   *node
	size  int // routes
}

type wildcard struct {
	suffix string // ".example.com"
	root   *node
}

// query is what of a request decides its route.
type query struct {
	host   string // lower case, no port
	method string
	query  string        // as sent, without the question mark
	head   *message.Head // nil: header conditions hold (a preflight does not carry them)
}

// find returns the best route; nil with the methods that would have matched, if any.
func (r *router) find(q *query, segments []string) (*gatewayRoute, []string) {
	var allow []string
	if n := r.exact[q.host]; n != nil {
		if gr := n.find(q, segments, &allow); gr != nil {
			return gr, nil
		}
	}
	for _, w := range r.wild {
		if len(q.host) > len(w.suffix) && strings.HasSuffix(q.host, w.suffix) {
			if gr := w.root.find(q, segments, &allow); gr != nil {
				return gr, nil
			}
		}
	}
	if r.any != nil {
		if gr := r.any.find(q, segments, &allow); gr != nil {
			return gr, nil
		}
	}
	slices.Sort(allow)
	return nil, slices.Compact(allow)
}

// find goes down as far as segments lead and takes the deepest route that matches.
func (n *node) find(q *query, segments []string, allow *[]string) *gatewayRoute {
	if len(segments) > 0 {
		if c := n.child(segments[0]); c != nil {
			if gr := c.find(q, segments[1:], allow); gr != nil {
				return gr
			}
		}
	}
	for _, gr := range n.routes {
		if !gr.headersMatch(q) || !gr.queryMatches(q) {
			continue
		}
		if gr.methodMatches(q.method) {
			return gr
		}
		*allow = append(*allow, gr.Methods...)
	}
	return nil
}

// gatewayRoute is a compiled route. Tables share it while its description is the same.
type gatewayRoute struct {
	route.Route
	lane  *lane
	name  string // for logs
	depth int    // segments of the path
	order int    // in table.routes; guarded by Engine.mu
	filters
}

func (gr *gatewayRoute) conditions() int {
	return min(len(gr.Methods), 1) + len(gr.Headers) + len(gr.Query)
}

func (gr *gatewayRoute) headersMatch(q *query) bool {
	if q.head == nil {
		return true
	}
	for name, want := range gr.Headers {
		got, _ := q.head.Lookup(name)
		if strings.EqualFold(name, "Host") {
			got = q.head.Authority
		}
		if string(got) != want {
			return false
		}
	}
	return true
}

// queryMatches reports whether the query has each parameter of the route, and one
// of its values is the route's.
func (gr *gatewayRoute) queryMatches(q *query) bool {
	for name, want := range gr.Query {
		if !hasParameter(q.query, name, want) {
			return false
		}
	}
	return true
}

func hasParameter(query, name, want string) bool {
	for part := range strings.SplitSeq(query, "&") {
		n, v, _ := strings.Cut(part, "=")
		if decoded(n) == name && decoded(v) == want {
			return true
		}
	}
	return false
}

// decoded is a name or value of a query; a broken one stays as it is.
func decoded(s string) string {
	if d, err := url.QueryUnescape(s); err == nil {
		return d
	}
	return s
}

func (gr *gatewayRoute) methodMatches(m string) bool {
	return len(gr.Methods) == 0 || slices.Contains(gr.Methods, m) ||
		m == http.MethodHead && slices.Contains(gr.Methods, http.MethodGet)
}

// target is the path to send upstream for a request whose path is p.
func (gr *gatewayRoute) target(p *cleanPath) string {
	if gr.Rewrite == "" {
		return p.raw
	}
	return p.rewritten(gr.depth, strings.TrimRight(gr.Rewrite, "/"))
}

// hostOnly is a Host header's name: lower case, without port or trailing dot.
func hostOnly(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && strings.IndexByte(host[i:], ']') < 0 {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
