package link

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/banyanrun/banyan/internal/socket"
)

// MaxMessage bounds one encoded message, in bytes: 64 MiB.
const MaxMessage = 64 << 20

// WriteTimeout bounds Send: a peer that does not read for so long counts as dead.
const WriteTimeout = 5 * time.Second

// errCut is the end of the link within a message.
var errCut = errors.New("the link ended within a message")

// ErrTooLarge is returned for a message over MaxMessage, in either direction.
var ErrTooLarge = errors.New("link: message too large")

// Conn carries messages over one unix stream socket. Send may be called
// concurrently; Receive by one goroutine at a time. After an error from either,
// the only useful call is Close.
type Conn struct {
	sock *net.UnixConn
	peer socket.Peer

	wmu sync.Mutex
	oob []byte // control data of Receive
}

// NewConn takes over sock and checks who is at its other end: the same user,
// or root. It closes sock on errors.
func NewConn(sock *net.UnixConn) (*Conn, error) {
	peer, err := socket.Verify(sock)
	if err != nil {
		_ = sock.Close()
		return nil, fmt.Errorf("link: %w", err)
	}
	return &Conn{sock: sock, peer: peer, oob: make([]byte, unix.CmsgSpace(4*maxRights))}, nil
}

// Peer is the process at the other end, as the kernel recorded it when the
// connection was made.
func (c *Conn) Peer() socket.Peer { return c.peer }

// Close ends the connection; a Receive in progress returns an error.
func (c *Conn) Close() error { return c.sock.Close() }

// SetReadDeadline bounds Receive, as net.Conn's does.
func (c *Conn) SetReadDeadline(t time.Time) error { return c.sock.SetReadDeadline(t) }

// Send writes m with the descriptors of sockets, which stay the caller's. It
// fails when the peer does not take the message within WriteTimeout.
func (c *Conn) Send(m *Message, sockets ...*Socket) error {
	frame, err := encode(m)
	if err != nil {
		return err
	}
	if len(sockets) > MaxSockets {
		return fmt.Errorf("link: %d sockets in one message, at most %d", len(sockets), MaxSockets)
	}
	var oob []byte
	if len(sockets) > 0 {
		fds := make([]int, len(sockets))
		for i, s := range sockets {
			fds[i] = s.fd
		}
		oob = unix.UnixRights(fds...)
	}
	c.wmu.Lock()
	defer c.wmu.Unlock()
	if err := c.sock.SetWriteDeadline(time.Now().Add(WriteTimeout)); err != nil {
		return fmt.Errorf("link: send: %w", err)
	}
	if err := c.write(frame, oob); err != nil {
		return fmt.Errorf("link: send: %w", err)
	}
	return nil
}

// write sends frame; the descriptors ride on its first part.
func (c *Conn) write(frame, oob []byte) error {
	if len(oob) > 0 {
		n, err := c.writeRights(frame, oob)
		if err != nil {
			return err
		}
		frame = frame[n:]
	}
	for len(frame) > 0 {
		n, err := c.sock.Write(frame)
		if err != nil {
			return err
		}
		frame = frame[n:]
	}
	return nil
}

// writeRights sends frame's first bytes with oob. The kernel bounds how many
// descriptors of one user are under way (RLIMIT_NOFILE); a peer that reads
// makes room, so it is asked again until WriteTimeout.
func (c *Conn) writeRights(frame, oob []byte) (int, error) {
	give := time.Now().Add(WriteTimeout)
	for {
		n, _, err := c.sock.WriteMsgUnix(frame, oob, nil)
		if !errors.Is(err, syscall.ETOOMANYREFS) || time.Now().After(give) {
			return n, err
		}
		time.Sleep(5 * time.Millisecond) //nolint:forbidigo // the kernel does not tell when there is room
	}
}

// Receive reads the next message and its sockets, which become the caller's.
// It returns io.EOF when the peer closed between messages.
func (c *Conn) Receive() (*Message, []*Socket, error) {
	r := &rightsReader{c: c}
	m, err := decode(r)
	if err == nil {
		err = checkSockets(m, len(r.sockets))
	}
	if err != nil {
		CloseSockets(r.sockets)
		if errors.Is(err, io.EOF) {
			return nil, nil, io.EOF
		}
		return nil, nil, fmt.Errorf("link: receive: %w", err)
	}
	return m, r.sockets, nil
}

// encode returns m as a frame: its length in 4 bytes, big-endian, and JSON.
func encode(m *Message) ([]byte, error) {
	body, err := json.Marshal(m)
	if err != nil {
		return nil, fmt.Errorf("link: encode: %w", err)
	}
	if len(body) > MaxMessage {
		return nil, ErrTooLarge
	}
	frame := make([]byte, 4+len(body))
	binary.BigEndian.PutUint32(frame, uint32(len(body)))
	copy(frame[4:], body)
	return frame, nil
}

// decode reads one frame. The buffer grows with what arrives, so that a length
// that lies costs nothing.
func decode(r io.Reader) (*Message, error) {
	var head [4]byte
	if n, err := io.ReadFull(r, head[:]); err != nil {
		if n > 0 {
			err = errCut
		}
		return nil, err
	}
	size := binary.BigEndian.Uint32(head[:])
	if size > MaxMessage {
		return nil, ErrTooLarge
	}
	body, err := readBody(r, int(size))
	if err != nil {
		return nil, err
	}
	m := new(Message)
	if err := json.Unmarshal(body, m); err != nil {
		return nil, err
	}
	return m, nil
}

func readBody(r io.Reader, size int) ([]byte, error) {
	const step = 1 << 20
	body := make([]byte, 0, min(size, step))
	for len(body) < size {
		n := min(size-len(body), step)
		body = append(body, make([]byte, n)...)
		if _, err := io.ReadFull(r, body[len(body)-n:]); err != nil {
			return nil, errCut

		}
	}
	return body, nil
}

// checkSockets refuses a message whose names and descriptors do not match.
func checkSockets(m *Message, got int) error {
	want := 0
	if m.Sockets != nil {
		want = len(m.Sockets.IDs)
	}
	if want != got {
		return fmt.Errorf("%d sockets named, %d came", want, got)
	}
	return nil
}
