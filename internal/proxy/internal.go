package proxy

import (
	"fmt"
	"net/http"
	"strings"

	"github.com/banyanrun/banyan/internal/route"
)

// refusedPrefix begins the path of calls to services that the caller did not
// declare: their URLs lead to the refusal listener and name the callee so.
const refusedPrefix = "/~refused/"

// serveInternal answers services: their declared calls, and those that are refused.
func (e *Engine) serveInternal(w http.ResponseWriter, r *http.Request) {
	e.inFlight.Add(1)
	defer e.inFlight.Add(-1)
	c := connOf(r.Context())
	en := e.table.Load().listeners[c.listener.id]
	switch {
	case en == nil: // the listener is gone; so is what it stood for
		w.Header().Set("Connection", "close")
		e.refuse(w, r, &entry{})
	case en.Role == route.RoleEdge && en.edge != nil:
		e.serveEdge(w, r, en.edge)
	default:
		e.refuse(w, r, en)
	}
}

func (e *Engine) serveEdge(w http.ResponseWriter, r *http.Request, ed *edge) {
	x := &exchange{
		e: e, w: w, r: r, rc: http.NewResponseController(w), edg: ed, path: r.URL.EscapedPath(), caller: ed.caller,
	}
	x.begin()
	if r.Method == http.MethodConnect {
		x.answer(x.failed(MethodNotOK, nil, "CONNECT is not for services"))
		return
	}
	x.run()
}

// refuse answers a call that is not declared and tells people about it.
func (e *Engine) refuse(w http.ResponseWriter, r *http.Request, en *entry) {
	callee := en.Callee
	if callee == "" {
		callee = refusedCallee(r)
	}
	e.events.refused(en.Caller, callee)
	w.Header().Set("X-Request-Id", requestID(r.Header))
	if r.ContentLength != 0 && r.ProtoMajor == 1 {
		w.Header().Set("Connection", "close")
	}
	writeFailure(w, r, &failure{
		code: CallRefused, caller: en.Caller, service: callee,
		detail: fmt.Sprintf("%s does not declare that it calls %s; add it to `calls` of %s in the app file",
			orSomebody(en.Caller), callee, orSomebody(en.Caller)),
	})
}

// refusedCallee is the service that a refused request was meant for, as best it can be told.
func refusedCallee(r *http.Request) string {
	if rest, ok := strings.CutPrefix(r.URL.Path, refusedPrefix); ok {
		name, _, _ := strings.Cut(rest, "/")
		if name != "" {
			return name
		}
	}
	return hostOnly(r.Host)
}

func orSomebody(caller string) string {
	if caller == "" {
		return "the caller"
	}
	return caller
}
