package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/route"
)

// Options are what an engine needs of its surroundings.
type Options struct {
	// Log gets what goes wrong. Nil: nothing is logged.
	Log *slog.Logger
	// AccessLog gets one JSON record a gateway request. Nil: none is written.
	AccessLog io.Writer
	// Drained is called with instances whose last request ended after a
	// snapshot without them. It must not block and not call the engine.
	Drained func(ids []string)
	// Event is called with what people should see. It must not block.
	Event func(link.Event)
}

// Engine serves listeners by snapshots. Apply, Run, Drain and the getters may be
// called from any goroutine.
type Engine struct {
	log     *slog.Logger
	drained func([]string)
	events  *events
	access  *accessLog

	table    atomic.Pointer[table]
	inFlight atomic.Int64 // requests, upgraded connections, TCP relays
	ejecting sync.Mutex

	mu        sync.Mutex // guards what follows
	instances map[instanceKey]*instance
	edges     map[edgeKey]*edgeState
	draining  map[instanceKey]*instance
	listeners map[string]*listener
	keepers   gatewayKeepers
	closed    bool

	nextInstances map[instanceKey]*instance // what compile made, for Apply
	nextEdges     map[edgeKey]*edgeState

	internal   *server                // edges and refusals
	gateway    *server                // replaced when its settings change
	gatewayNow atomic.Pointer[server] // the same, for those without mu
	keyClient  *http.Client
	life       context.Context // ends with Close
	die        context.CancelFunc
	tasks      sync.WaitGroup

	connMu sync.Mutex
	conns  map[net.Conn]struct{} // relays and upgraded ones
}

// ErrOlder is returned by Apply for a snapshot older than the one in force.
var ErrOlder = errors.New("the snapshot is older than the one in force")

// New returns an engine that serves nothing yet.
func New(o Options) *Engine {
	if o.Log == nil {
		o.Log = slog.New(slog.DiscardHandler)
	}
	if o.Drained == nil {
		o.Drained = func([]string) {}
	}
	if o.Event == nil {
		o.Event = func(link.Event) {}
	}
	e := &Engine{
		log: o.Log, drained: o.Drained, events: newEvents(o.Event), access: newAccessLog(o.AccessLog),
		instances: map[instanceKey]*instance{},
		edges:     map[edgeKey]*edgeState{},
		draining:  map[instanceKey]*instance{},
		listeners: map[string]*listener{},
		conns:     map[net.Conn]struct{}{},
	}
	e.life, e.die = context.WithCancel(context.Background())
	e.keyClient = keyClientFor()
	e.table.Store(&table{})
	e.internal = e.newServer(internalSettings)
	return e
}

// Apply puts s in force: when it returns, every new request follows s, and
// instances that are not in it get nothing new. sockets are listening sockets
// that came since the last call; the engine owns them from now on, and closes
// those that s does not name. On errors the snapshot before stays in force.
func (e *Engine) Apply(s *route.Snapshot, sockets map[string]net.Listener) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	t, err := e.check(s, sockets)
	if err != nil {
		for _, l := range sockets {
			_ = l.Close()
		}
		return err
	}
	for _, inst := range e.nextInstances {
		if inst.draining.Load() {
			inst.revive()
			delete(e.draining, inst.instanceKey)
		}
	}
	e.table.Store(t)
	for k, inst := range e.instances {
		if e.nextInstances[k] == nil && inst.drain() {
			e.draining[k] = inst
		}
	}
	e.instances, e.edges = e.nextInstances, e.nextEdges
	e.nextInstances, e.nextEdges = nil, nil
	e.serveGateway(t)
	e.listen(t, sockets)
	return nil
}

// check compiles s and refuses what cannot be served.
func (e *Engine) check(s *route.Snapshot, sockets map[string]net.Listener) (*table, error) {
	if e.closed {
		return nil, net.ErrClosed
	}
	if s.Version.Before(e.table.Load().version) {
		return nil, ErrOlder
	}
	for _, l := range s.Listeners {
		if e.listeners[l.ID] == nil && sockets[l.ID] == nil {
			return nil, fmt.Errorf("no socket for listener %s", l.ID)
		}
	}
	return e.compile(s)
}

// idle is called at the end of the last request of a draining instance.
func (e *Engine) idle(inst *instance) {
	e.mu.Lock()
	if !inst.busy() { // it may be draining again
		delete(e.draining, inst.instanceKey)
	}
	e.mu.Unlock()
	e.drained([]string{inst.id})
}

// Draining are the instances in no snapshot that still have requests in flight, sorted.
func (e *Engine) Draining() []string {
	e.mu.Lock()
	defer e.mu.Unlock()
	list := make([]*instance, 0, len(e.draining))
	for _, inst := range e.draining {
		if inst.busy() {
			list = append(list, inst)
		}
	}
	return ids(list)
}

// InFlight is how many requests, upgraded connections and TCP relays there are.
func (e *Engine) InFlight() int { return int(e.inFlight.Load()) }

// Version is that of the snapshot in force.
func (e *Engine) Version() route.Version { return e.table.Load().version }

// Sockets are the listeners that the engine holds, by ID. They stay the engine's.
func (e *Engine) Sockets() map[string]net.Listener {
	e.mu.Lock()
	defer e.mu.Unlock()
	m := make(map[string]net.Listener, len(e.listeners))
	for id, l := range e.listeners {
		m[id] = l.Listener
	}
	return m
}

// Run writes the access log and reports events until ctx ends; then it closes
// every listener and connection, and returns when nothing of the engine runs.
func (e *Engine) Run(ctx context.Context) error {
	var tasks sync.WaitGroup
	tasks.Go(e.access.run)
	tasks.Go(func() { e.events.run(ctx) })
	<-ctx.Done()
	e.Close()
	e.waitIdle(closeWait())
	e.Close() // connections that the last requests gave back
	e.tasks.Wait()
	e.access.close()
	tasks.Wait()
	return nil
}

// Drain stops accepting, asks clients to leave (Connection: close, GOAWAY) and
// waits until nothing is in flight or ctx ends.
func (e *Engine) Drain(ctx context.Context) {
	e.mu.Lock()
	e.closed = true
	e.closeListeners()
	servers := []*server{e.internal, e.gateway}
	e.mu.Unlock()
	var wg sync.WaitGroup
	for _, s := range servers {
		if s != nil {
			wg.Go(func() { s.drain(ctx) })
		}
	}
	wg.Wait()
	e.waitIdle(ctx)
}

// Close ends everything at once.
func (e *Engine) Close() {
	e.die()
	e.mu.Lock()
	e.closed = true
	e.closeListeners()
	servers := []*server{e.internal, e.gateway}
	instances := slices.Concat(mapValues(e.instances), mapValues(e.draining))
	verifier := e.keepers.verifier
	e.mu.Unlock()
	if verifier != nil { // not under mu: it waits for a fetch, which may be reporting an event
		verifier.Close()
	}
	for _, s := range servers {
		if s != nil {
			s.close()
		}
	}
	e.connMu.Lock()
	for c := range e.conns {
		_ = c.Close()
	}
	e.connMu.Unlock()
	for _, inst := range instances {
		inst.outlier.stop()
		inst.closeIdle()
	}
}
