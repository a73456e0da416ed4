package daemon

import (
	"context"
	"errors"
	"maps"
	"net"
	"strconv"
	"sync"
	"syscall"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/ports"
	"github.com/banyanrun/banyan/internal/route"
	"github.com/banyanrun/banyan/internal/state"
)

// binder holds listening sockets.
type binder interface {
	Bind(id, addr string) error
	Held() map[string]string
	Release(id string)
}

// addresses decides where the data plane's listeners are. Those of edges stay
// where they are for as long as the app exists, because services know them.
type addresses struct {
	binder binder
	ports  *ports.Allocator
	store  *state.Store

	mu    sync.Mutex
	known map[string]string // listener ID → address
	// first is where the listeners for calls to Banyan itself were when they were
	// made. Instances that are older than theirs know no address at all.
	first map[string]string
}

func newAddresses(ctx context.Context, b binder, p *ports.Allocator, s *state.Store) (*addresses, error) {
	known, err := state.All[string](ctx, s, kindAddress)
	if err != nil {
		return nil, err
	}
	first, err := state.All[string](ctx, s, kindFirst)
	if err != nil {
		return nil, err
	}
	return &addresses{binder: b, ports: p, store: s, known: known, first: first}, nil
}

// bind sees to it that every listener has a socket, and returns their
// addresses. If one cannot be had, those that were bound for this call are
// released again; where failed is given it is told, and the others are bound.
func (a *addresses) bind(ctx context.Context, needs []route.Listener, failed func(error)) (map[string]string, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	before := maps.Clone(a.binder.Held())
	addrs := map[string]string{}
	for _, l := range needs {
		addr, err := a.one(l)
		if err != nil && failed != nil {
			failed(err)
			continue
		}
		if err != nil {
			for id := range a.binder.Held() {
				if _, had := before[id]; !had {
					a.binder.Release(id)
				}
			}
			return nil, err
		}
		if addr == "" {
			continue
		}
		addrs[l.ID] = addr
		if a.known[l.ID] != addr {
			a.known[l.ID] = addr
			a.store.Queue(kindAddress, l.ID, addr, func(error) {}) // Flush reports it
		}
		if l.Callee == route.Platform && a.first[l.ID] == "" {
			a.first[l.ID] = addr
			a.store.Queue(kindFirst, l.ID, addr, func(error) {})
		}
	}
	return addrs, a.store.Flush(ctx)
}

// firsts returns a copy of first.
func (a *addresses) firsts() map[string]string {
	a.mu.Lock()
	defer a.mu.Unlock()
	return maps.Clone(a.first)
}

// one binds one listener; the address is empty where the machine has none of its kind.
func (a *addresses) one(l route.Listener) (string, error) {
	if l.Role == route.RoleGateway {
		return a.gateway(l)
	}
	if addr, ok := a.known[l.ID]; ok {
		err := a.binder.Bind(l.ID, addr)
		if err == nil {
			return addr, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return "", err
		}
	}
	const tries = 20
	for range tries {
		port, err := a.ports.Lease(l.ID)
		if err != nil {
			return "", err
		}
		addr := net.JoinHostPort(loopback, strconv.Itoa(port))
		if err = a.binder.Bind(l.ID, addr); err == nil {
			return addr, nil
		}
		if !errors.Is(err, syscall.EADDRINUSE) {
			return "", err
		}
	}
	return "", fault.New(fault.Conflict, "no port could be had for %s", l.ID)
}

func (a *addresses) gateway(l route.Listener) (string, error) {
	err := a.binder.Bind(l.ID, l.Addr)
	switch {
	case err == nil:
		return l.Addr, nil
	case errors.Is(err, syscall.EADDRINUSE):
		return "", takenPort(ports.PortOf(l.Addr), "gateway.listen")
	case errors.Is(err, syscall.EACCES):
		return "", fault.New(fault.Denied, "cannot listen on %s: %w", l.Addr, err).
			Fix("use a port from 1024 on in gateway.listen, or allow low ports with sysctl net.ipv4.ip_unprivileged_port_start")
	case net.ParseIP(hostOf(l.Addr)).IsLoopback() && noFamily(err):
		return "", nil // a machine without IPv6
	default:
		return "", fault.New(fault.Invalid, "cannot listen on %s: %w", l.Addr, err).Fix("correct gateway.listen")
	}
}

func noFamily(err error) bool {
	return errors.Is(err, syscall.EADDRNOTAVAIL) || errors.Is(err, syscall.EAFNOSUPPORT)
}

func hostOf(addr string) string {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return addr
	}
	return host
}

// keep releases the sockets and the ports of listeners that are not needed any more.
func (a *addresses) keep(needs []route.Listener) {
	a.mu.Lock()
	defer a.mu.Unlock()
	needed := map[string]bool{}
	for _, l := range needs {
		needed[l.ID] = true
	}
	for id, addr := range a.binder.Held() {
		if needed[id] {
			continue
		}
		a.binder.Release(id)
		delete(a.known, id)
		a.store.Queue(kindAddress, id, nil, func(error) {}) // at worst it is released again later
		if a.first[id] != "" {
			delete(a.first, id)
			a.store.Queue(kindFirst, id, nil, func(error) {})
		}
		a.ports.Release(ports.PortOf(addr))
	}
}
