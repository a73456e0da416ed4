package proxy

import (
	"context"
	"io"
	"net"
	"time"
)

// relayTCP carries one connection of a TCP edge to an instance. Bytes are moved
// by the kernel (splice). One direction may end before the other.
func (e *Engine) relayTCP(ed *edge, down *net.TCPConn) {
	defer down.Close()
	x := &exchange{e: e, edg: ed}
	ed.state.budget.request()
	up, c := x.connect()
	if up == nil {
		e.log.Debug("tcp edge", "caller", ed.caller, "service", ed.callee, "error", string(x.fail.code), "detail", x.fail.detail)
		_ = down.SetLinger(0) // a reset: the caller must not take it for an empty answer
		return
	}
	defer c.inst.release()
	defer up.Close()
	defer e.track(down)()
	relayBoth(down, up)
}

// connect dials instances until one answers; dialing again is always safe.
func (x *exchange) connect() (*net.TCPConn, choice) {
	ctx, cancel := context.WithTimeout(context.Background(), 2*dialTimeout)
	defer cancel()
	for {
		c := x.choose()
		if c.inst == nil {
			return nil, c
		}
		up, err := dial(ctx, c.inst.addr)
		if err == nil {
			x.e.judge(x.edg, c, good)
			return up, c
		}
		x.fail = x.failed(UpstreamConnect, c.inst, shortError(err))
		x.e.judge(x.edg, c, bad)
		c.inst.release()
		if x.tries > x.edg.policy.Retries || !x.edg.state.budget.take(time.Now()) {
			return nil, choice{}
		}
	}
}

func relayBoth(a, b *net.TCPConn) {
	ended := make(chan struct{})
	go func() { // ends with either connection; waited for below
		defer close(ended)
		relayOne(a, b)
	}()
	relayOne(b, a)
	<-ended
}

// relayOne copies from src to dst. The end of src is passed on as such; an
// error ends both directions.
func relayOne(dst, src *net.TCPConn) {
	_, err := io.Copy(dst, src)
	if err == nil {
		err = dst.CloseWrite()
	}
	if err != nil {
		_ = dst.Close()
		_ = src.Close()
	}
}
