package proxy

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/http/httptrace"
	"net/textproto"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/route"
)

// tryAll sends the request until there is an answer to relay. The instance of
// the answer stays acquired. Without an answer x.fail says why.
func (x *exchange) tryAll(ctx context.Context) (*http.Response, choice) {
	stale := 0 // connections that turned out closed before anything was written
	for {
		c := x.choose()
		if c.inst == nil {
			return nil, c
		}
		resp, t := x.try(ctx, c.inst)
		if t.err == nil {
			if !x.retryAnswer(resp) {
				x.e.judge(x.edg, c, statusVerdict(resp.StatusCode))
				return resp, c
			}
			_ = resp.Body.Close()
			x.e.judge(x.edg, c, bad)
			c.inst.release()
			continue
		}
		f, v := x.explain(ctx, t, c.inst)
		x.fail = f
		if v == bad && t.staleConn() && x.body.replayable() && stale < 2 {
			stale++
			x.e.judge(x.edg, c, neutral)
			c.inst.closeIdle()
			c.inst.release()
			x.untry()
			continue
		}
		x.e.judge(x.edg, c, v)
		c.inst.release()
		if v != bad || !x.retryFailure(t) {
			return nil, choice{}
		}
	}
}

// choose picks an instance, from a newer table where this one's all drain.
func (x *exchange) choose() choice {
	p := &x.edg.pool
	c, why := p.pick(time.Now(), x.tried)
	for n := 0; why == allDraining && n < 3; n++ {
		now := x.e.table.Load().edges[x.edg.edgeKey]
		if now == nil || now == x.edg {
			break
		}
		x.edg = now
		c, why = now.pool.pick(time.Now(), x.tried)
	}
	switch why {
	case allDraining:
		x.fail = x.failed(NoReadyInstance, nil, fmt.Sprintf("no instance of %s takes requests now", x.edg.callee))
		x.fail.retryAfter = 1
	case allOpen:
		x.fail = x.failed(BreakerOpen, nil, fmt.Sprintf("%s fails too often; it is tried again soon", x.edg.callee))
		x.fail.retryAfter = breakerRetryAfter(x.edg.policy.Breaker)
	case chosen:
		x.tried = append(x.tried, c.inst)
		x.tries++
	}
	return c
}

// untry takes back the last choice: nothing was sent.
func (x *exchange) untry() {
	x.tried = x.tried[:len(x.tried)-1]
	x.tries--
}

func breakerRetryAfter(b *route.Breaker) int {
	if b == nil {
		return 1
	}
	return max(1, int((b.OpenFor+time.Second-1)/time.Second))
}

// tryResult is what is known about a try that gave no answer.
type tryResult struct {
	err     error
	conn    *upConn // that the request went to; nil: none was had
	reused  bool
	written int64 // of conn, before
}

// staleConn reports that a pooled HTTP/1.1 connection was closed before a byte of
// this request was written: the request was surely never sent.
func (t *tryResult) staleConn() bool {
	return t.conn != nil && t.reused && t.conn.written.Load() == t.written
}

// neverSent reports that no byte can have reached the instance.
func (t *tryResult) neverSent() bool {
	_, dialFailed := errors.AsType[dialError](t.err)
	return dialFailed || t.staleConn()
}

// try sends the request to inst once.
func (x *exchange) try(ctx context.Context, inst *instance) (*http.Response, *tryResult) {
	t := &tryResult{}
	var (
		mu   sync.Mutex
		done bool
	)
	trace := &httptrace.ClientTrace{
		GotConn: func(i httptrace.GotConnInfo) {
			if c, ok := i.Conn.(*upConn); ok && inst.protocol != route.H2C {
				t.conn, t.reused, t.written = c, i.Reused, c.written.Load()
			}
		},
		Got1xxResponse: func(code int, h textproto.MIMEHeader) error {
			mu.Lock()
			defer mu.Unlock()
			if !done {
				x.informational(code, h)
			}
			return nil
		},
	}
	out := x.outgoing(httptrace.WithClientTrace(ctx, trace), inst)
	resp, err := inst.client().RoundTrip(out)
	mu.Lock()
	done = true
	mu.Unlock()
	t.err = err
	return resp, t
}

