package loop

import (
	"errors"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Socket is a listening socket that Go's own poller does not watch: it would wake
// a thread for each connection, of which loops take care. It is a net.Listener
// to those who hold and pass it on, and never accepts itself. Its methods are
// safe from any goroutine.
type Socket struct {
	addr net.Addr

	mu sync.Mutex
	fd int // -1: closed
}

// Detach makes a Socket of l, which is closed: the kernel's socket goes on.
func Detach(l net.Listener) (*Socket, error) {
	if s, ok := l.(*Socket); ok {
		return s, nil
	}
	old, err := descriptor(l)
	if err != nil {
		return nil, err
	}
	fd, err := unix.FcntlInt(uintptr(old), unix.F_DUPFD_CLOEXEC, 0)
	if err != nil {
		return nil, os.NewSyscallError("fcntl", err)
	}
	s := &Socket{addr: l.Addr(), fd: fd}
	return s, l.Close()
}

// Accept is an error: loops accept, see [Group.Listen].
func (s *Socket) Accept() (net.Conn, error) {
	return nil, &net.OpError{Op: "accept", Net: "tcp", Addr: s.addr, Err: errors.ErrUnsupported}
}

// Addr is where it listens.
func (s *Socket) Addr() net.Addr { return s.addr }

// Close closes this descriptor of the socket.
func (s *Socket) Close() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd < 0 {
		return net.ErrClosed
	}
	fd := s.fd
	s.fd = -1
	return os.NewSyscallError("close", unix.Close(fd))
}

// SyscallConn gives access to the descriptor.
func (s *Socket) SyscallConn() (syscall.RawConn, error) { return (*rawSocket)(s), nil }

// rawSocket is a Socket's descriptor for others to use.
type rawSocket Socket

func (r *rawSocket) Control(fn func(fd uintptr)) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fd < 0 {
		return net.ErrClosed
	}
	fn(uintptr(r.fd))
	return nil
}

func (r *rawSocket) Read(func(uintptr) bool) error { return errors.ErrUnsupported }

func (r *rawSocket) Write(func(uintptr) bool) error { return errors.ErrUnsupported }
