package dataplane

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"os"
	"sync"
	"syscall"
	"time"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/route"
)

// plane is one living data plane and the link to it.
type plane struct {
	proc    Process
	conn    *link.Conn
	started time.Time
	lost    chan struct{} // closed when the link ends

	mu      sync.Mutex
	sent    map[string]*heldSocket // sockets that it has
	next    map[string]*heldSocket // those it has once the snapshot under way is in force
	flight  *route.Snapshot        // sent and not acknowledged
	parts   *link.Packer           // nil: it takes snapshots only as one message
	inForce route.Version
	refused route.Version // the last that it did not take: not sent again
	pinged  uint64
	ponged  uint64
	asked   time.Time // when the oldest ping without an answer was sent
	queries map[uint64]*query
	queried uint64
}

var errHangs = errors.New("it does not answer")

// Connect makes the first contact: with the data plane that runs already, whose
// sockets it takes over, or with one that it starts.
func (k *Keeper) Connect(ctx context.Context) error {
	p, err := k.adopt(ctx)
	if err != nil {
		k.log.Info("no data plane to adopt", "reason", err)
		if p, err = k.start(ctx); err != nil {
			return err
		}
	}
	k.set(p)
	return nil
}

func (k *Keeper) set(p *plane) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.plane = p
}

// adopt talks to a data plane that runs already. One that does not answer is killed.
func (k *Keeper) adopt(ctx context.Context) (*plane, error) {
	proc := k.cfg.Running
	conn, err := link.Dial(ctx, k.cfg.Socket)
	if err != nil {
		if proc != nil {
			err = errors.Join(err, end(proc))
		}
		return nil, err
	}
	p, err := k.greet(conn, proc)
	if err == nil {
		k.mu.Lock()
		k.known = false
		k.mu.Unlock()
		return p, nil
	}
	if proc != nil {
		err = errors.Join(err, end(proc))
	} else {
		err = errors.Join(err, endPeer(conn))
	}
	_ = conn.Close()
	return nil, err
}

// start starts a data plane and waits for its link.
func (k *Keeper) start(ctx context.Context) (*plane, error) {
	ctx, cancel := context.WithTimeout(ctx, startLimit)
	defer cancel()
	k.mu.Lock()
	k.known = true // it has nothing in force
	k.mu.Unlock()
	proc, err := k.cfg.Start(ctx)
	if err != nil {
		return nil, fmt.Errorf("start data plane: %w", err)
	}
	conn, err := k.dial(ctx, proc)
	if err == nil {
		var p *plane
		if p, err = k.greet(conn, proc); err == nil {
			return p, nil
		}
		_ = conn.Close()
	}
	return nil, errors.Join(fmt.Errorf("start data plane: %w", err), end(proc))
}

// dial waits until proc listens.
func (k *Keeper) dial(ctx context.Context, proc Process) (*link.Conn, error) {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		conn, err := link.Dial(ctx, k.cfg.Socket)
		if err == nil {
			return conn, nil
		}
		select {
		case <-tick.C:
		case <-proc.Done():
			return nil, errors.New("it ended at once")
		case <-ctx.Done():
			return nil, errors.Join(ctx.Err(), err)
		}
	}
}

// greet exchanges Welcome and Hello and takes over the sockets that come.
func (k *Keeper) greet(conn *link.Conn, proc Process) (*plane, error) {
	if err := conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
		return nil, fmt.Errorf("greet: %w", err)
	}
	m, _, err := conn.Receive()
	if err == nil && m.Welcome == nil {
		err = errors.New("no welcome")
	}
	if err != nil {
		return nil, fmt.Errorf("greet: %w", err)
	}
	w := m.Welcome
	p := &plane{proc: proc, conn: conn, started: time.Now(), lost: make(chan struct{}), inForce: w.Version,
		sent: map[string]*heldSocket{}, queries: map[uint64]*query{}}
	if w.Parts {
		p.parts = &link.Packer{}
	}
	if p.proc == nil {
		p.proc = &stranger{pid: conn.Peer().PID, done: p.lost}
	}
	if err := k.takeSockets(p, w.Sockets); err != nil {
		return nil, fmt.Errorf("greet: %w", err)
	}
	if err := conn.Send(&link.Message{Hello: &link.Hello{PID: os.Getpid(), Restart: k.cfg.Restart}}); err != nil {
		return nil, err
	}
	k.mu.Lock()
	defer k.mu.Unlock()
	k.peers.pid, k.peers.version = w.PID, w.Binary
	k.busy = map[string]struct{}{}
	for _, id := range w.Draining {
		k.busy[id] = struct{}{}
	}
	return p, conn.SetReadDeadline(time.Time{})
}

func (k *Keeper) takeSockets(p *plane, n int) error {
	for n > 0 {
		m, sockets, err := p.conn.Receive()
		if err != nil {
			return err
		}
		if m.Sockets == nil || len(sockets) == 0 {
			link.CloseSockets(sockets)
			return errors.New("no sockets")
		}
		n -= len(sockets)
		k.mu.Lock()
		for i, sock := range sockets {
			id := m.Sockets.IDs[i]
			k.hold(id, sock)
			p.sent[id] = k.held[id]
		}
		k.mu.Unlock()
	}
	return nil
}

