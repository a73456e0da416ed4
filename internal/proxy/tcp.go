package proxy

import (
	"net/netip"

	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/policy"
)

// relayTCP carries one connection of a TCP edge to an instance. One direction
// may end before the other.
func (w *worker) relayTCP(t *loop.Task, en *entry, down *loop.Conn) {
	ed := en.edge
	x := w.exchange(t, nil)
	defer w.done(x)
	x.began = w.loop.Clock()
	x.countIn(ed)
	defer x.countOut(en)
	ed.budget.Request()
	up := x.dialAny()
	if up == nil {
		w.e.log.Debug("tcp edge", "caller", ed.caller, "service", ed.callee, "error", string(x.fail.code), "detail", x.fail.detail)
		down.Reset() // the caller must not take it for an empty answer
		return
	}
	x.upstreamTime = w.loop.Clock() - x.began
	defer x.chosen.inst.release()
	if v := x.edg.svc.proxyProtocol; v != 0 {
		at, _ := netip.ParseAddrPort(en.Addr) // an edge's listener has a full address
		up.SetOut(appendProxyHeader(up.Out(), v, down.Remote, at))
	}
	down.Reader(t)
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

// dialAny dials instances until one answers; dialing again is always safe.
func (x *exchange) dialAny() *loop.Conn {
	deadline := x.w.after(2 * dialTimeout)
	for x.choose() {
		c := x.chosen
		up, err := x.w.loop.Dial(x.task, c.inst.address, sooner(deadline, x.w.after(dialTimeout)))
		if err == nil {
			x.judge(c, policy.Good)
			return up
		}
		x.fail = x.failed(UpstreamConnect, c.inst, err.Error())
		x.judge(c, policy.Bad)
		c.inst.release()
		if !x.mayRetry() {
			return nil
		}
	}
	return nil
}
