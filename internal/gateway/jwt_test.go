package gateway

import (
	"context"
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/hmac"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math/big"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var b64 = base64.RawURLEncoding.EncodeToString

// keys of the tests, by key ID.
var (
	edPub, edKey, _ = ed25519.GenerateKey(rand.Reader)
	ecKey, _        = ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	rsaKey, _       = rsa.GenerateKey(rand.Reader, 2048)
	otherPub, _, _  = ed25519.GenerateKey(rand.Reader)
)

func edJWK(id string, pub ed25519.PublicKey) map[string]any {
	return map[string]any{"kty": "OKP", "crv": "Ed25519", "kid": id, "x": b64(pub)}
}

func allKeys() []map[string]any {
	return []map[string]any{
		edJWK("ed", edPub),
		{"kty": "EC", "crv": "P-256", "kid": "ec", "x": b64(ecKey.X.FillBytes(make([]byte, 32))), "y": b64(ecKey.Y.FillBytes(make([]byte, 32)))},
		{"kty": "RSA", "kid": "rsa", "n": b64(rsaKey.N.Bytes()), "e": b64(big.NewInt(int64(rsaKey.E)).Bytes())},
		{"kty": "oct", "kid": "hmac", "k": b64([]byte("secret-secret-secret-secret-secret"))},
		{"kty": "OKP", "crv": "Ed25519", "kid": "enc", "use": "enc", "x": b64(edPub)},
		{"kty": "strange", "kid": "strange"},
	}
}

func sign(head map[string]any, claims any) string {
	h, _ := json.Marshal(head)
	c, _ := json.Marshal(claims)
	text := b64(h) + "." + b64(c)
	sum := sha256.Sum256([]byte(text))
	var sig []byte
	switch head["alg"] {
	case "EdDSA":
		sig = ed25519.Sign(edKey, []byte(text))
	case "ES256":
		r, s, _ := ecdsa.Sign(rand.Reader, ecKey, sum[:])
		sig = append(r.FillBytes(make([]byte, 32)), s.FillBytes(make([]byte, 32))...)
	case "RS256":
		sig, _ = rsa.SignPKCS1v15(rand.Reader, rsaKey, crypto.SHA256, sum[:])
	case "HS256":
		m := hmac.New(sha256.New, head["-key"].([]byte))
		delete(head, "-key")
		h, _ = json.Marshal(head)
		text = b64(h) + "." + b64(c)
		m.Write([]byte(text))
		sig = m.Sum(nil)
	}
	return text + "." + b64(sig)
}

// issuer serves a key set that a test changes.
type issuer struct {
	keys  atomic.Pointer[[]map[string]any]
	down  atomic.Bool
	calls atomic.Int32
	url   string
}

func newIssuer(t *testing.T, keys []map[string]any) *issuer {
	t.Helper()
	i := &issuer{}
	i.keys.Store(&keys)
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		i.calls.Add(1)
		if i.down.Load() {
			w.WriteHeader(500)
			return
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"keys": *i.keys.Load()})
	}))
	t.Cleanup(s.Close)
	i.url = s.URL
	return i
}

var allAlgs = []string{"EdDSA", "ES256", "RS256", "HS256", "none"}

func verifier(t *testing.T, cfg route.JWT, now func() time.Time) *Verifier {
	t.Helper()
	v := NewVerifier(cfg, VerifierOptions{Now: now})
	t.Cleanup(v.Close)
	return v
}