// send sends s, before it the sockets that s names and the data plane does not have.
func (k *Keeper) send(p *plane, s *route.Snapshot) error {
	names, sockets, next, err := k.missing(p, s)
	if err != nil {
		return err
	}
	defer link.CloseSockets(sockets)
	p.mu.Lock()
	p.flight, p.next = s, next
	messages := p.messages(s)
	p.mu.Unlock()
	for from := 0; from < len(names); from += link.MaxSockets {
		to := min(from+link.MaxSockets, len(names))
		m := &link.Message{Sockets: &link.Sockets{IDs: names[from:to]}}
		if err := p.conn.Send(m, sockets[from:to]...); err != nil {
			return err
		}
	}
	for _, m := range messages {
		if err := p.conn.Send(m); err != nil {
			return err
		}
	}
	return nil
}

// messages are what s is sent in. plane.mu is held.
func (p *plane) messages(s *route.Snapshot) []*link.Message {
	if p.parts == nil {
		return []*link.Message{{Snapshot: s}}
	}
	parts := p.parts.Pack(s)
	list := make([]*link.Message, len(parts))
	for i, part := range parts {
		list[i] = &link.Message{Part: part}
	}
	return list
}

// missing returns duplicates of the sockets to send: theirs may be released meanwhile.
func (k *Keeper) missing(p *plane, s *route.Snapshot) (names []string, dups []*link.Socket, next map[string]*heldSocket, err error) {
	k.mu.Lock()
	defer k.mu.Unlock()
	p.mu.Lock()
	defer p.mu.Unlock()
	next = make(map[string]*heldSocket, len(s.Listeners))
	for _, l := range s.Listeners {
		h := k.held[l.ID]
		if h == nil {
			if h = p.sent[l.ID]; h != nil {
				next[l.ID] = h // released, but not gone from the snapshot yet
			}
			continue // otherwise the data plane refuses the snapshot and says why
		}
		next[l.ID] = h
		if p.sent[l.ID] == h {
			continue
		}
		dup, err := h.socket.Dup()
		if err != nil {
			link.CloseSockets(dups)
			return nil, nil, nil, err
		}
		names, dups = append(names, l.ID), append(dups, dup)
	}
	return names, dups, next, nil
}

// acked is the answer to the snapshot under way. It reports whether that is
// refused for good; otherwise it is in force, or is sent again as a whole.
func (p *plane) acked(a *link.Ack) (refused bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if a.Error == "" {
		p.sent, p.inForce = p.next, a.Version
		if p.parts != nil {
			p.parts.Agree()
		}
	} else {
		again := a.Again && p.parts != nil && !p.parts.Whole()
		if again {
			p.parts.Forget()
		} else {
			p.refused, refused = a.Version, true
		}
		// What came with the refused snapshot is lost.
		maps.DeleteFunc(p.sent, func(id string, h *heldSocket) bool { return p.next[id] != nil && p.next[id] != h })
	}
	p.flight, p.next = nil, nil
	return refused
}

// idle reports whether no snapshot is under way.
func (p *plane) idle() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.flight == nil
}

// wants reports whether v is news to the data plane.
func (p *plane) wants(v route.Version) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.inForce.Before(v) && p.refused != v
}

// end kills proc and waits for its end.
func end(proc Process) error {
	if err := proc.Kill(); err != nil {
		return fmt.Errorf("kill data plane: %w", err)
	}
	select {
	case <-proc.Done():
		return nil
	case <-time.After(silence):
		return errors.New("the data plane survives SIGKILL")
	}
}

// endPeer kills the process at the other end and waits until it is gone: the
// kernel closes the link then.
func endPeer(conn *link.Conn) error {
	if pid := conn.Peer().PID; pid > 0 {
		if err := kill(pid); err != nil {
			return err
		}
	}
	if err := conn.SetReadDeadline(time.Now().Add(silence)); err != nil {
		return nil //nolint:nilerr // closed already
	}
	for {
		_, sockets, err := conn.Receive()
		link.CloseSockets(sockets)
		if errors.Is(err, os.ErrDeadlineExceeded) {
			return errors.New("the data plane survives SIGKILL")
		}
		if err != nil {
			return nil //nolint:nilerr // the end is what was waited for
		}
	}
}

// stranger is a data plane that nobody told the keeper about: known by the
// link's peer credentials. While the link is open its pid cannot be another's.
type stranger struct {
	pid  int
	done chan struct{} // the link's end
}

func (s *stranger) Done() <-chan struct{} { return s.done }

func (s *stranger) Kill() error {
	if s.pid <= 0 || isClosed(s.done) {
		return nil
	}
	return kill(s.pid)
}

func kill(pid int) error {
	if err := syscall.Kill(pid, syscall.SIGKILL); err != nil && !errors.Is(err, syscall.ESRCH) {
		return fmt.Errorf("kill %d: %w", pid, err)
	}
	return nil
}

func isClosed(c <-chan struct{}) bool {
	select {
	case <-c:
		return true
	default:
		return false
	}
}
