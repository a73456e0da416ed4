package bus

import (
	"context"
	"log/slog"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/santhosh-tekuri/jsonschema/v6"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/flow"
	"github.com/banyanrun/banyan/internal/bus/progress"
)

// Options are what a Bus is built from.
type Options struct {
	Engine   engine.Engine
	Progress *progress.Store
	// Address returns host:port where the data plane takes deliveries for a
	// service, and false while there is none. It must not block.
	Address func(service string) (string, bool)
	// Transport carries deliveries; nil: one of the bus's own.
	Transport http.RoundTripper
	// Around is put around it. Nil: nothing is.
	Around func(http.RoundTripper) http.RoundTripper
	Logger *slog.Logger
	// Sole: nobody but this bus writes the engine's topics. Then a topic that has
	// events of which the progress store knows nothing has lost that store.
	Sole bool
}

// Bus is an app's events. Make it by New.
type Bus struct {
	engine   engine.Engine
	progress *progress.Store
	client   *client
	log      *slog.Logger
	sole     bool

	// Locks are taken in this order, and after them that of a runner, of a topic.
	configuring   sync.Mutex   // held while topics and subscriptions change
	saves         sync.Mutex   // held while progress is saved, so that the newest is saved last
	mu            sync.RWMutex // guards what follows
	spec          Spec
	topics        map[string]*topicState // never changed once it is here
	subscriptions map[progress.Name]*subscription
	jobs          map[progress.Name]context.CancelCauseFunc // ends a subscription's redrive or replay
	running       bool
	closing       bool

	ended    chan struct{} // closed when closing is set
	jobsDone sync.WaitGroup

	full    atomic.Bool  // MaxBytes is reached
	delayed atomic.Int64 // events that wait
	dirty   signal       // there is something to save
	wake    signal       // there is a new delayed event
}

// New returns a Bus without topics, which does nothing until Run.
func New(o Options) *Bus {
	if o.Transport == nil {
		o.Transport = newTransport()
	}
	if o.Around != nil {
		o.Transport = o.Around(o.Transport)
	}
	return &Bus{
		engine: o.Engine, progress: o.Progress, client: newClient(o.Transport, o.Address), log: o.Logger, sole: o.Sole,
		topics: map[string]*topicState{}, subscriptions: map[progress.Name]*subscription{}, jobs: map[progress.Name]context.CancelCauseFunc{},
		ended: make(chan struct{}), dirty: make(signal, 1), wake: make(signal, 1),
	}
}

// topicState is a topic that is declared. Another replaces it when its spec changes.
type topicState struct {
	name    string
	spec    Topic
	schema  *jsonschema.Schema // nil: none
	longest time.Duration      // Record.Dedup that the engine can give
	stopped error              // why nothing can be published, but for what the engine says
	*topicLife
}

// topicLife is what of a topic outlives a change of its spec.
type topicLife struct {
	count topicCount

	mu    sync.Mutex
	ends  map[int32]uint64 // what was seen of each partition
	moved bool             // and not saved
	grown chan struct{}    // closed when there is more
}

type topicCount struct {
	published, duplicates, refused, delayed atomic.Int64
}

func newTopicLife() *topicLife {
	return &topicLife{ends: map[int32]uint64{}, grown: make(chan struct{})}
}

// reached notes what was stored.
func (t *topicLife) reached(placed []engine.Placed) {
	t.mu.Lock()
	defer t.mu.Unlock()
	for _, p := range placed {
		if p.Offset > t.ends[p.Partition] {
			t.ends[p.Partition] = p.Offset
			t.moved = true
		}
	}
	close(t.grown)
	t.grown = make(chan struct{})
}

// more returns what is closed when something is published.
func (t *topicLife) more() <-chan struct{} {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.grown
}

// marks returns how far the topic reaches, and false if that is saved.
func (t *topicLife) marks() ([]engine.Position, bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if !t.moved {
		return nil, false
	}
	t.moved = false
	all := make([]engine.Position, 0, len(t.ends))
	for part, offset := range t.ends {
		all = append(all, engine.Position{Partition: part, Offset: offset})
	}
	return all, true
}

// unsaved says that what marks returned was not saved.
func (t *topicLife) unsaved() {
	t.mu.Lock()
	defer t.mu.Unlock()
	t.moved = true
}

// signal wakes one goroutine; several at a time are one.
type signal chan struct{}

func (s signal) set() {
	select {
	case s <- struct{}{}:
	default:
	}
}

// find returns a topic and, with a service, its subscription.
func (b *Bus) find(topic, service string) (*topicState, *subscription, error) {
	b.mu.RLock()
	defer b.mu.RUnlock()
	t := b.topics[topic]
	if t == nil {
		return nil, nil, refuse(NoTopic, topic, "no service declares topic %s", topic).fix("`banyan topics` lists those there are")
	}
	if service == "" {
		return t, nil, nil
	}
	s := b.subscriptions[progress.Name{Topic: topic, Service: service}]
	if s == nil {
		return nil, nil, refuse(NoSubscription, topic, "service %s does not subscribe to topic %s", service, topic)
	}
	return t, s, nil
}

// Pause stops deliveries of a subscription until Resume; what is under way ends.
// a redrive or replay to it ends too. It is durable. A subscription of a service that ended it becomes one that is paused.
func (b *Bus) Pause(ctx context.Context, topic, service string) error {
	return b.turn(ctx, topic, service, progress.Paused, "paused by a person")
}

// Resume ends a pause, the end that a service asked for, and every wait of the
// whole subscription. It is durable.
func (b *Bus) Resume(ctx context.Context, topic, service string) error {
	return b.turn(ctx, topic, service, progress.Active, "")
}

func (b *Bus) turn(ctx context.Context, topic, service string, state progress.State, why string) error {
	_, s, err := b.find(topic, service)
	if err != nil {
		return err
	}
	s.do(func(f *flow.Flow, _ time.Time) {
		s.become(state, why)
		if state == progress.Active {
			f.Resume()
		} else {
			f.Pause()
		}
	})
	if state == progress.Paused {
		b.mu.RLock()
		if end := b.jobs[progress.Name{Topic: topic, Service: service}]; end != nil {
			end(paused(topic, service))
		}
		b.mu.RUnlock()
	}
	if err := b.save(ctx, []*subscription{s}); err != nil {
		return translateStore(topic, err)
	}
	return nil
}
