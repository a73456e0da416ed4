package dash

import (
	"errors"
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/banyanrun/banyan/internal/dash/access"
)

// advance lets a bubble's time pass, and what happens in it happen.
func advance(d time.Duration) {
	<-time.After(d)
	synctest.Wait()
}

func TestLinkLetsInOnce(t *testing.T) {
	r := newRig(t)
	url, until, err := r.dash.Invite(access.Operator)
	if err != nil || time.Until(until) > access.TokenLife {
		t.Fatalf("%v, %v", until, err)
	}
	r.gives(httptest.NewRequest(http.MethodHead, url, nil), http.StatusServiceUnavailable, "")
	ahead := httptest.NewRequest(http.MethodGet, url, nil)
	ahead.Header.Set("Sec-Purpose", "prefetch;prerender")
	r.gives(ahead, http.StatusServiceUnavailable, "the link itself")

	deep := strings.Replace(url, "/?token=", "/traces/abc?from=1&token=", 1)
	res := r.do(httptest.NewRequest(http.MethodGet, deep, nil))
	if to := res.Header.Get("Location"); res.StatusCode != http.StatusSeeOther || to != "/traces/abc?from=1" || res.Header.Get("Referrer-Policy") != "no-referrer" {
		t.Fatalf("%s to %q", res.Status, to)
	}
	c := res.Cookies()[0]
	if !c.HttpOnly || c.SameSite != http.SameSiteStrictMode || c.Path != "/" || c.Domain != "" || c.Secure {
		t.Errorf("the cookie is %v", c)
	}
	r.gives(with(request("GET", "/api/session", ""), c), http.StatusOK, `"role":"operator"`)

	r.gives(httptest.NewRequest(http.MethodGet, url, nil), http.StatusForbidden, "used before")
	r.gives(with(httptest.NewRequest(http.MethodGet, url, nil), c), http.StatusSeeOther, "") // its own browser gets on
	r.gives(httptest.NewRequest(http.MethodGet, theURL+"/?token=", nil), http.StatusForbidden, "banyan dashboard")
	actions, _, err := r.dash.Audit.List(10, 0)
	if err != nil || len(actions) != 2 || actions[1].Result != "ok" || !strings.HasPrefix(actions[0].Result, "refused") { // once a minute
		t.Errorf("%+v, %v", actions, err)
	}
	for _, a := range actions {
		if strings.Contains(a.What+a.Result+a.Procedure, strings.TrimPrefix(url, theURL+"/?token=")) {
			t.Error("a token is in the log")
		}
	}
}

func TestLinkDoesNotLeadAway(t *testing.T) {
	r := newRig(t)
	for _, path := range []string{"//evil.example/", "///evil.example", "/\\evil.example", "/%5cevil.example"} {
		url, _, err := r.dash.Invite(access.Viewer)
		if err != nil {
			t.Fatal(err)
		}
		q := httptest.NewRequest(http.MethodGet, theURL+"/", nil)
		q.URL.Path, q.URL.RawQuery = path, url[strings.IndexByte(url, '?')+1:]
		to := r.do(q).Header.Get("Location")
		if !strings.HasPrefix(to, "/") || len(to) > 1 && (to[1] == '/' || to[1] == '\\') {
			t.Errorf("%s leads to %q", path, to)
		}
	}
}

func TestOldLink(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := newRig(t)
		url, _, err := r.dash.Invite(access.Operator)
		if err != nil {
			t.Fatal(err)
		}
		advance(access.TokenLife)
		r.gives(httptest.NewRequest(http.MethodGet, url, nil), http.StatusForbidden, "older than 10 minutes")
	})
}

func TestSessionThatEnded(t *testing.T) {
	r := newRig(t)
	c := r.enter(access.Operator)
	r.gives(with(request("POST", "/api/session/end", "{}"), c), http.StatusNoContent, "")
	r.gives(with(request("GET", "/api/session", ""), c), http.StatusUnauthorized, "banyan dashboard")
}

