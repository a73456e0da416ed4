package loop

import (
	"errors"
	"net/netip"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"
)

// Listener accepts connections on all loops of a group. The socket stays its owner's.
type Listener struct {
	group *Group
	close sync.Once
	ports []*socket // one a loop
}

// socket is a listening socket as one loop sees it.
type socket struct {
	fd     int
	token  uint64
	serve  func(*Conn)
	gone   bool
	paused bool
	timer  timer
	resume int64
	loop   *Loop
}

// acceptBatch is how many connections are accepted at a time: others wait for the loop, too.
const acceptBatch = 64

// Listen has the group accept from l, a listening socket that does not block, and
// call serve with each connection, on its loop. Connections go to the loop with
// the fewest. Safe from any goroutine.
func (g *Group) Listen(l syscall.Conn, serve func(*Conn)) (*Listener, error) {
	fd, err := descriptor(l)
	if err != nil {
		return nil, err
	}
	keepAlive(fd)
	// Connections inherit it.
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_NODELAY, 1)
	ln := &Listener{group: g}
	var mu sync.Mutex
	var failed error
	g.Each(func(lp *Loop) {
		s := &socket{fd: fd, serve: serve, loop: lp, resume: never}
		s.timer.owner = s
		s.token = lp.take(nil, s)
		err := lp.poll.addListener(fd, s.token)
		mu.Lock()
		defer mu.Unlock()
		if err != nil {
			lp.give(s.token)
			failed = err
			return
		}
		ln.ports = append(ln.ports, s)
	})
	if failed != nil {
		ln.Close()
		return nil, failed
	}
	return ln, nil
}

// keepAlive has the kernel ask silent peers whether they live, so that relays to
// those that vanished end. Accepted connections inherit it. In seconds; what
// is not a TCP socket has no such options.
func keepAlive(fd int) {
	const idle, interval = 60, 15
	_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_KEEPALIVE, 1)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, keepIdle, idle)
	_ = unix.SetsockoptInt(fd, unix.IPPROTO_TCP, unix.TCP_KEEPINTVL, interval)
}

// Close stops accepting; when it returns the socket is not used any more. Safe
// from any goroutine but a loop's.
func (ln *Listener) Close() {
	ln.close.Do(func() {
		ln.group.Each(func(lp *Loop) {
			for _, s := range ln.ports {
				if s.loop == lp {
					s.remove(lp)
				}
			}
		})
	})
}

// descriptor is the listening socket's; it is valid until l is closed.
func descriptor(l syscall.Conn) (int, error) {
	raw, err := l.SyscallConn()
	if err != nil {
		return -1, err
	}
	fd := -1
	err = raw.Control(func(d uintptr) { fd = int(d) })
	return fd, err
}

func (s *socket) remove(lp *Loop) {
	if s.gone {
		return
	}
	s.gone = true
	if !s.paused {
		lp.poll.remove(s.fd)
	}
	lp.timers.disarm(&s.timer)
	lp.give(s.token)
}

// accept takes what waits in the kernel's queue.
func (s *socket) accept(lp *Loop) {
	for range acceptBatch {
		fd, from, err := accept(s.fd)
		switch {
		case err == nil:
			s.hand(lp, fd, from)
		case errors.Is(err, unix.EINTR), errors.Is(err, unix.ECONNABORTED):
		case errors.Is(err, unix.EAGAIN):
			return
		default:
			s.pause(lp, err)
			return
		}
	}
}

// pause stops accepting for a while: descriptors or memory ran out, and the
// connections wait in the kernel's queue.
func (s *socket) pause(lp *Loop, err error) {
	lp.group.log.Warn("accept", "error", err)
	lp.poll.remove(s.fd)
	s.paused = true
	s.resume = lp.now + int64(100*time.Millisecond)
	lp.timers.arm(&s.timer, s.resume)
}

func (s *socket) due() int64 { return s.resume }

func (s *socket) expire() {
	s.resume, s.paused = never, false
	if err := s.loop.poll.addListener(s.fd, s.token); err != nil {
		s.pause(s.loop, err)
	}
}

// hand gives the connection to the loop with the fewest.
func (s *socket) hand(lp *Loop, fd int, remote netip.AddrPort) {
	to := lp
	for _, other := range lp.group.loops {
		if other.Conns() < to.Conns() {
			to = other
		}
	}
	if to == lp {
		s.open(lp, fd, remote)
		return
	}
	if !to.post(func() { s.open(to, fd, remote) }) {
		_ = unix.Close(fd)
	}
}

func (s *socket) open(lp *Loop, fd int, remote netip.AddrPort) {
	if lp.closing {
		_ = unix.Close(fd)
		return
	}
	c, err := lp.newConn(fd)
	if err != nil {
		lp.group.log.Warn("accepted connection", "error", err)
		return
	}
	c.Remote = remote
	c.canWrite = true
	s.serve(c)
}
