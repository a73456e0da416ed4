package flow

import (
	"hash/maphash"
	"slices"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// partition is what is open of a partition.
type partition struct {
	number      int32
	next        uint64 // what was read last; all before it that is not open is done
	first, last *entry
}

func (p *partition) push(e *entry) {
	e.prev = p.last
	if p.last == nil {
		p.first = e
	} else {
		p.last.next = e
	}
	p.last = e
	p.next = e.at.Offset
}

func (p *partition) unlink(e *entry) {
	if e.prev == nil {
		p.first = e.next
	} else {
		e.prev.next = e.next
	}
	if e.next == nil {
		p.last = e.prev
	} else {
		e.next.prev = e.prev
	}
	e.prev, e.next = nil, nil
}

// partition returns a partition, and makes it.
func (f *Flow) partition(number int32) *partition {
	i, found := slices.BinarySearchFunc(f.partitions, number, func(p *partition, n int32) int { return int(p.number) - int(n) })
	if !found {
		f.partitions = slices.Insert(f.partitions, i, &partition{number: number})
	}
	return f.partitions[i]
}

// add opens a record that lies after all others of its partition.
func (f *Flow) add(at engine.Position) *entry {
	e := &entry{at: at}
	if t, ok := f.trouble[at]; ok {
		e.attempts, e.notBefore = t.Attempts, t.NotBefore
		delete(f.trouble, at)
	}
	f.open[at] = e
	f.partition(at.Partition).push(e)
	return e
}

// Take takes records from the cursor or of a Step.Load. Those of a partition come
// in its order when they are new; those that are known are passed over, and those
// that are done as well, which are returned.
func (f *Flow) Take(records []engine.Stored) (done []engine.Position) {
	for i := range records {
		r := &records[i]
		e := f.open[r.Position]
		if e == nil {
			if r.Offset <= f.partition(r.Partition).next {
				done = append(done, r.Position)
				continue
			}
			e = f.add(r.Position)
			if len(f.restoring) > 0 {
				f.restoring = append(f.restoring, e)
			}
		}
		if e.asked {
			e.asked = false
			f.asked--
		}
		f.came(e)
		f.fill(e, r.Record)
	}
	return done
}

// fill gives an entry its body, if it has none, and what follows from that.
func (f *Flow) fill(e *entry, r engine.Record) {
	if e.record != nil {
		return
	}
	if !e.known {
		e.known, e.keyed = true, r.Key != ""
		if e.keyed {
			e.key = maphash.String(f.seed, r.Key)
		}
	}
	f.setBody(e, &r)
	switch e.state {
	case fetching:
		f.offer(e)
	case unknown:
		if len(f.restoring) == 0 {
			f.enqueue(e)
			return
		}
		f.line()
		if e.state == unknown {
			f.shed(e)
		}
	default:
		f.shed(e)
	}
}

// Drop says that a record need not be delivered any more: its dead letter is
// stored, or it is no longer kept. It is not for what is being delivered.
func (f *Flow) Drop(at engine.Position) {
	if e := f.open[at]; e != nil && e.state != flying {
		f.remove(e)
	}
}