func TestStrangers(t *testing.T) {
	r := newRig(t)
	for _, q := range []*http.Request{
		request("GET", "/api/session", ""), request("POST", restart, "{}"), request("GET", "/api/stream", ""),
		request("GET", "/prometheus/api/v1/query", ""), request("POST", "/api/nothing", "{}"),
		with(request("GET", "/api/session", ""), &http.Cookie{Name: "banyan_dashboard", Value: "x"}),
		with(request("GET", "/api/session", ""), &http.Cookie{Name: "banyan_dashboard", Value: ""}),
	} {
		r.gives(q, http.StatusUnauthorized, "unauthenticated")
	}
	r.gives(request("GET", "/", ""), http.StatusOK, "") // the page itself tells nothing
	r.gives(request("DELETE", "/", ""), http.StatusMethodNotAllowed, "")
	if len(r.called) > 0 {
		t.Errorf("%q were called", r.called)
	}
}

// TestOtherHost is DNS rebinding: a page of somebody else's reaches the port by a
// name of its own; and a cookie that was stolen and is used by another name.
func TestOtherHost(t *testing.T) {
	r := newRig(t)
	c := r.enter(access.Operator)
	url, _, err := r.dash.Invite(access.Operator)
	if err != nil {
		t.Fatal(err)
	}
	for _, host := range []string{"evil.example:8800", "127.0.0.1:8800", "localhost:8800", "banyan.localhost:8800", theHost + ".evil.example", ""} {
		for _, q := range []*http.Request{
			request("GET", "/", ""), request("GET", "/assets/x.js", ""), with(request("GET", "/api/session", ""), c),
			with(request("POST", restart, "{}"), c), httptest.NewRequest(http.MethodGet, url, nil),
		} {
			q.Host = host
			res := r.do(q)
			if res.StatusCode != http.StatusForbidden {
				t.Errorf("%s at %q: %s", q.URL, host, res.Status)
			}
		}
	}
	q := httptest.NewRequest(http.MethodGet, theURL+"/", nil)
	q.Host = "localhost:8800"
	r.gives(q, http.StatusForbidden, "banyan dashboard")
	q = with(request("GET", "/api/session", ""), c)
	q.Host = strings.ToUpper(theHost) + ":9900" // a port that was forwarded
	r.gives(q, http.StatusOK, "operator")
	if len(r.called) > 0 {
		t.Errorf("%q were called", r.called)
	}
}

func TestOtherOrigins(t *testing.T) {
	r := newRig(t)
	c := r.enter(access.Operator)
	for name, change := range map[string]func(*http.Request){
		"another site":   func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "cross-site") },
		"another port":   func(q *http.Request) { q.Header.Set("Sec-Fetch-Site", "same-site") },
		"an old browser": func(q *http.Request) { q.Header.Del("Sec-Fetch-Site"); q.Header.Set("Origin", "http://evil.example") },
		"an old browser, a port": func(q *http.Request) {
			q.Header.Del("Sec-Fetch-Site")
			q.Header.Set("Origin", "http://"+theHost+":20001")
		},
		"a sandbox": func(q *http.Request) { q.Header.Del("Sec-Fetch-Site"); q.Header.Set("Origin", "null") },
	} {
		q := with(request("POST", restart, "{}"), c)
		change(q)
		if res := r.do(q); res.StatusCode != http.StatusForbidden {
			t.Errorf("%s: %s", name, res.Status)
		}
	}
	for _, site := range []string{"cross-site", "same-site"} { // reading, too
		for _, path := range []string{"/api/session", "/api/stream", "/prometheus/api/v1/query"} {
			q := with(request("GET", path, ""), c)
			q.Header.Set("Sec-Fetch-Site", site)
			r.gives(q, http.StatusForbidden, "another origin")
		}
	}
	for _, kind := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/proto", ""} {
		q := with(request("POST", restart, "{}"), c)
		q.Header.Set("Content-Type", kind)
		r.gives(q, http.StatusUnsupportedMediaType, "JSON")
	}
	if len(r.called) > 0 {
		t.Errorf("%q were called", r.called)
	}
}

