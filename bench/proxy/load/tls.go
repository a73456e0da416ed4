//go:build linux

package load

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"time"

	"golang.org/x/sys/unix"
)

// tlsStream is the bytes inside a TLS connection that an epoll loop drives.
// crypto/tls keeps a record that came in part, and goes on with it after an
// error that is temporary: that is what its connection answers in place of waiting.
type tlsStream struct{ *tls.Conn }

// newTLS shakes hands over a connected socket, which it waits for.
func newTLS(fd int, roots *x509.CertPool, server string) (stream, error) {
	under := &waitingConn{socket: socket(fd), wait: true}
	c := tls.Client(under, &tls.Config{RootCAs: roots, ServerName: server, NextProtos: []string{"http/1.1"}, MinVersion: tls.VersionTLS13})
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	if err := c.HandshakeContext(ctx); err != nil {
		return nil, fmt.Errorf("TLS handshake: %w", err)
	}
	under.wait = false
	return tlsStream{c}, nil
}

// read goes on until nothing is left: what the connection has buffered inside,
// epoll knows nothing of.
func (s tlsStream) read(p []byte) (int, error) {
	n := 0
	for n < len(p) {
		m, err := s.Conn.Read(p[n:])
		n += m
		switch {
		case err == nil:
		case n > 0: // an error that is not temporary comes again
			return n, nil
		case errors.Is(err, unix.EAGAIN):
			return 0, unix.EAGAIN
		default:
			return 0, err
		}
	}
	return n, nil
}

func (s tlsStream) write(p []byte) (int, error) { return s.Conn.Write(p) }

// waitingConn is a socket as crypto/tls wants it. Reads wait while wait is set;
// writes always do: a request that does not fit the socket's buffer is rare.
type waitingConn struct {
	socket
	wait bool
}

func (c *waitingConn) Read(p []byte) (int, error) {
	for {
		n, err := c.read(p)
		switch {
		case err == nil && n == 0:
			return 0, errors.New("the proxy closed a connection")
		case !errors.Is(err, unix.EAGAIN):
			return n, err
		case !c.wait:
			return 0, again{}
		}
		if err := c.poll(unix.POLLIN); err != nil {
			return 0, err
		}
	}
}

func (c *waitingConn) Write(p []byte) (int, error) {
	sent := 0
	for sent < len(p) {
		n, err := c.write(p[sent:])
		sent += n
		switch {
		case errors.Is(err, unix.EAGAIN):
			if err := c.poll(unix.POLLOUT); err != nil {
				return sent, err
			}
		case err != nil:
			return sent, err
		}
	}
	return sent, nil
}

// poll waits until the socket is ready, for ten seconds at most.
func (c *waitingConn) poll(events int16) error {
	n, err := unix.Poll([]unix.PollFd{{Fd: int32(c.socket), Events: events}}, 10_000)
	switch {
	case errors.Is(err, unix.EINTR):
		return nil
	case err == nil && n == 0:
		return errors.New("nothing for ten seconds")
	}
	return err
}

// Close is the loop's business, and deadlines are the run's.

func (c *waitingConn) Close() error                     { return nil }
func (c *waitingConn) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (c *waitingConn) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (c *waitingConn) SetDeadline(time.Time) error      { return nil }
func (c *waitingConn) SetReadDeadline(time.Time) error  { return nil }
func (c *waitingConn) SetWriteDeadline(time.Time) error { return nil }

// again is a temporary error, which crypto/tls does not hold against the connection.
type again struct{}

func (again) Error() string   { return "nothing to read yet" }
func (again) Timeout() bool   { return true }
func (again) Temporary() bool { return true }
func (again) Unwrap() error   { return unix.EAGAIN }
