package proxy

import (
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"maps"
	"net"
	"net/http"
	"runtime"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/policy"
	"github.com/banyanrun/banyan/internal/route"
)

// Options are what an engine needs of its surroundings.
type Options struct {
	// Log gets what goes wrong. Nil: nothing is logged.
	Log *slog.Logger
	// AccessLog gets one JSON record a gateway request. Nil: none is written.
	AccessLog io.Writer
	// Drained is called with instances whose last request ended after a
	// snapshot without them, on a goroutine of Run. It must not call the engine.
	Drained func(ids []string)
	// Event is called with what people should see, on a goroutine of Run.
	Event func(link.Event)
	// Spans gets the spans of finished requests, in batches, one call after the
	// other, from Run; a batch is valid until it returns. It may take its time:
	// what waits too long is dropped and counted. Nil: none are recorded.
	Spans func([]account.Span)
	// EverySpan: spans of traces that their beginner does not sample, too.
	EverySpan bool
	// Loops is how many event loops serve. 0: one for each processor that Go uses.
	Loops int
}

// Engine serves listeners by snapshots. Apply, Run, Drain and the getters may be
// called from any goroutine.
type Engine struct {
	log     *slog.Logger
	drained func([]string)
	reports *reports
	events  *events
	access  *accessLog
	loops   *loop.Group
	workers []*worker // by loop.Loop.Index
	broken  error     // the engine could not be made
	born    time.Time
	spans   *account.Spans // nil: none are recorded
	onSpans func([]account.Span)

	table   atomic.Pointer[table]
	ejector policy.Ejector

	mu        sync.Mutex // guards what follows
	instances map[instanceKey]*instance
	edges     map[edgeKey]*edgeState
	draining  map[instanceKey]*instance
	listeners map[string]*ingress
	keepers   gatewayKeepers
	closed    bool

	keyClient *http.Client
	tasks     sync.WaitGroup
	idleBell  chan struct{} // rung when a worker has nothing in flight
}

// ErrOlder is returned by Apply for a snapshot older than the one in force.
var ErrOlder = errors.New("the snapshot is older than the one in force")

// New returns an engine that serves nothing yet. Close or Run's end gives back
// what it holds.
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
	if o.Loops <= 0 {
		o.Loops = runtime.GOMAXPROCS(0)
	}
	e := &Engine{
		log: o.Log, drained: o.Drained, reports: newReports(), access: newAccessLog(o.AccessLog),
		instances: map[instanceKey]*instance{},
		edges:     map[edgeKey]*edgeState{},
		draining:  map[instanceKey]*instance{},
		listeners: map[string]*ingress{},
		idleBell:  make(chan struct{}, 1),
		born:      time.Now(), onSpans: o.Spans,
	}
	if o.Spans != nil {
		e.spans = account.NewSpans()
	}
	e.events = newEvents(func(ev link.Event) { e.reports.offer(func() { o.Event(ev) }) })
	e.keyClient = keyClientFor()
	e.table.Store(&table{})
	e.loops, e.broken = loop.NewGroup(o.Loops, o.Log)
	if e.broken != nil {
		return e
	}
	for _, l := range e.loops.Loops() {
		w := newWorker(e, l)
		if e.spans != nil {
			w.spans = newSpanBuffer(e.spans, o.EverySpan, l)
		}
		e.workers = append(e.workers, w)
	}
	return e
}

// Apply puts s in force: when it returns, every new request follows s, and
// instances that are not in it get nothing new. sockets are listening sockets
// that came since the last call; the engine owns them from now on, and closes
// those that s does not name. On errors the snapshot before stays in force.
func (e *Engine) Apply(s *route.Snapshot, sockets map[string]*link.Socket) error {
	e.mu.Lock()
	defer e.mu.Unlock()
	c, err := e.check(s, sockets)
	if err != nil {
		for _, sock := range sockets {
			sock.Close()
		}
		return err
	}
	t := c.commit()
	e.table.Store(t)
	e.listen(t, sockets)
	c.retire()
	return nil
}

