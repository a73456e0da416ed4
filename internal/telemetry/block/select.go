package block

import (
	"slices"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Select implements Records.
func (r *Reader) Select(q *Query) ([]uint32, error) {
	if !q.mayMeta(&r.b.meta) {
		return nil, nil
	}
	if err := r.loadTable(); err != nil {
		return nil, err
	}
	verdicts, some := q.judge(r.table)
	if !some {
		return nil, nil
	}
	alive := make([]bool, len(r.rows))
	for row, t := range r.rows {
		alive[row] = !verdicts[t].no
	}
	for i := range q.needs {
		if err := r.narrow(q, i, verdicts, alive); err != nil {
			return nil, err
		}
		if !slices.Contains(alive, true) {
			return nil, nil
		}
	}
	if err := r.narrowFixed(q, alive); err != nil {
		return nil, err
	}
	n := 0
	for _, a := range alive {
		if a {
			n++
		}
	}
	rows := make([]uint32, 0, n)
	for row, a := range alive {
		if a {
			rows = append(rows, uint32(row))
		}
	}
	return q.inspect(r, rows)
}

// narrow drops the rows whose value does not fulfil a need.
func (r *Reader) narrow(q *Query, need int, verdicts []verdict, alive []bool) error {
	asked := make([]bool, len(verdicts))
	some := false
	for t := range verdicts {
		for _, c := range verdicts[t].checks {
			asked[t] = asked[t] || c.need == need
		}
		asked[t] = asked[t] && !verdicts[t].no
		some = some || asked[t]
	}
	if !some {
		return nil // resources decide
	}
	n := &q.needs[need]
	c, err := r.values(n.column)
	if err != nil {
		return err
	}
	var wanted []bool
	found := false
	if c != nil {
		wanted, found = c.wanted(n)
	}
	if !found {
		for row, t := range r.rows {
			alive[row] = alive[row] && !asked[t]
		}
		return nil
	}
	if c, err = r.mustColumn(n.column); err != nil {
		return err
	}
	per := r.perTemplate(n.column)
	at := 0
	for row, t := range r.rows {
		k := per[t]
		if k == 0 {
			continue
		}
		if asked[t] && !wanted[c.codes[at]] {
			alive[row] = false // the first one counts
		}
		at += int(k)
	}
	return nil
}

// wanted returns which values fulfil a need, and whether any does.
func (c *column) wanted(n *need) (wanted []bool, found bool) {
	wanted = make([]bool, c.len())
	if n.word != "" {
		found = c.withWord(n.word, wanted)
		return wanted, found
	}
	for v := range n.values {
		// The same value is always the same bytes.
		b := string(appendValue(nil, n.values[v]))
		for i := range wanted {
			if string(c.raw[c.offsets[i]:c.offsets[i+1]]) == b {
				wanted[i], found = true, true
				break
			}
		}
	}
	return wanted, found
}

// narrowFixed drops rows by what all spans have, and by time.
func (r *Reader) narrowFixed(q *Query, alive []bool) error {
	if r.b.meta.Kind == Spans {
		if err := r.narrowSpans(q, alive); err != nil {
			return err
		}
	}
	if q.within(&r.b.meta) {
		return nil
	}
	if err := r.loadTimes(); err != nil {
		return err
	}
	for row, at := range r.times {
		alive[row] = alive[row] && at >= q.from && at < q.to
	}
	return nil
}

func (r *Reader) narrowSpans(q *Query, alive []bool) error {
	if q.duration > 0 {
		if err := r.loadDurations(); err != nil {
			return err
		}
		for row, d := range r.lengths {
			alive[row] = alive[row] && d >= q.duration
		}
	}
	if q.span != nil {
		if err := r.loadIDs(); err != nil {
			return err
		}
		for row := range alive {
			alive[row] = alive[row] && r.spanID(row) == *q.span
		}
	}
	if q.trace == nil {
		return nil
	}
	if err := r.loadTraces(); err != nil {
		return err
	}
	first, end := 0, 0
	if i, ok := r.traces.find(*q.trace); ok {
		first, end = r.traces.rows(i)
	}
	clear(alive[:first])
	clear(alive[end:])
	return nil
}

// OfTrace implements Records.
func (r *Reader) OfTrace(id signal.TraceID) ([]uint32, error) {
	if r.b.meta.Kind == Logs {
		q := &Query{kind: Logs, from: r.b.meta.MinTime, to: r.b.meta.MaxTime + 1}
		q.needs = []need{{column: keyTrace, values: []signal.Value{signal.Text(string(id[:]))}}}
		return r.Select(q)
	}
	if err := r.loadTraces(); err != nil {
		return nil, err
	}
	i, ok := r.traces.find(id)
	if !ok {
		return nil, nil
	}
	first, end := r.traces.rows(i)
	rows := make([]uint32, 0, end-first)
	for row := first; row < end; row++ {
		rows = append(rows, uint32(row))
	}
	return rows, nil
}

// Times implements Records.
func (r *Reader) Times(rows []uint32) ([]int64, error) {
	if err := r.loadTimes(); err != nil {
		return nil, err
	}
	times := make([]int64, len(rows))
	for i, row := range rows {
		times[i] = r.times[row]
	}
	return times, nil
}

// Traces implements Records.
func (r *Reader) Traces(rows []uint32) ([]Part, error) {
	if len(rows) == 0 {
		return nil, nil
	}
	if err := r.loadTraces(); err != nil {
		return nil, err
	}
	var parts []Part
	last, t := -1, 0
	for _, row := range rows {
		t = r.traces.of(row, t)
		if t != last {
			start := r.traces.starts[t]
			parts = append(parts, Part{Trace: r.traces.id(t), Start: start, End: start + r.traces.lengths[t]})
			last = t
		}
		parts[len(parts)-1].Matched++
	}
	return parts, nil
}

// Summary implements Records.
func (r *Reader) Summary(id signal.TraceID) (*Summary, error) {
	if err := r.loadTraces(); err != nil {
		return nil, err
	}
	i, ok := r.traces.find(id)
	if !ok {
		return nil, nil //nolint:nilnil // as Records says
	}
	if err := r.loadTable(); err != nil {
		return nil, err
	}
	if err := r.loadTimes(); err != nil {
		return nil, err
	}
	first, end := r.traces.rows(i)
	root := r.traces.roots[i]
	start := r.traces.starts[i]
	s := &Summary{Trace: id, Start: start, End: start + r.traces.lengths[i], root: int(root >> 1), Rooted: root&1 == 1}
	for _, t := range r.rows[first:end] {
		tp := r.table.templates[t]
		s.count(r.table.resources[tp.resource].Service, tp.status() == signal.StatusError)
	}
	tp := r.table.templates[r.rows[first+s.root]]
	s.RootService, s.RootName = r.table.resources[tp.resource].Service, r.table.names[tp.name]
	s.RootStart = r.times[first+s.root]
	return s, nil
}
