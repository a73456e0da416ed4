package loop

import (
	"net/netip"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Events of a poller, as bits.
const (
	readable  = 1
	writable  = 2
	endOfFile = 4
	broken    = 8
)

// poller is a kqueue that a user event wakes.
type poller struct {
	fd     int
	events [256]unix.Kevent_t
	tokens map[int]uint64 // by descriptor
}

// event is one result of wait: the token that was given to add, and bits.
type event struct {
	token uint64
	bits  uint32
}

const wakeToken = ^uint64(0)

// keepIdle is the option for the time after which a silent peer is asked whether it lives.
const keepIdle = unix.TCP_KEEPALIVE

func newPoller() (*poller, error) {
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, err
	}
	unix.CloseOnExec(fd)
	p := &poller{fd: fd, tokens: map[int]uint64{}}
	return p, p.change(unix.Kevent_t{Ident: 0, Filter: unix.EVFILT_USER, Flags: unix.EV_ADD | unix.EV_CLEAR})
}

func (p *poller) change(list ...unix.Kevent_t) error {
	_, err := unix.Kevent(p.fd, list, nil, nil)
	return err
}

// add watches a connection for all events, edge-triggered; once for its life.
func (p *poller) add(fd int, token uint64) error {
	p.tokens[fd] = token
	return p.change(
		unix.Kevent_t{Ident: uint64(fd), Filter: unix.EVFILT_READ, Flags: unix.EV_ADD | unix.EV_CLEAR},
		unix.Kevent_t{Ident: uint64(fd), Filter: unix.EVFILT_WRITE, Flags: unix.EV_ADD | unix.EV_CLEAR})
}

// addListener watches a listening socket.
func (p *poller) addListener(fd int, token uint64) error {
	p.tokens[fd] = token
	return p.change(unix.Kevent_t{Ident: uint64(fd), Filter: unix.EVFILT_READ, Flags: unix.EV_ADD})
}

// forget is remove for a descriptor that is closed next: the kernel takes it out
// by itself.
func (p *poller) forget(fd int) { delete(p.tokens, fd) }

func (p *poller) remove(fd int) {
	delete(p.tokens, fd)
	_ = p.change(unix.Kevent_t{Ident: uint64(fd), Filter: unix.EVFILT_READ, Flags: unix.EV_DELETE})
	_ = p.change(unix.Kevent_t{Ident: uint64(fd), Filter: unix.EVFILT_WRITE, Flags: unix.EV_DELETE})
}

// wait returns how many events there are, after at most timeout milliseconds; < 0: any time.
func (p *poller) wait(timeout int) int {
	var limit *unix.Timespec
	if timeout >= 0 {
		ts := unix.NsecToTimespec(int64(timeout) * int64(time.Millisecond))
		limit = &ts
	}
	n, err := unix.Kevent(p.fd, nil, p.events[:], limit)
	if err != nil { // EINTR: the caller comes again
		return 0
	}
	return n
}

func (p *poller) event(i int) event {
	ev := &p.events[i]
	switch ev.Filter {
	case unix.EVFILT_USER:
		return event{token: wakeToken, bits: readable}
	case unix.EVFILT_WRITE:
		return event{token: p.tokens[int(ev.Ident)], bits: writable}
	}
	bits := uint32(readable)
	if ev.Flags&unix.EV_EOF != 0 {
		bits |= endOfFile
		if ev.Fflags != 0 {
			bits |= broken
		}
	}
	return event{token: p.tokens[int(ev.Ident)], bits: bits}
}

// wake makes wait return; safe from any goroutine.
func (p *poller) wake() {
	_ = p.change(unix.Kevent_t{Ident: 0, Filter: unix.EVFILT_USER, Fflags: unix.NOTE_TRIGGER})
}

// woken takes the wake-up out: EV_CLEAR did.
func (p *poller) woken() {}

func (p *poller) close() { _ = unix.Close(p.fd) }

func read(fd int, p []byte) (int, syscall.Errno) { return again(unix.Read, fd, p) }

func write(fd int, p []byte, _ bool) (int, syscall.Errno) { return again(unix.Write, fd, p) }

func again(call func(int, []byte) (int, error), fd int, p []byte) (int, syscall.Errno) {
	for {
		n, err := call(fd, p)
		errno, _ := err.(syscall.Errno) //nolint:errorlint // x/sys returns it bare
		if errno != syscall.EINTR {
			return n, errno
		}
	}
}

func accept(fd int) (int, netip.AddrPort, error) {
	c, sa, err := unix.Accept(fd)
	if err == nil {
		err = prepare(c)
	}
	switch a := sa.(type) {
	case *unix.SockaddrInet4:
		return c, netip.AddrPortFrom(netip.AddrFrom4(a.Addr), uint16(a.Port)), err
	case *unix.SockaddrInet6:
		return c, netip.AddrPortFrom(netip.AddrFrom16(a.Addr).Unmap(), uint16(a.Port)), err
	}
	return c, netip.AddrPort{}, err
}

func newSocket(family int) (int, error) {
	fd, err := unix.Socket(family, unix.SOCK_STREAM, 0)
	if err == nil {
		err = prepare(fd)
	}
	return fd, err
}

func prepare(fd int) error {
	unix.CloseOnExec(fd)
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_NOSIGPIPE, 1)
	return unix.SetNonblock(fd, true)
}
