package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/route"
)

// carriesRequests reports whether one of the protocols that a client asks for is
// HTTP again, or TLS, in which anything could be: requests in it would pass the
// routes and their rules by ("h2c smuggling"). So such a wish ends here.
func carriesRequests(protocols []byte) bool {
	for list := protocols; len(list) > 0; {
		var p []byte
		p, list, _ = bytes.Cut(list, []byte(","))
		p, _, _ = bytes.Cut(bytes.Trim(p, " \t"), []byte("/"))
		for _, name := range [...]string{"h2c", "h2", "http", "tls"} {
			if message.EqualFold(p, name) {
				return true
			}
		}
	}
	return false
}

// askUpgrade forgets the client's wish to switch protocols where the service
// could not, or must not. A client that has no other wish gets a failure.
func (x *exchange) askUpgrade() *failure {
	h := x.req
	h.Remove(message.HTTP2Settings) // goes with Upgrade: h2c (RFC 7540, 3.2.1)
	switch isH2C := x.edg.svc.protocol == route.H2C; {
	case x.extended && !message.EqualFold(h.Upgrade, webSocket):
		return x.failed(NotImplemented, nil, "no protocol but websocket can be asked for on a stream")
	case x.extended && isH2C:
		return x.failed(NotImplemented, nil, x.edg.callee+" speaks h2c, in which no WebSocket is relayed")
	case x.extended:
	case x.client.overHTTP2() || isH2C || carriesRequests(h.Upgrade):
		h.Upgrade = nil
	}
	return nil
}

// switchProtocols relays bytes both ways after a 101, until both sides ended or one broke.
func (x *exchange) switchProtocols() {
	up := x.up.stream()
	got := x.resp.Upgrade
	// A service that switches before it has the request's body would read the rest of it as the new protocol.
	if up == nil || len(x.req.Upgrade) == 0 || !message.EqualFold(got, str(x.req.Upgrade)) || !x.body.over {
		x.misled(fmt.Sprintf("switches to %q, asked for %q", got, x.req.Upgrade))
		return
	}
	if x.extended && !x.accepted() {
		x.misled("Sec-WebSocket-Accept does not answer the key")
		return
	}
	x.sign(x.resp)
	if x.extended {
		x.unfoldAnswer()
	}
	x.status = x.resp.Status
	x.relayed = true
	x.join(x.resp, up)
	x.finish(false)
}

// misled answers in place of a service that switches to what it was not asked
// for, or says that it does and does not.
func (x *exchange) misled(detail string) {
	x.resp.Reset()
	x.finish(false)
	x.answer(x.failed(UpstreamReset, x.chosen.inst, detail))
}

// join sends the head h of an answer after which there are only bytes, and
// relays these between the client and up until both ended or one broke.
func (x *exchange) join(h *message.Head, up *loop.Conn) {
	x.switched = true
	down := x.client.stream()
	x.client.respond(h, down != nil) // over HTTP/2, bytes are a body
	switch {
	case down == nil:
		x.done = x.spliceStream(up)
	default:
		if x.done = x.splice(down, up); x.done {
			down.Close()
		}
	}
	if !x.done {
		x.client.cut()
	}
}

// splice relays bytes between two connections of which the exchange's task is
// reader and writer, and counts them. The end of one direction is passed on as
// such; it returns when both ended, or false when one broke.
func (x *exchange) splice(down, up *loop.Conn) bool {
	var upEnded, downEnded bool // what came from them was passed on to its end
	for {
		n, end, err := forward(down, up, upEnded)
		x.out += int64(n)
		upEnded = end
		m, end, err2 := forward(up, down, downEnded)
		x.body.taken += int64(m)
		downEnded = end
		switch {
		case err != nil || err2 != nil:
			return false
		case upEnded && downEnded && down.Pending() == 0 && up.Pending() == 0:
			return true
		case n > 0 || m > 0:
			continue
		}
		if x.task.Wait(0) != nil {
			return false
		}
	}
}

// forward moves what is there from one connection to the other.
func forward(to, from *loop.Conn, ended bool) (n int, end bool, err error) {
	if ended {
		return 0, true, to.WriteErr()
	}
	for {
		room := to.Room()
		if room == 0 {
			return n, false, to.WriteErr()
		}
		k, err := to.Pull(from, room, false)
		n += k
		switch {
		case errors.Is(err, io.EOF):
			to.CloseWrite()
			return n, true, nil
		case err != nil:
			return n, false, err
		case k == 0:
			return n, false, nil
		}
		to.Flush()
	}
}
