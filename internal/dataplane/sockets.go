package dataplane

import (
	"context"
	"fmt"
	"net"
	"net/netip"

	"github.com/banyanrun/banyan/internal/link"
)

// heldSocket is a listening socket that is held and never accepted on.
type heldSocket struct {
	addr   string
	socket *link.Socket
}

// Bind makes addr ("127.0.0.1:20001", "[::1]:8080") listened on for the
// listener id; connections wait in the kernel until a snapshot names it. A
// second call with the same id and address does nothing; with another address
// the new one replaces the old. Errors wrap syscall.EADDRINUSE where that is
// the reason. Port 0 takes any, see Held.
func (k *Keeper) Bind(id, addr string) error {
	network, addr, err := networkOf(addr)
	if err != nil {
		return err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	if h := k.held[id]; h != nil && h.addr == addr {
		return nil
	}
	// No SO_REUSEPORT: one socket, shared; nobody else may listen there too.
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // or connections are dearer to accept and inherit no options
	l, err := lc.Listen(context.Background(), network, addr)
	if err != nil {
		return fmt.Errorf("bind %s: %w", id, err)
	}
	defer l.Close() // the descriptor of its own lives on
	sock, err := link.SocketOf(l)
	if err != nil {
		return fmt.Errorf("bind %s: %w", id, err)
	}
	k.hold(id, sock)
	return nil
}

// hold keeps sock for id. k.mu is held.
func (k *Keeper) hold(id string, sock *link.Socket) {
	if old := k.held[id]; old != nil {
		old.socket.Close()
	}
	addr := ""
	if a := sock.Addr(); a != nil {
		addr = a.AddrPort().String()
	}
	k.held[id] = &heldSocket{addr: addr, socket: sock}
}

// Held are the addresses of the sockets that the keeper holds, by ID: those it
// bound, and those that a data plane had when it was adopted.
func (k *Keeper) Held() map[string]string {
	k.mu.Lock()
	defer k.mu.Unlock()
	m := make(map[string]string, len(k.held))
	for id, h := range k.held {
		m[id] = h.addr
	}
	return m
}

// Release gives up the socket of id. The address is free once the data plane
// has a snapshot without it. Unknown ids are no error.
func (k *Keeper) Release(id string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if h := k.held[id]; h != nil {
		h.socket.Close()
		delete(k.held, id)
	}
}

// releaseAll gives up every socket.
func (k *Keeper) releaseAll() {
	k.mu.Lock()
	defer k.mu.Unlock()
	for id, h := range k.held {
		h.socket.Close()
		delete(k.held, id)
	}
}

// networkOf returns the network that listens on exactly addr's family, and addr in one spelling.
func networkOf(addr string) (network, norm string, err error) {
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return "", "", fmt.Errorf("bind: %w", err)
	}
	if ap.Addr().Is4() {
		return "tcp4", ap.String(), nil
	}
	return "tcp6", ap.String(), nil
}
