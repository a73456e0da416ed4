package loop

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"golang.org/x/sys/unix"
)

func address(tb testing.TB, s string) Address {
	tb.Helper()
	a, err := ParseAddress(s)
	if err != nil {
		tb.Fatal(err)
	}
	return a
}

func TestParseAddress(t *testing.T) {
	for _, s := range []string{"127.0.0.1:80", "[::1]:65535", "unix:/run/a.sock", "unix:/" + strings.Repeat("x", 102)} {
		if got := address(t, s).String(); got != s {
			t.Errorf("%s was read as %s", s, got)
		}
	}
	for _, s := range []string{"", "127.0.0.1", "localhost:80", "unix:", "unix:a.sock", "unix:/a\x00b", "unix:/" + strings.Repeat("x", 103)} {
		if a, err := ParseAddress(s); err == nil {
			t.Errorf("%q was read as %s", s, a)
		}
	}
}

// TestDialUnix: a unix socket is connected to at once or not at all, and the end of
// its room for connections is no shortage of ours.
func TestDialUnix(t *testing.T) {
	dir, err := os.MkdirTemp("", "l") //nolint:usetesting // t.TempDir is too long for a unix socket
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = os.RemoveAll(dir) })
	path := filepath.Join(dir, "a.sock")
	addr := address(t, "unix:"+path)
	g := group(t, 1)
	dial := func() (c *Conn, err error) {
		done := make(chan struct{})
		g.loops[0].Post(func() {
			g.loops[0].Go(func(task *Task) {
				c, err = g.loops[0].Dial(task, addr, 0, nil)
				close(done)
			})
		})
		<-done
		return c, err
	}
	if _, err := dial(); !errors.Is(err, unix.ENOENT) {
		t.Errorf("no socket: %v", err)
	}
	fd, err := unix.Socket(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		t.Fatal(err)
	}
	if err := errors.Join(unix.Bind(fd, &unix.SockaddrUnix{Name: path}), unix.Listen(fd, 1)); err != nil {
		t.Fatal(err)
	}
	for n := 0; err == nil && n < 16; n++ {
		_, err = dial()
	}
	if !errors.Is(err, ErrNotAccepting) || IsShortage(err) {
		t.Errorf("nobody accepts: %v", err)
	}
	_ = unix.Close(fd)
	if _, err := dial(); !errors.Is(err, unix.ECONNREFUSED) {
		t.Errorf("a socket that was left: %v", err)
	}
	_ = os.Remove(path)
	l, err := net.Listen("unix", path)
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	c, err := dial()
	if err != nil {
		t.Fatal(err)
	}
	g.loops[0].Post(func() {
		c.Write([]byte("hello"))
		c.Close()
	})
	s, err := l.Accept()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	b := make([]byte, 5)
	if _, err := s.Read(b); err != nil || string(b) != "hello" {
		t.Errorf("%q, %v", b, err)
	}
}
