package flow

import (
	"container/heap"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// state of an open record.
type state uint8

const (
	unknown  state = iota // it has no place in line yet
	queued                // behind another of its key
	fetching              // it could be sent, but its body has to be read again
	ready
	waiting // until notBefore
	flying  // being delivered
	dead    // its dead letter is being stored
	over    // not open any more
)

// entry is an open record.
type entry struct {
	at         engine.Position
	prev, next *entry // of its partition, by offset
	behind     *entry // of its key; it may be over
	link       *entry // of the queue it is in

	record    *engine.Record // nil: its body is not held
	key       uint64
	attempts  int
	notBefore time.Time // zero, or it has to wait

	state  state
	known  bool // whether key is
	keyed  bool
	wanted bool // in Flow.wanted
	asked  bool // in a Step.Load
	absent bool // it has to come again from the cursor
}

// weight is what bodies are counted in.
type weight struct{ records, bytes int }

func (w *weight) add(e *entry, sign int) {
	w.records += sign
	w.bytes += sign * size(e.record)
}

// size is about what a record takes up.
func size(r *engine.Record) int {
	n := len(r.Data) + len(r.Key)
	for i := range r.Attrs {
		n += len(r.Attrs[i].Name) + len(r.Attrs[i].Value)
	}
	return n
}

// queue is a list by entry.link. What is over is passed over when its turn comes.
type queue struct {
	first, last *entry
	weight
}

func (q *queue) push(e *entry) {
	e.link = nil
	if q.last == nil {
		q.first = e
	} else {
		q.last.link = e
	}
	q.last = e
}

// pop returns nil if there is nothing.
func (q *queue) pop() *entry {
	for q.first != nil {
		e := q.first
		if q.first = e.link; q.first == nil {
			q.last = nil
		}
		if e.link = nil; e.state == ready {
			return e
		}
	}
	return nil
}

// later is a heap by notBefore, then by place.
type later []*entry

func (l later) Len() int      { return len(l) }
func (l later) Swap(i, j int) { l[i], l[j] = l[j], l[i] }
func (l *later) Push(e any)   { *l = append(*l, e.(*entry)) } //nolint:forcetypeassert // a heap of entries

func (l later) Less(i, j int) bool {
	if c := l[i].notBefore.Compare(l[j].notBefore); c != 0 {
		return c < 0
	}
	return l[i].at.Offset < l[j].at.Offset
}

func (l *later) Pop() any {
	old := *l
	e := old[len(old)-1]
	old[len(old)-1] = nil
	*l = old[:len(old)-1]
	return e
}

func (l later) due(now time.Time) bool { return len(l) > 0 && !now.Before(l[0].notBefore) }

// move changes an entry's state and what is counted by it.
func (f *Flow) move(e *entry, to state) {
	f.count(e, -1)
	e.state = to
	f.count(e, 1)
}

func (f *Flow) count(e *entry, sign int) {
	switch e.state {
	case flying, dead:
		f.busy += sign
	case ready:
		f.ready.add(e, sign)
	case unknown, queued, fetching, waiting:
		if e.record != nil {
			f.spare.add(e, sign)
		}
	case over:
	}
}

// setBody gives an entry its body or, with nil, takes it away.
func (f *Flow) setBody(e *entry, r *engine.Record) {
	f.count(e, -1)
	e.record = r
	f.count(e, 1)
}

// shed lets go of a body that cannot be sent yet if enough of those are held.
func (f *Flow) shed(e *entry) {
	full := f.spare.records > f.config.AheadRecords || f.spare.bytes > f.config.AheadBytes
	if full && e.record != nil && !f.config.KeepBodies {
		f.setBody(e, nil)
	}
}

// enqueue gives an entry whose key is known its place in line.
func (f *Flow) enqueue(e *entry) {
	if e.keyed {
		last := f.keys[e.key]
		f.keys[e.key] = e
		if last != nil {
			last.behind = e
			f.move(e, queued)
			f.shed(e)
			return
		}
	}
	f.first(e)
}

// first is for what is the first of its key now.
func (f *Flow) first(e *entry) {
	if e.notBefore.IsZero() {
		f.offer(e)
		return
	}
	f.move(e, waiting)
	f.shed(e)
	heap.Push(&f.waiting, e)
}

// offer is for what could be sent now.
func (f *Flow) offer(e *entry) {
	e.notBefore = time.Time{}
	if e.record != nil {
		f.move(e, ready)
		f.ready.push(e)
		return
	}
	f.move(e, fetching)
	// Those behind it will be next, and the engine reads neighbours at little cost.
	const neighbours = 16
	for n, i := e, 0; n != nil && i < neighbours; n, i = n.behind, i+1 {
		if n.record == nil && n.state != over {
			f.want(n)
		}
	}
}

// want has a body read again, unless that is under way.
func (f *Flow) want(e *entry) {
	if !e.wanted && !e.asked {
		e.wanted = true
		f.wanted = append(f.wanted, e)
	}
}

// remove closes an entry and brings up the next of its key.
func (f *Flow) remove(e *entry) {
	inLine := e.state != unknown
	head := inLine && e.state != queued
	f.move(e, over)
	e.record = nil
	delete(f.open, e.at)
	f.came(e)
	f.partition(e.at.Partition).unlink(e)
	if e.asked {
		e.asked = false
		f.asked--
	}
	if !inLine {
		f.line()
		return
	}
	if !e.keyed || !head {
		return
	}
	next := e.behind
	for next != nil && next.state == over {
		next = next.behind
	}
	if next == nil {
		delete(f.keys, e.key)
		return
	}
	f.first(next)
}

// came notes that an entry is not waited for any more.
func (f *Flow) came(e *entry) {
	if e.absent {
		e.absent = false
		f.absent--
	}
}

// line gives places to what was restored, in order, as far as keys are known.
func (f *Flow) line() {
	for len(f.restoring) > 0 && (f.restoring[0].known || f.restoring[0].state == over) {
		e := f.restoring[0]
		f.restoring = f.restoring[1:]
		if e.state != over {
			f.enqueue(e)
		}
	}
}
