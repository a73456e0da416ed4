package block

import (
	"fmt"

	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// scan walks over rows, and reads the values of those that are wanted.
type scan struct {
	r     *Reader
	place [][]int // by shape: its columns, in order
	next  []int   // by column of the scan: the code that comes next
	cols  []*column
	names []string
	at    uint32 // the row that comes next
}

// newScan loads the columns that the templates of the rows have and that are wanted.
func (r *Reader) newScan(rows []uint32, want Want) (*scan, error) {
	if err := r.loadTable(); err != nil {
		return nil, err
	}
	s := &scan{r: r, place: make([][]int, len(r.table.shapes))}
	shapes := make([]bool, len(r.table.shapes))
	for _, row := range rows {
		if int(row) >= len(r.rows) {
			return nil, fmt.Errorf("row %d of %d", row, len(r.rows))
		}
		shapes[r.table.templates[r.rows[row]].shape] = true
	}
	number := make([]int, len(r.table.keys)) // plus one
	for i, shape := range r.table.shapes {
		if !shapes[i] {
			continue
		}
		for _, key := range shape {
			name := r.table.keys[key]
			if number[key] != 0 || !wants(want.Reads, name) {
				continue
			}
			c, err := r.mustColumn(name)
			if err != nil {
				return nil, err
			}
			s.cols, s.names = append(s.cols, c), append(s.names, name)
			number[key] = len(s.cols)
		}
	}
	s.next = make([]int, len(s.cols))
	for i, shape := range r.table.shapes {
		for _, key := range shape {
			if number[key] != 0 {
				s.place[i] = append(s.place[i], number[key]-1)
			}
		}
	}
	return s, nil
}

// wants reports whether a column is needed for the fields that are read.
func wants(reads []string, column string) bool {
	if reads == nil {
		return true
	}
	for _, field := range reads {
		switch field {
		case match.FieldText:
			if column == keyText || column == keyMessage {
				return true
			}
		case match.FieldTrace:
			if column == keyTrace {
				return true
			}
		case match.FieldSpan:
			if column == keySpan {
				return true
			}
		default:
			if columnOf(field) == column {
				return true
			}
		}
	}
	return false
}

// row reads a row, which is not before the last one.
func (s *scan) row(row uint32, f *frame) template {
	t := s.r.table
	for ; s.at < row; s.at++ {
		for _, p := range s.place[t.templates[s.r.rows[s.at]].shape] {
			s.next[p]++
		}
	}
	tp := t.templates[s.r.rows[row]]
	places := s.place[tp.shape]
	if f.attrs == nil && len(places) > 0 {
		f.attrs = make(signal.Attrs, 0, len(places))
	}
	for _, p := range places {
		c := s.cols[p]
		f.put(s.names[p], c.value(c.codes[s.next[p]]))
		s.next[p]++
	}
	s.at = row + 1
	return tp
}

// Spans implements Records.
func (r *Reader) Spans(rows []uint32, want Want, yield func(uint32, *signal.Span) bool) error {
	if len(rows) == 0 {
		return nil
	}
	for _, load := range []func() error{r.loadTimes, r.loadDurations, r.loadIDs, r.loadParents} {
		if err := load(); err != nil {
			return err
		}
	}
	scan, err := r.newScan(rows, want)
	if err != nil {
		return err
	}
	s, trace := &signal.Span{}, 0
	for _, row := range rows {
		f := frame{reuse: want.Reuse, attrs: s.Attrs[:0]}
		if !want.Reuse {
			s = &signal.Span{}
			f.attrs = nil
		}
		tp := scan.row(row, &f)
		r.table.span(s, tp, &f)
		trace = r.traces.of(row, trace)
		s.Trace, s.ID, s.Parent = r.traces.id(trace), r.spanID(int(row)), r.parents[row]
		s.Start, s.End = r.times[row], r.times[row]+r.lengths[row]
		if err := f.more(s); err != nil {
			return err
		}
		if !yield(row, s) {
			return nil
		}
	}
	return nil
}

// Logs implements Records.
func (r *Reader) Logs(rows []uint32, want Want, yield func(uint32, *signal.Log) bool) error {
	if len(rows) == 0 {
		return nil
	}
	if err := r.loadTimes(); err != nil {
		return err
	}
	scan, err := r.newScan(rows, want)
	if err != nil {
		return err
	}
	l := &signal.Log{}
	for _, row := range rows {
		f := frame{reuse: want.Reuse, attrs: l.Attrs[:0]}
		if !want.Reuse {
			l = &signal.Log{}
			f.attrs = nil
		}
		tp := scan.row(row, &f)
		r.table.log(l, tp, &f)
		l.Time = r.times[row]
		if !yield(row, l) {
			return nil
		}
	}
	return nil
}

// Fields implements Records.
func (r *Reader) Fields(yield func(string) bool) error {
	if err := r.loadTable(); err != nil {
		return err
	}
	r.table.fields(yield)
	return nil
}

// Values implements Records.
func (r *Reader) Values(field string, yield func(string) bool) error {
	if err := r.loadTable(); err != nil {
		return err
	}
	if !r.table.values(r.b.meta.Kind, field, yield) || r.b.meta.Kind.field(field) {
		return nil
	}
	c, err := r.values(columnOf(field))
	if err != nil || c == nil {
		return err
	}
	for i := range c.len() {
		p := parser{b: c.raw[c.offsets[i]:c.offsets[i+1]]}
		if v := p.value(); !yield(v.String()) {
			return nil
		}
	}
	return nil
}
