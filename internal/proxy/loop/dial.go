package loop

import (
	"errors"

	"golang.org/x/sys/unix"
)

// ErrGivenUp is returned by Dial when nobody wants the connection any more.
var ErrGivenUp = errors.New("given up")

// ErrNotAccepting is returned by Dial when more connections to a unix socket wait to
// be accepted than its listener lets wait.
var ErrNotAccepting = errors.New("connections are not accepted")

// Dial connects to addr. deadline as in Task.Wait. givenUp, if not nil, is asked
// whenever something wakes the task; true ends the attempt.
func (l *Loop) Dial(t *Task, addr Address, deadline int64, givenUp func() bool) (*Conn, error) {
	family, sa := addr.sockaddr()
	fd, err := newSocket(family)
	if err != nil {
		return nil, err
	}
	if family != unix.AF_UNIX {
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	}
	err = unix.Connect(fd, sa)
	if family == unix.AF_UNIX && errors.Is(err, unix.EAGAIN) { // it means something else for the others
		err = ErrNotAccepting
	}
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
		if givenUp != nil && givenUp() {
			c.Abort()
			return nil, ErrGivenUp
		}
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

// IsShortage reports whether err, of Dial, says that this process or machine has
// none left of what a connection needs: descriptors, local ports, memory. The
// peer was not asked.
func IsShortage(err error) bool {
	errno, ok := errors.AsType[unix.Errno](err)
	if !ok {
		return false
	}
	switch errno {
	case unix.EMFILE, unix.ENFILE, unix.EADDRNOTAVAIL, unix.ENOBUFS, unix.ENOMEM,
		unix.EAGAIN, // of routing entries (connect(2))
		unix.ENOSPC: // the poller's share of memory (epoll_ctl(2))
		return true
	default:
		return false
	}
}
