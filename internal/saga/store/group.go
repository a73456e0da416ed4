package store

import (
	"context"
	"errors"
	"sync"

	"github.com/banyanrun/banyan/internal/fault"
)

// A transaction is bounded by both: one large document does not keep others waiting for long.
const (
	groupMost  = 512
	groupBytes = 8 << 20
)

// write is one caller's part of a transaction. Either of the two is set.
type write struct {
	create, update *Change
	done           chan struct{}
	// What came of it, set before done is closed.
	saga Saga // of create
	made bool
	err  error
}

func (w *write) change() *Change {
	if w.create != nil {
		return w.create
	}
	return w.update
}

// group collects what callers write at a time into transactions, one after another.
type group struct {
	// commit makes writes in one transaction and sets what is each one's own. After
	// an error nothing of them was made.
	commit func(ctx context.Context, writes []*write) error

	mu      sync.RWMutex // of closed, against sending on the closed channel
	closed  bool
	waiting chan *write
	done    chan struct{}
}

func newGroup(commit func(context.Context, []*write) error) *group {
	g := &group{commit: commit, waiting: make(chan *write, 2*groupMost), done: make(chan struct{})}
	go g.run() // ended by close
	return g
}

// do returns when w is durable, or ctx ends: then it is not known whether it is made.
func (g *group) do(ctx context.Context, w *write) error {
	if c := w.change(); len(c.Saga.Doc) > DocMost || len(c.Log) > DocMost {
		return ErrTooLarge
	}
	w.done = make(chan struct{})
	if err := g.send(ctx, w); err != nil {
		return err
	}
	select {
	case <-w.done:
		return w.err
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *group) send(ctx context.Context, w *write) error {
	g.mu.RLock()
	defer g.mu.RUnlock()
	if g.closed {
		return fault.New(fault.Unavailable, "the sagas' store is closed")
	}
	select {
	case g.waiting <- w:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (g *group) close() {
	g.mu.Lock()
	closed := g.closed
	g.closed = true
	g.mu.Unlock()
	if !closed {
		close(g.waiting)
	}
	<-g.done
}

func (g *group) run() {
	defer close(g.done)
	for w := range g.waiting {
		g.make(g.collect(w))
	}
}

// collect returns the first and what else waits.
func (g *group) collect(first *write) []*write {
	writes, size := []*write{first}, len(first.change().Saga.Doc)
	for len(writes) < groupMost && size < groupBytes && len(g.waiting) > 0 {
		w, ok := <-g.waiting
		if !ok {
			break
		}
		writes, size = append(writes, w), size+len(w.change().Saga.Doc)
	}
	return writes
}

// make commits writes. Where they fail together each is tried alone, so that one
// that cannot be stored does not take the others with it.
func (g *group) make(writes []*write) {
	ctx := context.Background() // a transaction belongs to many callers: none of them can cancel it
	err := g.commit(ctx, writes)
	alone := err != nil && len(writes) > 1 && !errors.Is(err, ErrFenced)
	for _, w := range writes {
		switch {
		case alone:
			w.err, w.saga, w.made = nil, Saga{}, false
			if err := g.commit(ctx, []*write{w}); err != nil {
				w.err = err
			}
		case err != nil:
			w.err = err
		}
		close(w.done)
	}
}
