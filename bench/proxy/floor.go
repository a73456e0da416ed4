//go:build linux

package main

import (
	"bytes"
	"net/netip"
	"os"
	"runtime"
	"syscall"
	"unsafe"

	"golang.org/x/sys/unix"
)

// floorArg is the role of this binary that is the floor: what the kernel's part of
// a proxy costs. It reads a request, puts constant headers after its first line,
// sends it on a connection that belongs to the client's, and hands the answer back.
// It looks at nothing, so no proxy of a connection each can be cheaper with the same
// system calls.
const floorArg = "run-floor"

// floorName is its name among the peers.
const floorName = "floor"

const floorHeaders = "X-Forwarded-For: 127.0.0.1\r\nX-Forwarded-Host: bench\r\nX-Forwarded-Proto: http\r\n" +
	"X-Request-Id: 0123456789abcdef0123456789abcdef\r\n" +
	"Traceparent: 00-0123456789abcdef0123456789abcdef-00f067aa0ba902b7-01\r\n"

func floorCommand(_, _ string, j job) (*command, error) {
	self, err := os.Executable()
	return &command{argv: []string{self, floorArg, j.listen.String(), j.backend.String()}}, err
}

// floor is a relay in one thread over one epoll instance.
type floor struct {
	epoll, listener int
	backend         netip.AddrPort
	peer            map[int32]int32 // descriptors of a pair
	client          map[int32]bool
	in, out         []byte
}

func serveFloor(args []string) error {
	runtime.LockOSThread()
	listen, err := netip.ParseAddrPort(args[0])
	if err != nil {
		return err
	}
	f := &floor{peer: map[int32]int32{}, client: map[int32]bool{}, in: make([]byte, 64*kib), out: make([]byte, 0, 64*kib)}
	if f.backend, err = netip.ParseAddrPort(args[1]); err != nil {
		return err
	}
	if f.epoll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return err
	}
	if f.listener, err = unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0); err != nil {
		return err
	}
	if err := unix.Bind(f.listener, inet4(listen)); err != nil {
		return err
	}
	if err := unix.Listen(f.listener, unix.SOMAXCONN); err != nil {
		return err
	}
	if err := f.watch(f.listener, unix.EPOLLIN); err != nil {
		return err
	}
	return f.run()
}

func inet4(a netip.AddrPort) *unix.SockaddrInet4 {
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

func (f *floor) watch(fd int, bits uint32) error {
	return unix.EpollCtl(f.epoll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: bits, Fd: int32(fd)})
}

func (f *floor) run() error {
	var events [256]unix.EpollEvent
	for {
		n, err := unix.EpollWait(f.epoll, events[:], -1)
		if err != nil && err != unix.EINTR {
			return err
		}
		for _, ev := range events[:max(n, 0)] {
			if int(ev.Fd) != f.listener {
				f.relay(ev.Fd)
			} else if err := f.accept(); err != nil {
				return err
			}
		}
	}
}

// accept takes a client and dials the backend for it, which is on the loopback interface and answers at once.
func (f *floor) accept() error {
	client, _, err := unix.Accept4(f.listener, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
	if err != nil {
		return err
	}
	backend, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	if err := unix.Connect(backend, inet4(f.backend)); err != nil {
		return err
	}
	for _, fd := range []int{client, backend} {
		if err := unix.SetNonblock(fd, true); err != nil {
			return err
		}
		if err := unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1); err != nil {
			return err
		}
	}
	f.peer[int32(client)], f.peer[int32(backend)] = int32(backend), int32(client)
	f.client[int32(client)] = true
	if err := f.watch(client, unix.EPOLLIN|unix.EPOLLET); err != nil {
		return err
	}
	return f.watch(backend, unix.EPOLLIN|unix.EPOLLET)
}

// relay passes on what has come on a connection, in one piece.
func (f *floor) relay(fd int32) {
	n, _, errno := syscall.RawSyscall6(unix.SYS_RECVFROM, uintptr(fd), uintptr(unsafe.Pointer(&f.in[0])), uintptr(len(f.in)), 0, 0, 0)
	if errno != 0 || n == 0 {
		f.drop(fd)
		return
	}
	b := f.in[:n]
	if line := bytes.IndexByte(b, '\n'); f.client[fd] && line >= 0 {
		b = append(append(append(f.out[:0], b[:line+1]...), floorHeaders...), b[line+1:]...)
	}
	_, _, _ = syscall.RawSyscall6(unix.SYS_SENDTO, uintptr(f.peer[fd]), uintptr(unsafe.Pointer(&b[0])), uintptr(len(b)), unix.MSG_NOSIGNAL, 0, 0)
}

func (f *floor) drop(fd int32) {
	peer, ok := f.peer[fd]
	if !ok {
		return
	}
	for _, fd := range []int32{fd, peer} {
		delete(f.peer, fd)
		delete(f.client, fd)
		_ = unix.Close(int(fd))
	}
}
