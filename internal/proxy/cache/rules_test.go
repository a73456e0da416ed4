package cache

import (
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/route"
)

// TestKept: which answers are kept, and what a like request gets after so many seconds.
func TestKept(t *testing.T) {
	date := "Date: " + httpDate(start)
	for _, c := range []struct {
		name     string
		cfg      route.Cache
		req      *message.Head
		resp     *message.Head
		want     string
		after    int
		wantLate string
	}{
		{"max-age (5.2.2.1)", route.Cache{}, nil, response(200, "Cache-Control: max-age=10"), "fresh x", 10, "stale x"},
		{"just before its end", route.Cache{}, nil, response(200, "Cache-Control: max-age=10"), "fresh x", 9, "fresh x"},
		{"s-maxage before max-age (5.2.2.10)", route.Cache{}, nil, response(200, "Cache-Control: max-age=1, s-maxage=10"), "fresh x", 9, "fresh x"},
		{"max-age before Expires (5.3)", route.Cache{}, nil, response(200, date, "Cache-Control: max-age=10", "Expires: "+httpDate(start)), "fresh x", 9, "fresh x"},
		{"Expires (5.3)", route.Cache{}, nil, response(200, date, "Expires: "+httpDate(start.Add(10*time.Second))), "fresh x", 10, "stale x"},
		{"Expires without Date", route.Cache{}, nil, response(200, "Expires: "+httpDate(start.Add(10*time.Second))), "fresh x", 10, "stale x"},
		{"Expires in the past", route.Cache{}, nil, response(200, date, "Expires: "+httpDate(start.Add(-time.Second))), "", 0, ""},
		{"Expires: 0 (5.3)", route.Cache{DefaultTTL: time.Hour}, nil, response(200, date, "Expires: 0"), "", 0, ""},
		{"two Expires", route.Cache{}, nil, response(200, date, "Expires: "+httpDate(start.Add(time.Hour)), "Expires: "+httpDate(start)), "", 0, ""},
		{"Expires counts from Date", route.Cache{}, nil, response(200, "Date: "+httpDate(start.Add(-8*time.Second)), "Expires: "+httpDate(start.Add(2*time.Second))), "fresh x", 2, "stale x"},
		{"Age (4.2.3)", route.Cache{}, nil, response(200, "Age: 8", "Cache-Control: max-age=10"), "fresh x", 2, "stale x"},
		{"too old on arrival", route.Cache{}, nil, response(200, "Age: 10", "Cache-Control: max-age=10"), "", 0, ""},
		{"a Date in the past (4.2.3)", route.Cache{}, nil, response(200, "Date: "+httpDate(start.Add(-8*time.Second)), "Cache-Control: max-age=10"), "fresh x", 2, "stale x"},
		{"a Date in the future", route.Cache{}, nil, response(200, "Date: "+httpDate(start.Add(time.Hour)), "Cache-Control: max-age=10"), "fresh x", 10, "stale x"},

		{"nothing said", route.Cache{}, nil, response(200), "", 0, ""},
		{"public is no lifetime", route.Cache{}, nil, response(200, "Cache-Control: public"), "", 0, ""},
		{"a default", route.Cache{DefaultTTL: 10 * time.Second}, nil, response(200), "fresh x", 10, "stale x"},
		{"a default does not count against max-age", route.Cache{DefaultTTL: time.Hour}, nil, response(200, "Cache-Control: max-age=10"), "fresh x", 10, "stale x"},
		{"no-store (5.2.2.5)", route.Cache{DefaultTTL: time.Hour}, nil, response(200, "Cache-Control: max-age=10, no-store"), "", 0, ""},
		{"no-cache (5.2.2.4)", route.Cache{DefaultTTL: time.Hour}, nil, response(200, "Cache-Control: max-age=10", "Cache-Control: no-cache"), "", 0, ""},
		{"no-cache of a field", route.Cache{}, nil, response(200, `Cache-Control: max-age=10, no-cache="Foo, Bar"`), "", 0, ""},
		{"private (5.2.2.7)", route.Cache{}, nil, response(200, "Cache-Control: private, max-age=10"), "", 0, ""},
		{"private of a field", route.Cache{}, nil, response(200, `Cache-Control: private="Foo", max-age=10`), "", 0, ""},
		{"no-store by the request (5.2.1.5)", route.Cache{}, request("GET", "/", "Cache-Control: no-store"), response(200, "Cache-Control: max-age=10"), "", 0, ""},
		{"Set-Cookie", route.Cache{}, nil, response(200, "Cache-Control: max-age=10", "Set-Cookie: a=b"), "", 0, ""},
		{"nonsense in max-age (4.2.1)", route.Cache{}, nil, response(200, "Cache-Control: max-age=ten"), "", 0, ""},
		{"max-age twice (4.2.1)", route.Cache{}, nil, response(200, "Cache-Control: max-age=10, max-age=20"), "", 0, ""},
		{"max-age twice the same", route.Cache{}, nil, response(200, "Cache-Control: max-age=10, max-age=10"), "fresh x", 9, "fresh x"},
		{"quoted", route.Cache{}, nil, response(200, `cache-control: MAX-AGE="10"`), "fresh x", 10, "stale x"},
		{"very long", route.Cache{}, nil, response(200, "Cache-Control: max-age=99999999999999999999"), "fresh x", 1 << 30, "fresh x"},
		{"in a quoted string", route.Cache{}, nil, response(200, `Cache-Control: foo="max-age=10, \"public"`), "", 0, ""},
		{"answered by a data plane", route.Cache{DefaultTTL: time.Hour}, nil, response(404, "Banyan-Error: no-route"), "", 0, ""},

		{"Authorization (3.5)", route.Cache{}, request("GET", "/", "Authorization: Bearer a"), response(200, "Cache-Control: max-age=10"), "", 0, ""},
		{"and public", route.Cache{}, request("GET", "/", "Authorization: Bearer a"), response(200, "Cache-Control: max-age=10, public"), "fresh x", 9, "fresh x"},
		{"and s-maxage", route.Cache{}, request("GET", "/", "Authorization: Bearer a"), response(200, "Cache-Control: s-maxage=10"), "fresh x", 10, "stale x"},
		{"and must-revalidate", route.Cache{}, request("GET", "/", "Authorization: Bearer a"), response(200, "Cache-Control: max-age=10, must-revalidate"), "fresh x", 9, "fresh x"},

		{"Vary: * (4.1)", route.Cache{}, nil, response(200, "Cache-Control: max-age=10", "Vary: Accept, *"), "", 0, ""},
		{"POST", route.Cache{}, request("POST", "/"), response(200, "Cache-Control: max-age=10"), "", 0, ""},
		{"HEAD", route.Cache{}, request("HEAD", "/"), response(200, "Cache-Control: max-age=10"), "", 0, ""},
		{"Range", route.Cache{}, request("GET", "/", "Range: bytes=0-1"), response(200, "Cache-Control: max-age=10"), "", 0, ""},
		{"until close", route.Cache{}, nil, with(response(200, "Cache-Control: max-age=10"), message.UntilClose, 0), "", 0, ""},
		{"shorter than announced (3.3)", route.Cache{}, nil, with(response(200, "Cache-Control: max-age=10"), message.Sized, 2), "", 0, ""},
		{"as long as announced", route.Cache{}, nil, with(response(200, "Cache-Control: max-age=10"), message.Sized, 1), "fresh x", 9, "fresh x"},

		{"stale-if-error by the service", route.Cache{StaleIfError: time.Second}, nil, response(200, "Cache-Control: max-age=0, stale-if-error=10"), "stale x", 9, "stale x"},
	} {
		t.Run(c.name, func(t *testing.T) {
			kept := mustNew(t, c.cfg)
			if c.req == nil {
				c.req = request("GET", "/")
			}
			put(kept, start, c.req, c.resp, "x")
			if s := got(kept, start, c.req); s != c.want {
				t.Errorf("%q, want %q", s, c.want)
			}
			if s := got(kept, start.Add(time.Duration(c.after)*time.Second), c.req); s != c.wantLate {
				t.Errorf("%q later, want %q", s, c.wantLate)
			}
		})
	}
}

