package rabbitmq

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
)

const (
	// patience is how long the server may take to answer one request.
	patience = 5 * time.Second
	// storing is how long it may take to confirm a message.
	storing = 10 * time.Second
	// most is how many bytes may wait to be confirmed, of all topics.
	most = 64 << 20
)

// Config says where the server is and whose the topics are.
type Config struct {
	// URL is amqp://USER:PASSWORD@HOST:PORT/VHOST, or amqps://, with more hosts of
	// a cluster behind commas.
	URL string
	// App's name begins the names of exchanges and queues.
	App    string
	Logger *slog.Logger
	// Now is the clock from which offsets begin; nil: time.Now.
	Now func() time.Time
}

// Engine implements engine.Engine. Make it by Open.
type Engine struct {
	app     string
	log     *slog.Logger
	now     func() time.Time
	life    context.Context // ends with Close
	end     context.CancelFunc
	topics  remote.Topics[*topic]
	out, in *link          // publishers have one of their own: a server that is short of room stops reading from it
	work    sync.WaitGroup // all goroutines
	calls   sync.WaitGroup // publishes under way
	pending atomic.Int64   // bytes of them

	asking chan struct{} // cap 1: held while asker is used
	asker  *amqp.Channel
}

var _ engine.Engine = (*Engine)(nil)

// Open returns an engine whether or not the server can be reached: it is tried
// with each call, and calls answer fault.Unavailable until then. Errors:
// fault.Invalid where the URL cannot be read. They do not repeat it, since it may
// hold a password.
func Open(c Config) (*Engine, error) {
	servers, err := parse(c.URL)
	if err != nil {
		return nil, err
	}
	e := &Engine{app: c.App, log: c.Logger, now: c.Now, asking: make(chan struct{}, 1)}
	if e.now == nil {
		e.now = time.Now
	}
	e.life, e.end = context.WithCancel(context.Background())
	e.out, e.in = newLink(e, servers, "publishes"), newLink(e, servers, "reads")
	return e, nil
}

// Can implements engine.Engine.
func (*Engine) Can() engine.Abilities { return engine.Abilities{Open: window} }

// ask has the server do something that is neither publishing nor reading. What
// outlasts the caller ends within patience, or with the connection.
func (e *Engine) ask(ctx context.Context, f func(*amqp.Channel) error) error {
	select {
	case e.asking <- struct{}{}:
	case <-ctx.Done():
		return ctx.Err()
	case <-e.life.Done():
		return engine.ErrClosed
	}
	done := make(chan error, 1)
	err := e.begin(func() {
		defer func() { <-e.asking }()
		bound, cancel := context.WithTimeout(e.life, patience)
		defer cancel()
		var err error
		if e.asker == nil || e.asker.IsClosed() {
			e.asker, err = e.in.channel(bound)
		}
		if err == nil {
			err = f(e.asker)
		}
		done <- err
	})
	if err != nil {
		<-e.asking
		return err
	}
	select {
	case err := <-done:
		return err
	case <-ctx.Done():
		return ctx.Err()
	}
}

// begin runs f in a goroutine that Close waits for, unless it was called.
func (e *Engine) begin(f func()) error {
	return e.topics.Enter(func() { e.work.Go(f) })
}

// Read implements engine.Engine: there is nothing that can be read again.
func (e *Engine) Read(ctx context.Context, name string, _ engine.Position, _ int) ([]engine.Stored, error) {
	_, err := e.topics.Find(ctx, name)
	return nil, err
}

// Find implements engine.Engine: a queue has no places.
func (e *Engine) Find(ctx context.Context, name string, _ time.Time) ([]engine.Position, error) {
	_, err := e.topics.Find(ctx, name)
	return []engine.Position{{}}, err
}

// Release implements engine.Engine: each group's events go when it is done with them.
func (e *Engine) Release(ctx context.Context, name string, _ []engine.Position) error {
	_, err := e.topics.Find(ctx, name)
	return err
}

// Close implements engine.Engine.
func (e *Engine) Close() error {
	if !e.topics.Close() {
		return nil
	}
	e.settle()
	e.end()
	e.out.close()
	e.in.close()
	e.work.Wait()
	return nil
}

// settle waits until what is being stored is stored, or will not be soon.
func (e *Engine) settle() {
	done := make(chan struct{})
	go func() {
		e.calls.Wait()
		close(done)
	}()
	select {
	case <-done:
	case <-time.After(storing):
	}
}
