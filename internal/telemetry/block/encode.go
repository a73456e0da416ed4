package block

import (
	"bytes"
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Encode returns the block's file. There must be a record.
func (b *Builder) Encode() ([]byte, error) {
	if b.Len() == 0 || b.Len() > mostRows {
		return nil, fault.New(fault.Internal, "a block of %d records", b.Len())
	}
	e := encoder{Builder: b, out: append(make([]byte, 0, 64*b.Len()), magicFirst...)}
	if b.kind == Spans {
		e.sortSpans()
		e.spans()
	} else {
		e.sortLogs()
		e.logTimes()
	}
	e.columns()
	e.blooms()
	e.add(secTable, "", b.maker.table.bytes())
	return e.finish()
}

// encoder is the state of an Encode.
type encoder struct {
	*Builder
	out      []byte
	sections []section
	scratch  []byte
	err      error

	rows []uint32 // in the block's order
	// Of spans: the traces in the block's order, and where their rows end.
	traceOrder []uint32
	ends       []int
}

func (e *encoder) add(kind sectionType, key string, raw []byte) {
	if len(raw) > mostSection {
		e.err = fault.New(fault.Invalid, "column %q of a block has %d bytes, which is more than %d", key, len(raw), mostSection)
		return
	}
	s, stored := compress(kind, key, raw, e.scratch)
	if s.codec == codecZstd {
		e.scratch = stored
	}
	s.offset = int64(len(e.out))
	e.out = append(e.out, stored...)
	e.sections = append(e.sections, s)
}

func (e *encoder) finish() ([]byte, error) {
	meta := e.Meta()
	footer := meta.append(nil)
	footer = binary.AppendUvarint(footer, uint64(len(e.sections)))
	for _, s := range e.sections {
		footer = s.append(footer)
	}
	footer = binary.AppendVarint(footer, meta.Taken)
	at := len(e.out) + len(footer)
	e.out = append(e.out, footer...)
	e.out = order.AppendUint32(e.out, uint32(len(footer)))
	e.out = order.AppendUint32(e.out, checksum(footer))
	e.out = order.AppendUint32(e.out, 0)
	e.out = order.AppendUint32(e.out, checksum(e.out[at:]))
	e.out = append(e.out, magicLast...)
	return e.out, e.err
}

func (e *encoder) sortLogs() {
	e.rows = make([]uint32, e.Len())
	for i := range e.rows {
		e.rows[i] = uint32(i)
	}
	slices.SortStableFunc(e.rows, func(x, y uint32) int { return cmp.Compare(e.times[x], e.times[y]) })
}

func (e *encoder) sortSpans() {
	e.traceOrder = make([]uint32, len(e.traces))
	for i := range e.traceOrder {
		e.traceOrder[i] = uint32(i)
	}
	slices.SortFunc(e.traceOrder, func(x, y uint32) int { return bytes.Compare(e.traces[x][:], e.traces[y][:]) })
	e.rows = make([]uint32, 0, e.Len())
	e.ends = make([]int, 0, len(e.traces))
	for _, t := range e.traceOrder {
		first := len(e.rows)
		for next := e.newest[t] + 1; next != 0; next = e.before[next-1] {
			e.rows = append(e.rows, next-1)
		}
		slices.SortFunc(e.rows[first:], func(x, y uint32) int {
			return cmp.Or(cmp.Compare(e.times[x], e.times[y]), cmp.Compare(x, y))
		})
		e.ends = append(e.ends, len(e.rows))
	}
}

func (e *encoder) logTimes() {
	b, last := make([]byte, 0, 4*len(e.rows)), e.meta.MinTime
	for _, row := range e.rows {
		b = binary.AppendUvarint(b, uint64(e.times[row]-last))
		last = e.times[row]
	}
	e.add(secTimes, "", b)
}

// spans adds what only spans have.
func (e *encoder) spans() {
	n := len(e.rows)
	ids := make([]byte, 0, 16*len(e.traces))
	times, durations := make([]byte, 0, 4*n), make([]byte, 0, 4*n)
	spanIDs := make([]byte, 0, 8*n)
	var family family
	first := 0
	for i, t := range e.traceOrder {
		ids = append(ids, e.traces[t][:]...)
		rows := e.rows[first:e.ends[i]]
		last := e.times[rows[0]]
		for _, row := range rows {
			times = binary.AppendUvarint(times, uint64(e.times[row]-last))
			durations = binary.AppendUvarint(durations, uint64(e.durations[row]))
			spanIDs = append(spanIDs, e.ids[row][:]...)
			last = e.times[row]
		}
		family.add(e.Builder, rows)
		first = e.ends[i]
	}
	e.add(secTraceIDs, "", ids)
	e.add(secTraces, "", e.summaries())
	e.add(secTimes, "", times)
	e.add(secDurations, "", durations)
	e.add(secIDs, "", spanIDs)
	e.add(secParents, "", append(family.near, family.far...))
}

// family encodes parents: 0 for none, 1 for one that is not in the block, or the
// way to its row, plus 2.
type family struct {
	near, far []byte
	rowOf     map[signal.SpanID]int
}

func (f *family) add(b *Builder, rows []uint32) {
	const few = 16
	if f.rowOf == nil {
		f.rowOf = map[signal.SpanID]int{}
	}
	if len(rows) > few {
		clear(f.rowOf)
		for i, row := range rows {
			f.rowOf[b.ids[row]] = i
		}
	}
	find := func(id signal.SpanID) (int, bool) {
		if len(rows) > few {
			i, ok := f.rowOf[id]
			return i, ok
		}
		i := slices.IndexFunc(rows, func(row uint32) bool { return b.ids[row] == id })
		return i, i >= 0
	}
	for i, row := range rows {
		parent := b.parents[row]
		if parent.IsZero() {
			f.near = append(f.near, 0)
		} else if at, ok := find(parent); ok {
			way := int64(i - at)
			f.near = binary.AppendUvarint(f.near, uint64(way<<1^way>>63)+2)
		} else {
			f.near = append(f.near, 1)
			f.far = append(f.far, parent[:]...)
		}
	}
}

// summaries are, for all traces, the number of rows, the start, the length, the
// root's row, and the number of errors.
func (e *encoder) summaries() []byte {
	var counts, starts, lengths, roots, errs []byte
	first := 0
	for _, end := range e.ends {
		s := e.summary(e.rows[first:end])
		counts = binary.AppendUvarint(counts, uint64(end-first))
		starts = binary.AppendUvarint(starts, uint64(s.Start-e.meta.MinTime))
		lengths = binary.AppendUvarint(lengths, uint64(s.End-s.Start))
		root := 2 * uint64(s.root)
		if s.Rooted {
			root++
		}
		roots = binary.AppendUvarint(roots, root)
		errs = binary.AppendUvarint(errs, uint64(s.Errors))
		first = end
	}
	return slices.Concat(counts, starts, lengths, roots, errs)
}

// columns adds the rows' templates and all columns of values, whose numbers are
// given anew in the order of the rows.
func (e *encoder) columns() {
	all := make([]columnMaker, len(e.maker.columns))
	for key := range all {
		all[key].number = make([]uint32, len(e.maker.columns[key].values))
	}
	templates := make([]uint32, len(e.rows))
	for i, row := range e.rows {
		t := e.templates[row]
		templates[i] = t
		codes := e.codes[e.offsets[row]:]
		for j, key := range e.maker.table.shapes[e.maker.table.templates[t].shape] {
			all[key].add(codes[j])
		}
	}
	e.add(secRows, "", appendPlanes(nil, templates, len(e.maker.table.templates)-1))
	for key := range all {
		name, values := e.maker.table.keys[key], e.maker.columns[key].values
		b := binary.AppendUvarint(nil, uint64(len(values)))
		for _, old := range all[key].order {
			b = appendValue(b, values[old])
		}
		e.add(secValues, name, b)
		e.add(secCodes, name, appendPlanes(nil, all[key].codes, len(values)))
	}
}

// columnMaker numbers a column's values anew. A code is 0 for the next value that
// is new, or a value's number plus one: a column whose values are all different
// is all zeros.
type columnMaker struct {
	number       []uint32 // new number plus one, by the old one
	order, codes []uint32
}

func (c *columnMaker) add(old uint32) {
	code := c.number[old]
	if code == 0 {
		c.order = append(c.order, old)
		c.number[old] = uint32(len(c.order))
	}
	c.codes = append(c.codes, code)
}

// widthOf returns how many bytes numbers up to most take.
func widthOf(most int) int {
	switch {
	case most < 1<<8:
		return 1
	case most < 1<<16:
		return 2
	case most < 1<<24:
		return 3
	}
	return 4
}

// appendPlanes writes numbers of equal width: all lowest bytes, then all second ones,
// and so on.
func appendPlanes(b []byte, numbers []uint32, most int) []byte {
	for plane := range widthOf(most) {
		for _, n := range numbers {
			b = append(b, byte(n>>(8*plane)))
		}
	}
	return b
}

func (e *encoder) blooms() {
	traces, values, words := map[uint64]struct{}{}, map[uint64]struct{}{}, map[uint64]struct{}{}
	for i := range e.traces {
		traces[hashOf(e.traces[i][:])] = struct{}{}
	}
	for key := range e.maker.columns {
		column := e.maker.table.keys[key]
		list := e.maker.columns[key].values
		switch field, attr := keyOf(column); {
		case attr && e.kind.hashed(field):
			prefix := prefixOf(field)
			for i := range list {
				values[hashAttr(prefix, list[i])] = struct{}{}
			}
		case column == keyTrace:
			for i := range list {
				traces[hashOf(list[i].Text)] = struct{}{}
			}
		case column == keyText:
			for i := range list {
				match.Words(list[i].Text, func(w string) bool {
					words[hashOf(w)] = struct{}{}
					return true
				})
			}
		}
	}
	e.common(values)
	e.bloom(secTraceBloom, traces)
	e.bloom(secValueBloom, values)
	e.bloom(secWordBloom, words)
}

// common adds what is in the table.
func (e *encoder) common(values map[uint64]struct{}) {
	add := func(field, value string) { values[hashField(field, value)] = struct{}{} }
	for _, name := range e.maker.table.names {
		add(match.FieldName, name)
	}
	for _, s := range e.maker.table.scopes {
		add(match.FieldScope, s.Name)
	}
	for _, r := range e.maker.table.resources {
		add(match.FieldInstance, r.Instance)
		add(match.FieldRevision, r.Revision)
		for _, a := range r.Attrs {
			if e.kind.hashed(a.Key) {
				add(a.Key, a.Value.String())
			}
		}
	}
}

// bloom adds a filter. It is read in pages, which have checksums of their own.
func (e *encoder) bloom(kind sectionType, hashes map[uint64]struct{}) {
	b := bloomBytes(hashes)
	if len(b) > mostSection {
		e.err = fmt.Errorf("a bloom filter of %d bytes", len(b))
	}
	n := int64(len(b))
	e.sections = append(e.sections, section{kind: kind, offset: int64(len(e.out)), length: n, raw: n, sum: checksum(b)})
	e.out = append(e.out, b...)
}
