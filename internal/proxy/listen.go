package proxy

import (
	"context"
	"errors"
	"maps"
	"net"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// listener is a socket that is being accepted on. Its role may change from
// table to table, so connections know the listener, not the role.
type listener struct {
	net.Listener
	id string
}

// listen makes the listeners those of t: new ones are accepted on, those that
// are not in t are closed, the others are not touched. e.mu is held.
func (e *Engine) listen(t *table, sockets map[string]net.Listener) {
	for id, l := range e.listeners {
		if t.listeners[id] == nil || sockets[id] != nil {
			_ = l.Close()
			delete(e.listeners, id)
		}
	}
	for id, sock := range sockets {
		if t.listeners[id] == nil {
			_ = sock.Close()
			continue
		}
		l := &listener{Listener: sock, id: id}
		e.listeners[id] = l
		e.tasks.Go(func() { e.accept(l) })
	}
}

func (e *Engine) closeListeners() {
	for id, l := range e.listeners {
		_ = l.Close()
		delete(e.listeners, id)
	}
}

// accept hands connections on until the listener is closed. When descriptors
// run out it waits: the connections stay in the kernel's queue.
func (e *Engine) accept(l *listener) {
	const longest = time.Second
	wait := 5 * time.Millisecond
	for {
		c, err := l.Accept()
		switch {
		case err == nil:
			wait = 5 * time.Millisecond
			e.dispatch(l, c)
		case errors.Is(err, net.ErrClosed):
			return
		default:
			e.log.Warn("accept", "listener", l.id, "error", err)
			time.Sleep(wait) //nolint:forbidigo // no event tells of free descriptors
			wait = min(2*wait, longest)
		}
	}
}

// dispatch gives a connection to whoever serves its listener's role now.
func (e *Engine) dispatch(l *listener, c net.Conn) {
	tcp, ok := c.(*net.TCPConn)
	en := e.table.Load().listeners[l.id]
	if !ok || en == nil {
		_ = c.Close()
		return
	}
	switch {
	case en.Role == route.RoleGateway:
		e.handToGateway(&conn{TCPConn: tcp, listener: l})
	case en.edge != nil && en.edge.svc.protocol == route.TCP:
		e.inFlight.Add(1)
		e.tasks.Go(func() {
			defer e.inFlight.Add(-1)
			e.relayTCP(en.edge, tcp)
		})
	default:
		if !e.internal.hand(&conn{TCPConn: tcp, listener: l}) {
			_ = c.Close()
		}
	}
}

// handToGateway finds the gateway's server, which may be just being replaced.
func (e *Engine) handToGateway(c *conn) {
	for s := e.gatewayServer(); s != nil; {
		if s.hand(c) {
			return
		}
		now := e.gatewayServer()
		if now == s {
			break
		}
		s = now
	}
	_ = c.Close()
}

// conn is a client's connection that knows where it came in.
type conn struct {
	*net.TCPConn
	listener *listener
}

type connKey struct{}

func connOf(ctx context.Context) *conn {
	c, _ := ctx.Value(connKey{}).(*conn)
	return c
}

// track notes a connection that no server knows any more, so that Close can end it.
func (e *Engine) track(c net.Conn) (untrack func()) {
	e.connMu.Lock()
	defer e.connMu.Unlock()
	e.conns[c] = struct{}{}
	return func() {
		e.connMu.Lock()
		defer e.connMu.Unlock()
		delete(e.conns, c)
	}
}

// waitIdle waits until nothing is in flight or ctx ends.
func (e *Engine) waitIdle(ctx context.Context) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for e.inFlight.Load() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
	}
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func mapValues[K comparable, V any](m map[K]V) []V { return slices.Collect(maps.Values(m)) }
