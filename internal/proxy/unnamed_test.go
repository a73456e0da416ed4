package proxy

import (
	"bufio"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/route"
)

// TestRequestWithoutHost: HTTP/1.0 need not name one. The service gets its own name, and nothing is said of what the client did not say.
func TestRequestWithoutHost(t *testing.T) {
	r := newRig(t)
	h := func(w http.ResponseWriter, q *http.Request) {
		_, forwarded := q.Header["X-Forwarded-Host"]
		_, _ = fmt.Fprintf(w, "%s %v", q.Host, forwarded)
	}
	r.service("s", route.HTTP1, "s-1", backend(t, h))
	r.service("g", route.H2C, "g-1", h2cBackend(t, h))
	s, g := r.edge("x", "s", route.Policy{}), r.edge("x", "g", route.Policy{})
	gw := r.gateway(route.Route{Path: "/", To: "s"})
	r.apply()
	for _, c := range []struct{ url, request, want string }{
		{s, "GET / HTTP/1.0\r\n\r\n", "s false"},
		{g, "GET / HTTP/1.0\r\n\r\n", "g false"},
		{gw, "GET / HTTP/1.0\r\n\r\n", "s false"},
		{gw, "GET / HTTP/1.0\r\nHost: shop\r\n\r\n", "shop true"},
	} {
		conn := dialRaw(t, c.url)
		_, _ = io.WriteString(conn, c.request)
		resp, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Errorf("%q: %v", c.request, err)
			continue
		}
		if b, _ := io.ReadAll(resp.Body); string(b) != c.want {
			t.Errorf("%s %q: %s", strings.TrimPrefix(c.url, "http://"), c.request, b)
		}
	}
}

// TestOwnAnswersAreCounted: what the data plane answers by itself is among the bytes sent.
func TestOwnAnswersAreCounted(t *testing.T) {
	for name, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.service("none", route.HTTP1)
			edge := r.edge("x", "none", route.Policy{})
			static := r.edge("y", "none", route.Policy{Fallback: &route.Fallback{Status: 200, Body: "instead"}})
			gw := r.gateway(route.Route{Path: "/none", To: "none"})
			r.apply()
			_, body := get(t, c, edge)
			if n := r.total("x", "none", ""); n.BytesOut != uint64(len(body)) || n.BytesOut == 0 {
				t.Errorf("%d bytes of %d", n.BytesOut, len(body))
			}
			get(t, c, static)
			if n := r.total("y", "none", ""); n.BytesOut != uint64(len("instead")) {
				t.Errorf("fallback: %d bytes", n.BytesOut)
			}
			_, body = get(t, c, gw+"/elsewhere")
			want := fmt.Sprintf(`"bytes_out":%d,`, len(body))
			eventually(t, "a record with "+want, func() bool { return strings.Contains(r.log.String(), want) })
			req, _ := http.NewRequestWithContext(t.Context(), "HEAD", gw+"/elsewhere", nil)
			do(t, c, req)
			eventually(t, "a record of HEAD", func() bool {
				_, last, ok := strings.Cut(r.log.String(), `"method":"HEAD"`)
				return ok && strings.Contains(last, `"bytes_out":0,`)
			})
		})
	}
}

// TestForbiddenHeaderOverHTTP2: an answer with a header of HTTP/1 alone is none,
// and people are told which header it is.
func TestForbiddenHeaderOverHTTP2(t *testing.T) {
	r := newRig(t)
	r.service("g", route.H2C, "g-1", h2cBackend(t, func(w http.ResponseWriter, q *http.Request) {
		w.Header().Set(q.URL.Query().Get("h"), "x")
	}))
	edge := r.edge("x", "g", route.Policy{})
	r.apply()
	for _, header := range []string{"Keep-Alive", "Proxy-Connection", "Upgrade"} {
		resp, body := get(t, client(t), edge+"/?h="+header)
		if p := problemOf(t, resp, body); p.Code != UpstreamReset || !strings.HasSuffix(p.Detail, "HTTP/2 does not allow the header "+header) {
			t.Errorf("%s: %s, %s", header, p.Code, p.Detail)
		}
	}
}
