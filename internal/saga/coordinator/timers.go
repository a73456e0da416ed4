package coordinator

import (
	"container/heap"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

// How far ahead timers are kept in memory, and how many are read at a time. What
// is due later is read from the store when it comes nearer.
const (
	ahead     = time.Minute
	timerPage = 10_000
)

// timers are what is due before a horizon.
type timers struct {
	wake chan struct{} // capacity 1: what is due first has changed

	mu      sync.Mutex
	heap    timerHeap
	of      map[string]*timer
	horizon time.Time
	// until is up to when timers were read from the store. Nothing is read before all
	// that was open is known, since each of those sets its own.
	until time.Time
	known bool
}

type timer struct {
	id    string
	due   time.Time
	index int
}

type timerHeap []*timer

func (h timerHeap) Len() int           { return len(h) }
func (h timerHeap) Less(i, j int) bool { return h[i].due.Before(h[j].due) }
func (h timerHeap) Swap(i, j int) {
	h[i], h[j] = h[j], h[i]
	h[i].index, h[j].index = i, j
}
func (h *timerHeap) Push(x any) {
	t, _ := x.(*timer) // nothing else is pushed
	t.index = len(*h)
	*h = append(*h, t)
}
func (h *timerHeap) Pop() any {
	last := len(*h) - 1
	t := (*h)[last]
	(*h)[last] = nil
	*h = (*h)[:last]
	return t
}

// set makes a saga due at a time, zero for never.
func (ts *timers) set(id string, due time.Time) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	first := len(ts.heap) == 0 || due.Before(ts.heap[0].due)
	old := ts.of[id]
	switch {
	case due.IsZero() || !due.Before(ts.horizon):
		if old != nil {
			heap.Remove(&ts.heap, old.index)
			delete(ts.of, id)
		}
		return
	case old != nil:
		old.due = due
		heap.Fix(&ts.heap, old.index)
	default:
		if ts.of == nil {
			ts.of = map[string]*timer{}
		}
		ts.of[id] = &timer{id: id, due: due}
		heap.Push(&ts.heap, ts.of[id])
	}
	if first {
		ts.hurry()
	}
}

func (ts *timers) hurry() {
	select {
	case ts.wake <- struct{}{}:
	default:
	}
}

func (ts *timers) forget(id string) { ts.set(id, time.Time{}) }

// take returns who is due at a time, not too many at once, and when the next one is.
func (ts *timers) take(now time.Time) (due []string, next time.Time) {
	const most = 256
	ts.mu.Lock()
	defer ts.mu.Unlock()
	for len(ts.heap) > 0 && len(due) < most && !ts.heap[0].due.After(now) {
		t := ts.heap[0]
		heap.Pop(&ts.heap)
		delete(ts.of, t.id)
		due = append(due, t.id)
	}
	next = ts.horizon
	if len(ts.heap) > 0 {
		next = ts.heap[0].due
	}
	return due, next
}

// begin has timers of all that was open read.
func (ts *timers) begin() {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.known = true
	ts.hurry()
}

// short tells whether timers must be read from the store, and from when to when.
// The horizon is at the end of that already: who sets a timer meanwhile sets it here.
func (ts *timers) short(now time.Time) (from, to time.Time, ok bool) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	switch {
	case ts.horizon.IsZero():
		ts.horizon = now.Add(ahead)
	case ts.known && len(ts.heap) < timerPage && ts.until.Sub(now) <= ahead/2:
		ts.horizon = now.Add(ahead)
		return ts.until, ts.horizon, true
	}
	return from, to, false
}

// add adds what was read up to a time.
func (ts *timers) add(page []store.Timer, until time.Time) {
	ts.mu.Lock()
	defer ts.mu.Unlock()
	ts.until, ts.horizon = until, until
	for _, row := range page {
		if ts.of[row.ID] != nil {
			continue
		}
		if ts.of == nil {
			ts.of = map[string]*timer{}
		}
		ts.of[row.ID] = &timer{id: row.ID, due: row.Due}
		heap.Push(&ts.heap, ts.of[row.ID])
	}
}

// keepTime tells sagas what is due, until the term ends.
func (t *term) keepTime() {
	for {
		now := time.Now()
		if from, to, ok := t.timers.short(now); ok && t.readTimers(from, to) != nil {
			return
		}
		due, next := t.timers.take(now)
		if len(due) > 0 && !t.room(t.options.Documents) {
			return
		}
		for _, id := range due {
			t.post(id, letter{event: machine.Due{}})
		}
		timer := time.NewTimer(min(time.Until(next), ahead/4))
		select {
		case <-timer.C:
		case <-t.timers.wake:
		case <-t.ctx.Done():
			timer.Stop()
			return
		}
		timer.Stop()
	}
}

// readTimers reads a page, which ends at its last timer if it is full.
func (t *term) readTimers(from, to time.Time) error {
	for most := timerPage; ; most *= 2 {
		var page []store.Timer
		if err := t.persist("timers cannot be read", func() (err error) {
			page, err = t.options.Store.Due(t.ctx, from, to, most)
			return err
		}); err != nil {
			return err
		}
		if len(page) == most {
			last := page[most-1].Due // and more may be due at the same time
			if !last.After(from) {
				continue
			}
			to = last
		}
		t.timers.add(page, to)
		return nil
	}
}
