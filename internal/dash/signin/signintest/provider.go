package signintest

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"maps"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"github.com/coreos/go-oidc/v3/oidc/oidctest"
)

// The client that the provider knows.
const (
	ClientID = "banyan"
	Secret   = "a secret: of/the client" // which is not the same once it is encoded
)

// Provider is one. Its fields are set before it is asked.
type Provider struct {
	t      *testing.T
	server *httptest.Server

	// Redirect is the one redirect URL that is registered.
	Redirect string
	// Claims are what it says of people, beside what every token has; a value takes the
	// place of such.
	Claims map[string]any
	// More is what its userinfo endpoint says. Nil: it has none.
	More map[string]any
	// Sign makes a token of claims. Nil: properly.
	Sign func(claims string) string
	// Calls itself this. Empty: its URL.
	Name string
	// At is its clock. Nil: time.Now.
	At func() time.Time

	mu    sync.Mutex
	key   *ecdsa.PrivateKey
	keyID string
	codes map[string]url.Values // what they were asked for by
	down  bool
}

// New returns a provider that ends with the test.
func New(t *testing.T, redirect string) *Provider {
	t.Helper()
	p := &Provider{t: t, Redirect: redirect, codes: map[string]url.Values{}}
	p.Rotate()
	mux := http.NewServeMux()
	mux.HandleFunc("GET /.well-known/openid-configuration", p.configuration)
	mux.HandleFunc("GET /keys", p.keys)
	mux.HandleFunc("POST /token", p.token)
	mux.HandleFunc("GET /me", p.me)
	p.server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		p.mu.Lock()
		down := p.down
		p.mu.Unlock()
		if down {
			http.Error(w, "down", http.StatusServiceUnavailable)
			return
		}
		mux.ServeHTTP(w, r)
	}))
	t.Cleanup(p.server.Close)
	return p
}

// URL is its issuer.
func (p *Provider) URL() string { return p.server.URL }

// Rotate gives it another key: it does not show the one before any more.
func (p *Provider) Rotate() {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		p.t.Fatal(err)
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.key, p.keyID = key, rand.Text()
}

// Down lets it answer nothing but errors, or again what it should.
func (p *Provider) Down(down bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.down = down
}

// SignIn is a person who signs in at an address that a client leads to. It returns what
// the person is sent back with.
func (p *Provider) SignIn(address string) url.Values {
	p.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		p.t.Fatal(err)
	}
	q := u.Query()
	for name, want := range map[string]string{
		"response_type": "code", "client_id": ClientID, "redirect_uri": p.Redirect, "code_challenge_method": "S256",
	} {
		if q.Get(name) != want {
			p.t.Errorf("%s is %q, not %q", name, q.Get(name), want)
		}
	}
	for name, least := range map[string]int{"state": 16, "nonce": 16, "code_challenge": 43} {
		if len(q.Get(name)) < least {
			p.t.Errorf("%s is %q", name, q.Get(name))
		}
	}
	if !strings.Contains(" "+q.Get("scope")+" ", " openid ") || u.Path != "/authorize" {
		p.t.Errorf("it leads to %s", address)
	}
	code := rand.Text()
	p.mu.Lock()
	defer p.mu.Unlock()
	p.codes[code] = q
	return url.Values{"code": {code}, "state": q["state"]}
}

func (p *Provider) configuration(w http.ResponseWriter, _ *http.Request) {
	name := p.Name
	if name == "" {
		name = p.URL()
	}
	said := map[string]any{
		"issuer": name, "authorization_endpoint": p.URL() + "/authorize", "token_endpoint": p.URL() + "/token", "jwks_uri": p.URL() + "/keys",
		// What a client must not take though it is offered.
		"id_token_signing_alg_values_supported": []string{oidc.ES256, oidc.RS256, "HS256", "none"},
	}
	if p.More != nil {
		said["userinfo_endpoint"] = p.URL() + "/me"
	}
	p.answer(w, http.StatusOK, said)
}

func (p *Provider) keys(w http.ResponseWriter, r *http.Request) {
	p.mu.Lock()
	s := oidctest.Server{PublicKeys: []oidctest.PublicKey{{PublicKey: p.key.Public(), KeyID: p.keyID, Algorithm: oidc.ES256}}}
	p.mu.Unlock()
	s.SetIssuer(p.URL())
	s.ServeHTTP(w, r)
}

// token gives tokens for a code, once.
func (p *Provider) token(w http.ResponseWriter, r *http.Request) {
	id, secret, _ := r.BasicAuth()
	id, _ = url.QueryUnescape(id) // RFC 6749, section 2.3.1
	secret, _ = url.QueryUnescape(secret)
	if id != ClientID || secret != Secret {
		p.answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_client"})
		return
	}
	p.mu.Lock()
	asked := p.codes[r.PostFormValue("code")]
	delete(p.codes, r.PostFormValue("code"))
	p.mu.Unlock()
	sum := sha256.Sum256([]byte(r.PostFormValue("code_verifier")))
	if asked == nil || r.PostFormValue("grant_type") != "authorization_code" || r.PostFormValue("redirect_uri") != p.Redirect ||
		base64.RawURLEncoding.EncodeToString(sum[:]) != asked.Get("code_challenge") {
		p.answer(w, http.StatusBadRequest, map[string]any{"error": "invalid_grant"})
		return
	}
	p.answer(w, http.StatusOK, map[string]any{"access_token": "an access token", "token_type": "Bearer", "id_token": p.identity(asked.Get("nonce"))})
}

func (p *Provider) identity(nonce string) string {
	now := time.Now()
	if p.At != nil {
		now = p.At()
	}
	said := map[string]any{"iss": p.URL(), "aud": ClientID, "sub": "1", "nonce": nonce, "iat": now.Unix(), "exp": now.Add(time.Minute).Unix()}
	maps.Copy(said, p.Claims)
	text, err := json.Marshal(said)
	if err != nil {
		p.t.Error(err)
	}
	if p.Sign != nil {
		return p.Sign(string(text))
	}
	return p.Signed(string(text), p.Key())
}

// Key is the one that it signs with now.
func (p *Provider) Key() crypto.PrivateKey {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.key
}

// Signed is a token that a key signs, under the name of the provider's own.
func (p *Provider) Signed(claims string, key crypto.PrivateKey) string {
	p.mu.Lock()
	defer p.mu.Unlock()
	return oidctest.SignIDToken(key, p.keyID, oidc.ES256, claims)
}

func (p *Provider) me(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer an access token" {
		p.answer(w, http.StatusUnauthorized, map[string]any{"error": "invalid_token"})
		return
	}
	p.answer(w, http.StatusOK, p.More)
}

func (p *Provider) answer(w http.ResponseWriter, status int, value any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	if err := json.NewEncoder(w).Encode(value); err != nil {
		p.t.Error(err)
	}
}
