package block

import (
	"bytes"
	"fmt"
	"sort"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// traceList is what is known of the traces of a block.
type traceList struct {
	ids     []byte
	ends    []int // each trace's last row, plus one
	starts  []int64
	lengths []int64
	roots   []uint32 // the row in the trace, times two, plus one if it has no parent
	errs    []uint32
}

func (r *Reader) loadTraces() error {
	if r.traces != nil {
		return nil
	}
	n, rows := r.b.meta.Traces, r.b.meta.Rows
	ids, err := r.section(secTraceIDs)
	if err != nil {
		return err
	}
	b, err := r.section(secTraces)
	if err != nil {
		return err
	}
	if len(ids) != 16*n || len(b) < 5*n {
		return fmt.Errorf("the traces: %w", ErrFormat)
	}
	p := parser{b: b}
	t := &traceList{
		ids: ids, ends: make([]int, n), starts: make([]int64, n), lengths: make([]int64, n),
		roots: make([]uint32, n), errs: make([]uint32, n),
	}
	end := 0
	for i := range n {
		if end += int(p.index(rows + 1)); end > rows {
			p.fail()
		}
		t.ends[i] = end
	}
	for i := range n {
		t.starts[i] = r.b.meta.MinTime + int64(p.number())
	}
	for i := range n {
		t.lengths[i] = int64(p.number())
	}
	first := 0
	for i := range n {
		t.roots[i] = p.index(2 * max(t.ends[i]-first, 0))
		first = t.ends[i]
	}
	for i := range n {
		t.errs[i] = p.index(rows + 1)
	}
	if p.bad || end != rows {
		return fmt.Errorf("the traces: %w", ErrFormat)
	}
	r.traces = t
	return nil
}

// id returns a trace's.
func (t *traceList) id(i int) signal.TraceID { return signal.TraceID(t.ids[16*i:]) }

// rows returns a trace's first row, and the one after its last.
func (t *traceList) rows(i int) (first, end int) {
	if i > 0 {
		first = t.ends[i-1]
	}
	return first, t.ends[i]
}

func (t *traceList) find(id signal.TraceID) (int, bool) {
	i := sort.Search(len(t.ends), func(i int) bool { return bytes.Compare(t.ids[16*i:16*i+16], id[:]) >= 0 })
	return i, i < len(t.ends) && t.id(i) == id
}

// of returns the trace of a row that is not before the rows of the trace from.
func (t *traceList) of(row uint32, from int) int {
	if int(row) < t.ends[from] {
		return from
	}
	return from + 1 + sort.Search(len(t.ends)-from-1, func(i int) bool { return t.ends[from+1+i] > int(row) })
}
