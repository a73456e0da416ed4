package watch

import (
	"os"
	"path/filepath"
	"testing"
	"time"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestChanges(t *testing.T) {
	root := t.TempDir()
	write(t, root, ".gitignore", "*.log\n")
	write(t, root, "svc/main.go", "")
	write(t, root, "node_modules/x/index.js", "")
	write(t, root, "banyan.yaml", "")
	write(t, root, "other.txt", "")
	w, err := Start([]string{filepath.Join(root, "svc"), filepath.Join(root, "banyan.yaml"), filepath.Join(root, ".env")})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for _, c := range []struct {
		what string
		do   func()
		want bool
	}{
		{"a source", func() { write(t, root, "svc/main.go", "x") }, true},
		{"the app file", func() { write(t, root, "banyan.yaml", "x") }, true},
		{"a file that was not there", func() { write(t, root, ".env", "x") }, true},
		{"a file beside the app file", func() { write(t, root, "other.txt", "x") }, false},
		{"an ignored file", func() { write(t, root, "svc/x~", "x") }, false},
		{"a new directory", func() { write(t, root, "svc/sub/dir/a.go", "") }, true},
		{"a file in a new directory", func() { write(t, root, "svc/sub/dir/a.go", "x") }, true},
		{"a removed file", func() { remove(t, root, "svc/sub/dir/a.go") }, true},
		{"a removed directory", func() { remove(t, root, "svc/sub") }, true},
		{"what .gitignore names now", func() { write(t, root, "svc/.gitignore", "*.out\n") }, true},
		{"an output", func() { write(t, root, "svc/x.out", "") }, false},
	} {
		c.do()
		if got := changed(w, c.want); got != c.want {
			t.Errorf("%s: changed %v, want %v", c.what, got, c.want)
		}
	}
	if err := w.Follow([]string{filepath.Join(root, "banyan.yaml")}); err != nil {
		t.Fatal(err)
	}
	write(t, root, "svc/main.go", "y")
	if changed(w, false) {
		t.Error("a source that is no longer followed counts")
	}
}

// TestBurst is one report for many changes.
func TestBurst(t *testing.T) {
	root := t.TempDir()
	w, err := Start([]string{root})
	if err != nil {
		t.Fatal(err)
	}
	defer w.Close()
	for range 50 {
		write(t, root, "main.go", "x")
	}
	if !changed(w, true) {
		t.Fatal("no change was seen")
	}
	if changed(w, false) {
		t.Error("one burst was reported twice")
	}
}

// changed waits long for a change that should come, and a few bursts' time for
// one that should not.
func changed(w *Watcher, expected bool) bool {
	limit := 4 * Quiet
	if expected {
		limit = 10 * time.Second
	}
	select {
	case <-w.Changed():
		return true
	case <-time.After(limit):
		return false
	}
}

func write(t *testing.T, root, name, content string) {
	t.Helper()
	path := filepath.Join(root, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, root, name string) {
	t.Helper()
	if err := os.RemoveAll(filepath.Join(root, name)); err != nil {
		t.Fatal(err)
	}
}
