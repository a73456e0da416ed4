package proxy

import (
	"errors"
	"io"
	"net"
	"os"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/route"
)

// maxQueuedEvents bounds what waits for a daemon that reads slowly.
const maxQueuedEvents = 1000

// session is one link to a daemon, from its start to its end.
type session struct {
	s    *serving
	conn *link.Conn
	bye  bool // the daemon said that it leaves

	sockets map[string]*link.Socket // came, but no snapshot with them yet
	parts   link.Assembler
	tasks   sync.WaitGroup

	mu    sync.Mutex
	out   []outgoing
	ended bool
	wake  chan struct{}
}

type outgoing struct {
	m       *link.Message
	sockets []*link.Socket // closed once sent
}

func newSession(s *serving, c *link.Conn) *session {
	return &session{s: s, conn: c, sockets: map[string]*link.Socket{}, wake: make(chan struct{}, 1)}
}

// welcome queues what the data plane has. serving.order is held.
func (n *session) welcome() {
	var (
		names   []string
		sockets []*link.Socket
	)
	held := n.s.engine.Sockets()
	for _, id := range sortedKeys(held) {
		sock, err := held[id].Dup()
		if err != nil { // it was closed meanwhile
			continue
		}
		names, sockets = append(names, id), append(sockets, sock)
	}
	n.queue(&link.Message{Welcome: &link.Welcome{
		PID: os.Getpid(), Binary: n.s.cfg.Version, Version: n.s.engine.Version(),
		Sockets: len(sockets), Draining: n.s.engine.Draining(), Parts: true,
	}})
	for len(sockets) > 0 {
		k := min(len(sockets), link.MaxSockets)
		n.queue(&link.Message{Sockets: &link.Sockets{IDs: names[:k]}}, sockets[:k]...)
		names, sockets = names[k:], sockets[k:]
	}
}

// queue hands m to the writer; it never blocks.
func (n *session) queue(m *link.Message, sockets ...*link.Socket) {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended {
		link.CloseSockets(sockets)
		return
	}
	n.out = append(n.out, outgoing{m, sockets})
	select {
	case n.wake <- struct{}{}:
	default:
	}
}

func (n *session) waiting() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.out)
}

// close ends the session; run returns soon after.
func (n *session) close() {
	n.mu.Lock()
	defer n.mu.Unlock()
	if n.ended {
		return
	}
	n.ended = true
	for _, o := range n.out {
		link.CloseSockets(o.sockets)
	}
	n.out = nil
	_ = n.conn.Close()
	close(n.wake)
}

// run reads until the link ends; whoever is left behind gets a new daemon.
func (n *session) run() {
	var writer sync.WaitGroup
	writer.Go(n.write)
	err := n.read()
	n.close()
	n.s.spans.forget(n)
	writer.Wait()
	n.tasks.Wait()
	for _, sock := range n.sockets {
		sock.Close()
	}
	n.s.order.Lock()
	current := n.s.session == n
	if current {
		n.s.session = nil
	}
	n.s.order.Unlock()
	if !current || n.bye {
		return
	}
	if !errors.Is(err, io.EOF) && !errors.Is(err, net.ErrClosed) {
		n.s.log.Warn("link ended", "error", err)
	}
	n.s.restart.kick()
}

func (n *session) write() {
	for range n.wake {
		for {
			n.mu.Lock()
			batch := n.out
			n.out = nil
			n.mu.Unlock()
			if len(batch) == 0 {
				break
			}
			for i, o := range batch {
				err := n.conn.Send(o.m, o.sockets...)
				link.CloseSockets(o.sockets)
				if err != nil {
					for _, rest := range batch[i+1:] {
						link.CloseSockets(rest.sockets)
					}
					_ = n.conn.Close() // read ends, and with it the session
					return
				}
			}
		}
	}
}

func (n *session) read() error {
	for {
		m, sockets, err := n.conn.Receive()
		if err != nil {
			return err
		}
		n.handle(m, sockets)
	}
}

// handle does what one message asks for.
func (n *session) handle(m *link.Message, sockets []*link.Socket) {
	switch {
	case m.Hello != nil:
		n.s.restart.arm(m.Hello.Restart)
		n.s.helloed.Do(func() { close(n.s.hello) })
	case m.Sockets != nil:
		n.take(m.Sockets.IDs, sockets)
	case m.Snapshot != nil:
		n.apply(m.Snapshot)
	case m.Part != nil:
		n.assemble(m.Part)
	case m.Ping != nil:
		n.queue(&link.Message{Pong: &link.Pong{Seq: m.Ping.Seq, InFlight: n.s.engine.InFlight()}})
	case m.StatsRequest != nil:
		n.tasks.Go(func() { n.tell(m.StatsRequest.Seq) }) // pings are answered meanwhile
	case m.SpansRequest != nil:
		n.s.spans.grant(n, m.SpansRequest.Messages)
	case m.Bye != nil:
		n.bye = true
		n.s.restart.disarm()
		if m.Bye.Shutdown {
			select {
			case n.s.shutdown <- time.Duration(m.Bye.DrainSeconds) * time.Second:
			default: // it is leaving already
			}
		}
	}
}

// tell queues what was counted, in parts.
func (n *session) tell(seq uint64) {
	s := n.s.engine.Stats()
	edges := s.Edges
	for more := true; more; {
		k := min(len(edges), link.MaxEdges)
		s.Edges, edges = edges[:k], edges[k:]
		more = len(edges) > 0
		n.queue(&link.Message{Stats: &link.Stats{Seq: seq, More: more, Snapshot: s}})
	}
}

// take keeps sockets for the snapshot that names them.
func (n *session) take(names []string, sockets []*link.Socket) {
	for i, sock := range sockets {
		if old := n.sockets[names[i]]; old != nil {
			old.Close()
		}
		n.sockets[names[i]] = sock
	}
}

// assemble takes a part of a snapshot, and with the last one applies it.
func (n *session) assemble(p *link.Part) {
	s, err := n.parts.Add(p)
	switch {
	case err != nil:
		n.s.log.Warn("snapshot wanted again", "epoch", p.Version.Epoch, "n", p.Version.N, "error", err)
		n.queue(&link.Message{Ack: &link.Ack{Version: p.Version, Error: err.Error(), Again: true}})
	case s != nil && n.apply(s):
		n.parts.Agree()
	}
}

// apply puts a snapshot in force and says so.
func (n *session) apply(s *route.Snapshot) (applied bool) {
	n.s.order.Lock()
	defer n.s.order.Unlock()
	if n.s.session != n { // a newer link took over
		return false
	}
	err := n.s.engine.Apply(s, n.sockets)
	n.sockets = map[string]*link.Socket{}
	ack := &link.Ack{Version: s.Version, Draining: n.s.engine.Draining()}
	if err != nil {
		n.s.log.Error("snapshot refused", "epoch", s.Version.Epoch, "n", s.Version.N, "error", err)
		ack.Error = err.Error()
	}
	n.queue(&link.Message{Ack: ack})
	select {
	case n.s.applied <- struct{}{}:
	default: // it is not known yet that there was another before
	}
	return err == nil
}
