package block

import (
	"encoding/binary"
	"fmt"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// RowEncoder writes records one after the other, as a write-ahead log needs them.
// Strings and resources that come again are numbers. It is for one goroutine.
type RowEncoder struct {
	strings   map[string]uint64
	resources map[*signal.Resource]uint64
	b         []byte
}

// Spans appends spans.
func (e *RowEncoder) Spans(b []byte, spans []signal.Span) []byte {
	e.begin(b, Spans, len(spans))
	for i := range spans {
		s := &spans[i]
		e.resource(s.Resource)
		e.scope(s.Scope)
		e.b = append(e.b, s.Trace[:]...)
		e.b = append(e.b, s.ID[:]...)
		e.b = append(e.b, s.Parent[:]...)
		e.text(s.Name)
		e.b = append(e.b, byte(s.Kind), byte(s.Status))
		e.b = binary.AppendVarint(e.b, s.Start)
		e.b = binary.AppendVarint(e.b, s.Duration())
		e.text(s.Message)
		e.text(s.State)
		e.attrs(s.Attrs)
		e.number(len(s.Events))
		for j := range s.Events {
			e.b = binary.AppendVarint(e.b, s.Events[j].Time)
			e.text(s.Events[j].Name)
			e.attrs(s.Events[j].Attrs)
		}
		e.number(len(s.Links))
		for j := range s.Links {
			e.b = append(e.b, s.Links[j].Trace[:]...)
			e.b = append(e.b, s.Links[j].Span[:]...)
			e.attrs(s.Links[j].Attrs)
		}
	}
	return e.b
}

// Logs appends log records.
func (e *RowEncoder) Logs(b []byte, logs []signal.Log) []byte {
	e.begin(b, Logs, len(logs))
	for i := range logs {
		l := &logs[i]
		e.resource(l.Resource)
		e.scope(l.Scope)
		e.b = binary.AppendVarint(e.b, l.Time)
		e.b = append(e.b, byte(l.Severity))
		e.text(l.Text)
		if l.Trace.IsZero() && l.Span.IsZero() {
			e.b = append(e.b, 0)
		} else {
			e.b = append(e.b, 1)
			e.b = append(e.b, l.Trace[:]...)
			e.b = append(e.b, l.Span[:]...)
		}
		e.attrs(l.Attrs)
	}
	return e.b
}

func (e *RowEncoder) begin(b []byte, kind Kind, n int) {
	if e.strings == nil {
		e.strings, e.resources = map[string]uint64{}, map[*signal.Resource]uint64{}
	}
	clear(e.strings)
	clear(e.resources)
	e.b = b
	e.b = append(e.b, byte(kind))
	e.number(n)
}

func (e *RowEncoder) number(n int) { e.b = binary.AppendUvarint(e.b, uint64(n)) }

// again is the longest text that is looked up; longer ones seldom come twice.
const again = 128

// text writes 0 and a text that is new, 1 and one that is not remembered, or a
// text's number plus 2.
func (e *RowEncoder) text(s string) {
	if len(s) > again {
		e.b = appendText(append(e.b, 1), s)
		return
	}
	if n, ok := e.strings[s]; ok {
		e.b = binary.AppendUvarint(e.b, n+2)
		return
	}
	e.strings[s] = uint64(len(e.strings))
	e.b = appendText(append(e.b, 0), s)
}

func (e *RowEncoder) scope(s signal.Scope) {
	e.text(s.Name)
	e.text(s.Version)
}

// resource writes 0 and a resource that is new, or its number plus 1.
func (e *RowEncoder) resource(r *signal.Resource) {
	if n, ok := e.resources[r]; ok {
		e.b = binary.AppendUvarint(e.b, n+1)
		return
	}
	e.resources[r] = uint64(len(e.resources))
	e.b = append(e.b, 0)
	e.text(r.Service)
	e.text(r.Instance)
	e.text(r.Revision)
	e.attrs(r.Attrs)
}

func (e *RowEncoder) attrs(attrs signal.Attrs) {
	e.number(len(attrs))
	for i := range attrs {
		e.text(attrs[i].Key)
		v := &attrs[i].Value
		if v.Type == signal.String || v.Type == signal.JSON {
			e.b = append(e.b, byte(v.Type))
			e.text(v.Text)
		} else {
			e.b = appendValue(e.b, *v)
		}
	}
}

// rowParser reads what a RowEncoder wrote.
type rowParser struct {
	parser

	strings   []string
	resources []*signal.Resource
}

// ParseRows reads what a RowEncoder wrote: spans or logs.
func ParseRows(b []byte) (spans []signal.Span, logs []signal.Log, err error) {
	p := rowParser{parser: parser{b: b}}
	kind := Kind(p.byte())
	switch kind {
	case Spans:
		spans = make([]signal.Span, 0, p.count(45))
		for range cap(spans) {
			spans = append(spans, p.span())
		}
	case Logs:
		logs = make([]signal.Log, 0, p.count(8))
		for range cap(logs) {
			logs = append(logs, p.log())
		}
	default:
		p.fail()
	}
	if p.bad || len(p.b) > 0 {
		return nil, nil, fmt.Errorf("rows of kind %d: %w", kind, ErrFormat)
	}
	return spans, logs, nil
}

func (p *rowParser) text() string {
	switch n := p.number(); n {
	case 0:
		s := p.parser.text()
		p.strings = append(p.strings, s)
		return s
	case 1:
		return p.parser.text()
	default:
		if n-2 >= uint64(len(p.strings)) {
			p.fail()
			return ""
		}
		return p.strings[n-2]
	}
}

func (p *rowParser) resource() *signal.Resource {
	if n := p.number(); n > uint64(len(p.resources)) {
		p.fail()
	} else if n > 0 {
		return p.resources[n-1]
	}
	r := &signal.Resource{Service: p.text(), Instance: p.text(), Revision: p.text(), Attrs: p.attrs()}
	p.resources = append(p.resources, r)
	return r
}

func (p *rowParser) attrs() signal.Attrs {
	n := p.count(3)
	if n == 0 {
		return nil
	}
	attrs := make(signal.Attrs, n)
	for i := range attrs {
		attrs[i].Key = p.text()
		if len(p.b) > 0 && (signal.Type(p.b[0]) == signal.String || signal.Type(p.b[0]) == signal.JSON) {
			attrs[i].Value = signal.Value{Type: signal.Type(p.byte()), Text: p.text()}
		} else {
			attrs[i].Value = p.value()
		}
	}
	return attrs
}

func (p *rowParser) traceID() (id signal.TraceID) {
	copy(id[:], p.bytes(16))
	return id
}

func (p *rowParser) spanID() (id signal.SpanID) {
	copy(id[:], p.bytes(8))
	return id
}

func (p *rowParser) span() signal.Span {
	s := signal.Span{Resource: p.resource(), Scope: signal.Scope{Name: p.text(), Version: p.text()}}
	s.Trace, s.ID, s.Parent = p.traceID(), p.spanID(), p.spanID()
	s.Name = p.text()
	s.Kind, s.Status = signal.Kind(p.byte()), signal.Status(p.byte())
	s.Start = p.signed()
	s.End = s.Start + p.signed()
	s.Message, s.State = p.text(), p.text()
	s.Attrs = p.attrs()
	if n := p.count(3); n > 0 {
		s.Events = make([]signal.Event, n)
		for i := range s.Events {
			s.Events[i] = signal.Event{Time: p.signed(), Name: p.text(), Attrs: p.attrs()}
		}
	}
	if n := p.count(25); n > 0 {
		s.Links = make([]signal.Link, n)
		for i := range s.Links {
			s.Links[i] = signal.Link{Trace: p.traceID(), Span: p.spanID(), Attrs: p.attrs()}
		}
	}
	return s
}

func (p *rowParser) log() signal.Log {
	l := signal.Log{Resource: p.resource(), Scope: signal.Scope{Name: p.text(), Version: p.text()}}
	l.Time = p.signed()
	l.Severity = signal.Severity(p.byte())
	l.Text = p.text()
	if p.byte() == 1 {
		l.Trace, l.Span = p.traceID(), p.spanID()
	}
	l.Attrs = p.attrs()
	return l
}
