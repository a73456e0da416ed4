package link

import (
	"errors"
	"fmt"
	"net"
	"os"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// Socket is a listening socket that is held and not accepted on: a bare
// descriptor that the runtime's poller does not know, so that connections made
// to it wake nobody in this process. The socket itself is shared with the other
// side and stays non-blocking: nothing here uses os.File.Fd, which would change that.
type Socket struct {
	fd    int
	close sync.Once
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
	fd, dupErr := -1, error(nil)
	err = raw.Control(func(s uintptr) {
		fd, dupErr = unix.FcntlInt(s, unix.F_DUPFD_CLOEXEC, 3)
	})
	if err = errors.Join(err, dupErr); err != nil {
		return nil, fmt.Errorf("link: socket: %w", err)
	}
	return &Socket{fd: fd}, nil
}

// Dup returns another hold on the same socket.
func (s *Socket) Dup() (*Socket, error) {
	fd, err := unix.FcntlInt(uintptr(s.fd), unix.F_DUPFD_CLOEXEC, 3)
	if err != nil {
		return nil, fmt.Errorf("link: socket: %w", err)
	}
	return &Socket{fd: fd}, nil
}

// Listener makes a net.Listener that accepts on the socket. The Socket is used
// up, also on errors.
func (s *Socket) Listener() (net.Listener, error) {
	defer s.Close()
	dup, err := s.Dup()
	if err != nil {
		return nil, err
	}
	// The descriptor is non-blocking, so NewFile and FileListener leave the
	// mode alone; a test holds them to it.
	f := os.NewFile(uintptr(dup.fd), "listener") // its now
	defer f.Close()
	l, err := net.FileListener(f)
	if err != nil {
		return nil, fmt.Errorf("link: socket: %w", err)
	}
	return l, nil
}

// Addr is the socket's own address; nil if it is no internet socket.
func (s *Socket) Addr() *net.TCPAddr {
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

// Close gives up this process' hold on the socket.
func (s *Socket) Close() {
	s.close.Do(func() { _ = unix.Close(s.fd) })
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
