package block

import (
	"slices"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// May implements Records. What is in memory has no filters.
func (b *Builder) May(q *Query) (bool, error) {
	m := b.Meta()
	return q.mayMeta(&m), nil
}

// MayTrace implements Records.
func (b *Builder) MayTrace(id signal.TraceID) (bool, error) {
	if b.kind == Spans {
		_, ok := b.byTrace[id]
		return ok, nil
	}
	_, ok := b.find(keyTrace, string(id[:]))
	return ok, nil
}

// find returns the number of a text in a column.
func (b *Builder) find(column, s string) (uint32, bool) {
	key, ok := b.maker.keys.number[column]
	if !ok {
		return 0, false
	}
	v := signal.Text(s)
	return b.maker.columns[key].find(&v)
}

// Select implements Records.
func (b *Builder) Select(q *Query) ([]uint32, error) {
	if may, err := b.May(q); !may {
		return nil, err
	}
	verdicts, some := q.judge(&b.maker.table)
	if !some {
		return nil, nil
	}
	wanted := b.wanted(q)
	rows := make([]uint32, 0, 64)
	for row, t := range b.templates {
		v := &verdicts[t]
		if v.no || b.times[row] < q.from || b.times[row] >= q.to || b.kind == Spans && !b.spanFits(q, row) {
			continue
		}
		fits := true
		for _, c := range v.checks {
			if !wanted[c.need](b.codes[int(b.offsets[row])+c.place]) {
				fits = false
				break
			}
		}
		if fits {
			rows = append(rows, uint32(row))
		}
	}
	return q.inspect(b, rows)
}

func (b *Builder) spanFits(q *Query, row int) bool {
	return b.durations[row] >= q.duration && (q.span == nil || b.ids[row] == *q.span) &&
		(q.trace == nil || b.traces[b.traceOf[row]] == *q.trace)
}

// wanted returns, for each need, whether a value's number fulfils it.
func (b *Builder) wanted(q *Query) []func(code uint32) bool {
	all := make([]func(uint32) bool, len(q.needs))
	for i := range q.needs {
		n := &q.needs[i]
		key, ok := b.maker.keys.number[n.column]
		if !ok {
			continue // no template asks
		}
		d := &b.maker.columns[key]
		if n.word != "" {
			all[i] = func(code uint32) bool { return hasWord(d.values[code].Text, n.word) }
			continue
		}
		var codes []uint32
		for v := range n.values {
			if code, ok := d.find(&n.values[v]); ok {
				codes = append(codes, code)
			}
		}
		all[i] = func(code uint32) bool { return slices.Contains(codes, code) }
	}
	return all
}

// OfTrace implements Records.
func (b *Builder) OfTrace(id signal.TraceID) ([]uint32, error) {
	if b.kind == Spans {
		return b.rowsOf(id), nil
	}
	code, ok := b.find(keyTrace, string(id[:]))
	if !ok {
		return nil, nil
	}
	var rows []uint32
	key := b.maker.keys.number[keyTrace]
	for row, t := range b.templates {
		shape := b.maker.table.shapes[b.maker.table.templates[t].shape]
		if place := slices.Index(shape, key); place >= 0 && b.codes[int(b.offsets[row])+place] == code {
			rows = append(rows, uint32(row))
		}
	}
	return rows, nil
}

func (b *Builder) rowsOf(id signal.TraceID) []uint32 {
	t, ok := b.byTrace[id]
	if !ok {
		return nil
	}
	var rows []uint32
	for next := b.newest[t] + 1; next != 0; next = b.before[next-1] {
		rows = append(rows, next-1)
	}
	slices.Reverse(rows)
	return rows
}

// Spans implements Records.
func (b *Builder) Spans(rows []uint32, want Want, yield func(uint32, *signal.Span) bool) error {
	s := &signal.Span{}
	for _, row := range rows {
		f := frame{reuse: want.Reuse, attrs: s.Attrs[:0]}
		if !want.Reuse {
			s = &signal.Span{}
			f.attrs = nil
		}
		t := b.maker.table.templates[b.templates[row]]
		b.fill(&f, row, t)
		b.maker.table.span(s, t, &f)
		s.Trace, s.ID, s.Parent = b.traces[b.traceOf[row]], b.ids[row], b.parents[row]
		s.Start, s.End = b.times[row], b.times[row]+b.durations[row]
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
func (b *Builder) Logs(rows []uint32, want Want, yield func(uint32, *signal.Log) bool) error {
	l := &signal.Log{}
	for _, row := range rows {
		f := frame{reuse: want.Reuse, attrs: l.Attrs[:0]}
		if !want.Reuse {
			l = &signal.Log{}
			f.attrs = nil
		}
		t := b.maker.table.templates[b.templates[row]]
		b.fill(&f, row, t)
		b.maker.table.log(l, t, &f)
		l.Time = b.times[row]
		if !yield(row, l) {
			return nil
		}
	}
	return nil
}

// fill reads all values of a row: in memory that is cheaper than to choose.
func (b *Builder) fill(f *frame, row uint32, t template) {
	codes := b.codes[b.offsets[row]:]
	shape := b.maker.table.shapes[t.shape]
	if f.attrs == nil && len(shape) > 0 {
		f.attrs = make(signal.Attrs, 0, len(shape))
	}
	for i, key := range shape {
		f.put(b.maker.table.keys[key], b.maker.columns[key].values[codes[i]])
	}
}

// Times implements Records.
func (b *Builder) Times(rows []uint32) ([]int64, error) {
	times := make([]int64, len(rows))
	for i, row := range rows {
		times[i] = b.times[row]
	}
	return times, nil
}

// Traces implements Records.
func (b *Builder) Traces(rows []uint32) ([]Part, error) {
	var parts []Part
	at := map[uint32]int{}
	for _, row := range rows {
		t := b.traceOf[row]
		i, ok := at[t]
		if !ok {
			i = len(parts)
			at[t] = i
			p := Part{Trace: b.traces[t], Start: b.times[row], End: b.times[row] + b.durations[row]}
			for next := b.newest[t] + 1; next != 0; next = b.before[next-1] {
				p.Start = min(p.Start, b.times[next-1])
				p.End = max(p.End, b.times[next-1]+b.durations[next-1])
			}
			parts = append(parts, p)
		}
		parts[i].Matched++
	}
	return parts, nil
}

// Summary implements Records.
func (b *Builder) Summary(id signal.TraceID) (*Summary, error) {
	rows := b.rowsOf(id)
	if len(rows) == 0 {
		return nil, nil //nolint:nilnil // as Records says
	}
	s := b.summary(rows)
	s.Trace = id
	return &s, nil
}

// summary is that of a trace's rows.
func (b *Builder) summary(rows []uint32) Summary {
	s := Summary{Start: b.times[rows[0]], End: b.times[rows[0]]}
	for i, row := range rows {
		t := b.maker.table.templates[b.templates[row]]
		start, rooted := b.times[row], b.parents[row].IsZero()
		if i == 0 || rooted && !s.Rooted || rooted == s.Rooted && start < s.RootStart {
			s.root, s.Rooted, s.RootStart = i, rooted, start
		}
		s.Start, s.End = min(s.Start, start), max(s.End, start+b.durations[row])
		s.count(b.maker.table.resources[t.resource].Service, t.status() == signal.StatusError)
	}
	root := b.maker.table.templates[b.templates[rows[s.root]]]
	s.RootService, s.RootName = b.maker.table.resources[root.resource].Service, b.maker.table.names[root.name]
	return s
}

// Fields implements Records.
func (b *Builder) Fields(yield func(string) bool) error {
	b.maker.table.fields(yield)
	return nil
}

// Values implements Records.
func (b *Builder) Values(field string, yield func(string) bool) error {
	if !b.maker.table.values(b.kind, field, yield) || b.kind.field(field) {
		return nil
	}
	key, ok := b.maker.keys.number[columnOf(field)]
	if !ok {
		return nil
	}
	for _, v := range b.maker.columns[key].values {
		if !yield(v.String()) {
			return nil
		}
	}
	return nil
}