func with(h *message.Head, body message.Body, length int64) *message.Head {
	h.Body, h.Length = body, length
	return h
}

func TestStatus(t *testing.T) {
	for status, want := range map[int]bool{
		200: true, 203: true, 204: true, 300: true, 301: true, 404: true, 410: true,
		100: false, 201: false, 206: false, 302: false, 303: false, 304: false, 307: false, 308: false, 400: false, 401: false, 403: false,
		405: false, 414: false, 421: false, 429: false, 500: false, 501: false, 503: false, 999: false,
	} {
		c := mustNew(t, route.Cache{DefaultTTL: time.Minute})
		put(c, start, request("GET", "/"), with(response(status, "Cache-Control: max-age=10"), message.Sized, 0), "")
		if _, s := c.Lookup(start, request("GET", "/")); (s == Fresh) != want {
			t.Errorf("%d: %v", status, s)
		}
	}
}

// TestAsked: what requests get of an answer that is 5 s old and good for 10 s.
func TestAsked(t *testing.T) {
	for _, c := range []struct {
		name string
		req  *message.Head
		want string
	}{
		{"the same", request("GET", "/a"), "fresh x"},
		{"HEAD", request("HEAD", "/a"), "fresh x"},
		{"POST", request("POST", "/a"), ""},
		{"another query", request("GET", "/a?b"), ""},
		{"another path", request("GET", "/A"), ""},
		{"another host", host(request("GET", "/a"), "other.test"), ""},
		{"the host in capitals", host(request("GET", "/a"), "SHOP.test"), "fresh x"},
		{"another scheme", scheme(request("GET", "/a"), "https"), ""},
		{"a body", with(request("GET", "/a"), message.Sized, 1), ""},
		{"an upgrade", upgrade(request("GET", "/a")), ""},
		{"Range", request("GET", "/a", "Range: bytes=0-1"), ""},
		{"If-Match (4.3.2)", request("GET", "/a", `If-Match: "a"`), ""},
		{"If-Unmodified-Since", request("GET", "/a", "If-Unmodified-Since: "+httpDate(start)), ""},
		{"Authorization", request("GET", "/a", "Authorization: Bearer a"), ""},
		{"no-cache (5.2.1.4)", request("GET", "/a", "Cache-Control: no-cache"), ""},
		{"Pragma (5.4)", request("GET", "/a", "Pragma: foo, no-cache"), ""},
		{"Pragma does not count beside Cache-Control", request("GET", "/a", "Pragma: no-cache", "Cache-Control: max-age=100"), "fresh x"},
		{"max-age (5.2.1.1)", request("GET", "/a", "Cache-Control: max-age=5"), "fresh x"},
		{"a smaller max-age", request("GET", "/a", "Cache-Control: max-age=4"), "stale x"},
		{"nonsense in max-age", request("GET", "/a", "Cache-Control: max-age="), "stale x"},
		{"min-fresh (5.2.1.3)", request("GET", "/a", "Cache-Control: min-fresh=5"), "fresh x"},
		{"a larger min-fresh", request("GET", "/a", "Cache-Control: min-fresh=6"), "stale x"},
		{"nonsense in min-fresh", request("GET", "/a", "Cache-Control: min-fresh=x"), "stale x"},
		{"only-if-cached (5.2.1.7)", request("GET", "/a", "Cache-Control: only-if-cached"), "fresh x"},
		{"only-if-cached, and nothing is", request("GET", "/b", "Cache-Control: only-if-cached"), "unmet"},
		{"only-if-cached, and it is stale", request("GET", "/a", "Cache-Control: only-if-cached, max-age=1"), "unmet"},
		{"no-store asks not to keep, not not to use", request("GET", "/a", "Cache-Control: no-store"), "fresh x"},
	} {
		kept := mustNew(t, route.Cache{})
		put(kept, start, request("GET", "/a"), response(200, "Cache-Control: max-age=10"), "x")
		if s := got(kept, start.Add(5*time.Second), c.req); s != c.want {
			t.Errorf("%s: %q, want %q", c.name, s, c.want)
		}
	}
}

