package loop

import (
	"errors"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Dial connects to addr. deadline as in Task.Wait.
func (l *Loop) Dial(t *Task, addr netip.AddrPort, deadline int64) (*Conn, error) {
	family, sa := sockaddr(addr)
	fd, err := newSocket(family)
	if err != nil {
		return nil, err
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	err = unix.Connect(fd, sa)
	if err != nil && !errors.Is(err, unix.EINPROGRESS) {
		_ = unix.Close(fd)
		return nil, err
	}
	connected := err == nil
	c, err := l.newConn(fd)
	if err != nil {
		return nil, err
	}
	c.canWrite = connected
	for !connected {
		c.writer = t
		err := t.Wait(deadline)
		c.writer = nil
		if err != nil {
			c.Abort()
			return nil, err
		}
		connected = c.canWrite || c.err != nil
	}
	if code, err := unix.GetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
		c.Abort()
		if err == nil {
			err = unix.Errno(code)
		}
		return nil, err
	}
	return c, nil
}

func sockaddr(addr netip.AddrPort) (int, unix.Sockaddr) {
	if a := addr.Addr(); a.Is4() || a.Is4In6() {
		return unix.AF_INET, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: a.As4()}
	}
	return unix.AF_INET6, &unix.SockaddrInet6{Port: int(addr.Port()), Addr: addr.Addr().As16()}
}
