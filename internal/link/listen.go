package link

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"syscall"

	"github.com/banyanrun/banyan/internal/socket"
)

// Listener accepts links on a unix socket's path. It holds a lock beside the
// path, so that there is one listener a path, and replaces a socket that a dead
// one left.
type Listener struct {
	l    *socket.Listener
	lock *os.File
}

// ErrInUse is returned by Listen while a living process listens on the path.
var ErrInUse = errors.New("link: somebody listens there already")

// Listen makes the socket at path, mode 0600. Its directory must exist.
func Listen(path string) (*Listener, error) {
	lock, err := lockFile(path + ".lock")
	if err != nil {
		return nil, err
	}
	l, err := socket.Listen(path)
	if err != nil {
		_ = lock.Close()
		return nil, fmt.Errorf("link: %w", err)
	}
	return &Listener{l: l, lock: lock}, nil
}

// lockFile takes the lock that ends with the process that has it.
func lockFile(path string) (*os.File, error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fmt.Errorf("link: listen: %w", err)
	}
	err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
	if err == nil {
		return f, nil
	}
	_ = f.Close()
	if errors.Is(err, syscall.EWOULDBLOCK) {
		return nil, ErrInUse
	}
	return nil, fmt.Errorf("link: lock %s: %w", path, err)
}

// Accept returns the next link whose peer is trusted; others are closed unseen.
func (l *Listener) Accept() (*Conn, error) {
	for {
		sock, err := l.l.AcceptUnix()
		if err != nil {
			return nil, fmt.Errorf("link: accept: %w", err)
		}
		if c, err := NewConn(sock); err == nil {
			return c, nil
		}
	}
}

// Close stops listening. The socket's file stays for the next one to replace.
func (l *Listener) Close() error {
	return errors.Join(l.l.Close(), l.lock.Close())
}

// Dial connects to the listener at path.
func Dial(ctx context.Context, path string) (*Conn, error) {
	var d net.Dialer
	c, err := d.DialContext(ctx, "unix", path)
	if err != nil {
		return nil, fmt.Errorf("link: %w", err)
	}
	return NewConn(c.(*net.UnixConn)) //nolint:forcetypeassert // DialContext's type for "unix"
}
