package state_test

import (
	"os"
	"path/filepath"
	"strconv"
	"testing"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/state"
)

// TestDamagedLog: no bit of the log can change without either being reported or
// touching only the last transaction, which may have been cut short by a crash.
func TestDamagedLog(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := state.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	const documents = 20
	for n := range documents {
		if err := s.Put(ctx, "k", strconv.Itoa(n), n); err != nil {
			t.Fatal(err)
		}
	}
	db, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	log, err := os.ReadFile(path + "-wal") // as kill -9 leaves it
	if err != nil || len(log) == 0 {
		t.Fatal(err, len(log))
	}
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	// after opens the state with that log and counts the documents.
	after := func(log []byte) (int, error) {
		t.Helper()
		path := filepath.Join(t.TempDir(), "state.db")
		for name, data := range map[string][]byte{path: db, path + "-wal": log} {
			if err := os.WriteFile(name, data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		s, err := state.Open(ctx, path)
		if err != nil {
			return 0, err
		}
		defer s.Close()
		all, err := state.All[int](ctx, s, "k")
		return len(all), err
	}
	if n, err := after(log); n != documents || err != nil {
		t.Fatal(n, err)
	}
	const step = 997
	for at := 0; at < len(log); at += step {
		damaged := append([]byte{}, log...)
		damaged[at] ^= 1 << (at % 8)
		n, err := after(damaged)
		if err == nil && n < documents-1 || err != nil && fault.CodeOf(err) != fault.Damaged {
			t.Errorf("byte %d of %d: %d documents, %v", at, len(log), n, err)
		}
	}
	// What a crash cuts short is no damage.
	for _, length := range []int{0, 10, 32, 100, len(log) - 1, len(log) - 5000} {
		if _, err := after(log[:length]); err != nil {
			t.Errorf("cut at %d: %v", length, err)
		}
	}
}

// TestLogIsUsedAgain: what the log's last use left behind its end is no damage.
func TestLogIsUsedAgain(t *testing.T) {
	ctx := t.Context()
	path := filepath.Join(t.TempDir(), "state.db")
	s, err := state.Open(ctx, path)
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	big := make([]byte, 100_000)
	for n := range 60 { // more pages than SQLite keeps in the log
		if err := s.Put(ctx, "k", strconv.Itoa(n%3), big); err != nil {
			t.Fatal(err)
		}
		if n%7 != 0 {
			continue
		}
		dir := t.TempDir()
		for _, end := range []string{"", "-wal"} {
			data, err := os.ReadFile(path + end)
			if err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(filepath.Join(dir, "state.db"+end), data, 0o600); err != nil {
				t.Fatal(err)
			}
		}
		again, err := state.Open(ctx, filepath.Join(dir, "state.db"))
		if err != nil {
			t.Fatalf("after %d writes: %v", n+1, err)
		}
		if err := again.Close(); err != nil {
			t.Fatal(err)
		}
	}
}
