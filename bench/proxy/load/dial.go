//go:build linux

package load

import (
	"cmp"

	"golang.org/x/sys/unix"
)

// dial opens a connection for the kind of load.
func (r *run) dial() (client, error) {
	if r.spec.Kind == Fresh {
		return &freshClient{h1client: h1client{run: r}}, nil
	}
	fd, err := dial(r.addr)
	if err != nil {
		return nil, err
	}
	o := out{loop: r.loop, fd: fd, to: socket(fd)}
	if r.spec.TLS != nil {
		if o.to, err = newTLS(fd, r.spec.TLS, cmp.Or(r.spec.server, "bench")); err != nil {
			_ = unix.Close(fd)
			return nil, err
		}
	}
	var c client
	switch r.spec.Kind {
	case WebSocket:
		c = newSocketClient(r, o)
	case HTTP2, GRPC:
		c = newH2Client(r, fd)
	default:
		c = &h1client{out: o, run: r}
	}
	return c, r.loop.add(fd, c)
}
