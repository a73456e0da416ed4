package coordinator

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	"github.com/banyanrun/banyan/internal/crashpoint"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/saga/definition"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

// Caller makes requests of steps. Its methods are called concurrently.
type Caller interface {
	// Call makes one attempt of saga id and says what came of it. Trace is the
	// saga's W3C traceparent.
	Call(ctx context.Context, id, trace string, c machine.Call) machine.Outcome
	// Poll asks after a request that is pending.
	Poll(ctx context.Context, id, trace string, p machine.Poll) machine.Outcome
}

// Events is how topics are read for sagas that wait. Its methods are called concurrently.
type Events interface {
	// End returns where a topic ends now.
	End(ctx context.Context, topic string) (Places, error)
	// Read returns events behind a place, at most most, of each partition in order,
	// and the place behind them. It waits until there is one, or ctx ends. Events
	// that retention has taken are left out.
	Read(ctx context.Context, topic string, from Places, most int) ([]Event, Places, error)
}

// Places are offsets by partition: what comes behind them is read. A partition
// that is missing is read from what is kept of it.
type Places map[int32]uint64

// Event is an event of a topic.
type Event struct {
	Partition int32
	Offset    uint64
	JSON      json.RawMessage // a CloudEvent in JSON format
}

// Options of a Coordinator.
type Options struct {
	Store  store.Store
	Caller Caller
	// Events may be nil where no saga waits for one.
	Events Events
	Logger *slog.Logger
	// Calls bounds how many requests are under way at a time, PerSaga how many of
	// one saga. Zero: 1,024 and 16.
	Calls, PerSaga int
	// Documents bounds how many sagas are kept in memory; only those that are at
	// work at the moment may be more. Zero: 10,000.
	Documents int
	// Ended is told of each saga that has ended, once that is stored, and again if its
	// parent reopened it. A crash in between takes it away. It must not wait. Nil:
	// nobody is told.
	Ended func(Ended)
}

// Coordinator runs sagas.
type Coordinator struct {
	options     Options
	log         *slog.Logger
	definitions definitions
	// running is the term that Run is in; nil: none.
	running atomic.Pointer[term]
	changes watchers
}

// New returns a coordinator that does nothing before Run.
func New(o Options) *Coordinator {
	if o.Calls == 0 {
		o.Calls = 1024
	}
	if o.PerSaga == 0 {
		o.PerSaga = 16
	}
	if o.Documents == 0 {
		o.Documents = 10_000
	}
	if o.Logger == nil {
		o.Logger = slog.New(slog.DiscardHandler)
	}
	c := &Coordinator{options: o, log: o.Logger}
	c.definitions.store = o.Store
	return c
}

// Apply makes definitions by their name those that sagas are started with from now
// on. Sagas that run keep theirs.
func (c *Coordinator) Apply(_ context.Context, defs map[string]*definition.Definition) error {
	return c.definitions.apply(defs)
}

// Run runs sagas until ctx ends, which is its error then. It waits until the store
// is its own. Where another coordinator takes the store it ends with
// store.ErrFenced, and may be called again.
func (c *Coordinator) Run(ctx context.Context) error {
	for wait := 100 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := c.options.Store.Acquire(ctx)
		if err == nil {
			break
		}
		if ctx.Err() != nil {
			return ctx.Err()
		}
		c.log.Warn("sagas wait for their store", "error", err)
		if sleep(ctx, wait) != nil {
			return ctx.Err()
		}
	}
	crashpoint.Pass(crashpoint.LeaseTaken)
	t := newTerm(ctx, c)
	c.running.Store(t)
	defer c.changes.all()
	defer c.running.Store(nil)
	return t.run()
}

// term returns the one that Run is in.
func (c *Coordinator) term() (*term, error) {
	if t := c.running.Load(); t != nil && t.ctx.Err() == nil {
		return t, nil
	}
	return nil, busy()
}

func busy() error {
	return fault.New(fault.Unavailable, "sagas are not run at the moment: %w", ErrBusy).Fix("try again in a second")
}

// sleep returns an error if ctx ends first.
func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// watchers wake who waits for changes of a saga.
type watchers struct {
	mu sync.Mutex
	of map[string]chan struct{} // closed at the next change
}

// next returns a channel that is closed when the saga changes next.
func (w *watchers) next(id string) <-chan struct{} {
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.of == nil {
		w.of = map[string]chan struct{}{}
	}
	if w.of[id] == nil {
		w.of[id] = make(chan struct{})
	}
	return w.of[id]
}

func (w *watchers) changed(id string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	if c := w.of[id]; c != nil {
		close(c)
		delete(w.of, id)
	}
}

func (w *watchers) all() {
	w.mu.Lock()
	defer w.mu.Unlock()
	for _, c := range w.of {
		close(c)
	}
	clear(w.of)
}

// translate gives an error of the store a name of this package.
func translate(err error) error {
	switch {
	case errors.Is(err, store.ErrNotFound):
		return fault.New(fault.NotFound, "%w", ErrNoSaga)
	case errors.Is(err, store.ErrFenced):
		return busy()
	}
	return err
}
