package layout_test

import (
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/daemon/layout"
)

func TestOneDirectoryByTwoNamesIsOneApp(t *testing.T) {
	dir := t.TempDir()
	link := filepath.Join(t.TempDir(), "link")
	if err := os.Symlink(dir, link); err != nil {
		t.Fatal(err)
	}
	a, err := layout.Beside(dir)
	if err != nil {
		t.Fatal(err)
	}
	b, err := layout.Beside(link)
	if err != nil || a != b {
		t.Fatalf("%+v and %+v, %v", a, b, err)
	}
	c, err := layout.Beside(t.TempDir())
	if err != nil || c.ControlSocket == a.ControlSocket {
		t.Fatalf("two apps share %s (%v)", c.ControlSocket, err)
	}
}

func TestLongPathsStillGiveShortSockets(t *testing.T) {
	l, err := layout.Beside(filepath.Join(t.TempDir(), strings.Repeat("long/", 60)))
	if err != nil || len(l.ControlSocket) > 103 {
		t.Fatalf("%q, %v", l.ControlSocket, err)
	}
}

func TestPrepareKeepsOthersOut(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	l, err := layout.Beside(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Prepare(); err != nil {
		t.Fatal(err)
	}
	for dir, most := range map[string]os.FileMode{l.RunDir: 0o700, l.Secrets: 0o700, l.Logs: 0o700, l.StateDir: 0o711} {
		info, err := os.Stat(dir)
		if err != nil || info.Mode().Perm() != most {
			t.Errorf("%s: %v, %v, want %v", dir, info.Mode(), err, most)
		}
	}
	if data, err := os.ReadFile(filepath.Join(l.StateDir, ".gitignore")); err != nil || string(data) != "*\n" {
		t.Errorf(".gitignore: %q, %v", data, err)
	}
}

func TestRunDirectoryThatOthersCanWriteIsRefused(t *testing.T) {
	run := t.TempDir()
	t.Setenv("XDG_RUNTIME_DIR", run)
	if err := os.Mkdir(filepath.Join(run, "banyan"), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(filepath.Join(run, "banyan"), 0o777); err != nil {
		t.Fatal(err)
	}
	l, err := layout.Beside(t.TempDir())
	if err != nil {
		t.Fatal(err)
	}
	if err := l.Prepare(); err == nil || !strings.Contains(err.Error(), "yours alone") {
		t.Fatalf("%v", err)
	}
}

func TestCallersWithAnotherEnvironmentFindTheSameSockets(t *testing.T) {
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	dir := t.TempDir()
	l, err := layout.Beside(dir)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(l.Prepare(), l.Choose()); err != nil {
		t.Fatal(err)
	}
	t.Setenv("XDG_RUNTIME_DIR", t.TempDir())
	if other, err := layout.Beside(dir); err != nil || other != l {
		t.Fatalf("%+v, want %+v (%v)", other, l, err)
	}
	l.Forget()
	if other, err := layout.Beside(dir); err != nil || other.RunDir == l.RunDir {
		t.Fatalf("%s is used though the app is down (%v)", other.RunDir, err)
	}
}
