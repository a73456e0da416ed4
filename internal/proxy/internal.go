package proxy

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/banyanrun/banyan/internal/proxy/h1"
	"github.com/banyanrun/banyan/internal/proxy/message"
	"github.com/banyanrun/banyan/internal/route"
)

// refusedPrefix begins the path of calls to services that the caller did not
// declare: their URLs lead to the refusal listener and name the callee so.
const refusedPrefix = "/~refused/"

// serve answers the request that was read into x.req.
func (x *exchange) serve(in *ingress) {
	x.w.inFlight.Add(1)
	defer x.w.ended()
	x.began = x.w.loop.Now()
	en := in.entry.Load()
	defer x.countOut(in) // not en: that leads to the table, which the exchange may outlast
	switch {
	case en.Role == route.RoleGateway:
		x.serveGateway(en)
	case en.Role == route.RoleEdge && en.edge != nil:
		x.serveEdge(*en.edge)
	default:
		if in.leaving.Load() {
			x.client.leave()
		}
		x.refuse(en)
	}
}

// serveEdge answers a service's declared call.
func (x *exchange) serveEdge(ed edge) {
	x.caller = ed.callerName
	if ed.callee == route.Platform && isPush(x.req.Path) {
		x.edg, x.live = ed, x.w.unseen
		x.live.Begin()
	} else {
		x.countIn(ed)
	}
	x.begin()
	if string(x.req.Method) == "CONNECT" {
		x.answer(x.failed(MethodNotOK, nil, "CONNECT is not for services"))
		return
	}
	x.run()
}

// isPush reports whether a path of Banyan's takes telemetry. Requests there are no
// traffic: each would be the occasion of the next.
func isPush(path []byte) bool {
	rest, ok := bytes.CutPrefix(path, []byte("/v1/"))
	if !ok {
		return bytes.HasPrefix(path, []byte("/opentelemetry.proto.collector.")) || bytes.HasPrefix(path, []byte("/api/v2/spans"))
	}
	switch string(pathOf(rest)) {
	case "traces", "metrics", "logs":
		return true
	}
	return false
}

// refuse answers a call that is not declared and tells people about it.
func (x *exchange) refuse(en *entry) {
	callee := en.Callee
	if callee == "" {
		callee = refusedCallee(x.req)
	}
	if en.Caller != route.Platform { // which meant another, by a connection that it kept
		x.e.events.refused(en.Caller, callee)
	}
	x.reqID = requestID(x.req)
	x.trace = continueTrace(x.req) // it goes nowhere, and has a span all the same
	x.edg = noEdge
	x.answer(&failure{
		code: CallRefused, caller: en.Caller, service: callee,
		detail: fmt.Sprintf("%s does not declare that it calls %s; add it to `calls` of %s in the app file",
			orSomebody(en.Caller), callee, orSomebody(en.Caller)),
	})
}

// refusedCallee is the service that a refused request was meant for, as best it can be told.
func refusedCallee(h *message.Head) string {
	if rest, ok := bytes.CutPrefix(h.Path, []byte(refusedPrefix)); ok {
		name := rest
		if i := bytes.IndexAny(rest, "/?"); i >= 0 {
			name = rest[:i]
		}
		if len(name) > 0 {
			return string(name)
		}
	}
	return strings.Clone(hostOnly(str(h.Authority))) // it outlives the head
}

func orSomebody(caller string) string {
	if caller == "" {
		return "the caller"
	}
	return caller
}

// malformed answers a request whose head could not be read.
func (x *exchange) malformed(in *ingress, e *h1.Error) {
	x.began = x.w.loop.Now()
	code := BadRequest
	switch e.Status {
	case 431:
		code = HeaderTooLarge
	case 414:
		code = URITooLong
	case 417:
		code = ExpectNotOK
	case 501:
		code = NotImplemented
	case 505:
		code = VersionNotOK
	case 408:
		code = HeaderTimeout
	}
	x.req.Method = nil
	x.refuseHead(in, &failure{code: code, detail: e.Reason})
}

// refuseLarge answers a request with more fields than are read.
func (x *exchange) refuseLarge(in *ingress) {
	x.began = x.w.loop.Now()
	x.refuseHead(in, &failure{code: HeaderTooLarge, detail: fmt.Sprintf("at most %d bytes", in.settings().maxHeader)})
}

func (x *exchange) refuseHead(in *ingress, f *failure) {
	x.edg = noEdge
	defer x.countOut(in)
	x.reqID = x.req.Space(32)
	randomHex(x.reqID)
	x.answer(f)
	if gt := in.entry.Load().table.gateway; gt != nil && gt.accessLog && in.entry.Load().Role == route.RoleGateway {
		v := &x.gate
		v.client = x.client.remote().Addr().AppendTo(nil)
		v.url, v.host = pathOf(x.req.Path), x.req.Authority
		x.log()
	}
}