// check refuses what cannot be served.
func (e *Engine) check(s *route.Snapshot, sockets map[string]*link.Socket) (*compiler, error) {
	if e.broken != nil {
		return nil, e.broken
	}
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
	c := e.compiler(s)
	return c, c.prepare()
}

// idle is told at the end of the last request of a draining instance.
func (e *Engine) idle(inst *instance) { e.reports.put(func() { e.ended(inst) }) }

func (e *Engine) ended(inst *instance) {
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
func (e *Engine) InFlight() int {
	n := int64(0)
	for _, w := range e.workers {
		n += w.inFlight.Load()
	}
	return int(n)
}

// Version is that of the snapshot in force.
func (e *Engine) Version() route.Version { return e.table.Load().version }

// Sockets are the sockets that the engine listens on, by the listener's ID. They
// stay the engine's.
func (e *Engine) Sockets() map[string]*link.Socket {
	e.mu.Lock()
	defer e.mu.Unlock()
	m := make(map[string]*link.Socket, len(e.listeners))
	for id, in := range e.listeners {
		m[id] = in.sock
	}
	return m
}

// Run writes the access log, hands spans on and reports events until ctx ends;
// then it closes every listener and connection, and returns when nothing of the
// engine runs.
func (e *Engine) Run(ctx context.Context) error {
	var tasks sync.WaitGroup
	tasks.Go(e.access.run)
	tasks.Go(e.reports.run)
	tasks.Go(func() { e.events.run(ctx) })
	ended := make(chan struct{})
	if e.spans != nil {
		tasks.Go(func() { e.spans.Run(ended, e.onSpans) })
	}
	<-ctx.Done()
	e.Close()
	e.access.close()
	e.reports.close()
	close(ended)
	tasks.Wait()
	return e.broken
}

// Drain stops accepting, asks clients to leave (Connection: close, GOAWAY) and
// waits until nothing is in flight or ctx ends.
func (e *Engine) Drain(ctx context.Context) {
	e.mu.Lock()
	e.closed = true
	for _, in := range slices.Collect(maps.Values(e.listeners)) {
		e.stopAccepting(in)
	}
	e.mu.Unlock()
	if e.broken != nil {
		return
	}
	e.loops.Each(func(l *loop.Loop) { e.workers[l.Index].leave() })
	e.waitIdle(ctx)
}

// waitIdle waits until nothing is in flight or ctx ends.
func (e *Engine) waitIdle(ctx context.Context) {
	again := time.NewTicker(100 * time.Millisecond) // the bell may ring before the last of another loop ends
	defer again.Stop()
	for e.InFlight() > 0 {
		select {
		case <-ctx.Done():
			return
		case <-e.idleBell:
		case <-again.C:
		}
	}
}

// Close ends everything at once, and returns when nothing of the engine runs but Run.
func (e *Engine) Close() {
	e.mu.Lock()
	e.closed = true
	for _, in := range slices.Collect(maps.Values(e.listeners)) {
		e.stopAccepting(in)
	}
	instances := slices.Concat(mapValues(e.instances), mapValues(e.draining))
	verifier := e.keepers.verifier
	e.mu.Unlock()
	if verifier != nil { // not under mu: it waits for a fetch, which may be reporting an event
		verifier.Close()
	}
	if e.broken == nil {
		e.loops.Each(func(l *loop.Loop) { e.workers[l.Index].log.flush() })
		e.loops.Close()
		for _, w := range e.workers { // no loop touches them any more
			w.spans.flush()
		}
	}
	for _, inst := range instances {
		inst.outlier.Reset()
	}
	e.tasks.Wait()
}

func sortedKeys[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

func mapValues[K comparable, V any](m map[K]V) []V { return slices.Collect(maps.Values(m)) }
