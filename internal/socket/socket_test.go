package socket

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"testing"
)

func TestTrusted(t *testing.T) {
	for _, c := range []struct {
		peer, me int
		want     bool
	}{{1000, 1000, true}, {0, 1000, true}, {1001, 1000, false}, {1000, 0, false}} {
		if got := (Peer{UID: c.peer}).trusted(c.me); got != c.want {
			t.Errorf("peer %d, me %d: %v", c.peer, c.me, got)
		}
	}
}

// path is where a socket may be: that of t.TempDir may be too long.
func path(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "s") //nolint:usetesting // see above
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	return filepath.Join(dir, "a.sock")
}

// TestListen: a socket takes the place of one that was left, and nobody else can open it.
func TestListen(t *testing.T) {
	at := path(t)
	old, err := Listen(at)
	if err != nil {
		t.Fatal(err)
	}
	_ = old.Close()
	if _, err := os.Stat(at); err != nil {
		t.Fatal("it is gone with its listener:", err)
	}
	l, err := Listen(at)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if info, err := os.Stat(at); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if left, err := os.ReadDir(filepath.Dir(at)); err != nil || len(left) != 1 {
		t.Errorf("%v, %v", left, err)
	}
	c, err := net.Dial("unix", at)
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	if peer, err := Verify(s.(*net.UnixConn)); err != nil || peer.UID != os.Geteuid() || peer.PID != 0 && peer.PID != os.Getpid() {
		t.Errorf("peer %+v, %v", peer, err)
	}
	if err := l.Close(); err != nil {
		t.Error(err)
	}
	if _, err := l.Accept(); !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
}
