package proxy

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/proxy/policy"
)

// exchange is one request on its way through the data plane. It runs as one
// task: wherever it waits, it waits for all that can happen, client and
// instance both. Exchanges are pooled.
type exchange struct {
	e      *Engine
	w      *worker
	task   *loop.Task
	client downstream
	req    *message.Head // as the instance gets it, once begin was called
	resp   *message.Head
	edg    edge
	live   *account.Live // the edge's counts; nil until it is known
	gate   visit         // of a request at the gateway

	caller  []byte                      // value of Banyan-Caller
	adjust  []func(map[string][]string) // changes to the answer's header, by filters
	pace    time.Duration               // longest pause of the client in either direction; 0: any
	bodyMax int64                       // 0: any

	began    int64 // the turn in which the head was there; Loop.Now
	total    int64 // nanoseconds from then to the end; 0: not known yet
	sent     int64 // when it was ready to be sent
	tryBegan int64 // when the last try began

	deadline int64         // for the answer's head; 0: none
	limit    time.Duration // from sent to deadline
	own      bool          // the limit is the edge's, not the client's
	given    int64         // when the client waits no longer; 0: it did not say
	grpcEnd  int64         // when a gRPC client wants the whole answer; 0: it did not say
	until    int64         // the try's deadline; 0: none
	timedOut bool          // the last try did

	trace traceID
	reqID []byte

	body   requestBody
	up     upstream
	chosen choice

	splitKey uint64           // what tells the client to the service's split; 0: not known yet
	cookie   []byte           // to be set, so that the client stays with its revision; nil: none
	bulkhead *policy.Bulkhead // where the exchange has a place; nil: nowhere
	mirror   *edge            // where a copy is to go once the body has come; nil: nowhere
	hedges   []*hedge         // tries that are on beside the exchange's own
	hedged   int              // how many there were
	hedgeAt  int64            // when one more is due; 0: never
	fallback []byte           // who answers in place of the service; nil: nobody
	stoodIn  bool             // the answer is not the service's, and no failure
	caching
	socket

	tried        []*instance
	tries        int // how often the request was sent
	retries      int // of them, those that came out of Retries
	stale        int // pooled connections that turned out closed
	status       int
	out          int64 // bytes of body sent to the client
	upstreamTime int64 // nanoseconds to the answer's head
	relayed      bool  // the answer is the service's
	switched     bool  // it is bytes both ways: an upgrade, or a tunnel
	grpcFailed   bool  // its trailers say so
	preflight    bool
	tooLarge     bool // the head is more than max_header
	path         cleanPath
	fail         *failure
	done         bool // the answer was relayed to its end
}

// reset empties the exchange for its next use.
func (x *exchange) reset() {
	x.path.reset()
	x.req.Reset()
	x.resp.Reset()
	x.body.reset()
	clear(x.tried)
	clear(x.adjust)
	*x = exchange{
		e: x.e, w: x.w, req: x.req, resp: x.resp, body: x.body, tried: x.tried[:0], adjust: x.adjust[:0], path: x.path,
		hedges: x.hedges[:0],
	}
}

// Why an exchange ends without the instance's doing.
var (
	errTimeout    = errors.New("no response header in time")
	errTryTimeout = errors.New("no response header within the time for one try")
	errClientGone = errors.New("the client left")
	errPace       = errors.New("the client makes no progress")
)

// run sends the request to an instance of the edge's service and relays the answer.
func (x *exchange) run() {
	x.sent = x.w.loop.Now()
	x.setLimit()
	x.nameHost()
	if f := x.askUpgrade(); f != nil {
		x.answer(f)
		return
	}
	if x.fromCache() {
		return
	}
	x.planMirror()
	x.body.begin(x)
	ok := x.occupy() && x.spoil() && x.send()
	switch {
	case x.standIn(ok):
	case ok:
		x.relay()
		x.chosen.inst.release()
	default:
		x.answer(x.fail)
	}
	x.keepAnswer()
	x.vacate()
}

// send sends the request until there is an answer to relay; see tryAll.
func (x *exchange) send() bool {
	x.edg.budget.Request()
	if !x.tryAll() {
		return false
	}
	x.upstreamTime = x.w.loop.Now() - x.sent // the answer came with this turn
	return true
}

// occupy takes a place among the edge's requests in flight, if they are bounded.
func (x *exchange) occupy() bool {
	most := x.edg.policy.Bulkhead
	if most <= 0 {
		return true
	}
	if !x.edg.state.bulkhead.Acquire(most) {
		x.fail = x.failed(BulkheadFull, nil, fmt.Sprintf("%d requests are in flight already", most))
		x.fail.retryAfter = 1
		return false
	}
	x.bulkhead = &x.edg.state.bulkhead
	return true
}

