package proxy

import (
	"sync"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/proxy/account"
)

// spanDoor lets spans out to the daemon, as fast as that asks for them. Meanwhile
// they wait in the engine's queue, which drops and counts what is too much.
type spanDoor struct {
	encoder account.Encoder // of send alone

	mu      sync.Mutex
	session *session // who asked last
	credit  int      // how many messages it wants
	wake    chan struct{}
	ended   <-chan struct{} // closed when nobody is waited for any more
}

// grant lets a session have more messages.
func (d *spanDoor) grant(n *session, more int) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session != n {
		d.session, d.credit = n, 0
	}
	d.credit += max(0, more)
	select {
	case d.wake <- struct{}{}:
	default:
	}
}

// forget is for a session that has ended.
func (d *spanDoor) forget(n *session) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.session == n {
		d.session, d.credit = nil, 0
	}
}

// take returns who wants a message; nil: nobody does now.
func (d *spanDoor) take() *session {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.credit == 0 {
		return nil
	}
	d.credit--
	return d.session
}

// send waits until a daemon wants spans, and sends them. It is the engine's
// Options.Spans.
func (d *spanDoor) send(batch []account.Span) {
	for {
		if n := d.take(); n != nil {
			n.queue(&link.Message{Spans: &link.Spans{Data: append([]byte(nil), d.encoder.Encode(batch)...)}})
			return
		}
		select {
		case <-d.wake:
		case <-d.ended:
			return
		}
	}
}
