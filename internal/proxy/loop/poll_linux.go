package loop

import (
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

// wait returns how many events there are, after at most timeout milliseconds; < 0: any time.
func (p *poller) wait(timeout int) int {
	var n uintptr
	var errno syscall.Errno
	if timeout == 0 { // never blocks: the scheduler need not know
		n, _, errno = syscall.RawSyscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events)), uintptr(len(p.events)), 0, 0, 0)
	} else {
		n, _, errno = syscall.Syscall6(unix.SYS_EPOLL_PWAIT, uintptr(p.fd), uintptr(unsafe.Pointer(&p.events)), uintptr(len(p.events)), uintptr(timeout), 0, 0)
	}
	if errno != 0 { // EINTR: the caller comes again
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

func write(fd int, p []byte) (int, syscall.Errno) {
	for {
		// send, not write: MSG_NOSIGNAL.
		n, _, errno := syscall.RawSyscall6(syscall.SYS_SENDTO, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)), syscall.MSG_NOSIGNAL, 0, 0)
		if errno != syscall.EINTR {
			return int(n), errno
		}
	}
}

func accept(fd int) (int, unix.Sockaddr, error) {
	return unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
}

func newSocket(family int) (int, error) {
	return unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
}