// outgoing is the request for inst. Its header is shared by all tries: it is
// not changed after the first.
func (x *exchange) outgoing(ctx context.Context, inst *instance) *http.Request {
	out := x.r.WithContext(ctx)
	out.URL = &url.URL{Scheme: "http", Host: inst.addr, RawQuery: x.r.URL.RawQuery, ForceQuery: x.r.URL.ForceQuery}
	setPath(out.URL, x.path)
	out.RequestURI = ""
	out.Close = false
	out.Body, out.GetBody = x.body.attempt(inst.protocol == route.H2C)
	return out
}

// setPath makes u's path come out exactly as raw.
func setPath(u *url.URL, raw string) {
	p, err := url.PathUnescape(raw)
	if err != nil {
		p = raw
	}
	u.Path, u.RawPath = p, raw
	if u.EscapedPath() != raw && (len(raw) < 2 || raw[1] != '/') {
		u.Opaque = raw
	}
}

// explain turns the error of a try into a failure, and says whose doing it was.
func (x *exchange) explain(ctx context.Context, t *tryResult, inst *instance) (*failure, verdict) {
	if f := x.bodyFailure(inst); f != nil {
		return f, neutral
	}
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errTimeout), cause == nil && x.limit > 0 && time.Since(x.sent) >= x.limit:
		// The latter: the service knows the deadline and was a moment faster.
		v := bad
		if x.limit != x.edg.policy.Timeout {
			v = neutral // the client's own deadline says nothing about the instance
		}
		return x.failed(UpstreamTimeout, inst, fmt.Sprintf("no response header within %s", x.limit)), v
	case cause != nil:
		return x.failed(ClientGone, inst, ""), neutral
	}
	if e, ok := errors.AsType[dialError](t.err); ok {
		return x.failed(UpstreamConnect, inst, shortError(e.error)), bad
	}
	return x.failed(UpstreamReset, inst, shortError(t.err)), bad
}

// bodyFailure is what went wrong on the client's side of the body, if anything.
func (x *exchange) bodyFailure(inst *instance) *failure {
	gone := x.r.Context().Err() != nil
	switch err := x.body.clientError(gone); {
	case err == nil:
		return nil
	case errors.Is(err, errBodyTooLarge):
		return x.failed(BodyTooLarge, nil, fmt.Sprintf("at most %d bytes", x.bodyMax))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return x.failed(BodyBroken, nil, fmt.Sprintf("nothing came for %s", x.pace))
	case gone:
		return x.failed(ClientGone, inst, "")
	default:
		return x.failed(BodyBroken, nil, shortError(err))
	}
}

// shortError is err without the addresses that operation errors repeat.
func shortError(err error) string {
	if op, ok := errors.AsType[*net.OpError](err); ok && op.Err != nil {
		return op.Op + ": " + op.Err.Error()
	}
	return err.Error()
}

func statusVerdict(status int) verdict {
	if status >= http.StatusInternalServerError {
		return bad
	}
	return good
}

// judge tells the breaker and the outlier detection what became of a try.
func (e *Engine) judge(ed *edge, c choice, v verdict) {
	now := time.Now()
	switch c.breaker.done(now, v, c.trial) {
	case opened:
		e.events.send(link.Event{Kind: "breaker-open", Caller: ed.caller, Service: ed.callee, Instance: c.inst.id,
			Detail: fmt.Sprintf("for %s", ed.policy.Breaker.OpenFor)})
	case closed:
		e.events.send(link.Event{Kind: "breaker-closed", Caller: ed.caller, Service: ed.callee, Instance: c.inst.id})
	case same:
	}
	switch v {
	case good:
		c.inst.outlier.ok()
	case bad:
		if c.inst.outlier.fail() {
			e.eject(now, ed.svc, c.inst)
		}
	case neutral:
	}
}

// eject takes inst out of balancing, if enough others remain.
func (e *Engine) eject(now time.Time, svc *service, inst *instance) {
	e.ejecting.Lock()
	defer e.ejecting.Unlock()
	out := 0
	for _, i := range svc.instances {
		if i.outlier.ejected.Load() {
			out++
		}
	}
	if !mayEject(len(svc.instances), out) {
		return
	}
	ev := link.Event{Service: svc.name, Instance: inst.id}
	d := inst.outlier.eject(now, func() {
		ev := ev
		ev.Kind = "restored"
		e.events.send(ev)
	})
	if d > 0 {
		ev.Kind, ev.Detail = "ejected", fmt.Sprintf("for %s, after %d errors in a row", d, outlierErrors)
		e.events.send(ev)
	}
}
