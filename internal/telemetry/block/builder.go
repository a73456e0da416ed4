package block

import (
	"encoding/binary"
	"math"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Builder gathers records in memory, about a hundred bytes for each and what of
// them is new, and encodes them as a block. Its methods that add need a lock; the
// others may be called at the same time.
type Builder struct {
	kind  Kind
	maker maker
	meta  Meta

	// Row by row.
	times     []int64
	templates []uint32
	offsets   []uint32 // of the row's codes; one more than there are rows
	codes     []uint32 // of the values, as the template's shape has them

	// Of spans.
	durations []int64
	ids       []signal.SpanID
	parents   []signal.SpanID
	traceOf   []uint32
	before    []uint32 // the row before of the same trace, plus one
	traces    []signal.TraceID
	newest    []uint32 // by trace: its last row
	byTrace   map[signal.TraceID]uint32

	services texts
	scratch  []byte
}

// NewBuilder returns an empty one.
func NewBuilder(kind Kind) *Builder {
	return &Builder{
		kind: kind, maker: newMaker(), offsets: []uint32{0}, byTrace: map[signal.TraceID]uint32{},
		meta: Meta{Kind: kind, MinTime: math.MaxInt64, MaxTime: math.MinInt64, MaxEnd: math.MinInt64},
	}
}

// Meta implements Records.
func (b *Builder) Meta() Meta {
	m := b.meta
	m.Services = b.services.all
	return m
}

// Len returns the number of records.
func (b *Builder) Len() int { return len(b.times) }

// Bytes returns about what the Builder takes up in memory.
func (b *Builder) Bytes() int64 {
	n := b.maker.size + 4*int64(len(b.codes)) + 16*int64(len(b.times))
	if b.kind == Spans {
		n += 32*int64(len(b.times)) + 64*int64(len(b.traces))
	}
	return n
}

// TakenIn notes when records were taken in that are added, in nanoseconds since 1970.
func (b *Builder) TakenIn(at int64) { b.meta.Taken = max(b.meta.Taken, at) }

// AddSpan adds a span. Nothing of it is kept. A resource must not change once it was
// handed over: it is known again by its address.
func (b *Builder) AddSpan(s *signal.Span) {
	b.attrs(s.Attrs)
	b.text(keyMessage, s.Message)
	b.text(keyState, s.State)
	if len(s.Events) > 0 {
		b.scratch = appendEvents(b.scratch[:0], s.Start, s.Events)
		b.text(keyEvents, string(b.scratch))
	}
	if len(s.Links) > 0 {
		b.scratch = appendLinks(b.scratch[:0], s.Links)
		b.text(keyLinks, string(b.scratch))
	}
	b.row(s.Start, s.Resource, s.Scope, s.Name, spanBits(s.Kind, s.Status))
	b.durations = append(b.durations, s.Duration())
	b.ids = append(b.ids, s.ID)
	b.parents = append(b.parents, s.Parent)
	b.trace(s.Trace)
	b.meta.MaxEnd = max(b.meta.MaxEnd, s.End)
	b.meta.MaxDuration = max(b.meta.MaxDuration, s.Duration())
	if s.Status == signal.StatusError {
		b.meta.Errors++
	}
}

func (b *Builder) trace(id signal.TraceID) {
	row := uint32(len(b.times) - 1)
	n, ok := b.byTrace[id]
	if !ok {
		n = uint32(len(b.traces))
		b.byTrace[id] = n
		b.traces = append(b.traces, id)
		b.newest = append(b.newest, row)
		b.before = append(b.before, 0)
		b.meta.Traces++
	} else {
		b.before = append(b.before, b.newest[n]+1)
		b.newest[n] = row
	}
	b.traceOf = append(b.traceOf, n)
}

// AddLog adds a log record, as AddSpan does a span.
func (b *Builder) AddLog(l *signal.Log) {
	b.attrs(l.Attrs)
	b.text(keyText, l.Text)
	if !l.Trace.IsZero() {
		b.text(keyTrace, string(l.Trace[:]))
	}
	if !l.Span.IsZero() {
		b.text(keySpan, string(l.Span[:]))
	}
	b.row(l.Time, l.Resource, l.Scope, "", uint8(l.Severity))
	b.meta.MaxEnd = max(b.meta.MaxEnd, l.Time)
	b.meta.MaxSeverity = max(b.meta.MaxSeverity, l.Severity)
	if l.Severity >= signal.SeverityError {
		b.meta.Errors++
	}
}

func (b *Builder) attrs(attrs signal.Attrs) {
	for i := range attrs {
		b.codes = append(b.codes, b.maker.value(columnOf(attrs[i].Key), &attrs[i].Value))
	}
}

func (b *Builder) text(column, s string) {
	if s == "" {
		return
	}
	v := signal.Text(s)
	b.codes = append(b.codes, b.maker.value(column, &v))
}

func (b *Builder) row(at int64, r *signal.Resource, s signal.Scope, name string, bits uint8) {
	b.templates = append(b.templates, b.maker.row(r, s, name, bits))
	b.offsets = append(b.offsets, uint32(len(b.codes)))
	b.times = append(b.times, at)
	b.meta.Rows++
	b.meta.MinTime, b.meta.MaxTime = min(b.meta.MinTime, at), max(b.meta.MaxTime, at)
	b.services.add(r.Service)
}

func appendEvents(b []byte, start int64, events []signal.Event) []byte {
	b = binary.AppendUvarint(b, uint64(len(events)))
	for i := range events {
		b = binary.AppendVarint(b, events[i].Time-start)
		b = appendText(b, events[i].Name)
		b = appendAttrs(b, events[i].Attrs)
	}
	return b
}

func (p *parser) events(start int64) []signal.Event {
	events := make([]signal.Event, p.count(3))
	for i := range events {
		events[i] = signal.Event{Time: start + p.signed(), Name: p.text(), Attrs: p.attrs()}
	}
	return events
}

func appendLinks(b []byte, links []signal.Link) []byte {
	b = binary.AppendUvarint(b, uint64(len(links)))
	for i := range links {
		b = append(b, links[i].Trace[:]...)
		b = append(b, links[i].Span[:]...)
		b = appendAttrs(b, links[i].Attrs)
	}
	return b
}

func (p *parser) links() []signal.Link {
	links := make([]signal.Link, p.count(25))
	for i := range links {
		l := &links[i]
		copy(l.Trace[:], p.bytes(16))
		copy(l.Span[:], p.bytes(8))
		l.Attrs = p.attrs()
	}
	return links
}
