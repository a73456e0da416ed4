package proxy

import (
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/route"
)

const (
	// statsPiece is how many edges a loop copies in one turn, at about 2 µs each.
	statsPiece = 32
	// keepRevision is how long the counts of a revision that gave way to another are told apart.
	keepRevision = 10 * time.Minute
)

// account is w's counts of the edge; each is asked for once a worker.
func (ln *lane) account(w *worker) *account.Live {
	at := &ln.accounts[w.loop.Index]
	if *at == nil {
		*at = w.counts.Edge(account.Key{Caller: ln.caller, Callee: ln.callee, Route: ln.series()})
	}
	return *at
}

// series tells the edge's counts from those of others between the same two. What
// a fallback gets is a call of the caller; copies are not, and stand apart as
// "mirror of order", or "/orders, mirror of order" for a route's.
func (k *edgeKey) series() string {
	switch {
	case !k.copies:
		return k.route
	case k.route == "":
		return k.part
	}
	return k.route + ", " + k.part
}

// countIn sets the edge and counts the exchange in flight on it.
func (x *exchange) countIn(ed edge) {
	x.edg = ed
	x.live = ed.account(x.w)
	x.live.Begin()
}

// countOut counts what became of the exchange, at its end. In is where it came
// from; nil if it has an edge.
func (x *exchange) countOut(in *ingress) {
	if x.live == nil { // it never came to an edge
		x.live = x.w.counts.Edge(x.strayKey(in.entry.Load()))
		x.live.Begin()
	}
	total := x.elapsed()
	o := account.Outcome{
		Status: x.status, Tries: x.tries, In: x.body.taken, Out: x.out,
		Latency: time.Duration(total), Upstream: time.Duration(x.upstreamTime),
	}
	if x.client == nil || x.switched { // how long people stay connected is no latency
		o.Latency = o.Upstream
	}
	if code := x.code(); code != "" {
		o.Code = string(code)
		o.Failed = meanings[code].status >= 500 // also where a gRPC client gets 200
	}
	o.Failed = o.Failed || x.status >= 500 || x.stoodIn || x.relayed && (x.grpcFailed || failedGRPC(x.resp.Fields))
	last, revision := x.served(), ""
	if last != nil {
		revision = last.revision
	}
	x.live.End(x.w.loop.Now(), revision, &o)
	if x.w.spans != nil {
		x.w.spans.add(x, last, total, &o)
	}
}

// served is the instance of the edge's service that answered, or that had the
// request last; nil: none had it. With fallbacks others had it, too.
func (x *exchange) served() *instance {
	callee := x.live.Key().Callee
	if i := x.chosen.inst; x.relayed && i != nil && i.service == callee {
		return i
	}
	for _, i := range slices.Backward(x.tried) {
		if i.service == callee {
			return i
		}
	}
	return nil
}

// last is the instance that answered, of whatever service, or that had the
// request last; nil: none had it.
func (x *exchange) last() *instance {
	n := len(x.tried)
	switch {
	case x.relayed && x.chosen.inst != nil: // hedges may have been tried since
		return x.chosen.inst
	case n > 0:
		return x.tried[n-1]
	}
	return nil
}

// countInstead counts a request that was sent to the service of a fallback, until
// the answer's head. got: there is one.
func (x *exchange) countInstead(ed *edge, began int64, got bool) {
	took := time.Duration(x.w.loop.Clock() - began)
	o := account.Outcome{Tries: 1, Latency: took}
	revision := ""
	if got {
		o.Status, o.Upstream = x.resp.Status, took
		revision = x.chosen.inst.revision
	} else {
		o.Code = string(x.fail.code)
	}
	o.Failed = o.Status >= 500 || meanings[Code(o.Code)].status >= 500
	live := ed.account(x.w)
	live.Begin()
	live.End(x.w.loop.Now(), revision, &o)
}

// failedGRPC reports whether a gRPC answer's trailers, or its head if it has no
// body, say that the service failed. The status codes are those that
// OpenTelemetry takes for a server's errors:
// https://opentelemetry.io/docs/specs/semconv/rpc/grpc/
func failedGRPC(fields []message.Field) bool {
	for i := range fields {
		if fields[i].ID != message.GrpcStatus {
			continue
		}
		switch string(fields[i].Value) {
		case "2", "4", "12", "13", "14", "15": // unknown, deadline, unimplemented, internal, unavailable, data loss
			return true
		}
	}
	return false
}

// code is why the client did not get a service's whole answer; empty if it did.
func (x *exchange) code() Code {
	if x.fail == nil || x.relayed && x.done && !x.stoodIn {
		return ""
	}
	return x.fail.code
}

// strayKey is what a request without an edge counts for. The callee is what a
// client says, so it counts only if there is one.
func (x *exchange) strayKey(en *entry) account.Key {
	if en.Role == route.RoleGateway {
		return account.Key{Caller: route.GatewayCaller}
	}
	callee := en.Callee
	if callee == "" {
		callee = refusedCallee(x.req)
	}
	key := account.Key{Caller: en.Caller}
	if svc := en.table.services[callee]; svc != nil {
		key.Callee = svc.name
	}
	return key
}

// Stats is what was counted since the engine began. It waits for the loops, for
// one turn of theirs and more if there are many edges.
func (e *Engine) Stats() account.Snapshot {
	s := account.Snapshot{Since: e.born, Taken: time.Now(), Refusals: e.Refusals()}
	if e.broken != nil {
		return s
	}
	copies := make([][]account.Edge, len(e.workers))
	overflow := make([]uint64, len(e.workers))
	for from, more := 0, true; more; from += statsPiece {
		left := make([]bool, len(e.workers)) // stays false where a loop has ended
		e.loops.Each(func(l *loop.Loop) {
			counts := e.workers[l.Index].counts
			var piece []account.Edge
			piece, left[l.Index] = counts.Copy(from, statsPiece)
			copies[l.Index] = append(copies[l.Index], piece...)
			overflow[l.Index] = counts.Overflow()
		})
		more = slices.Contains(left, true)
	}
	s.Edges = account.Merge(copies...)
	for _, n := range overflow {
		s.Overflow += n
	}
	if e.spans != nil {
		s.LostSpans = e.spans.Lost()
	}
	before := e.loops.Loops()[0].Clock() - int64(keepRevision)
	if stale := account.FindStale(s.Edges, before); len(stale) > 0 {
		e.loops.Each(func(l *loop.Loop) { e.workers[l.Index].counts.Drop(stale) })
	}
	return s
}
