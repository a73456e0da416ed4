package block

import (
	"fmt"
	"slices"

	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// frame gathers a row's values before they are a record.
type frame struct {
	reuse         bool
	attrs         signal.Attrs
	text, state   string // the text of a log, or the message of a span
	events, links string
	trace, span   string
}

func (f *frame) put(column string, v signal.Value) {
	key, attr := keyOf(column)
	if attr {
		f.attrs = append(f.attrs, signal.Attr{Key: key, Value: v})
		return
	}
	switch column {
	case keyMessage, keyText:
		f.text = v.Text
	case keyState:
		f.state = v.Text
	case keyEvents:
		f.events = v.Text
	case keyLinks:
		f.links = v.Text
	case keyTrace:
		f.trace = v.Text
	case keySpan:
		f.span = v.Text
	}
}

// span fills in what the template and the values say.
func (t *table) span(s *signal.Span, tp template, f *frame) {
	s.Name, s.Kind, s.Status = t.names[tp.name], tp.kind(), tp.status()
	s.Resource, s.Scope = t.resources[tp.resource], t.scopes[tp.scope]
	s.Attrs = f.made()
	s.Message, s.State = f.text, f.state
}

// made returns the attributes; nil if there are none and they are kept.
func (f *frame) made() signal.Attrs {
	if len(f.attrs) == 0 && !f.reuse {
		return nil
	}
	return f.attrs
}

// more fills in events and links, once the span's start is known.
func (f *frame) more(s *signal.Span) error {
	s.Events, s.Links = nil, nil
	if f.events != "" {
		p := parser{b: []byte(f.events)}
		if s.Events = p.events(s.Start); p.bad {
			return fmt.Errorf("a span's events: %w", ErrFormat)
		}
	}
	if f.links != "" {
		p := parser{b: []byte(f.links)}
		if s.Links = p.links(); p.bad {
			return fmt.Errorf("a span's links: %w", ErrFormat)
		}
	}
	return nil
}

func (t *table) log(l *signal.Log, tp template, f *frame) {
	l.Severity, l.Text = tp.severity(), f.text
	l.Resource, l.Scope = t.resources[tp.resource], t.scopes[tp.scope]
	l.Attrs = f.made()
	l.Trace, l.Span = signal.TraceID{}, signal.SpanID{}
	copy(l.Trace[:], f.trace)
	copy(l.Span[:], f.span)
}

// fields calls yield with the names of all attributes.
func (t *table) fields(yield func(string) bool) {
	for _, column := range t.keys {
		if key, attr := keyOf(column); attr && !yield(key) {
			return
		}
	}
	for _, r := range t.resources {
		for i := range r.Attrs {
			if !yield(r.Attrs[i].Key) {
				return
			}
		}
	}
}

// values calls yield with the values of a field that are in the table. It reports
// whether more are wanted.
func (t *table) values(k Kind, field string, yield func(string) bool) bool {
	if !k.field(field) {
		return t.resourceValues(field, yield)
	}
	switch field {
	case match.FieldName:
		return each(t.names, yield)
	case match.FieldScope:
		for _, s := range t.scopes {
			if s.Name != "" && !yield(s.Name) {
				return false
			}
		}
		return true
	case match.FieldKind, match.FieldStatus, match.FieldSeverity:
		var found []string
		for _, tp := range t.templates {
			if s := fixedOf(t, tp, nil, field); s != "" && !slices.Contains(found, s) {
				found = append(found, s)
			}
		}
		return each(found, yield)
	}
	return t.resourceValues(field, yield)
}

func (t *table) resourceValues(field string, yield func(string) bool) bool {
	for _, r := range t.resources {
		if v, ok := match.ResourceField(r, field); ok && !yield(v.String()) {
			return false
		}
	}
	return true
}

func each(list []string, yield func(string) bool) bool {
	for _, s := range list {
		if s != "" && !yield(s) {
			return false
		}
	}
	return true
}
