package dash

import (
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/dash/access"
	"github.com/banyanrun/banyan/internal/dash/signin"
	"github.com/banyanrun/banyan/internal/dash/signin/signintest"
)

const serverURL = "https://ops.example.com"

// newServer is a dashboard that people sign in to; the person of the provider's is one
// of the viewers.
func newServer(t *testing.T, change ...func(*signin.Options)) (*rig, *signintest.Provider) {
	t.Helper()
	idp := signintest.New(t, serverURL+CallbackPath)
	idp.Claims = map[string]any{"email": "ann@example.com", "email_verified": true}
	o := signin.Options{
		Issuer: idp.URL(), ClientID: signintest.ClientID, Secret: func() (string, error) { return signintest.Secret, nil },
		GroupsClaim: "groups", Redirect: serverURL + CallbackPath, Life: time.Hour, Viewers: signin.People{Emails: []string{"ann@example.com"}},
	}
	for _, f := range change {
		f(&o)
	}
	provider := signin.New(o)
	t.Cleanup(provider.Close)
	return newRig(t, func(_ *Options, s *Site) {
		s.Host, s.URL, s.Secure, s.SignIn = "ops.example.com", serverURL, true, provider
	}), idp
}

// open is a request as a browser makes it that is led to an address.
func open(to string, cookies ...*http.Cookie) *http.Request {
	q := httptest.NewRequest(http.MethodGet, serverURL+to, nil)
	q.Header.Set("Sec-Fetch-Site", "cross-site")
	q.Header.Set("Sec-Fetch-Mode", "navigate")
	for _, c := range cookies {
		q.AddCookie(c)
	}
	return q
}

// begin begins to sign in, and returns the cookie that goes with it.
func (r *rig) begin(query string) (leads string, ticket *http.Cookie) {
	r.t.Helper()
	q := open(signInPath + query)
	q.Header.Set("Sec-Fetch-Site", "same-origin")
	res := r.do(q)
	if res.StatusCode != http.StatusSeeOther || len(res.Cookies()) != 1 {
		r.t.Fatalf("%s, %d cookies", res.Status, len(res.Cookies()))
	}
	return res.Header.Get("Location"), res.Cookies()[0]
}

// cookieNamed is one of an answer's cookies.
func cookieNamed(t *testing.T, res *http.Response, name string) *http.Cookie {
	t.Helper()
	for _, c := range res.Cookies() {
		if c.Name == name {
			return c
		}
	}
	body, err := io.ReadAll(res.Body)
	t.Fatalf("%s sets no cookie %s: %s, %v", res.Status, name, body, err)
	return nil
}

// signIn is a whole sign-in. It returns the session's cookie, and where that leads.
func (r *rig) signIn(idp *signintest.Provider, query string, cookies ...*http.Cookie) (session *http.Cookie, leads string) {
	r.t.Helper()
	address, ticket := r.begin(query)
	res := r.do(open(CallbackPath+"?"+idp.SignIn(address).Encode(), append(cookies, ticket)...))
	return cookieNamed(r.t, res, cookieName(true)), res.Header.Get("Location")
}

func TestSignIn(t *testing.T) {
	r, idp := newServer(t)
	r.gives(serverRequest("GET", "/api/session", ""), http.StatusUnauthorized, `"sign_in":"/auth/sign-in"`)
	_, ticket := r.begin("")
	if !ticket.HttpOnly || !ticket.Secure || ticket.SameSite != http.SameSiteLaxMode || ticket.Domain != "" || ticket.MaxAge > 600 {
		t.Errorf("the ticket is %v", ticket)
	}
	session, leads := r.signIn(idp, "?to="+url.QueryEscape("/traces?q=a b&token=x"))
	if leads != "/traces?q=a+b" || !session.HttpOnly || !session.Secure || session.SameSite != http.SameSiteStrictMode || session.MaxAge != 3600 {
		t.Errorf("it leads to %s, by %v", leads, session)
	}
	r.gives(with(serverRequest("GET", "/api/session", ""), session), http.StatusOK, `"role":"viewer"`)
	r.gives(with(serverRequest("POST", restart, "{}"), session), http.StatusForbidden, "a viewer looks and changes nothing")
	actions, _, err := r.dash.Audit.List(10, 0)
	if err != nil || len(actions) != 2 || actions[0].Who != "ann@example.com" || actions[1].Who != "ann@example.com" || actions[1].Procedure != "sign in" {
		t.Errorf("%+v, %v", actions, err)
	}
	link := r.enter(access.Operator) // the machine's own user
	r.gives(with(serverRequest("GET", "/api/session", ""), link), http.StatusOK, `"role":"operator"`)
}

// serverRequest is request, at a server.
func serverRequest(method, path, body string) *http.Request {
	q := request(method, path, body)
	q.Host = "ops.example.com"
	if method == http.MethodPost {
		q.Header.Set("Origin", serverURL)
	}
	return q
}

func TestNobodyWithoutARole(t *testing.T) {
	r, idp := newServer(t)
	for name, said := range map[string]map[string]any{
		"another": {"email": "eve@example.com", "email_verified": true}, "not verified": {"email": "ann@example.com"}, "nothing": nil,
	} {
		idp.Claims = said
		address, ticket := r.begin("")
		res := r.do(open(CallbackPath+"?"+idp.SignIn(address).Encode(), ticket))
		body, err := io.ReadAll(res.Body)
		if err != nil || res.StatusCode != http.StatusForbidden || !strings.Contains(string(body), "dashboard.oidc.operators") {
			t.Errorf("%s: %s %s, %v", name, res.Status, body, err)
		}
		for _, c := range res.Cookies() {
			if c.Name != ticketName || c.MaxAge >= 0 {
				t.Errorf("%s: it sets %v", name, c)
			}
		}
	}
}