func TestVerify(t *testing.T) {
	i := newIssuer(t, allKeys())
	now := time.Now()
	v := verifier(t, route.JWT{Issuer: "shop", Audience: "web", JWKS: i.url, Algorithms: allAlgs, Leeway: 30 * time.Second}, nil)
	claims := func(change func(map[string]any)) map[string]any {
		c := map[string]any{"iss": "shop", "aud": []string{"app", "web"}, "sub": "u1", "exp": now.Add(time.Minute).Unix(), "iat": now.Unix()}
		if change != nil {
			change(c)
		}
		return c
	}
	ed := map[string]any{"alg": "EdDSA", "kid": "ed"}
	good := sign(ed, claims(nil))
	parts := strings.Split(good, ".")
	rsaPEM := rsaKey.N.Bytes()
	for _, c := range []struct {
		name, token string
		ok          bool
	}{
		{"EdDSA", good, true},
		{"ES256", sign(map[string]any{"alg": "ES256", "kid": "ec"}, claims(nil)), true},
		{"RS256", sign(map[string]any{"alg": "RS256", "kid": "rsa"}, claims(nil)), true},
		{"no kid", sign(map[string]any{"alg": "ES256"}, claims(nil)), true},
		{"one audience", sign(ed, claims(func(c map[string]any) { c["aud"] = "web" })), true},
		{"no iat", sign(ed, claims(func(c map[string]any) { delete(c, "iat") })), true},
		{"no exp", sign(ed, claims(func(c map[string]any) { delete(c, "exp") })), false},
		{"expired within leeway", sign(ed, claims(func(c map[string]any) { c["exp"] = now.Add(-20 * time.Second).Unix() })), true},
		{"fraction", sign(ed, claims(func(c map[string]any) { c["exp"] = float64(now.Unix()) + 90.5 })), true},

		{"none", b64([]byte(`{"alg":"none"}`)) + "." + parts[1] + ".", false},
		{"None", b64([]byte(`{"alg":"None"}`)) + "." + parts[1] + ".", false},
		{"HMAC by the symmetric key", sign(map[string]any{"alg": "HS256", "kid": "hmac", "-key": []byte("secret-secret-secret-secret-secret")}, claims(nil)), false},
		{"HMAC by a public key", sign(map[string]any{"alg": "HS256", "kid": "rsa", "-key": rsaPEM}, claims(nil)), false},
		{"kid of another kind of key", sign(map[string]any{"alg": "EdDSA", "kid": "rsa"}, claims(nil)), false},
		{"kid of a key for encryption", sign(map[string]any{"alg": "EdDSA", "kid": "enc"}, claims(nil)), false},
		{"crit", sign(map[string]any{"alg": "EdDSA", "kid": "ed", "crit": []string{"x"}, "x": 1}, claims(nil)), false},
		{"b64", sign(map[string]any{"alg": "EdDSA", "kid": "ed", "b64": false}, claims(nil)), false},
		{"changed claims", parts[0] + "." + b64([]byte(`{"iss":"shop","aud":"web","sub":"root"}`)) + "." + parts[2], false},
		{"no signature", parts[0] + "." + parts[1] + ".", false},
		{"two parts", parts[0] + "." + parts[1], false},
		{"embedded key", sign(map[string]any{"alg": "EdDSA", "kid": "own", "jwk": edJWK("own", edPub)}, claims(nil)), false},
		{"rubbish", "a.b.c", false},
		{"large", strings.Repeat("x", maxToken) + "..", false},
		{"other issuer", sign(ed, claims(func(c map[string]any) { c["iss"] = "evil" })), false},
		{"issuer is a list", sign(ed, claims(func(c map[string]any) { c["iss"] = []string{"shop"} })), false},
		{"other audience", sign(ed, claims(func(c map[string]any) { c["aud"] = "api" })), false},
		{"expired", sign(ed, claims(func(c map[string]any) { c["exp"] = now.Add(-time.Minute).Unix() })), false},
		{"not yet", sign(ed, claims(func(c map[string]any) { c["nbf"] = now.Add(time.Minute).Unix() })), false},
		{"issued in the future", sign(ed, claims(func(c map[string]any) { c["iat"] = now.Add(time.Minute).Unix() })), false},
		{"exp is text", sign(ed, claims(func(c map[string]any) { c["exp"] = "never" })), false},
		{"exp is huge", sign(ed, claims(func(c map[string]any) { c["exp"] = 1e300 })), false},
		{"claims are a list", sign(ed, []int{1}), false},
	} {
		got, err := v.Verify(t.Context(), c.token)
		if (err == nil) != c.ok || err != nil && !errors.Is(err, ErrInvalid) {
			t.Errorf("%s: %v", c.name, err)
		}
		if c.ok && got.Subject != "u1" {
			t.Errorf("%s: subject %q", c.name, got.Subject)
		}
	}
	// An algorithm that the configuration does not list.
	v = verifier(t, route.JWT{JWKS: i.url, Algorithms: []string{"ES256"}}, nil)
	if _, err := v.Verify(t.Context(), good); !errors.Is(err, ErrInvalid) {
		t.Errorf("not listed: %v", err)
	}
}

// TestRotation: new keys are found, old ones are kept while the issuer is away.
func TestRotation(t *testing.T) {
	i := newIssuer(t, []map[string]any{edJWK("old", otherPub)})
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	now := func() time.Time { return time.Unix(0, clock.Load()) }
	v := verifier(t, route.JWT{JWKS: i.url, Algorithms: allAlgs}, now)
	token := sign(map[string]any{"alg": "EdDSA", "kid": "new"}, map[string]any{"sub": "u", "exp": 1e10})
	check := func(want error) {
		t.Helper()
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, want) {
			t.Errorf("%v, want %v", err, want)
		}
	}
	calls := func(want int32) {
		t.Helper()
		if n := i.calls.Load(); n != want {
			t.Errorf("%d fetches, want %d", n, want)
		}
	}
	check(ErrInvalid)
	calls(1)
	i.keys.Store(&[]map[string]any{edJWK("new", edPub)})
	check(ErrInvalid) // too soon after the last fetch
	calls(1)
	clock.Add(int64(keysUnknown) + 1)
	check(nil)
	calls(2)
	check(nil)
	calls(2)
	i.down.Store(true)
	clock.Add(int64(keysFresh) + 1)
	check(nil) // refreshed in the background, which fails
	deadline := time.Now().Add(5 * time.Second)
	for i.calls.Load() < 3 && time.Now().Before(deadline) {
		time.Sleep(time.Millisecond) //nolint:forbidigo // polls a counter
	}
	calls(3)
	check(nil)
}

