package proxy

import (
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

func TestFault(t *testing.T) {
	r := newRig(t)
	var hits atomic.Int32
	r.service("s", route.HTTP1, "s-1", backend(t, func(http.ResponseWriter, *http.Request) { hits.Add(1) }))
	with := func(name string, timeout time.Duration, f route.Fault) string {
		return r.edge(name, "s", route.Policy{Timeout: timeout, Fault: &f})
	}
	slow := with("a", 0, route.Fault{Delay: 60 * time.Millisecond, DelayPercent: 100})
	abort := with("b", 0, route.Fault{Abort: 418, AbortPercent: 100})
	empty := with("c", 0, route.Fault{Abort: 304, AbortPercent: 100})
	late := with("d", 30*time.Millisecond, route.Fault{Delay: time.Hour, DelayPercent: 100})
	never := with("e", 0, route.Fault{Delay: time.Hour, DelayPercent: 0, Abort: 500, AbortPercent: 0})
	r.apply()
	for proto, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
		began := time.Now()
		if resp, _ := get(t, c, slow); resp.StatusCode != 200 || time.Since(began) < 60*time.Millisecond {
			t.Errorf("%s: delayed by %v: %s", proto, time.Since(began), resp.Status)
		}
		if resp, _ := get(t, c, never); resp.StatusCode != 200 {
			t.Errorf("%s: %s", proto, resp.Status)
		}
		n := hits.Load()
		resp, body := get(t, c, abort)
		if p := problemOf(t, resp, body); p.Code != FaultInjected || p.Status != 418 {
			t.Errorf("%s: %+v", proto, p)
		}
		if resp, body := get(t, c, empty); resp.StatusCode != 304 || body != "" {
			t.Errorf("%s: %s %q", proto, resp.Status, body)
		}
		resp, body = get(t, c, late)
		if p := problemOf(t, resp, body); p.Code != UpstreamTimeout {
			t.Errorf("%s: %+v", proto, p)
		}
		if hits.Load() != n {
			t.Errorf("%s: the service was asked", proto)
		}
	}
}

// TestFaultsDelayEndsWithItsClient: nobody waits for one who left.
func TestFaultsDelayEndsWithItsClient(t *testing.T) {
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", backend(t, text("ok")))
	edge := r.edge("x", "s", route.Policy{Fault: &route.Fault{Delay: time.Hour, DelayPercent: 100}})
	r.apply()
	for _, c := range []*http.Client{client(t), h2cClient(t)} {
		came := make(chan struct{})
		go func() {
			defer close(came)
			eventually(t, "it is held up", func() bool { return r.e.InFlight() == 1 })
		}()
		leave(t, c, edge, came)
		eventually(t, "it is over", func() bool { return r.e.InFlight() == 0 })
	}
}