func host(h *message.Head, s string) *message.Head {
	h.Authority = []byte(s)
	return h
}

func scheme(h *message.Head, s string) *message.Head {
	h.Scheme = []byte(s)
	return h
}

func upgrade(h *message.Head) *message.Head {
	h.Upgrade = []byte("websocket")
	return h
}

// TestUsable: for how long a stale answer stands in for a failing service.
func TestUsable(t *testing.T) {
	for _, c := range []struct {
		name    string
		cfg     time.Duration
		control string
		seconds int // from its start
	}{
		{"policy", 20 * time.Second, "max-age=10", 30},
		{"no policy", 0, "max-age=10", 10},
		{"the service says so", 0, "max-age=10, stale-if-error=5", 15},
		{"the service says less", time.Hour, "max-age=10, stale-if-error=5", 15},
		{"the service says no", time.Hour, "max-age=10, stale-if-error=0", 10},
		{"must-revalidate (5.2.2.2)", time.Hour, "max-age=10, must-revalidate, stale-if-error=5", 10},
		{"proxy-revalidate (5.2.2.8)", time.Hour, "max-age=10, proxy-revalidate", 10},
		{"s-maxage means that, too (5.2.2.10)", time.Hour, "s-maxage=10", 10},
	} {
		kept := mustNew(t, route.Cache{StaleIfError: c.cfg})
		put(kept, start, request("GET", "/"), response(200, "Cache-Control: "+c.control), "x")
		for at, want := range map[int]bool{0: true, c.seconds - 1: true, c.seconds: false} {
			now := start.Add(time.Duration(at) * time.Second)
			e, _ := kept.Lookup(now, request("GET", "/"))
			if e == nil || e.Usable(now) != want {
				t.Errorf("%s: after %d s: %v", c.name, at, e)
			}
		}
	}
}

func TestUnsafe(t *testing.T) {
	for m, want := range map[string]bool{
		"GET": false, "HEAD": false, "OPTIONS": false, "TRACE": false, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "get": true, "FOO": true,
	} {
		if Unsafe([]byte(m)) != want {
			t.Error(m)
		}
	}
}
