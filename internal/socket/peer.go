package socket

import (
	"fmt"
	"net"
	"os"
)

// Peer is the process at the other end of a connection, as the kernel recorded it
// when the connection was made.
type Peer struct {
	UID int
	PID int // 0 where the system does not tell
}

// Verify returns the peer of c. The error is os.ErrPermission for one that is
// neither this process's user nor root.
func Verify(c *net.UnixConn) (Peer, error) {
	peer, err := peerOf(c)
	if err != nil {
		return Peer{}, fmt.Errorf("who is at the other end: %w", err)
	}
	if !peer.trusted(os.Geteuid()) {
		return Peer{}, fmt.Errorf("the other end has user id %d: %w", peer.UID, os.ErrPermission)
	}
	return peer, nil
}

// trusted reports whether a process of user uid may deal with the peer.
func (p Peer) trusted(uid int) bool { return p.UID == uid || p.UID == 0 }

func peerOf(c *net.UnixConn) (peer Peer, err error) {
	raw, err := c.SyscallConn()
	if err != nil {
		return Peer{}, err
	}
	var peerErr error
	if err := raw.Control(func(fd uintptr) { peer, peerErr = peerOfFD(int(fd)) }); err != nil {
		return Peer{}, err
	}
	return peer, peerErr
}
