package signin

import (
	"bytes"
	"encoding/base64"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/dash/access"
	"github.com/banyanrun/banyan/internal/dash/signin/signintest"
	"github.com/banyanrun/banyan/internal/fault"
)

func TestSignIn(t *testing.T) {
	r := newRig(t)
	r.idp.Claims = map[string]any{"email": "ann@example.com", "email_verified": true}
	p, err := r.signIn()
	if err != nil {
		t.Fatal(err)
	}
	if p.Who != "ann@example.com" || p.Role != access.Operator || p.To != "/traces" || p.Subject != r.idp.URL()+" 1" || p.Rules != r.provider.Rules() {
		t.Errorf("%+v", p)
	}
	r.idp.Rotate()
	if _, err := r.signIn(); err != nil {
		t.Errorf("after the provider changed its key: %v", err)
	}
}

// What a provider that was taken over, or somebody between, could send.
func TestTokensThatDoNotHold(t *testing.T) {
	other := signintest.New(t, redirect)
	plain := func(head, claims string) string {
		return base64.RawURLEncoding.EncodeToString([]byte(head)) + "." + base64.RawURLEncoding.EncodeToString([]byte(claims)) + "."
	}
	for name, c := range map[string]struct {
		claims map[string]any
		sign   func(claims string) string
	}{
		"another nonce":         {claims: map[string]any{"nonce": "another"}},
		"no nonce":              {claims: map[string]any{"nonce": ""}},
		"another audience":      {claims: map[string]any{"aud": "another"}},
		"no audience":           {claims: map[string]any{"aud": []string{}}},
		"another party":         {claims: map[string]any{"aud": []string{signintest.ClientID, "another"}, "azp": "another"}},
		"two audiences":         {claims: map[string]any{"aud": []string{signintest.ClientID, "another"}}},
		"another issuer":        {claims: map[string]any{"iss": "https://evil.example"}},
		"expired":               {claims: map[string]any{"exp": time.Now().Add(-2 * time.Minute).Unix()}},
		"not valid yet":         {claims: map[string]any{"nbf": time.Now().Add(time.Hour).Unix()}},
		"no subject":            {claims: map[string]any{"sub": ""}},
		"another access token":  {claims: map[string]any{"at_hash": "AAAAAAAAAAAAAAAAAAAAAA"}},
		"not signed":            {sign: func(claims string) string { return plain(`{"alg":"none"}`, claims) }},
		"not signed, by a key":  {sign: func(claims string) string { return plain(`{"alg":"none","kid":"x"}`, claims) }},
		"a public key's secret": {sign: func(claims string) string { return plain(`{"alg":"HS256"}`, claims) + "AAAA" }},
		"another's key":         {sign: func(claims string) string { return other.Signed(claims, other.Key()) }},
		"no token":              {sign: func(string) string { return "" }},
		"garbage":               {sign: func(string) string { return "a.b.c" }},
	} {
		t.Run(name, func(t *testing.T) {
			r := newRig(t)
			r.idp.Claims, r.idp.Sign = c.claims, c.sign
			if p, err := r.signIn(); fault.CodeOf(err) != fault.Denied || p.Role != "" {
				t.Errorf("%+v, %v", p, err)
			}
		})
	}
	r := newRig(t)
	r.idp.Sign = func(claims string) string { return r.idp.Signed(claims, other.Key()) } // under the right name
	if p, err := r.signIn(); fault.CodeOf(err) != fault.Denied {
		t.Errorf("another's key under the right name: %+v, %v", p, err)
	}
}

func TestClocksMayDiffer(t *testing.T) {
	r := newRig(t)
	r.idp.At = func() time.Time { return time.Now().Add(-90 * time.Second) } // it expired 30 s ago
	if _, err := r.signIn(); err != nil {
		t.Errorf("half a minute too old: %v", err)
	}
	r.idp.At = func() time.Time { return time.Now().Add(time.Minute) }
	if _, err := r.signIn(); err != nil {
		t.Errorf("a minute too new: %v", err)
	}
}

// An answer counts in the browser that asked, once. Otherwise somebody could have another
// person's browser sign in as him, and see what that person does then.
func TestAnswersToNoQuestion(t *testing.T) {
	r := newRig(t)
	answer, ticket := r.begin()
	for name, c := range map[string]struct {
		answer url.Values
		ticket string
	}{
		"no ticket":        {answer, ""},
		"garbage":          {answer, "AAAA"},
		"another's ticket": {answer, func() string { _, other := r.begin(); return other }()},
		"no state":         {url.Values{"code": answer["code"]}, ticket},
		"another state":    {url.Values{"code": answer["code"], "state": {"x"}}, ticket},
		"another daemon's": {answer, func() string { _, other := newRig(t).begin(); return other }()},
	} {
		if p, err := r.provider.Finish(t.Context(), c.answer, c.ticket); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%s: %+v, %v", name, p, err)
		}
	}
	if _, err := r.provider.Finish(t.Context(), answer, ticket); err != nil {
		t.Fatal(err)
	}
	if p, err := r.provider.Finish(t.Context(), answer, ticket); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("again: %+v, %v", p, err)
	}
	again, ticket := r.begin()
	again.Set("code", answer.Get("code"))
	if p, err := r.provider.Finish(t.Context(), again, ticket); fault.CodeOf(err) != fault.Denied {
		t.Errorf("a code of before: %+v, %v", p, err)
	}
	mixed, ticket := r.begin()
	mixed.Set("iss", "https://evil.example")
	if p, err := r.provider.Finish(t.Context(), mixed, ticket); fault.CodeOf(err) != fault.Denied {
		t.Errorf("another provider's answer: %+v, %v", p, err)
	}
}

