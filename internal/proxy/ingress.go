package proxy

import (
	"crypto/tls"
	"errors"
	"sync/atomic"
	"time"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/proxy/h1"
	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/route"
)

// ingress is a socket that is being accepted on. Its role may change from table
// to table, so connections know the ingress, not the role.
type ingress struct {
	e       *Engine
	id      string
	sock    *link.Socket
	ln      *loop.Listener
	entry   atomic.Pointer[entry] // what it leads to, by the table in force
	leaving atomic.Bool           // connections are asked to end
}

// settings are how clients of an ingress are served.
type settings struct {
	headerTimeout time.Duration
	idleTimeout   time.Duration
	maxHeader     int
	streams       int
}

// internalSettings suit callers that are services on this machine: a caller's
// idle connection is not closed under it.
var internalSettings = settings{
	headerTimeout: 30 * time.Second, idleTimeout: 15 * time.Minute, maxHeader: 1 << 20, streams: 1000,
}

// maxFields bounds the header lines of a request.
const maxFields = 1000

func (in *ingress) settings() *settings { return &in.entry.Load().settings }

// listen makes the ingresses those of t: new ones are accepted on, those that
// are not in t are closed, the others are told what they lead to now. e.mu is held.
func (e *Engine) listen(t *table, sockets map[string]*link.Socket) {
	for id, in := range e.listeners {
		switch {
		case t.listeners[id] == nil:
			in.withdraw(t)
			e.stopAccepting(in)
		case sockets[id] != nil:
			in.entry.Store(t.listeners[id])
			e.stopAccepting(in)
		default:
			in.entry.Store(t.listeners[id])
		}
	}
	for id, sock := range sockets {
		if t.listeners[id] == nil {
			sock.Close()
			continue
		}
		in := &ingress{e: e, id: id, sock: sock}
		in.entry.Store(t.listeners[id])
		e.listeners[id] = in
		if err := in.open(); err != nil {
			e.log.Error("listener", "id", id, "error", err)
		}
	}
}

// open begins to accept.
func (in *ingress) open() (err error) {
	in.ln, err = in.e.loops.Listen(in.sock, in.accepted)
	return err
}

// withdraw refuses calls on the connections of an edge that there is no more: the next
// edge may get its address, and who calls that on a connection which was kept means
// another service.
func (in *ingress) withdraw(t *table) {
	if en := in.entry.Load(); en.Role == route.RoleEdge {
		in.entry.Store(&entry{Listener: en.Listener, table: t, settings: en.settings})
	}
}

// stopAccepting closes an ingress for new connections. e.mu is held.
func (e *Engine) stopAccepting(in *ingress) {
	in.leaving.Store(true)
	if in.ln != nil {
		in.ln.Close()
	}
	in.sock.Close()
	delete(e.listeners, in.id)
}

// accepted begins to serve a connection, on its loop.
func (in *ingress) accepted(c *loop.Conn) {
	w := in.e.workers[c.Loop().Index]
	en := in.entry.Load()
	if en.Role == route.RoleEdge && en.edge != nil && en.edge.svc.protocol == route.TCP {
		ed, at := *en.edge, en.Addr
		w.loop.Go(func(t *loop.Task) {
			w.inFlight.Add(1)
			defer w.ended()
			w.relayTCP(t, ed, at, c)
		})
		return
	}
	cl := &client1{w: w, c: c, in: in, parser: h1.Parser{Limits: h1.Limits{MaxHead: en.settings.maxHeader, MaxFields: maxFields}}}
	cl.abort = c.Abort
	w.clients[cl] = struct{}{}
	c.OnClose(cl.closed)
	if en.table.gateway != nil && en.Role == route.RoleGateway && en.table.gateway.begins() {
		w.loop.Go(cl.greet)
		return
	}
	c.Idle(w.after(en.settings.headerTimeout), cl.silent)
	c.Serve(cl.serve)
}

// greet does what comes before the first request: the PROXY header and the TLS handshake.
func (cl *client1) greet(t *loop.Task) {
	gt := cl.in.entry.Load().table.gateway
	if gt == nil { // it went between accept and now
		cl.c.Abort()
		return
	}
	deadline := cl.w.after(cl.in.settings().headerTimeout)
	if gt.proxyProtocol {
		if err := cl.readProxyHeader(t, deadline); err != nil {
			cl.w.e.log.Debug("proxy header", "balancer", cl.c.Remote.String(), "error", err)
			cl.w.refuse(refusedProxyHeader)
			cl.c.Abort()
			return
		}
	}
	if gt.tls == nil {
		cl.c.Idle(deadline, cl.silent)
		cl.c.Serve(cl.serve)
		return
	}
	if err := cl.c.Secure(t, gt.tls, deadline); err != nil {
		if !errors.Is(err, loop.ErrTimeout) {
			cl.w.e.log.Debug("tls handshake", "client", cl.c.Remote.String(), "error", err)
		}
		cl.w.refuse(refusedHandshake)
		cl.noHandshake(err)
		return
	}
	cl.secure = true
	if cl.c.State().NegotiatedProtocol == "h2" {
		cl.w.serveHTTP2(cl)
		return
	}
	cl.c.Idle(cl.w.after(cl.in.settings().headerTimeout), cl.silent)
	cl.c.Serve(cl.serve)
}

// plainToTLS answers a client that speaks HTTP where TLS is spoken, in the words of net/http.
const plainToTLS = "HTTP/1.0 400 Bad Request\r\nConnection: close\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n" +
	"Client sent an HTTP request to an HTTPS server.\n"

// noHandshake ends a connection whose TLS handshake failed.
func (cl *client1) noHandshake(err error) {
	e, ok := errors.AsType[tls.RecordHeaderError](err)
	if !ok || e.Conn == nil || !beginsHTTP(e.RecordHeader) {
		cl.c.Close()
		return
	}
	_, _ = e.Conn.Write([]byte(plainToTLS))
	// What is left of the request stays unread, and a close would reset the
	// connection under the answer: the client gets the time to read it.
	cl.c.CloseWrite()
	cl.c.Idle(cl.w.after(linger), cl.c.Abort)
}

// beginsHTTP reports whether what stands in place of a TLS record's header is
// the start of a common request.
func beginsHTTP(record [5]byte) bool {
	switch string(record[:]) {
	case "GET /", "HEAD ", "POST ", "PUT /", "OPTIO", "DELET", "PATCH", "PRI *":
		return true
	}
	return false
}
