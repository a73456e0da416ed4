package flow

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"slices"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// Progress is how far a subscription is: all at or before Next is done, but what
// is Open. What lies after Next is read again, so what is open at the end of what
// was read is not named. One that is made by hand has Next alone.
type Progress struct {
	Next []engine.Position // one a partition, by number
	Open []Run             // by partition and offset; not adjacent, and before Next
}

// Run is Count positions that follow each other.
type Run struct {
	engine.Position

	Count uint64
}

// Progress returns how far the subscription is. It takes time in proportion to what is open.
func (f *Flow) Progress() Progress {
	var progress Progress
	for _, p := range f.partitions {
		next, last := p.next, p.last
		for last != nil && last.at.Offset == next {
			next, last = next-1, last.prev
		}
		progress.Next = append(progress.Next, engine.Position{Partition: p.number, Offset: next})
		for e := p.first; last != nil && e != last.next; e = e.next {
			progress.add(e.at)
		}
	}
	return progress
}

func (p *Progress) add(at engine.Position) {
	if n := len(p.Open); n > 0 {
		if run := &p.Open[n-1]; run.Partition == at.Partition && run.Offset+run.Count == at.Offset {
			run.Count++
			return
		}
	}
	p.Open = append(p.Open, Run{Position: at, Count: 1})
}

// Low returns for each partition the position up to which everything is done.
func (p *Progress) Low() []engine.Position {
	low := slices.Clone(p.Next)
	for _, run := range p.Open {
		for i := range low {
			if low[i].Partition == run.Partition {
				low[i].Offset = min(low[i].Offset, run.Offset-1)
			}
		}
	}
	return low
}

// Low returns for each partition the position up to which everything is done.
func (f *Flow) Low() []engine.Position {
	low := make([]engine.Position, 0, len(f.partitions))
	for _, p := range f.partitions {
		at := engine.Position{Partition: p.number, Offset: p.next}
		if p.first != nil {
			at = p.first.at.Before()
		}
		low = append(low, at)
	}
	return low
}

// The coded form, all numbers varints: 1, the version; the number of partitions;
// of each its number, less the one before it and less 1; the number of its runs;
// of each the gap before it, less the 1 that it has at least, and its length,
// less 1; and last the gap from there to Next, less 1 if there was a run. So
// nearly all sequences of numbers are valid, and none means what another does.
const version = 1

// maxRestored bounds what Decode takes for open, whatever the config is by now.
const maxRestored = 1 << 20

// Append appends the coded form. It has no checksum; that is its store's matter.
func (p Progress) Append(b []byte) []byte {
	b = append(b, version)
	b = binary.AppendUvarint(b, uint64(len(p.Next)))
	runs, before := p.Open, int64(-1)
	for _, next := range p.Next {
		b = binary.AppendUvarint(b, uint64(int64(next.Partition)-before-1))
		before = int64(next.Partition)
		n := 0
		for n < len(runs) && runs[n].Partition == next.Partition {
			n++
		}
		b = binary.AppendUvarint(b, uint64(n))
		least := uint64(1) // where the next run begins at the earliest
		for _, run := range runs[:n] {
			b = binary.AppendUvarint(b, run.Offset-least)
			b = binary.AppendUvarint(b, run.Count-1)
			least = run.Offset + run.Count + 1
		}
		// Next is no run: with none before it, it may be 0.
		b = binary.AppendUvarint(b, next.Offset-(least-1))
		runs = runs[n:]
	}
	return b
}

var errProgress = errors.New("the saved progress of a subscription cannot be read")

// DecodeProgress returns what Append coded.
func DecodeProgress(b []byte) (Progress, error) {
	d := decoder{rest: b, total: maxRestored}
	if len(b) == 0 || d.number(math.MaxUint64) != version {
		return Progress{}, errProgress
	}
	var p Progress
	before := int64(-1)
	for range d.number(uint64(len(b))) {
		number := before + 1 + int64(d.number(uint64(math.MaxInt32-before-1)))
		before = number
		d.partition(&p, int32(number))
	}
	// A varint can be longer than it has to be.
	if d.failed || len(d.rest) > 0 || !bytes.Equal(p.Append(nil), b) {
		return Progress{}, errProgress
	}
	return p, nil
}

type decoder struct {
	rest   []byte
	total  uint64 // how many more may be open
	failed bool
}

// number returns a number of at most most; 0 and failed if there is none.
func (d *decoder) number(most uint64) uint64 {
	n, size := binary.Uvarint(d.rest)
	if d.failed || size <= 0 || n > most {
		d.failed = true
		return 0
	}
	d.rest = d.rest[size:]
	return n
}

func (d *decoder) partition(p *Progress, number int32) {
	least := uint64(1)
	for range d.number(uint64(len(d.rest))) {
		if d.failed || d.total == 0 || least > math.MaxUint64-maxRestored-2 {
			d.failed = true
			return
		}
		start := least + d.number(math.MaxUint64-maxRestored-2-least)
		count := 1 + d.number(d.total-1)
		d.total -= count
		p.Open = append(p.Open, Run{Position: engine.Position{Partition: number, Offset: start}, Count: count})
		least = start + count + 1
	}
	next := least - 1 + d.number(math.MaxUint64-(least-1))
	p.Next = append(p.Next, engine.Position{Partition: number, Offset: next})
}