func TestTicketsEnd(t *testing.T) {
	now := time.Now()
	r := newRig(t, func(o *Options) { o.Now = func() time.Time { return now } })
	answer, sealed := r.begin()
	now = now.Add(TicketLife)
	if p, err := r.provider.Finish(t.Context(), answer, sealed); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("%+v, %v", p, err)
	}
	tickets := newTickets(time.Now)
	for i := range 2 * mostUsed {
		one := ticket{State: strconv.Itoa(i)}
		if !tickets.use(&one) || tickets.use(&one) {
			t.Fatalf("the ticket %d", i)
		}
	}
	if len(tickets.used) > mostUsed || len(tickets.order) > mostUsed {
		t.Errorf("%d are kept", len(tickets.used))
	}
}

// What goes wrong is told to people so that they know what to do, and no token is in it.
func TestWhatPeopleAreTold(t *testing.T) {
	var log bytes.Buffer
	r := newRig(t, func(o *Options) { o.Log = slog.New(slog.NewTextHandler(&log, nil)) })
	told := func(name string, answer url.Values, ticket, want string) {
		t.Helper()
		_, err := r.provider.Finish(t.Context(), answer, ticket)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, without %q", name, err, want)
		}
	}
	answer, ticket := r.begin()
	answer.Set("code", "another")
	told("a code that is none", answer, ticket, "have the redirect URL "+redirect+" registered")

	answer, ticket = r.begin()
	told("somebody did not want to", url.Values{"state": answer["state"], "error": {"access_denied"}, "error_description": {"no\x1b[31m <b>"}}, ticket, "did not let you in (access_denied: no[31m <b>)")
	answer, ticket = r.begin()
	told("a scope", url.Values{"state": answer["state"], "error": {"invalid_scope"}}, ticket, "dashboard.oidc.scopes")
	answer, ticket = r.begin()
	told("the flow", url.Values{"state": answer["state"], "error": {"unauthorized_client"}}, ticket, redirect)

	r.provider.options.Secret = func() (string, error) { return "wrong", nil }
	answer, ticket = r.begin()
	told("the client's secret", answer, ticket, "client_id and client_secret (invalid_client)")
	answer, ticket = r.begin()
	r.idp.Down(true)
	told("it is down", answer, ticket, "did not answer as it must")
	for _, secret := range []string{"wrong", "an access token", signintest.Secret} {
		if strings.Contains(log.String(), secret) {
			t.Errorf("%q is in the log:\n%s", secret, log.String())
		}
	}
	if n := strings.Count(log.String(), "\n"); n != 1 { // in a minute
		t.Errorf("strangers fill the log: %d lines", n)
	}
}

func TestProvidersThatAreNotThere(t *testing.T) {
	now := time.Now()
	r := newRig(t, func(o *Options) { o.Now = func() time.Time { return now } })
	r.idp.Down(true)
	if err := r.provider.Check(t.Context()); fault.CodeOf(err) != fault.Unavailable || !strings.Contains(err.Error(), "dashboard.oidc.issuer") {
		t.Errorf("%v", err)
	}
	r.idp.Down(false)
	if err := r.provider.Check(t.Context()); err == nil {
		t.Error("it is asked again at once")
	}
	now = now.Add(retry)
	if err := r.provider.Check(t.Context()); err != nil {
		t.Errorf("it is there again: %v", err)
	}
	r.idp.Down(true)
	now = now.Add(fresh)
	if err := r.provider.Check(t.Context()); err != nil {
		t.Errorf("what it said before does not count any more: %v", err)
	}

	named := newRig(t)
	named.idp.Name = "https://another.example"
	if err := named.provider.Check(t.Context()); fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), "calls itself https://another.example") {
		t.Errorf("%v", err)
	}
}

// A provider that names addresses where others read along, or that leads elsewhere.
func TestUnsafeProviders(t *testing.T) {
	for name, answer := range map[string]string{
		"tokens":  `{"issuer":"%s","authorization_endpoint":"%[1]s/a","token_endpoint":"http://id.example.com/t","jwks_uri":"%[1]s/k"}`,
		"keys":    `{"issuer":"%s","authorization_endpoint":"%[1]s/a","token_endpoint":"%[1]s/t","jwks_uri":"http://id.example.com/k"}`,
		"nothing": `{"issuer":"%s"}`,
		"script":  `{"issuer":"%s","authorization_endpoint":"javascript:alert(1)","token_endpoint":"%[1]s/t","jwks_uri":"%[1]s/k"}`,
	} {
		var s *httptest.Server
		s = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Content-Type", "application/json")
			_, _ = w.Write([]byte(strings.NewReplacer("%[1]s", s.URL, "%s", s.URL).Replace(answer))) // it is a recorder
		}))
		p := New(Options{Issuer: s.URL, ClientID: "x"})
		if err := p.Check(t.Context()); fault.CodeOf(err) != fault.Invalid {
			t.Errorf("%s: %v", name, err)
		}
		p.Close()
		s.Close()
	}
	away := httptest.NewServer(http.RedirectHandler("http://127.0.0.1:1/", http.StatusFound))
	defer away.Close()
	p := New(Options{Issuer: away.URL, ClientID: "x"})
	defer p.Close()
	if err := p.Check(t.Context()); err == nil || !strings.Contains(err.Error(), "not followed") {
		t.Errorf("%v", err)
	}
}
