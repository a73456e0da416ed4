package logs

import (
	"container/heap"
	"os"
	"slices"
	"time"
)

// Filter chooses records. The zero Filter chooses all.
type Filter struct {
	Services, Instances []string  // empty: all
	Since, Until        time.Time // zero: unbounded; both inclusive
	// Tail keeps only the last so many of the past; zero: all of it. Negative:
	// none of it, for Follow.
	Tail int
}

func (f *Filter) match(e *entry) bool {
	return (f.Since.IsZero() || !e.Time.Before(f.Since)) &&
		(f.Until.IsZero() || !e.Time.After(f.Until)) &&
		(len(f.Instances) == 0 || slices.Contains(f.Instances, e.Instance))
}

// reader goes through a part of one service's segments. A segment that was
// dropped under it shows as lost records.
type reader struct {
	st     *store
	filter *Filter
	at     position
	end    position
	file   *os.File
	lines  *lineReader
	head   Record // for the merge
}

// startOf is the place before all that a store has.
func startOf() position { return position{n: -1} }

// next returns the next record that matches.
func (r *reader) next() (Record, bool) {
	for {
		if r.file == nil && !r.open() {
			return Record{}, false
		}
		line, next, whole := r.lines.next()
		if !whole {
			r.close()
			if r.at.seq >= r.end.seq {
				return Record{}, false
			}
			r.at.seq, r.at.off = r.at.seq+1, 0
			continue
		}
		r.at.off = next
		if rec, ok := r.take(line); ok {
			return rec, true
		}
	}
}

// take counts an entry and returns it if it is one to hand out.
func (r *reader) take(line []byte) (Record, bool) {
	e, ok := decode(line)
	switch {
	case !ok:
		return Record{}, false
	case e.N != nil:
		missed := *e.N - r.at.n
		known := r.at.n >= 0
		r.at.n = *e.N
		if known && missed > 0 {
			return Record{Service: r.st.service, Lost: missed}, true
		}
		return Record{}, false
	case !e.isRecord():
		return Record{}, false
	}
	if r.at.n >= 0 {
		r.at.n++
	}
	return e.record(r.st.service), r.filter.match(&e)
}

// open opens the segment at the reader's place, or the oldest after it.
func (r *reader) open() bool {
	for r.at.seq <= r.end.seq && r.end.seq > 0 {
		f, err := os.Open(segmentPath(r.st.dir, max(r.at.seq, 1)))
		if err == nil {
			r.at.seq = max(r.at.seq, 1)
			limit := r.end.off
			if r.at.seq < r.end.seq {
				limit = 1 << 62
			}
			r.file, r.lines = f, newLineReader(f, r.at.off, limit)
			return true
		}
		seqs := segments(r.st.dir)
		i, _ := slices.BinarySearch(seqs, r.at.seq+1)
		if i == len(seqs) {
			return false
		}
		r.at.seq, r.at.off = seqs[i], 0
	}
	return false
}

func (r *reader) close() {
	if r.file != nil {
		_ = r.file.Close()
		r.file, r.lines = nil, nil
	}
}

// skipTo moves the reader past segments that ended before t.
func (r *reader) skipTo(t time.Time) {
	if t.IsZero() {
		return
	}
	seqs := segments(r.st.dir)
	for i := len(seqs) - 1; i > 0; i-- {
		if first := firstTime(r.st.dir, seqs[i]); !first.IsZero() && first.Before(t) {
			r.at = position{seq: seqs[i], n: -1}
			return
		}
	}
}

// firstTime is the time of a segment's first record.
func firstTime(dir string, seq int) time.Time {
	f, err := os.Open(segmentPath(dir, seq))
	if err != nil {
		return time.Time{}
	}
	defer f.Close()
	for l := newLineReader(f, 0, 1<<62); ; {
		line, _, whole := l.next()
		if !whole {
			return time.Time{}
		}
		if e, ok := decode(line); ok && e.isRecord() {
			return e.Time
		}
	}
}

// merge hands out the records of several readers in order of time. yield
// returns false to stop; merge then returns false.
func merge(readers []*reader, yield func(Record) bool) bool {
	var h mergeHeap
	defer func() {
		for _, r := range readers {
			r.close()
		}
	}()
	for _, r := range readers {
		if rec, ok := r.next(); ok {
			r.head = rec
			h = append(h, r)
		}
	}
	heap.Init(&h)
	for len(h) > 0 {
		r := h[0]
		rec := r.head
		var ok bool
		if r.head, ok = r.next(); ok {
			heap.Fix(&h, 0)
		} else {
			heap.Pop(&h)
		}
		if !yield(rec) {
			return false
		}
	}
	return true
}

// mergeHeap is a heap of readers by the time of their next record.
type mergeHeap []*reader

func (h mergeHeap) Len() int { return len(h) }
func (h mergeHeap) Less(i, j int) bool {
	c := h[i].head.Time.Compare(h[j].head.Time)
	return c < 0 || c == 0 && h[i].st.service < h[j].st.service
}
func (h mergeHeap) Swap(i, j int) { h[i], h[j] = h[j], h[i] }
func (h *mergeHeap) Push(x any)   { *h = append(*h, x.(*reader)) } //nolint:forcetypeassert // a heap of readers
func (h *mergeHeap) Pop() any {
	old := *h
	r := old[len(old)-1]
	*h = old[:len(old)-1]
	return r
}
