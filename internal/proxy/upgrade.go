package proxy

import (
	"bytes"
	"errors"
	"fmt"
	"io"

	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/message"
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

// switchProtocols relays bytes both ways after a 101, until both sides ended or one broke.
func (x *exchange) switchProtocols() {
	inst := x.chosen.inst
	down, up := x.client.stream(), x.up.stream()
	got := x.resp.Upgrade
	// A service that switches before it has the request's body would read the rest of it as the new protocol.
	if down == nil || up == nil || len(x.req.Upgrade) == 0 || !message.EqualFold(got, str(x.req.Upgrade)) || !x.body.over {
		detail := fmt.Sprintf("switches to %q, asked for %q", got, x.req.Upgrade)
		x.resp.Reset()
		x.finish(false)
		x.answer(x.failed(UpstreamReset, inst, detail))
		return
	}
	x.sign(x.resp)
	x.status = x.resp.Status
	x.relayed = true
	x.client.respond(x.resp, true)
	x.done = x.splice(down, up)
	x.finish(false)
	if x.done {
		down.Close()
	} else {
		down.Flush()
		down.Reset() // or it would read as an end
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
		room := roomOn(to)
		if room == 0 {
			return n, false, to.WriteErr()
		}
		k, err := to.Pull(from, room)
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
