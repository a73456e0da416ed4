//go:build linux

package load

import (
	"errors"
	"fmt"
	"net/netip"
	"slices"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"
)

// handler is what a descriptor's events are for. An error ends the loop's run.
type handler interface {
	ready(events uint32) error
}

// Loop waits for the events of descriptors and hands them on. It is not safe
// for concurrent use.
type Loop struct {
	epfd     int
	handlers []handler // by descriptor
	events   [256]unix.EpollEvent
	scratch  []byte // what every connection reads into; holds nothing between events
}

// NewLoop returns a loop without descriptors.
func NewLoop() (*Loop, error) {
	epfd, err := unix.EpollCreate1(unix.EPOLL_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("epoll_create1: %w", err)
	}
	return &Loop{epfd: epfd, scratch: make([]byte, 256<<10)}, nil
}

// Close closes every descriptor of the loop.
func (l *Loop) Close() {
	for fd, h := range l.handlers {
		if h != nil {
			l.remove(fd)
		}
	}
	_ = unix.Close(l.epfd)
}

func (l *Loop) add(fd int, h handler) error {
	for fd >= len(l.handlers) {
		l.handlers = append(l.handlers, nil)
	}
	l.handlers[fd] = h
	return l.control(unix.EPOLL_CTL_ADD, fd, unix.EPOLLIN)
}

func (l *Loop) control(op, fd int, events uint32) error {
	if err := unix.EpollCtl(l.epfd, op, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)}); err != nil {
		return fmt.Errorf("epoll_ctl: %w", err)
	}
	return nil
}

// remove closes fd; the kernel takes it out of the set.
func (l *Loop) remove(fd int) {
	l.handlers[fd] = nil
	_ = unix.Close(fd)
}

// turn waits for events for at most wait (0: not at all) and handles them.
func (l *Loop) turn(wait time.Duration) error {
	n, err := unix.EpollWait(l.epfd, l.events[:], int(wait.Milliseconds()))
	if err != nil && !errors.Is(err, unix.EINTR) {
		return fmt.Errorf("epoll_wait: %w", err)
	}
	for i := range max(0, n) {
		ev := &l.events[i]
		// An earlier event of the same turn may have closed it.
		if h := l.handlers[ev.Fd]; h != nil {
			if err := h.ready(ev.Events); err != nil {
				return err
			}
		}
	}
	return nil
}

// stream is the bytes of a connection: of a plain one, or of one inside TLS.
// Both calls return unix.EAGAIN where they would have to wait.
type stream interface {
	read(p []byte) (int, error)
	write(p []byte) (int, error)
}

// socket is a plain connection. Its calls never block, so the scheduler need
// not know of them.
type socket int

func (s socket) read(p []byte) (int, error)  { return transfer(unix.SYS_READ, int(s), p) }
func (s socket) write(p []byte) (int, error) { return transfer(unix.SYS_WRITE, int(s), p) }

func transfer(call uintptr, fd int, p []byte) (int, error) {
	for {
		n, _, errno := syscall.RawSyscall(call, uintptr(fd), uintptr(unsafe.Pointer(unsafe.SliceData(p))), uintptr(len(p)))
		switch errno {
		case 0:
			return int(n), nil
		case unix.EINTR:
		default:
			return 0, errno
		}
	}
}

// out is what a connection has to write. What the kernel does not take at once
// waits for the descriptor to be writable.
type out struct {
	loop *Loop
	fd   int
	to   stream

	pending []byte // unsent; aliases what was given to send, which must not change
	waiting bool   // for EPOLLOUT
}

// send writes p after what is pending. p must stay as it is until it is gone.
func (o *out) send(p []byte) error {
	if len(o.pending) > 0 {
		o.pending = append(slices.Clip(o.pending), p...)
		return nil
	}
	o.pending = p
	return o.flush()
}

// flush writes what is pending, as far as the kernel takes it.
func (o *out) flush() error {
	for len(o.pending) > 0 {
		n, err := o.to.write(o.pending)
		o.pending = o.pending[n:]
		switch {
		case errors.Is(err, unix.EAGAIN):
			return o.await(true)
		case err != nil:
			return fmt.Errorf("write: %w", err)
		}
	}
	return o.await(false)
}

// await has the loop tell when the descriptor is writable, or not any more.
func (o *out) await(writable bool) error {
	if o.waiting == writable {
		return nil
	}
	o.waiting = writable
	events := uint32(unix.EPOLLIN)
	if writable {
		events |= unix.EPOLLOUT
	}
	return o.loop.control(unix.EPOLL_CTL_MOD, o.fd, events)
}

// dial begins a connection to addr and waits until it stands.
func dial(addr netip.AddrPort) (int, error) {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return 0, fmt.Errorf("socket: %w", err)
	}
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // slower without, never wrong
	if err := unix.Connect(fd, &unix.SockaddrInet4{Port: int(addr.Port()), Addr: addr.Addr().As4()}); err != nil {
		_ = unix.Close(fd)
		return 0, fmt.Errorf("connect %s: %w", addr, err)
	}
	if err := unix.SetNonblock(fd, true); err != nil {
		_ = unix.Close(fd)
		return 0, fmt.Errorf("nonblock: %w", err)
	}
	return fd, nil
}

// listener accepts connections and hands their descriptors on.
type listener struct {
	fd     int
	accept func(fd int) error
}

// listen opens a listening socket on a free port of the loopback interface.
func (l *Loop) listen(accept func(fd int) error) (netip.AddrPort, error) {
	var none netip.AddrPort
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC|unix.SOCK_NONBLOCK, 0)
	if err != nil {
		return none, fmt.Errorf("socket: %w", err)
	}
	local := netip.MustParseAddr("127.0.0.1")
	if err := unix.Bind(fd, &unix.SockaddrInet4{Addr: local.As4()}); err != nil {
		_ = unix.Close(fd)
		return none, fmt.Errorf("bind: %w", err)
	}
	if err := unix.Listen(fd, 4096); err != nil {
		_ = unix.Close(fd)
		return none, fmt.Errorf("listen: %w", err)
	}
	name, err := unix.Getsockname(fd)
	if err != nil {
		_ = unix.Close(fd)
		return none, fmt.Errorf("getsockname: %w", err)
	}
	in, ok := name.(*unix.SockaddrInet4)
	if !ok {
		_ = unix.Close(fd)
		return none, errors.New("the listener has no IPv4 address")
	}
	return netip.AddrPortFrom(local, uint16(in.Port)), l.add(fd, &listener{fd: fd, accept: accept})
}

func (l *listener) ready(uint32) error {
	for {
		fd, _, err := unix.Accept4(l.fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
		switch {
		case errors.Is(err, unix.EAGAIN):
			return nil
		case errors.Is(err, unix.ECONNABORTED), errors.Is(err, unix.EINTR):
			continue
		case err != nil:
			return fmt.Errorf("accept: %w", err)
		}
		_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1) // slower without, never wrong
		if err := l.accept(fd); err != nil {
			return err
		}
	}
}
