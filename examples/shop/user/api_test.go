package main

import (
	"crypto/ed25519"
	"encoding/base64"
	"net/http"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/golang-jwt/jwt/v5"

	"example.com/shop/contract"
)

const ada = `{"email": " Ada@Example.org", "password": "correct horse", "name": "Ada"}`

func TestSignUpSignInAndMe(t *testing.T) {
	h := open(t)
	user := call[contract.User](t, h, 201, "POST", "/api/users", ada)
	if user.ID == "" || user.Email != "ada@example.org" || user.Name != "Ada" {
		t.Fatalf("signed up as %+v", user)
	}

	session := call[contract.Session](t, h, 200, "POST", "/api/sessions", `{"email": "ADA@example.org", "password": "correct horse"}`)
	token := verify(t, h, session.Token)
	if token.Subject != user.ID || token.Email != user.Email || token.Issuer != "shop" || token.Audience[0] != "shop" {
		t.Fatalf("the token says %+v", token)
	}
	if left := time.Until(token.ExpiresAt.Time); left < 59*time.Minute || left > time.Hour {
		t.Fatalf("the token lasts %v", left)
	}

	me := call[contract.User](t, h, 200, "GET", "/api/users/me", "", "X-User-Id", token.Subject)
	if me != user {
		t.Fatalf("me is %+v, want %+v", me, user)
	}
	call[any](t, h, 401, "GET", "/api/users/me", "")
	call[any](t, h, 404, "GET", "/api/users/me", "", "X-User-Id", "usr_gone")
}

// verify checks a token as the gateway does: with the key from the JWKS that has the token's kid.
func verify(t *testing.T, h http.Handler, token string) *claims {
	t.Helper()
	keys := call[keySet](t, h, 200, "GET", "/.well-known/jwks.json", "").Keys
	var out claims
	_, err := jwt.ParseWithClaims(token, &out, func(token *jwt.Token) (any, error) {
		if len(keys) != 1 || token.Header["kid"] != keys[0].ID {
			t.Fatalf("kid %v is not among %+v", token.Header["kid"], keys)
		}
		x, err := base64.RawURLEncoding.DecodeString(keys[0].X)
		return ed25519.PublicKey(x), err
	}, jwt.WithValidMethods([]string{"EdDSA"}), jwt.WithExpirationRequired())
	if err != nil {
		t.Fatal(err)
	}
	return &out
}

func TestTokensOutliveARestart(t *testing.T) {
	path := filepath.Join(t.TempDir(), "user.db")
	before := openAt(t, path)
	call[any](t, before, 201, "POST", "/api/users", ada)
	session := call[contract.Session](t, before, 200, "POST", "/api/sessions", ada)
	verify(t, openAt(t, path), session.Token)
}

func TestSignUpRefuses(t *testing.T) {
	h := open(t)
	call[any](t, h, 201, "POST", "/api/users", ada)
	tests := []struct {
		name, body, code string
		status           int
	}{
		{"same address", ada, "email-taken", 409},
		{"not an address", `{"email": "ada", "password": "correct horse", "name": "Ada"}`, "invalid", 422},
		{"a name in the address", `{"email": "Ada <a@b.org>", "password": "correct horse", "name": "Ada"}`, "invalid", 422},
		{"no name", `{"email": "b@b.org", "password": "correct horse", "name": " "}`, "invalid", 422},
		{"short password", `{"email": "b@b.org", "password": "horse", "name": "B"}`, "invalid", 422},
		{"long password", `{"email": "b@b.org", "password": "` + strings.Repeat("x", 300) + `", "name": "B"}`, "invalid", 422},
		{"not JSON", `{`, "bad-json", 400},
		{"too large", `"` + strings.Repeat("x", 2<<20) + `"`, "body-too-large", 413},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			problem := call[contract.Problem](t, h, test.status, "POST", "/api/users", test.body)
			if problem.Code != test.code || problem.Status != test.status || problem.Title == "" {
				t.Fatalf("problem %+v, want code %s", problem, test.code)
			}
		})
	}
}

func TestSignInTellsNobodyWhoHasAnAccount(t *testing.T) {
	h := open(t)
	call[any](t, h, 201, "POST", "/api/users", ada)
	wrong := call[contract.Problem](t, h, 401, "POST", "/api/sessions", `{"email": "ada@example.org", "password": "wrong horse"}`)
	unknown := call[contract.Problem](t, h, 401, "POST", "/api/sessions", `{"email": "bob@example.org", "password": "wrong horse"}`)
	if wrong.Detail != unknown.Detail || wrong.Code != unknown.Code {
		t.Fatalf("told apart: %+v and %+v", wrong, unknown)
	}
}

func TestPasswords(t *testing.T) {
	p := newPasswords()
	one, err := p.hash(t.Context(), "correct horse")
	if err != nil {
		t.Fatal(err)
	}
	two, _ := p.hash(t.Context(), "correct horse")
	if one == two {
		t.Fatal("two hashes of a password share their salt")
	}
	for _, test := range []struct {
		hash, password string
		want           bool
	}{{one, "correct horse", true}, {one, "wrong horse", false}, {"", "correct horse", false}} {
		if got, err := p.match(t.Context(), test.hash, test.password); err != nil || got != test.want {
			t.Fatalf("match(%q, %q) = %v, %v", test.hash, test.password, got, err)
		}
	}
	if _, err := p.match(t.Context(), "$2a$10$something", "correct horse"); err == nil {
		t.Fatal("a hash of another kind is taken")
	}
}

// The matching of an unknown user's password takes its turn like any other, so it does the same work.
func TestUnknownUserCostsATurn(t *testing.T) {
	p := newPasswords()
	for range atOnce {
		p.slots <- struct{}{}
	}
	done := make(chan error, 1)
	go func() { _, err := p.match(t.Context(), "", "x"); done <- err }()
	select {
	case err := <-done:
		t.Fatalf("did not wait for its turn: %v", err)
	case p.slots <- struct{}{}:
		t.Fatal("there was room for one more")
	case <-time.After(20 * time.Millisecond):
	}
	<-p.slots
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}
