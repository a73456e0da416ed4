package proxy

import (
	"context"
	"io"
	"net"
	"net/http"
	"sync/atomic"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

const (
	// dialTimeout bounds one connect; on one machine it takes microseconds.
	dialTimeout = 3 * time.Second
	// idleUpstream is how long an unused connection to an instance is kept. It
	// is shorter than the keep-alive timeouts of common servers (gunicorn 2 s,
	// Node.js 5 s): a request must not meet a server that is just closing.
	// Opening a new one on loopback costs about 100 µs.
	idleUpstream = 1500 * time.Millisecond
	// maxIdleUpstream bounds unused connections to one instance.
	maxIdleUpstream = 256
	// continueTimeout is how long a body waits for the service's 100 Continue.
	continueTimeout = time.Second
	// maxResponseHeader bounds what a service may send as header, in bytes.
	maxResponseHeader = 1 << 20
)

// dialError marks a failure before anything could be sent.
type dialError struct{ error }

func (e dialError) Unwrap() error { return e.error }

// upConn counts what was written, so that it is known whether any byte of a
// request may have reached the instance.
type upConn struct {
	*net.TCPConn
	written atomic.Int64
}

func (c *upConn) Write(p []byte) (int, error) {
	n, err := c.TCPConn.Write(p)
	c.written.Add(int64(n))
	return n, err
}

// ReadFrom keeps the kernel's fast path.
func (c *upConn) ReadFrom(r io.Reader) (int64, error) {
	n, err := c.TCPConn.ReadFrom(r)
	c.written.Add(n)
	return n, err
}

// dial connects to an instance.
func dial(ctx context.Context, addr string) (*net.TCPConn, error) {
	d := net.Dialer{Timeout: dialTimeout, KeepAlive: -1} // loopback: a dead peer is known at once
	c, err := d.DialContext(ctx, "tcp", addr)
	if err != nil {
		return nil, dialError{err}
	}
	return c.(*net.TCPConn), nil //nolint:forcetypeassert // DialContext's type for "tcp"
}

// newTransport makes the client for one instance. One each, not one for all:
// its pool is not a lock that all requests share, and it can be emptied alone.
func newTransport(addr string, protocol route.Protocol) *http.Transport {
	t := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			c, err := dial(ctx, addr)
			if err != nil {
				return nil, err
			}
			return &upConn{TCPConn: c}, nil
		},
		DisableCompression:     true,
		MaxIdleConns:           maxIdleUpstream,
		MaxIdleConnsPerHost:    maxIdleUpstream,
		IdleConnTimeout:        idleUpstream,
		ExpectContinueTimeout:  continueTimeout,
		MaxResponseHeaderBytes: maxResponseHeader,
		Protocols:              new(http.Protocols),
	}
	if protocol == route.H2C {
		t.Protocols.SetUnencryptedHTTP2(true)
		t.IdleConnTimeout = time.Minute // HTTP/2 says GOAWAY before it closes
	} else {
		t.Protocols.SetHTTP1(true)
	}
	return t
}
