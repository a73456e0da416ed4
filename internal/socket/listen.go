package socket

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
)

// Listener accepts connections of this process's user and of root; those of
// others are closed unseen.
type Listener struct{ *net.UnixListener }

var _ net.Listener = (*Listener)(nil)

// Listen makes the socket at path, mode 0600, in place of one that is left there.
// Two that listen at one path take it from each other: the caller sees to it that
// there is one. The file stays when the listener is closed.
func Listen(path string) (*Listener, error) {
	l, err := listen(path)
	if err != nil {
		return nil, fmt.Errorf("listen on %s: %w", path, err)
	}
	return &Listener{l}, nil
}

// listen makes the socket under another name and moves it into place once its mode
// is right. The name is not longer than one that ends in .sock: that is what fits.
func listen(path string) (*net.UnixListener, error) {
	tmp := strings.TrimSuffix(path, filepath.Ext(path)) + ".new"
	if err := os.Remove(tmp); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, err
	}
	l, err := net.ListenUnix("unix", &net.UnixAddr{Name: tmp, Net: "unix"})
	if err != nil {
		return nil, err
	}
	l.SetUnlinkOnClose(false) // the name it knows is the temporary one
	if err = os.Chmod(tmp, 0o600); err == nil {
		err = os.Rename(tmp, path)
	}
	if err != nil {
		_ = l.Close()
		_ = os.Remove(tmp)
		return nil, err
	}
	return l, nil
}

// Accept returns the next connection.
func (l *Listener) Accept() (net.Conn, error) {
	for {
		c, err := l.AcceptUnix()
		if err != nil {
			return nil, err
		}
		if _, err := Verify(c); err == nil {
			return c, nil
		}
		_ = c.Close()
	}
}