// TestFallback: who answers in place of what.
func TestFallback(t *testing.T) {
	ok := func(t *testing.T) string {
		t.Helper()
		return backend(t, func(w http.ResponseWriter, q *http.Request) {
			b, _ := io.ReadAll(q.Body)
			_, _ = io.WriteString(w, "other "+q.Header.Get("Banyan-Caller")+" "+string(b))
		})
	}
	status := func(code int) func(*testing.T) string {
		return func(t *testing.T) string {
			t.Helper()
			return backend(t, func(w http.ResponseWriter, q *http.Request) {
				_, _ = io.Copy(io.Discard, q.Body)
				w.WriteHeader(code)
				_, _ = io.WriteString(w, "own")
			})
		}
	}
	mute := func(t *testing.T) string {
		t.Helper()
		return backend(t, silent(new(atomic.Int32)))
	}
	static := route.Fallback{Status: 203, Type: "application/json", Body: "[]"}
	both := static
	both.Service = "other"
	for _, c := range []struct {
		name         string
		first, other func(*testing.T) string
		fallback     route.Fallback
		policy       route.Policy
		method, body string
		want         int
		answer, by   string
	}{
		{"no connection", dead, nil, static, route.Policy{}, "GET", "", 203, "[]", "static"},
		{"5xx", status(500), nil, static, route.Policy{}, "GET", "", 203, "[]", "static"},
		{"4xx is an answer", status(404), nil, static, route.Policy{}, "GET", "", 404, "own", ""},
		{"time is over", mute, ok, both, route.Policy{Timeout: 500 * time.Millisecond}, "GET", "", 200, "other x ", "service"},
		{"other service", status(503), ok, both, route.Policy{}, "GET", "", 200, "other x ", "service"},
		{"other service, POST", dead, ok, both, route.Policy{}, "POST", "hello", 200, "other x hello", "service"},
		{"other service, a body that is too long for it", status(500), ok, both, route.Policy{}, "POST", strings.Repeat("x", 1<<18), 203, "[]", "static"},
		{"the other fails, too", status(500), status(502), both, route.Policy{}, "GET", "", 203, "[]", "static"},
		{"the other cannot be reached", status(500), dead, route.Fallback{Service: "other"}, route.Policy{}, "GET", "", 500, "own", ""},
		{"the other fails, too, and that is all", dead, status(500), route.Fallback{Service: "other"}, route.Policy{}, "GET", "", 502, "", ""},
		{"fault", ok, nil, static, route.Policy{Fault: &route.Fault{Abort: 500, AbortPercent: 100}}, "GET", "", 203, "[]", "static"},
		{"no body", dead, nil, route.Fallback{Status: 204}, route.Policy{}, "GET", "", 204, "", "static"},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			r.service("s", route.HTTP1, "s-1", c.first(t))
			if c.other != nil {
				r.service("other", route.HTTP1, "other-1", c.other(t))
			}
			c.policy.Fallback = &c.fallback
			edge := r.edge("x", "s", c.policy)
			gw := r.gateway(route.Route{Path: "/", To: "s", Policy: c.policy})
			r.apply()
			for proto, cl := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t)} {
				req, _ := http.NewRequestWithContext(t.Context(), c.method, edge, strings.NewReader(c.body))
				resp, body := do(t, cl, req)
				if resp.StatusCode != c.want || c.answer != body && c.answer != "" || resp.Header.Get("Banyan-Fallback") != c.by {
					t.Errorf("%s: %s %v %.100s", proto, resp.Status, resp.Header, body)
				}
				if c.by == "static" && (resp.Header.Get("Content-Type") != c.fallback.Type || resp.Header.Get("X-Request-Id") == "") {
					t.Errorf("%s: %v", proto, resp.Header)
				}
			}
			if c.name == "no connection" {
				_, _ = get(t, client(t), gw)
				eventually(t, "a record that tells why", func() bool { return strings.Contains(r.log.String(), `"status":203`) })
				if !strings.Contains(r.log.String(), `"error":"upstream-connect"`) {
					t.Error(r.log.String())
				}
			}
			eventually(t, "nothing is left", func() bool { return r.e.InFlight() == 0 && r.instance("s", 0).inFlight.InFlight() == 0 })
		})
	}
}

// TestLongAnswerOfOurOwn: one that does not fit into the output at once comes whole.
func TestLongAnswerOfOurOwn(t *testing.T) {
	long := strings.Repeat("0123456789abcdef", 1<<14)
	r := newRig(t)
	r.service("s", route.HTTP1, "s-1", dead(t))
	edge := r.edge("x", "s", route.Policy{Fallback: &route.Fallback{Status: 200, Body: long}})
	r.apply()
	narrow := h2cClient(t)
	narrow.Transport.(*http.Transport).HTTP2 = &http.HTTP2Config{MaxReceiveBufferPerStream: 64 << 10}
	for proto, c := range map[string]*http.Client{"h1": client(t), "h2": h2cClient(t), "narrow h2": narrow} {
		if resp, body := get(t, c, edge); resp.StatusCode != 200 || body != long {
			t.Errorf("%s: %s, %d bytes of %d", proto, resp.Status, len(body), len(long))
		}
	}
}
