package flow

import (
	"container/heap"
	"hash/maphash"
	"math/rand/v2"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// Flow is the deliveries of one subscription.
type Flow struct {
	config Config
	random *rand.Rand
	seed   maphash.Seed

	partitions []*partition // by number
	open       map[engine.Position]*entry
	keys       map[uint64]*entry // the last open entry of each key
	restoring  []*entry          // not in line yet, since the key of the first is not known
	absent     int               // open, and did not come again
	trouble    map[engine.Position]Trouble

	ready   queue    // what can be sent
	waiting later    // what can be sent at some time
	wanted  []*entry // what has to be read again, not yet asked for
	asked   int      // what was asked for and has not come
	busy    int      // deliveries under way and dead letters being stored
	spare   weight   // bodies that are held, but of what can be sent or is under way

	paused, gone bool
	hold         time.Time // nothing is sent before; the subscriber asked for it
	probe        probe
}

// probe is how it is found out whether somebody sees deliveries again. The zero
// value says that somebody does.
type probe struct {
	wait time.Duration // between probes; zero: not probing
	at   time.Time     // of the next one
	with *entry        // under way
}

// Trouble is what was saved of a record whose delivery has failed.
type Trouble struct {
	engine.Position

	Attempts  int
	NotBefore time.Time
}

// Delivery is a record to send.
type Delivery struct {
	engine.Position

	Attempt int            // from 1
	Record  *engine.Record // not to be changed
}

// Step is what to do now.
type Step struct {
	// Send these. Each has to end in an Answer.
	Send []Delivery
	// Load these again from the engine. Each has to end in Take, or in Drop if it is no longer kept.
	Load []engine.Position
	// Read at most so many new records from the cursor; 0: none.
	Read int
	// Wake is when to call Advance again if nothing happens before; zero: whenever something happens.
	Wake time.Time
}

// New returns a Flow that goes on where progress was saved. Trouble of records
// that are done is passed over; waits are not longer than the config allows,
// whatever happened to the clock. The random source is the Flow's from now on.
func New(now time.Time, config Config, progress Progress, trouble []Trouble, random *rand.Rand) *Flow {
	f := &Flow{
		config:  config.withDefaults(),
		random:  random,
		seed:    maphash.MakeSeed(),
		open:    map[engine.Position]*entry{},
		keys:    map[uint64]*entry{},
		trouble: make(map[engine.Position]Trouble, len(trouble)),
	}
	for _, t := range trouble {
		if most := now.Add(f.config.Most); t.NotBefore.After(most) {
			t.NotBefore = most
		}
		f.trouble[t.Position] = t
	}
	for _, run := range progress.Open {
		for offset := run.Offset; offset-run.Offset < run.Count; offset++ {
			e := f.add(engine.Position{Partition: run.Partition, Offset: offset})
			if e.absent = f.config.KeepBodies; e.absent {
				f.absent++
				continue
			}
			f.restoring = append(f.restoring, e)
			f.want(e)
		}
	}
	for _, next := range progress.Next {
		p := f.partition(next.Partition)
		p.next = max(p.next, next.Offset)
	}
	for at := range f.trouble {
		if at.Offset <= f.partition(at.Partition).next {
			delete(f.trouble, at)
		}
	}
	return f
}

// Configure changes how the subscription is delivered from now on.
func (f *Flow) Configure(config Config) { f.config = config.withDefaults() }

// Pause stops sending and reading; what is under way ends.
func (f *Flow) Pause() { f.paused = true }

// Resume ends a pause, the stop after Gone, and every wait of the whole subscription.
func (f *Flow) Resume() {
	f.paused, f.gone = false, false
	f.hold, f.probe = time.Time{}, probe{}
}

// Advance returns what to do at a time. It is to be called after every other
// call that changes the Flow, or several of them, and at Step.Wake.
func (f *Flow) Advance(now time.Time) Step {
	for f.waiting.due(now) {
		if e, ok := heap.Pop(&f.waiting).(*entry); ok && e.state == waiting {
			f.offer(e)
		}
	}
	if f.paused || f.gone {
		return Step{}
	}
	var s Step
	for f.maySend(now) {
		e := f.ready.pop()
		if e == nil {
			break
		}
		f.move(e, flying)
		if f.probe.wait > 0 {
			f.probe.with = e
		}
		s.Send = append(s.Send, Delivery{Position: e.at, Attempt: e.attempts + 1, Record: e.record})
	}
	s.Load = f.loads()
	s.Read = f.room()
	s.Wake = f.wake(now)
	return s
}

func (f *Flow) maySend(now time.Time) bool {
	if f.busy >= f.config.Concurrency || now.Before(f.hold) {
		return false
	}
	return f.probe.wait == 0 || f.probe.with == nil && !now.Before(f.probe.at)
}

// loads returns what to read again, no more than may be under way or held.
func (f *Flow) loads() []engine.Position {
	var loads []engine.Position
	ahead := f.ready.weight
	most := min(f.config.MaxLoads, f.config.AheadRecords-ahead.records)
	if ahead.bytes >= f.config.AheadBytes {
		return nil
	}
	for len(f.wanted) > 0 && f.asked < most {
		e := f.wanted[0]
		f.wanted = f.wanted[1:]
		e.wanted = false
		if e.state == over || e.record != nil || e.known && e.state == unknown {
			continue
		}
		e.asked = true
		f.asked++
		loads = append(loads, e.at)
	}
	return loads
}

// room returns how many records may be read.
func (f *Flow) room() int {
	ahead := f.ready.weight
	if ahead.bytes >= f.config.AheadBytes {
		return 0
	}
	return max(0, min(f.config.AheadRecords-ahead.records, f.config.MaxOpen-f.here()))
}

// here is how much of what is open is known to be there.
func (f *Flow) here() int { return len(f.open) - f.absent }

func (f *Flow) wake(now time.Time) time.Time {
	switch {
	case now.Before(f.hold):
		return f.hold
	case f.probe.wait > 0 && f.probe.with != nil:
		return time.Time{}
	case f.probe.wait > 0 && now.Before(f.probe.at):
		return f.probe.at
	case len(f.waiting) > 0:
		return f.waiting[0].notBefore
	}
	return time.Time{}
}