// vacate gives the place back.
func (x *exchange) vacate() {
	if x.bulkhead != nil {
		x.bulkhead.Release()
		x.bulkhead = nil
	}
}

// failed makes a failure that names the edge's ends.
func (x *exchange) failed(code Code, inst *instance, detail string) *failure {
	f := &failure{code: code, caller: x.edg.caller, service: x.edg.callee, detail: detail}
	if inst != nil {
		f.instance = inst.id
	}
	return f
}

// answer sends a failure; a client that left gets nothing.
func (x *exchange) answer(f *failure) {
	x.fail = f
	if f.code == ClientGone {
		x.status = 499 // nginx's code for it, for the log
		return
	}
	h := x.resp
	h.Reset()
	h.Set(message.XRequestID, x.reqID)
	body := f.compose(x.req, h, x.reqID)
	x.adjustHead(h)
	x.client.discard()
	x.reply(h, body)
}

// reply sends an answer of the data plane's own. What is left of the request's
// body nobody reads.
func (x *exchange) reply(h *message.Head, body []byte) {
	if x.extended && h.Status < 300 {
		h.Status = http.StatusBadGateway // or the client would take it for the switch
	}
	x.status = h.Status
	isHead := string(x.req.Method) == "HEAD"
	alone := isHead || len(body) == 0
	if isHead {
		body = nil
	}
	x.client.respond(h, alone)
	if alone {
		x.done = true
		return
	}
	for len(body) > 0 {
		n := 0
		if room := x.client.room(); room > 0 { // writing nothing would give up the place among those that wait for room
			n = x.client.write(body[:min(len(body), room)])
		}
		body = body[n:]
		x.out += int64(n)
		if n == 0 && x.wait(x.paceDeadline()) != nil {
			return
		}
	}
	x.client.end(nil)
	x.done = true
}

// elapsed is how long the exchange took, in nanoseconds; the first call is its end.
func (x *exchange) elapsed() int64 {
	if x.total == 0 {
		x.total = max(1, x.w.loop.Clock()-x.began)
	}
	return x.total
}

// wait gives way until something happens to the exchange or the deadline is over.
func (x *exchange) wait(deadline int64) error {
	if x.client.gone() { // it may have been what woke the task in a wait for something else
		return errClientGone
	}
	err := x.task.Wait(deadline)
	switch {
	case x.client.gone():
		return errClientGone
	case errors.Is(err, loop.ErrTimeout):
		return errTimeout
	}
	return err
}

func (x *exchange) paceDeadline() int64 { return x.w.after(x.pace) }

// explain turns why a try gave no answer into a failure, and says whose doing it was.
func (x *exchange) explain(err error, inst *instance) (*failure, policy.Verdict) {
	x.timedOut = errors.Is(err, errTimeout) || errors.Is(err, errTryTimeout)
	switch {
	case errors.Is(err, errBodyTooLarge):
		return x.failed(BodyTooLarge, nil, fmt.Sprintf("at most %d bytes", x.bodyMax)), policy.Neutral
	case errors.Is(err, errPace):
		if x.relayed {
			x.w.refuse(refusedSlowRead)
		} else {
			x.w.refuse(refusedSlowBody)
		}
		return x.failed(BodyBroken, nil, fmt.Sprintf("nothing came for %s", x.pace)), policy.Neutral
	case errors.Is(err, errClientGone), errors.Is(err, loop.ErrClosed):
		return x.failed(ClientGone, inst, ""), policy.Neutral
	case errors.Is(err, errTryTimeout):
		return x.failed(UpstreamTimeout, inst, fmt.Sprintf("no response header within %s of the try", x.edg.policy.TryTimeout)), policy.Bad
	case errors.Is(err, errTimeout):
		v := policy.Bad
		if !x.own {
			v = policy.Neutral // the client's own deadline says nothing about the instance
		}
		return x.failed(UpstreamTimeout, inst, fmt.Sprintf("no response header within %s", x.limit)), v
	}
	if e, ok := errors.AsType[bodyError](err); ok {
		return x.failed(BodyBroken, nil, e.Error()), policy.Neutral
	}
	if e, ok := errors.AsType[dialError](err); ok {
		if loop.IsShortage(e) { // of ours: the instance was not even asked
			f := x.failed(OutOfResources, nil, e.Error())
			f.retryAfter = 1
			return f, policy.Neutral
		}
		if x.edg.policy.Wait > 0 {
			f := x.failed(Restarting, nil, "nothing was done with the request; send it again")
			f.retryAfter = 1
			return f, policy.Neutral
		}
		return x.failed(UpstreamConnect, inst, e.Error()), policy.Bad
	}
	return x.failed(UpstreamReset, inst, err.Error()), policy.Bad
}