// Another site leads a browser here to have it signed in as somebody else, or as nobody.
func TestLoginCSRF(t *testing.T) {
	r, idp := newServer(t)
	address, _ := r.begin("") // the attacker's own
	answer := idp.SignIn(address)
	_, victims := r.begin("")
	for name, q := range map[string]*http.Request{
		"no sign-in": open(CallbackPath + "?" + answer.Encode()), "another sign-in": open(CallbackPath+"?"+answer.Encode(), victims),
	} {
		if res := r.do(q); res.StatusCode != http.StatusBadRequest {
			t.Errorf("%s: %s", name, res.Status)
		}
	}
	for _, site := range []string{"cross-site", "same-site"} {
		q := open(signInPath)
		q.Header.Set("Sec-Fetch-Site", site)
		if res := r.do(q); res.Header.Get("Location") != "/" || len(res.Cookies()) != 0 {
			t.Errorf("a %s page begins a sign-in: %v", site, res.Header)
		}
	}
	for _, field := range []string{"Sec-Purpose", "Purpose"} {
		q := open(signInPath)
		q.Header.Set("Sec-Fetch-Site", "same-origin")
		q.Header.Set(field, "prefetch")
		r.gives(q, http.StatusServiceUnavailable, "Open the address itself")
	}
	// What somebody put into a link is not shown as if the dashboard said it.
	res := r.do(open(CallbackPath+"?error=x&error_description=call+555", victims))
	if body, err := io.ReadAll(res.Body); err != nil || strings.Contains(string(body), "555") {
		t.Errorf("%s, %v", body, err)
	}
}

func TestSessionFixation(t *testing.T) {
	r, idp := newServer(t)
	planted := &http.Cookie{Name: cookieName(true), Value: "planted"}
	session, _ := r.signIn(idp, "", planted)
	if session.Value == planted.Value {
		t.Error("the session has a secret that somebody planted")
	}
	r.gives(with(serverRequest("GET", "/api/session", ""), planted), http.StatusUnauthorized, "")
	again, _ := r.signIn(idp, "", session) // which is another one's, perhaps
	r.gives(with(serverRequest("GET", "/api/session", ""), session), http.StatusUnauthorized, "")
	r.gives(with(serverRequest("GET", "/api/session", ""), again), http.StatusOK, "viewer")
}

func TestWithin(t *testing.T) {
	for to, want := range map[string]string{
		"": "/", "/": "/", "/traces/ab?x=1": "/traces/ab?x=1", "/a%0d%0aSet-Cookie:x": "/a%0D%0ASet-Cookie:x",
		"//evil.example": "/", "///evil.example": "/evil.example", "/\\evil.example": "/%5Cevil.example", "\\\\evil.example": "/", "/\t/evil.example": "/",
		"https://evil.example/": "/", "https:evil.example": "/", "javascript:alert(1)": "/", "//evil.example@ops.example.com/": "/", "evil": "/", "?x": "/",
		"/api/session": "/", "/prometheus/x": "/", "/auth/sign-in": "/", "/x?token=abc": "/x", "/" + strings.Repeat("x", mostAddress): "/",
	} {
		got := within(to)
		if !strings.EqualFold(got, want) {
			t.Errorf("%q leads to %q, want %q", to, got, want)
		}
	}
}

// A session counts under the rules that gave it, in this daemon and in the next.
func TestRulesChange(t *testing.T) {
	r, idp := newServer(t)
	session, _ := r.signIn(idp, "")
	link := r.enter(access.Viewer)
	r.dash.Sessions.Keep(r.site.keeps) // as is done when the site is opened
	r.gives(with(serverRequest("GET", "/api/session", ""), session), http.StatusOK, "ann")
	other, _ := newServer(t)
	for name, site := range map[string]*Site{"others": &other.site, "none": {}} {
		fresh, _ := r.signIn(idp, "")
		r.dash.Sessions.Keep(site.keeps)
		r.gives(with(serverRequest("GET", "/api/session", ""), fresh), http.StatusUnauthorized, "")
		r.gives(with(serverRequest("GET", "/api/session", ""), link), http.StatusOK, "viewer")
		if t.Failed() {
			t.Fatal(name)
		}
	}
	last, _ := r.signIn(idp, "")
	r.serve(nil) // where nobody signs in
	r.gives(with(serverRequest("GET", "/api/session", ""), last), http.StatusUnauthorized, "")
}

func TestSignInThatCannotBe(t *testing.T) {
	r, idp := newServer(t)
	idp.Down(true)
	q := open(signInPath)
	q.Header.Set("Sec-Fetch-Site", "none")
	r.gives(q, http.StatusServiceUnavailable, "dashboard.oidc.issuer")
	if body, err := io.ReadAll(r.do(q).Body); err != nil || strings.Contains(string(body), "openid-configuration") {
		t.Errorf("strangers are told how it fails: %s, %v", body, err)
	}
	none := newRig(t)
	none.gives(request("GET", signInPath, ""), http.StatusNotFound, "banyan dashboard")
	none.gives(request("GET", CallbackPath+"?code=x", ""), http.StatusNotFound, "banyan dashboard")
	r.gives(serverRequest("GET", "/auth/x", ""), http.StatusNotFound, "")
	r.gives(serverRequest("POST", CallbackPath, ""), http.StatusMethodNotAllowed, "")
	q = open(signInPath)
	q.Host = "evil.example"
	r.gives(q, http.StatusForbidden, "")
}
