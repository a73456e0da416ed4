package link

import (
	"errors"
	"fmt"
	"net"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Socket is a listening socket that is held, passed on and accepted on by event
// loops alone: a bare descriptor that Go's own poller does not know, so that
// connections made to it wake nobody else. The socket itself is shared with the
// other side and stays non-blocking: nothing here uses os.File.Fd, which would
// change that. Its methods are safe from any goroutine.
type Socket struct {
	mu sync.Mutex
	fd int // -1: closed
}

// SocketOf duplicates l's descriptor; l stays the caller's.
func SocketOf(l net.Listener) (*Socket, error) {
	sc, ok := l.(syscall.Conn)
	if !ok {
		return nil, fmt.Errorf("link: %T has no descriptor", l)
	}
	raw, err := sc.SyscallConn()
	if err != nil {
		return nil, fmt.Errorf("link: socket: %w", err)
	}
	return duplicate(raw)
}

// Dup returns another hold on the same socket.
func (s *Socket) Dup() (*Socket, error) { return duplicate((*rawSocket)(s)) }

func duplicate(raw syscall.RawConn) (*Socket, error) {
	fd, dupErr := -1, error(nil)
	err := raw.Control(func(s uintptr) {
		fd, dupErr = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 3)
	})
	if err = errors.Join(err, dupErr); err != nil {
		return nil, fmt.Errorf("link: socket: %w", err)
	}
	return &Socket{fd: fd}, nil
}

// SyscallConn gives access to the descriptor. What it returns has Control alone.
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

// Addr is the socket's own address; nil if it is no internet socket, or closed.
func (s *Socket) Addr() *net.TCPAddr {
	s.mu.Lock()
	defer s.mu.Unlock()
	sa, err := unix.Getsockname(s.fd)
	if err != nil {
		return nil
	}
	switch sa := sa.(type) {
	case *unix.SockaddrInet4:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
	case *unix.SockaddrInet6:
		return &net.TCPAddr{IP: sa.Addr[:], Port: sa.Port}
	}
	return nil
}

// Close gives up this hold on the socket.
func (s *Socket) Close() {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.fd >= 0 {
		_ = unix.Close(s.fd)
		s.fd = -1
	}
}

// CloseSockets closes each.
func CloseSockets(sockets []*Socket) {
	for _, s := range sockets {
		s.Close()
	}
}

// maxRights is how many descriptors the kernel puts in one message at most.
const maxRights = 253

// rightsReader reads the bytes of one message and collects the descriptors that come with them.
type rightsReader struct {
	c       *Conn
	sockets []*Socket
}

func (r *rightsReader) Read(p []byte) (int, error) {
	n, oobn, flags, _, err := r.c.sock.ReadMsgUnix(p, r.c.oob)
	if oobn > 0 {
		if cerr := r.collect(r.c.oob[:oobn]); cerr != nil && err == nil {
			err = cerr
		}
	}
	if err == nil && flags&unix.MSG_CTRUNC != 0 {
		err = errors.New("control data cut short")
	}
	if err == nil && len(r.sockets) > MaxSockets {
		err = errors.New("too many sockets")
	}
	return n, err
}

// collect takes every descriptor in oob, whatever else is wrong with it: what
// is not taken would leak.
func (r *rightsReader) collect(oob []byte) error {
	msgs, err := unix.ParseSocketControlMessage(oob)
	for i := range msgs {
		fds, perr := unix.ParseUnixRights(&msgs[i])
		if perr != nil {
			err = errors.Join(err, perr)
			continue
		}
		for _, fd := range fds {
			unix.CloseOnExec(fd)
			r.sockets = append(r.sockets, &Socket{fd: fd})
			err = errors.Join(err, unix.SetNonblock(fd, true))
		}
	}
	return err
}
