package proxy

import (
	"errors"
	"net/netip"

	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/policy"
)

// relayTCP carries one connection of a TCP edge, accepted at an address, to an instance. One direction
// may end before the other.
func (w *worker) relayTCP(t *loop.Task, ed edge, at string, down *loop.Conn) {
	x := w.exchange(t, nil)
	defer w.done(x)
	x.began = w.loop.Clock()
	x.countIn(ed)
	defer x.countOut(nil)
	ed.budget.Request()
	down.Reader(t) // its reset ends the dialling
	up := x.dialAny(down.Broken)
	if up == nil {
		w.e.log.Debug("tcp edge", "caller", ed.caller, "service", ed.callee, "error", string(x.fail.code), "detail", x.fail.detail)
		down.Reset() // the caller must not take it for an empty answer
		return
	}
	x.upstreamTime = w.loop.Clock() - x.began
	defer x.chosen.inst.release()
	x.introduce(up, down.Remote, at)
	down.Writer(t)
	up.Reader(t)
	up.Writer(t)
	x.relayed = true
	x.done = x.splice(down, up)
	up.Abort()
	if !x.done {
		down.Reset()
		return
	}
	down.Abort()
}

// introduce tells an instance that wants to know it who its client is.
func (x *exchange) introduce(up *loop.Conn, client netip.AddrPort, listener string) {
	if v := x.edg.svc.proxyProtocol; v != 0 {
		at, _ := netip.ParseAddrPort(listener) // listeners have a full address
		up.SetOut(appendProxyHeader(up.Out(), v, client, at))
	}
}

// dialAny dials instances until one answers, or the client is gone; dialling again
// is always safe.
func (x *exchange) dialAny(gone func() bool) *loop.Conn {
	deadline := x.w.after(2 * dialTimeout)
	for x.choose() {
		c := x.chosen
		up, err := x.w.loop.Dial(x.task, c.inst.address, sooner(deadline, x.w.after(dialTimeout)), gone)
		if err == nil {
			x.judge(c, policy.Good)
			return up
		}
		if errors.Is(err, loop.ErrGivenUp) {
			err = errClientGone
		}
		f, v := x.explain(dialError{err}, c.inst)
		x.fail = f
		x.judge(c, v)
		c.inst.release()
		if f.code == ClientGone || f.code == OutOfResources && !x.anotherInstance() || !x.mayRetry() {
			return nil
		}
	}
	return nil
}
