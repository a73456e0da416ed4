package coordinator

import (
	"context"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

// attempt is a request that is to be made for a saga.
type attempt struct {
	saga     *saga
	timeout  time.Duration
	since    time.Time
	answered machine.Answered // but for its Outcome
	do       func(context.Context) machine.Outcome
}

// calls are those under way and those that wait until there are fewer. It may be
// locked with term.mu held, not the other way round.
type calls struct {
	most, perSaga int

	mu      sync.Mutex
	running int
	of      map[*saga]int // under way
	waiting []*attempt    // in the order in which they came
}

// add makes a call as soon as there may be one.
func (cs *calls) add(t *term, c *attempt) {
	t.mu.Lock()
	c.saga.calls++
	t.mu.Unlock()
	c.since = time.Now()
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.of == nil {
		cs.of = map[*saga]int{}
	}
	if cs.running == cs.most || cs.of[c.saga] == cs.perSaga {
		cs.waiting = append(cs.waiting, c)
		return
	}
	cs.running++
	cs.of[c.saga]++
	t.tasks.Go(func() { cs.work(t, c) })
}

// work makes calls, one after another, as long as there are some.
func (cs *calls) work(t *term, c *attempt) {
	for c != nil {
		outcome := cs.make(t, c)
		next := cs.next(c)
		if t.ctx.Err() == nil { // else nothing is known of what came of it
			t.answered(c, outcome)
		}
		c = next
	}
}

func (cs *calls) make(t *term, c *attempt) (outcome machine.Outcome) {
	defer func() {
		if value := recover(); value != nil {
			outcome = machine.Outcome{Kind: machine.OutcomeUnknown, Error: defect(value).Error()}
		}
	}()
	return c.do(t.ctx)
}

// next ends a call and returns one that may be made in its place, nil if there is none.
func (cs *calls) next(done *attempt) *attempt {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if cs.of[done.saga]--; cs.of[done.saga] == 0 {
		delete(cs.of, done.saga)
	}
	for i, c := range cs.waiting {
		if cs.of[c.saga] < cs.perSaga {
			copy(cs.waiting[1:], cs.waiting[:i])
			cs.waiting = cs.waiting[1:]
			cs.of[c.saga]++
			return c
		}
	}
	cs.running--
	return nil
}

// refuse gives up calls that have waited for too long, until the term ends.
func (cs *calls) refuse(t *term) func() {
	return func() {
		for sleep(t.ctx, time.Second) == nil {
			for _, c := range cs.overdue(time.Now()) {
				t.answered(c, machine.Outcome{Kind: machine.OutcomeLater, Error: "too many requests of sagas are under way", Unsent: true})
			}
		}
	}
}

func (cs *calls) overdue(now time.Time) (gone []*attempt) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	kept := cs.waiting[:0]
	for _, c := range cs.waiting {
		if now.Sub(c.since) > patience(c.timeout) {
			gone = append(gone, c)
		} else {
			kept = append(kept, c)
		}
	}
	clear(cs.waiting[len(kept):])
	cs.waiting = kept
	return gone
}

// answered tells a saga what came of a call.
func (t *term) answered(c *attempt, outcome machine.Outcome) {
	t.mu.Lock()
	defer t.mu.Unlock()
	s := c.saga
	s.calls--
	c.answered.Outcome = outcome
	s.mailbox = append(s.mailbox, letter{event: c.answered})
	t.begin(s)
}
