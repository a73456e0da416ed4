package daemon

import (
	"encoding/base64"
	"os"
	"path/filepath"
	"testing"

	"github.com/banyanrun/banyan/internal/secret"
)

// TestTokens: a service's token is its own, is the same for every daemon, and
// nobody sees it: neither `banyan secret`, nor whoever reads the output.
func TestTokens(t *testing.T) {
	dir := t.TempDir()
	s, err := openSecrets(dir)
	if err != nil {
		t.Fatal(err)
	}
	order, err := s.token("order")
	if err != nil {
		t.Fatal(err)
	}
	if b, err := base64.RawURLEncoding.DecodeString(order); err != nil || len(b) != 32 {
		t.Errorf("%q: %v", order, err)
	}
	if stock, err := s.token("stock"); err != nil || stock == order {
		t.Errorf("order has %q, stock %q, %v", order, stock, err)
	}
	if line := s.redact("", []byte("it is "+order)); string(line) != "it is [secret BANYAN_TOKEN of order]" {
		t.Errorf("%s", line)
	}
	if names, err := s.store.List(); err != nil || len(names) != 0 {
		t.Errorf("secrets %q, %v", names, err)
	}
	next, err := openSecrets(dir)
	if err != nil {
		t.Fatal(err)
	}
	for token, want := range map[string]bool{order: true, "": false, order + "x": false, order[1:]: false} {
		if got := next.tokens.authentic("order", token); got != want {
			t.Errorf("%q is order's: %v", token, got)
		}
	}
	if next.tokens.authentic("stock", order) {
		t.Error("order's token is stock's")
	}
}

// TestTokenOfAnotherKey: what cannot be decrypted keeps no service from starting.
func TestTokenOfAnotherKey(t *testing.T) {
	dir := t.TempDir()
	first, err := newTokens(secret.Store{Dir: dir}).of("order")
	if err != nil {
		t.Fatal(err)
	}
	key, err := secret.DeriveKey(keyFile(t))
	if err != nil {
		t.Fatal(err)
	}
	second, err := newTokens(secret.Store{Dir: dir, Key: key}).of("order")
	if err != nil || second == first {
		t.Errorf("%q after %q, %v", second, first, err)
	}
	if again, err := newTokens(secret.Store{Dir: dir, Key: key}).of("order"); err != nil || again != second {
		t.Errorf("%q after %q, %v", again, second, err)
	}
}

func keyFile(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, make([]byte, 32), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}
