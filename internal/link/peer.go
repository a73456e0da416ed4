package link

import (
	"fmt"
	"net"
)

// Peer is the process at the other end of a link.
type Peer struct {
	UID int
	PID int // 0 where the system does not tell
}

// trusted reports whether a process of user uid may deal with the peer.
func (p Peer) trusted(uid int) bool { return p.UID == uid || p.UID == 0 }

func peerOf(sock *net.UnixConn) (Peer, error) {
	raw, err := sock.SyscallConn()
	if err != nil {
		return Peer{}, fmt.Errorf("link: peer: %w", err)
	}
	var (
		peer    Peer
		peerErr error
	)
	if err := raw.Control(func(fd uintptr) { peer, peerErr = peerOfFD(int(fd)) }); err != nil {
		return Peer{}, fmt.Errorf("link: peer: %w", err)
	}
	if peerErr != nil {
		return Peer{}, fmt.Errorf("link: peer: %w", peerErr)
	}
	return peer, nil
}
