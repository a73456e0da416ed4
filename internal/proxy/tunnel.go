package proxy

import (
	"errors"
	"io"
	"net/http"

	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/message"
)

// findTunnel sets the route of a CONNECT. The target's host finds it; its port
// means nothing here, for the service's instances have ports of their own.
func (x *exchange) findTunnel() *failure {
	v, h := &x.gate, x.req
	if v.gt.tunnels.size == 0 {
		return x.failed(MethodNotOK, nil, "no route takes CONNECT")
	}
	q := query{host: hostOnly(str(h.Authority)), method: http.MethodConnect, head: h}
	gr, _ := v.gt.tunnels.find(&q, nil)
	if gr == nil {
		return x.failed(NoRoute, nil, "no route takes CONNECT to this host")
	}
	v.route = gr
	return nil
}

// tunnel connects the client of a CONNECT with an instance of the route's
// service, which speaks TCP. What the client has sent ahead of the answer is the
// first that the instance gets; where there is no tunnel, nobody reads it.
func (x *exchange) tunnel(listener string) {
	x.sent = x.w.loop.Now()
	x.edg.budget.Request()
	gone := x.client.gone
	if down := x.client.stream(); down != nil {
		gone = down.Broken // it may have sent all that it has to say, and still listen
	}
	up := x.dialAny(gone)
	if up == nil {
		x.answer(x.fail)
		return
	}
	defer x.chosen.inst.release()
	x.upstreamTime = x.w.loop.Now() - x.sent
	x.introduce(up, x.client.remote(), listener)
	up.Reader(x.task)
	up.Writer(x.task)
	h := x.resp
	h.Reset()
	h.Status = http.StatusOK
	h.Set(message.XRequestID, x.reqID)
	x.adjustHead(h)
	x.status, x.relayed = h.Status, true
	x.join(h, up)
	if x.done {
		up.Abort()
	} else {
		up.Reset() // or it would read as an end
	}
}

// spliceStream is splice for a client whose bytes come and go in frames.
func (x *exchange) spliceStream(up *loop.Conn) bool {
	var upEnded, downEnded bool // what came from them was passed on to its end
	for {
		n, err := 0, error(nil)
		if !upEnded {
			n, upEnded, err = x.fromConn(up)
		}
		m, err2 := 0, up.WriteErr()
		if !downEnded {
			m, downEnded, err2 = x.toConn(up)
		}
		switch {
		case err != nil || err2 != nil || x.client.gone() && !(upEnded && downEnded):
			return false
		case upEnded && downEnded && up.Pending() == 0:
			return true
		case n > 0 || m > 0:
			continue
		}
		if x.task.Wait(0) != nil {
			return false
		}
	}
}

// toConn moves what came from the client to up.
func (x *exchange) toConn(up *loop.Conn) (n int, end bool, err error) {
	for {
		p, last, err := x.client.read()
		if err != nil {
			return n, false, err
		}
		k := min(len(p), up.Room())
		if k > 0 {
			up.Write(p[:k])
			up.Flush()
			x.client.consume(k)
			x.body.taken += int64(k)
			n += k
		}
		switch {
		case last && k == len(p):
			up.CloseWrite()
			return n, true, nil
		case k == 0:
			return n, false, up.WriteErr()
		}
	}
}

// fromConn moves what came from up to the client.
func (x *exchange) fromConn(up *loop.Conn) (n int, end bool, err error) {
	for {
		room := x.client.room()
		if room == 0 {
			return n, false, nil
		}
		p := up.Buffered()
		if p == nil {
			k, err := up.TryFill()
			switch {
			case errors.Is(err, io.EOF):
				x.client.end(nil)
				return n, true, nil
			case k == 0 || err != nil:
				up.Release()
				return n, false, err
			}
			continue
		}
		k := x.client.write(p[:min(len(p), room)])
		up.Consume(k)
		x.out += int64(k)
		n += k
		if k == 0 {
			return n, false, nil
		}
	}
}
