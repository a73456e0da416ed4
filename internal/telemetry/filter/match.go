package filter

import (
	"cmp"
	"math"
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

var _ match.Matcher = (*Filter)(nil)

// Span reports whether a span is taken. A filter of logs takes none.
func (f *Filter) Span(s *signal.Span) bool {
	return f == nil || f.root == nil || f.of == Spans && f.root.span(s)
}

// Log reports whether a log record is taken. A filter of spans takes none.
func (f *Filter) Log(l *signal.Log) bool {
	return f == nil || f.root == nil || f.of == Logs && f.root.log(l)
}

// node is a part of a filter.
type node interface {
	span(s *signal.Span) bool
	log(l *signal.Log) bool
	// print writes it, in parentheses if it binds weaker than what is around it.
	print(b *strings.Builder, of Signal, around binding)
	// plan is Filter.Plan's. Its slices are the caller's.
	plan(of Signal) match.Plan
}

type (
	allOf []node
	anyOf []node
	not   struct{ node node }
)

func (n allOf) span(s *signal.Span) bool {
	for _, part := range n {
		if !part.span(s) {
			return false
		}
	}
	return true
}

func (n allOf) log(l *signal.Log) bool {
	for _, part := range n {
		if !part.log(l) {
			return false
		}
	}
	return true
}

func (n anyOf) span(s *signal.Span) bool {
	for _, part := range n {
		if part.span(s) {
			return true
		}
	}
	return false
}

func (n anyOf) log(l *signal.Log) bool {
	for _, part := range n {
		if part.log(l) {
			return true
		}
	}
	return false
}

func (n not) span(s *signal.Span) bool { return !n.node.span(s) }
func (n not) log(l *signal.Log) bool   { return !n.node.log(l) }

// term compares a field with a value.
type term struct {
	field field
	key   string // of an attribute
	op    op
	value literal
	any   bool // whether there is one

	// What the value is, ready to be compared.
	text    pattern
	size    int64 // a duration in nanoseconds, or the number of a word
	timed   bool  // size is one, of an attribute's value
	number  float64
	numeric bool // number is one
	loose   bool // numbers are equal to it that are written otherwise
	trace   signal.TraceID
	id      signal.SpanID
}

func (t *term) span(s *signal.Span) bool {
	return t.spanHolds(s) != t.op.negated()
}

func (t *term) spanHolds(s *signal.Span) bool {
	switch t.field {
	case name:
		return t.string(s.Name)
	case message:
		return t.string(s.Message)
	case kind:
		return t.number8(uint8(s.Kind))
	case status:
		return t.number8(uint8(s.Status))
	case duration:
		return t.any || t.op.holds(cmp.Compare(s.Duration(), t.size))
	case trace:
		return t.traceID(s.Trace)
	case span:
		return t.spanID(s.ID)
	case parent:
		return t.spanID(s.Parent)
	case text:
		return t.inSpan(s)
	default:
		return t.shared(s.Resource, s.Scope.Name, s.Attrs)
	}
}

func (t *term) log(l *signal.Log) bool {
	return t.logHolds(l) != t.op.negated()
}

func (t *term) logHolds(l *signal.Log) bool {
	switch t.field {
	case severity:
		return l.Severity != 0 && (t.any || t.severity(l.Severity))
	case trace:
		return t.traceID(l.Trace)
	case span:
		return t.spanID(l.Span)
	case text:
		return t.string(l.Text)
	default:
		return t.shared(l.Resource, l.Scope.Name, l.Attrs)
	}
}

// shared is of the fields that spans and log records have.
func (t *term) shared(r *signal.Resource, scopeName string, attrs signal.Attrs) bool {
	switch t.field {
	case service:
		return t.string(r.Service)
	case instance:
		return t.string(r.Instance)
	case revision:
		return t.string(r.Revision)
	case scope:
		return t.string(scopeName)
	default:
		v, ok := attrs.Get(t.key)
		if !ok {
			v, ok = r.Attrs.Get(t.key)
		}
		return ok && (t.any || t.attribute(v))
	}
}

func (t *term) string(s string) bool {
	if t.any {
		return s != ""
	}
	return t.text.match(s)
}

// number8 is of kinds and statuses, of which 0 is none.
func (t *term) number8(n uint8) bool {
	if t.any {
		return n != 0
	}
	return int64(n) == t.size
}

// severity compares names: each stands for four numbers.
func (t *term) severity(s signal.Severity) bool {
	s = min(s, signal.SeverityFatal)
	return t.op.holds(cmp.Compare((int64(s)-1)/4, (t.size-1)/4))
}

func (t *term) traceID(id signal.TraceID) bool {
	if t.any {
		return !id.IsZero()
	}
	return id == t.trace
}

func (t *term) spanID(id signal.SpanID) bool {
	if t.any {
		return !id.IsZero()
	}
	return id == t.id
}

// attribute compares by the types of both sides: numbers as such, durations if
// both are, else texts, as people write them.
func (t *term) attribute(v signal.Value) bool {
	n, isNumber := v.Float()
	isText := v.Type == signal.String || v.Type == signal.JSON
	if t.op.ordered() {
		return t.compare(v, n, isNumber, isText)
	}
	switch {
	case isText:
		return t.text.match(v.Text)
	case isNumber:
		return t.loose && n == t.number || t.written(v)
	case v.Num != 0:
		return t.text.match("true")
	default:
		return t.text.match("false")
	}
}

// written compares a number as text.
func (t *term) written(v signal.Value) bool {
	var room [32]byte
	digits := room[:0]
	if v.Type == signal.Double {
		digits = signal.AppendNumber(digits, math.Float64frombits(v.Num))
	} else {
		digits = strconv.AppendInt(digits, int64(v.Num), 10)
	}
	return t.text.matchBytes(digits)
}

func (t *term) compare(v signal.Value, n float64, isNumber, isText bool) bool {
	switch {
	case isNumber:
		return t.numeric && !math.IsNaN(n) && t.op.holds(cmp.Compare(n, t.number))
	case !isText:
		return false
	case t.numeric:
		n, ok := parseNumber(v.Text)
		return ok && t.op.holds(cmp.Compare(n, t.number))
	case t.timed:
		d, ok := parseDuration(v.Text)
		return ok && t.op.holds(cmp.Compare(d, t.size))
	default:
		return t.op.holds(strings.Compare(v.Text, t.value.text))
	}
}

// inSpan looks for a text in all that a span says: its name, its message, the
// values of its attributes, and its events.
func (t *term) inSpan(s *signal.Span) bool {
	if t.any {
		return s.Name != "" || s.Message != ""
	}
	if t.text.match(s.Name) || t.text.match(s.Message) || t.inAttrs(s.Attrs) {
		return true
	}
	for i := range s.Events {
		if t.text.match(s.Events[i].Name) || t.inAttrs(s.Events[i].Attrs) {
			return true
		}
	}
	return false
}

func (t *term) inAttrs(attrs signal.Attrs) bool {
	for i := range attrs {
		if t.attribute(attrs[i].Value) {
			return true
		}
	}
	return false
}
