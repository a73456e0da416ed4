package loop

import (
	"encoding/binary"
	"net/netip"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// Events of a poller, as bits.
const (
	readable  = unix.EPOLLIN | unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	writable  = unix.EPOLLOUT | unix.EPOLLHUP | unix.EPOLLERR
	endOfFile = unix.EPOLLRDHUP | unix.EPOLLHUP | unix.EPOLLERR
	broken    = unix.EPOLLHUP | unix.EPOLLERR
)

// poller is an epoll instance and an eventfd that wakes it.
type poller struct {
	fd, wakeFD int
	events     [256]unix.EpollEvent
}

// event is one result of wait: the token that was given to add, and bits.
type event struct {
	token uint64
	bits  uint32
}

const wakeToken = ^uint64(0)

// keepIdle is the option for the time after which a silent peer is asked whether it lives.
const keepIdle = unix.TCP_KEEPIDLE

func newPoller() (*poller, error) {
	fd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, err
	}
	wake, err := unix.Eventfd(0, unix.EFD_CLOEXEC|unix.EFD_NONBLOCK)
	if err != nil {
		_ = unix.Close(fd)
		return nil, err
	}
	p := &poller{fd: fd, wakeFD: wake}
	if err := p.control(unix.EPOLL_CTL_ADD, wake, wakeToken, unix.EPOLLIN); err != nil {
		p.close()
		return nil, err
	}
	return p, nil
}

func (p *poller) control(op, fd int, token uint64, bits uint32) error {
	ev := unix.EpollEvent{Events: bits, Fd: int32(token), Pad: int32(token >> 32)}
	return unix.EpollCtl(p.fd, op, fd, &ev)
}

// add watches a connection for all events, edge-triggered; once for its life.
func (p *poller) add(fd int, token uint64) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, token, unix.EPOLLIN|unix.EPOLLOUT|unix.EPOLLRDHUP|unix.EPOLLET)
}

// addListener watches a listening socket that other pollers watch too: few of them wake for a connection.
func (p *poller) addListener(fd int, token uint64) error {
	return p.control(unix.EPOLL_CTL_ADD, fd, token, unix.EPOLLIN|unix.EPOLLEXCLUSIVE)
}

// forget is remove for a descriptor that is closed next, which has no duplicate:
// the kernel takes it out by itself (epoll(7)).
func (p *poller) forget(int) {}

func (p *poller) remove(fd int) { _ = unix.EpollCtl(p.fd, unix.EPOLL_CTL_DEL, fd, nil) }

// patience is how long a wait keeps its place in Go's scheduler, in milliseconds.
// To give it up and to take it back costs more than a request does, and where a
// few connections take turns there is a wait before each; other goroutines that want
// the place have it within that time, as from anything that computes. A collection
// of garbage does not wait: the signal that asks for the place ends the call.
const patience = 1

// wait returns how many events there are, after at most timeout milliseconds; < 0: any time.
func (p *poller) wait(timeout int) int {
	if uint(timeout) <= patience {
		return p.poll(timeout)
	}
	if n := p.poll(patience); n > 0 {
		return n
	}
	if timeout > 0 {
		timeout -= patience
	}
	n, _, errno := syscall.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events)), uintptr(len(p.events)), uintptr(timeout), 0, 0)
	if errno != 0 { // EINTR: the caller comes again
		return 0
	}
	return int(n)
}

// poll is wait without the scheduler's knowledge.
func (p *poller) poll(timeout int) int {
	n, _, errno := syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events)), uintptr(len(p.events)), uintptr(timeout), 0, 0)
	if errno != 0 {
		return 0
	}
	return int(n)
}

func (p *poller) event(i int) event {
	ev := &p.events[i]
	return event{token: uint64(uint32(ev.Fd)) | uint64(uint32(ev.Pad))<<32, bits: ev.Events}
}

// wake makes wait return; safe from any goroutine.
func (p *poller) wake() {
	one := [8]byte{1}
	_, _ = unix.Write(p.wakeFD, one[:])
}

// woken takes the wake-up out.
func (p *poller) woken() {
	var b [8]byte
	_, _ = unix.Read(p.wakeFD, b[:])
}

func (p *poller) close() {
	_ = unix.Close(p.wakeFD)
	_ = unix.Close(p.fd)
}

// The sockets never block, so the scheduler need not know of the calls.

func read(fd int, p []byte) (int, syscall.Errno) {
	for {
		// recv, not read: it goes to the socket by a shorter way.
		n, _, errno := syscall.RawSyscall6(syscall.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), 0, 0, 0)
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}

func write(fd int, p []byte, more bool) (int, syscall.Errno) {
	flags := uintptr(syscall.MSG_NOSIGNAL)
	if more {
		flags |= unix.MSG_MORE
	}
	for {
		// send, not write: for the flags.
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), flags, 0, 0)
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}

// accept takes a connection. It reads the address by itself: x/sys asks the kernel for
// the protocol each time.
func accept(fd int) (int, netip.AddrPort, error) {
	var sa unix.RawSockaddrInet6 // an Inet4 begins as it does
	size := uint32(unsafe.Sizeof(sa))
	c, _, errno := syscall.RawSyscall6(unix.SYS_ACCEPT4, uintptr(fd), uintptr(unsafe.Pointer(&sa)), uintptr(unsafe.Pointer(&size)),
		unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0, 0)
	if errno != 0 {
		return -1, netip.AddrPort{}, errno
	}
	port := func(p *uint16) uint16 { return binary.BigEndian.Uint16((*[2]byte)(unsafe.Pointer(p))[:]) }
	switch sa.Family {
	case unix.AF_INET:
		sa4 := (*unix.RawSockaddrInet4)(unsafe.Pointer(&sa))
		return int(c), netip.AddrPortFrom(netip.AddrFrom4(sa4.Addr), port(&sa4.Port)), nil
	case unix.AF_INET6:
		return int(c), netip.AddrPortFrom(netip.AddrFrom16(sa.Addr).Unmap(), port(&sa.Port)), nil
	}
	return int(c), netip.AddrPort{}, nil
}

func newSocket(family int) (int, error) {
	return unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}