func TestRoles(t *testing.T) {
	r := newRig(t)
	viewer, operator := r.enter(access.Viewer), r.enter(access.Operator)
	const status = "/api/banyan.v1.ControlService/GetStatus"
	r.gives(with(request("POST", status, "{}"), viewer), http.StatusOK, "{}")
	r.gives(with(request("POST", restart, `{"service":"order"}`), viewer), http.StatusForbidden, "a viewer looks and changes nothing")
	r.gives(with(request("POST", restart, `{"service":"order"}`), operator), http.StatusOK, "{}")
	for _, procedure := range []string{"ControlService/Apply", "DashboardService/OpenDashboard", "ControlService/NoSuch", "BusService/Publish", "ControlService/Restart/", "../x"} {
		for _, c := range []*http.Cookie{viewer, operator} {
			r.gives(with(request("POST", "/api/banyan.v1."+procedure, "{}"), c), http.StatusForbidden, "use the CLI")
		}
	}
	r.gives(with(request("GET", status+"?connect=v1&encoding=json&message={}", ""), operator), http.StatusMethodNotAllowed, "POST")
	if want := "/banyan.v1.ControlService/GetStatus /banyan.v1.ControlService/Restart"; strings.Join(r.called, " ") != want {
		t.Errorf("%q were called", r.called)
	}
	actions, _, err := r.dash.Audit.List(1, 0)
	if err != nil || actions[0].Procedure != "ControlService/Restart" || actions[0].Role != "viewer" || !strings.HasPrefix(actions[0].Result, "refused") {
		t.Errorf("%+v, %v", actions, err)
	}
}

func TestBodiesAreBounded(t *testing.T) {
	r := newRig(t, func(o *Options, _ *Site) {
		o.RPCs["/banyan.v1.ControlService/"] = http.HandlerFunc(func(w http.ResponseWriter, q *http.Request) {
			_, err := io.ReadAll(q.Body)
			if _, ok := errors.AsType[*http.MaxBytesError](err); !ok {
				t.Errorf("it is read until %v", err)
			}
			w.WriteHeader(http.StatusRequestEntityTooLarge)
		})
	})
	r.gives(with(request("POST", restart, strings.Repeat("x", 2<<20)), r.enter(access.Operator)), http.StatusRequestEntityTooLarge, "")
}

func TestPrometheus(t *testing.T) {
	r := newRig(t)
	c := r.enter(access.Viewer)
	r.gives(with(request("GET", "/prometheus/api/v1/query?query=up", ""), c), http.StatusOK, "/api/v1/query")
	form := with(request("POST", "/prometheus/api/v1/query", "query=up"), c)
	form.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.gives(form, http.StatusOK, "/api/v1/query")
	r.gives(with(request("PUT", "/prometheus/api/v1/query", ""), c), http.StatusMethodNotAllowed, "")
}

func TestHTTPS(t *testing.T) {
	r := newRig(t, func(_ *Options, s *Site) {
		s.Host, s.URL, s.Secure = "ops.example.com", "https://ops.example.com", true
	})
	c := r.enter(access.Viewer)
	if !c.Secure || c.Name != "__Host-banyan_dashboard" || r.dash.Home() != "https://ops.example.com/" {
		t.Errorf("%v at %s", c, r.dash.Home())
	}
	q := httptest.NewRequest(http.MethodGet, "https://ops.example.com/api/session", nil)
	res := r.do(with(q, c))
	if res.StatusCode != http.StatusOK || res.Header.Get("Strict-Transport-Security") == "" {
		t.Errorf("%s, %v", res.Status, res.Header)
	}
}

func TestClosed(t *testing.T) {
	r := newRig(t)
	r.dash.Closed(http.ErrServerClosed)
	if _, _, err := r.dash.Invite(access.Viewer); !errors.Is(err, http.ErrServerClosed) || r.dash.Home() != "" {
		t.Errorf("%v, at %q", err, r.dash.Home())
	}
}