func TestUnavailable(t *testing.T) {
	i := newIssuer(t, []map[string]any{edJWK("ed", edPub)})
	i.down.Store(true)
	var reports atomic.Int32
	var clock atomic.Int64
	clock.Store(time.Now().UnixNano())
	v := NewVerifier(route.JWT{JWKS: i.url, Algorithms: allAlgs}, VerifierOptions{
		Now: func() time.Time { return time.Unix(0, clock.Load()) }, Report: func(error) { reports.Add(1) }})
	defer v.Close()
	token := sign(map[string]any{"alg": "EdDSA"}, map[string]any{"sub": "u", "exp": 1e10})
	for range 3 {
		if _, err := v.Verify(t.Context(), token); !errors.Is(err, ErrUnavailable) {
			t.Error(err)
		}
	}
	if n := i.calls.Load(); n != 1 {
		t.Errorf("%d fetches", n)
	}
	i.down.Store(false)
	clock.Add(int64(keysRetry) + 1)
	if _, err := v.Verify(t.Context(), token); err != nil {
		t.Error(err)
	}
	if n := reports.Load(); n != 2 {
		t.Errorf("%d reports, want one of the failure and one of the end", n)
	}
	gone, cancel := context.WithCancel(t.Context())
	cancel()
	v2 := NewVerifier(route.JWT{JWKS: "http://127.0.0.1:1/", Algorithms: allAlgs}, VerifierOptions{})
	defer v2.Close()
	if _, err := v2.Verify(gone, token); !errors.Is(err, ErrUnavailable) {
		t.Error(err)
	}
}

func TestForwardAndStrip(t *testing.T) {
	i := newIssuer(t, allKeys())
	v := verifier(t, route.JWT{JWKS: i.url, Algorithms: allAlgs, Forward: map[string]string{
		"sub": "X-User-Id", "roles": "x-roles", "n": "X-N", "admin": "X-Admin", "obj": "X-Obj", "evil": "X-Evil", "none": "X-None", "comma": "X-Comma",
	}}, nil)
	h := http.Header{"X-User-Id": {"forged"}, "X_user_id": {"forged"}, "X_USER-ID": {"forged"}, "X-Evil": {"forged"}, "X-None": {"forged"}, "X-User": {"stays"}}
	for name := range h {
		if v.Strips(name) {
			delete(h, name)
		}
	}
	if len(h) != 1 {
		t.Errorf("left: %v", h)
	}
	c, err := v.Verify(t.Context(), sign(map[string]any{"alg": "EdDSA"}, map[string]any{
		"sub": "u1", "exp": 1e10, "roles": []string{"a", "b"}, "n": 7, "admin": true, "obj": map[string]any{"k": "v"}, "evil": "a\r\nX-Root: 1", "comma": []string{"a,b"},
	}))
	if err != nil {
		t.Fatal(err)
	}
	v.Forward(c, h)
	want := "map[X-Admin:[true] X-N:[7] X-Obj:[{\"k\":\"v\"}] X-Roles:[a,b] X-User:[stays] X-User-Id:[u1]]"
	if got := fmt.Sprint(h); got != want {
		t.Errorf("%s", got)
	}
}

func TestToken(t *testing.T) {
	for v, want := range map[string]string{"Bearer abc": "abc", "bearer  abc ": "abc", "Basic abc": "", "": "", "Bearer": ""} {
		if got := Token(v); got != want {
			t.Errorf("%q: %q", v, got)
		}
	}
}

func FuzzToken(f *testing.F) {
	f.Add(sign(map[string]any{"alg": "EdDSA"}, map[string]any{"sub": "u", "exp": 1e10}))
	f.Add("..")
	v := NewVerifier(route.JWT{JWKS: "http://127.0.0.1:1/", Algorithms: []string{"EdDSA"}}, VerifierOptions{})
	defer v.Close()
	f.Fuzz(func(t *testing.T, token string) {
		if _, err := parseHead(token); err != nil && !errors.Is(err, ErrInvalid) {
			t.Fatal(err)
		}
		if c, err := v.check([]byte(token)); err == nil {
			v.Forward(c, http.Header{})
		}
	})
}
