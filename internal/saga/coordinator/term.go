package coordinator

import (
	"container/list"
	"context"
	"errors"
	"fmt"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

// term is the time in which the store is this coordinator's.
type term struct {
	*Coordinator
	ctx    context.Context
	end    context.CancelCauseFunc
	tasks  sync.WaitGroup
	timers timers
	calls  calls
	waits  waits

	mu    sync.Mutex
	sagas map[string]*saga
	// idle are those with nothing to do at the moment, the longest idle first.
	idle list.List
	// stopped are those that nothing is done for any more, and why.
	stopped map[string]error
	// overflow are sagas that were started when memory was full.
	overflow []string
	// resuming are those that were open when the term began and had no turn yet: of
	// N above behind and at most until. early are those of them that had theirs
	// before it was due.
	behind, until int64
	early         map[int64]bool
	resumed       bool      // all that was open had its turn
	roomy         sync.Cond // on mu: something became idle or ended
	closed        bool      // nothing begins any more
}

// saga is one that is in memory. What work alone uses needs no lock: it runs once
// at a time for a saga.
type saga struct {
	id    string
	fresh bool // it was started in this term

	// Guarded by term.mu.
	mailbox []letter
	working bool
	calls   int           // that are under way, or wait to be
	place   *list.Element // in term.idle; nil: it is not there

	// Used by work alone.
	loaded bool
	row    store.Saga
	state  machine.State
	def    *compiled
	origin origin
	waits  []machine.Wait
	// reopened is when its parent reopened it, if that is known.
	reopened time.Time
}

// letter is something that a saga must deal with.
type letter struct {
	event machine.Event // nil: none
	// at is where an event of a topic is.
	at *topicPlace
	// effects are carried out, of a state that is stored already.
	effects []machine.Effect
	// done is told when all is durable, before effects are carried out. Nil: nobody waits.
	done func(*saga, error)
}

func newTerm(ctx context.Context, c *Coordinator) *term {
	t := &term{
		Coordinator: c, sagas: map[string]*saga{}, stopped: map[string]error{}, early: map[int64]bool{},
	}
	t.ctx, t.end = context.WithCancelCause(ctx)
	t.roomy.L = &t.mu
	t.calls.most, t.calls.perSaga = c.options.Calls, c.options.PerSaga
	t.timers.wake = make(chan struct{}, 1)
	t.waits.topics = map[string]*topic{}
	return t
}

// run runs the term until its context ends or the store is another's.
func (t *term) run() error {
	context.AfterFunc(t.ctx, func() { // for those that wait for room
		t.mu.Lock()
		defer t.mu.Unlock()
		t.roomy.Broadcast()
	})
	last, err := t.lastOf()
	if err == nil {
		t.mu.Lock()
		t.until = last
		t.mu.Unlock()
		t.tasks.Go(t.keepTime)
		t.tasks.Go(t.purge)
		t.tasks.Go(t.check)
		t.tasks.Go(t.resume)
		t.tasks.Go(t.calls.refuse(t))
		err = t.options.Store.Hold(t.ctx)
	}
	t.end(err)
	t.mu.Lock()
	t.closed = true
	t.mu.Unlock()
	t.tasks.Wait()
	if cause := context.Cause(t.ctx); errors.Is(cause, store.ErrFenced) {
		return store.ErrFenced
	}
	return err
}

// lastOf returns the newest saga's N.
func (t *term) lastOf() (n int64, err error) {
	err = t.persist("sagas wait for their store", func() error {
		n, err = t.options.Store.Last(t.ctx)
		return err
	})
	return n, err
}

// post puts a letter into a saga's mailbox, and sees to it that it is read.
func (t *term) post(id string, l letter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed || t.ctx.Err() != nil {
		t.unread(l)
		return
	}
	s := t.sagas[id]
	if s == nil {
		s = &saga{id: id}
		t.sagas[id] = s
	}
	s.mailbox = append(s.mailbox, l)
	t.begin(s)
}

// enter makes what a caller of the API does a task of the term, which leave ends.
// false: the term is over.
func (t *term) enter() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.closed {
		return false
	}
	t.tasks.Add(1)
	return true
}

func (t *term) leave() { t.tasks.Done() }

// unread tells who waits for a letter that it was not dealt with.
func (t *term) unread(l letter) {
	if l.done != nil {
		l.done(nil, busy())
	}
}

// begin has a saga's mailbox read. t.mu is held.
func (t *term) begin(s *saga) {
	if s.working {
		return
	}
	if s.place != nil {
		t.idle.Remove(s.place)
		s.place = nil
	}
	s.working = true
	t.tasks.Go(func() { t.work(s) })
}

// take returns what is in the mailbox; nothing: the saga is not worked on any more.
func (t *term) take(s *saga) []letter {
	t.mu.Lock()
	defer t.mu.Unlock()
	letters := s.mailbox
	s.mailbox = nil
	if t.ctx.Err() != nil {
		for _, l := range letters {
			t.unread(l)
		}
		letters = nil
	}
	if len(letters) == 0 {
		s.working = false
		t.rest(s)
	}
	return letters
}

// rest keeps a saga that has nothing to do for when it has, as long as there is
// room. t.mu is held.
func (t *term) rest(s *saga) {
	if s.calls > 0 {
		return
	}
	if !s.loaded || s.state.Status.Ended() {
		delete(t.sagas, s.id)
	} else if s.place == nil {
		s.place = t.idle.PushBack(s)
	}
	for len(t.sagas) > t.options.Documents && t.idle.Len() > 0 {
		oldest, _ := t.idle.Remove(t.idle.Front()).(*saga) // nothing else is put there
		oldest.place = nil
		delete(t.sagas, oldest.id)
	}
	t.roomy.Broadcast()
}

// busy returns how many sagas are at work. t.mu is held.
func (t *term) busy() int { return len(t.sagas) - t.idle.Len() }

// stop ends all work on a saga in this term.
func (t *term) stop(s *saga, err error) {
	t.log.Error("a saga is stopped", "saga", s.id, "name", s.row.Name, "error", err)
	const most = 10_000 // of errors that are kept
	t.mu.Lock()
	defer t.mu.Unlock()
	if len(t.stopped) < most {
		t.stopped[s.id] = err
	}
	t.timers.forget(s.id)
}

// why returns why a saga is stopped, nil if it is not.
func (t *term) why(id string) error {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stopped[id]
}

// fenced ends the term when another coordinator has the store.
func (t *term) fenced(err error) bool {
	if errors.Is(err, store.ErrFenced) {
		t.end(store.ErrFenced)
		return true
	}
	return false
}

// defect is the error of a panic.
func defect(value any) error { return fmt.Errorf("a defect of Banyan: %v", value) }
