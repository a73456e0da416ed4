package secret_test

import (
	"bytes"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/secret"
)

func key(t *testing.T, content string) []byte {
	t.Helper()
	path := filepath.Join(t.TempDir(), "key")
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	k, err := secret.DeriveKey(path)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestRoundTrip(t *testing.T) {
	for name, k := range map[string][]byte{"plain": nil, "encrypted": key(t, strings.Repeat("k", 32))} {
		t.Run(name, func(t *testing.T) {
			s := secret.Store{Dir: filepath.Join(t.TempDir(), "secrets"), Key: k}
			for _, value := range []string{"first", "second\nline\x00"} {
				if err := s.Set("db-password", []byte(value)); err != nil {
					t.Fatal(err)
				}
				got, err := s.Get("db-password")
				if err != nil || string(got) != value {
					t.Fatalf("Get = %q, %v; want %q", got, err, value)
				}
			}
			data, err := os.ReadFile(filepath.Join(s.Dir, "db-password"))
			if err != nil {
				t.Fatal(err)
			}
			if clear := bytes.Contains(data, []byte("second")); clear != (k == nil) {
				t.Errorf("value in the clear on disk: %v", clear)
			}
			checkMode(t, s.Dir, 0o700)
			checkMode(t, filepath.Join(s.Dir, "db-password"), 0o600)
		})
	}
}

func checkMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	info, err := os.Stat(path)
	if err != nil {
		t.Fatal(err)
	}
	if got := info.Mode().Perm(); got != want {
		t.Errorf("%s has mode %o, want %o", path, got, want)
	}
}

func TestListAndRemove(t *testing.T) {
	s := secret.Store{Dir: filepath.Join(t.TempDir(), "secrets")}
	if names, err := s.List(); err != nil || names != nil {
		t.Fatalf("List of nothing = %v, %v", names, err)
	}
	for _, n := range []string{"b", "a"} {
		if err := s.Set(n, []byte("x")); err != nil {
			t.Fatal(err)
		}
	}
	// What a crash in the middle of Set leaves is no secret.
	if err := os.WriteFile(filepath.Join(s.Dir, ".new-1"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if names, err := s.List(); err != nil || !slices.Equal(names, []string{"a", "b"}) {
		t.Errorf("List = %v, %v", names, err)
	}
	if err := s.Remove("a"); err != nil {
		t.Fatal(err)
	}
	wantCode(t, s.Remove("a"), fault.NotFound)
	_, err := s.Get("a")
	wantCode(t, err, fault.NotFound)
}

func TestSwappedFilesAreRefused(t *testing.T) {
	s := secret.Store{Dir: filepath.Join(t.TempDir(), "secrets"), Key: key(t, strings.Repeat("k", 32))}
	if err := s.Set("a", []byte("value of a")); err != nil {
		t.Fatal(err)
	}
	if err := os.Rename(filepath.Join(s.Dir, "a"), filepath.Join(s.Dir, "b")); err != nil {
		t.Fatal(err)
	}
	_, err := s.Get("b")
	wantCode(t, err, fault.Denied)
}

func TestWrongKey(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "secrets")
	with := secret.Store{Dir: dir, Key: key(t, strings.Repeat("k", 32))}
	other := secret.Store{Dir: dir, Key: key(t, strings.Repeat("o", 32))}
	without := secret.Store{Dir: dir}
	if err := with.Set("sealed", []byte("x")); err != nil {
		t.Fatal(err)
	}
	if err := without.Set("clear", []byte("x")); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		s    secret.Store
		name string
	}{{other, "sealed"}, {without, "sealed"}, {with, "clear"}} {
		_, err := c.s.Get(c.name)
		wantCode(t, err, fault.Denied)
	}
}

func TestRefused(t *testing.T) {
	s := secret.Store{Dir: filepath.Join(t.TempDir(), "secrets")}
	for _, name := range []string{"", ".", "..", "../x", "a/b", ".hidden", "-f", "a b", strings.Repeat("a", 129)} {
		wantCode(t, s.Set(name, []byte("x")), fault.Invalid)
		_, err := s.Get(name)
		wantCode(t, err, fault.Invalid)
		wantCode(t, s.Remove(name), fault.Invalid)
	}
	wantCode(t, s.Set("a", nil), fault.Invalid)
	wantCode(t, s.Set("a", make([]byte, secret.MaxSize+1)), fault.Invalid)
	wantCode(t, s.Set("a", []byte("banyan-secret-v1…")), fault.Invalid)
	_, err := secret.DeriveKey(filepath.Join(t.TempDir(), "none"))
	wantCode(t, err, fault.Invalid)
	short := filepath.Join(t.TempDir(), "short")
	if err := os.WriteFile(short, []byte("short"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err = secret.DeriveKey(short)
	wantCode(t, err, fault.Invalid)
}

func wantCode(t *testing.T, err error, want fault.Code) {
	t.Helper()
	if got := fault.CodeOf(err); got != want {
		t.Errorf("error %v has code %q, want %q", err, got, want)
	}
}
