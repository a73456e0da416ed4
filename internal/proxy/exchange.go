package proxy

import (
	"context"
	"errors"
	"math"
	"net/http"
	"strconv"
	"time"
)

// exchange is one request on its way through the data plane.
type exchange struct {
	e   *Engine
	w   http.ResponseWriter
	r   *http.Request
	rc  *http.ResponseController
	edg *edge

	path   string            // what the upstream gets
	caller string            // value of Banyan-Caller
	adjust func(http.Header) // changes to the response's header; may be nil
	pace   time.Duration     // longest pause of the client in either direction; 0: any

	upgrade string // the protocol the client wants to switch to; "": none
	bodyMax int64  // 0: any

	sent  time.Time     // when the first try began
	limit time.Duration // from then to the answer's header; 0: none
	body  *body
	trace traceID
	reqID string

	tried    []*instance
	tries    int
	status   int
	out      int64 // bytes of body sent to the client
	upstream time.Duration
	fail     *failure // why there is no answer, or why it was broken off
	done     bool     // the answer was relayed to its end
}

// Causes with which an exchange's context ends.
var (
	errTimeout  = errors.New("no response header in time")
	errFinished = errors.New("the exchange is over")
)

// run sends the request to an instance of the edge's service and relays the answer.
func (x *exchange) run() {
	x.edg.state.budget.request()
	ctx, cancel := context.WithCancelCause(x.r.Context())
	defer cancel(errFinished)
	var deadline *time.Timer
	x.sent, x.limit = time.Now(), x.timeLimit()
	if x.limit > 0 {
		deadline = time.AfterFunc(x.limit, func() { cancel(errTimeout) })
		defer deadline.Stop()
	}
	x.body = newBody(x.r, x.rc, x.pace, x.bodyMax)
	defer x.body.stop()
	if x.body != nil && x.r.ProtoMajor == 1 {
		_ = x.rc.EnableFullDuplex()
	}
	x.askUpgrade()

	resp, c := x.tryAll(ctx)
	x.upstream = time.Since(x.sent)
	if resp == nil {
		x.answer(x.fail)
		return
	}
	defer c.inst.release()
	if deadline != nil && !deadline.Stop() {
		// It fired between the header and here: the body's context is gone.
		_ = resp.Body.Close()
		x.answer(x.failed(UpstreamTimeout, c.inst, ""))
		return
	}
	x.relay(resp, c.inst)
}

// timeLimit is the edge's timeout, or the deadline that a gRPC client sends, if that is shorter.
func (x *exchange) timeLimit() time.Duration {
	limit := x.edg.policy.Timeout
	if v := x.r.Header["Grpc-Timeout"]; len(v) == 1 {
		if d, ok := grpcTimeout(v[0]); ok && (limit <= 0 || d < limit) {
			limit = d
		}
	}
	return limit
}

// grpcTimeout reads the header's value: up to 8 digits and a unit
// (https://github.com/grpc/grpc/blob/master/doc/PROTOCOL-HTTP2.md).
func grpcTimeout(v string) (time.Duration, bool) {
	if len(v) < 2 || len(v) > 9 {
		return 0, false
	}
	unit := map[byte]time.Duration{
		'H': time.Hour, 'M': time.Minute, 'S': time.Second, 'm': time.Millisecond, 'u': time.Microsecond, 'n': 1,
	}[v[len(v)-1]]
	n, err := strconv.ParseUint(v[:len(v)-1], 10, 32)
	if err != nil || unit == 0 || n == 0 || n > uint64(math.MaxInt64/unit) {
		return 0, false
	}
	return time.Duration(n) * unit, true
}

// failed makes a failure that names the edge's ends.
func (x *exchange) failed(code Code, inst *instance, detail string) *failure {
	f := &failure{code: code, caller: x.edg.caller, service: x.edg.callee, detail: detail}
	if inst != nil {
		f.instance = inst.id
	}
	return f
}

// answer writes a failure; a client that left gets nothing.
func (x *exchange) answer(f *failure) {
	x.fail = f
	if f.code == ClientGone {
		x.status = 499 // nginx's code for it, for the log
		panic(http.ErrAbortHandler)
	}
	x.finishBody()
	x.startWrite()
	if x.adjust != nil {
		x.adjust(x.w.Header())
	}
	x.w.Header().Set("X-Request-Id", x.reqID)
	x.status = writeFailure(x.w, x.r, f)
}

// finishBody says Connection: close where the client is still sending: what it
// sends after the answer must not be taken for another request.
func (x *exchange) finishBody() {
	if x.body != nil && x.r.ProtoMajor == 1 && !x.body.atEnd() {
		x.w.Header().Set("Connection", "close")
	}
}

// startWrite gives the client pace to take what is written next.
func (x *exchange) startWrite() {
	if x.pace > 0 {
		_ = x.rc.SetWriteDeadline(time.Now().Add(x.pace))
	}
}

// endWrite: nothing is being written now. On HTTP/2 a deadline that passes ends
// the stream even so; on HTTP/1.1 it means nothing until the next write.
func (x *exchange) endWrite() {
	if x.pace > 0 && x.r.ProtoMajor == 2 {
		_ = x.rc.SetWriteDeadline(time.Time{})
	}
}

// last is the instance of the last try, for the log; nil: there was none.
func (x *exchange) last() *instance {
	if len(x.tried) == 0 {
		return nil
	}
	return x.tried[len(x.tried)-1]
}
