package block

import (
	"math"
	"slices"

	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Query asks for records. Make it by NewQuery; it may be used by several goroutines.
type Query struct {
	kind     Kind
	from, to int64 // from or later, and before to
	matcher  match.Matcher
	plan     match.Plan

	needs       []need // of columns
	fixed       []match.Need
	trace       *signal.TraceID
	span        *signal.SpanID
	duration    int64 // or more
	severity    signal.Severity
	words       []string
	impossible  bool
	mustInspect bool // the needs are not all that the matcher wants
}

// need is a condition on a value in a column.
type need struct {
	column string
	attr   bool           // it is looked up in the resource where a record lacks it
	field  string         // of an attribute
	values []signal.Value // one of these
	word   string         // or this word in it
	text   string
}

// NewQuery compiles a question. To zero: no end. Matcher nil: every record.
func NewQuery(kind Kind, from, to int64, m match.Matcher) *Query {
	q := &Query{kind: kind, from: from, to: to, matcher: m}
	if to == 0 {
		q.to = math.MaxInt64
	}
	if m == nil {
		return q
	}
	q.plan = m.Plan()
	q.mustInspect = !q.plan.Exact
	for _, n := range q.plan.Needs {
		switch n.Condition {
		case match.Equal:
			q.equal(n)
		case match.AtLeast:
			q.atLeast(n)
		case match.Word:
			q.mustInspect = true
			if kind == Logs {
				q.words = append(q.words, n.Text)
				q.needs = append(q.needs, need{column: keyText, word: n.Text})
			}
		}
	}
	return q
}

func (q *Query) equal(n match.Need) {
	if !q.kind.field(n.Field) {
		q.needs = append(q.needs, need{column: columnOf(n.Field), attr: true, field: n.Field, values: match.Values(n.Text), text: n.Text})
		return
	}
	switch n.Field {
	case match.FieldDuration:
		q.mustInspect = true
	case match.FieldTrace:
		id, ok := signal.ParseTraceID(n.Text)
		if !ok || id.String() != n.Text || q.trace != nil && *q.trace != id {
			q.impossible = true
		}
		q.trace = &id
		if q.kind == Logs {
			q.needs = append(q.needs, need{column: keyTrace, values: []signal.Value{signal.Text(string(id[:]))}})
		}
	case match.FieldSpan:
		id, ok := signal.ParseSpanID(n.Text)
		if !ok || id.String() != n.Text || q.span != nil && *q.span != id {
			q.impossible = true
		}
		q.span = &id
		if q.kind == Logs {
			q.needs = append(q.needs, need{column: keySpan, values: []signal.Value{signal.Text(string(id[:]))}})
		}
	case match.FieldText:
		column := keyText
		if q.kind == Spans {
			column = keyMessage
		}
		q.needs = append(q.needs, need{column: column, values: []signal.Value{signal.Text(n.Text)}})
	default:
		q.fixed = append(q.fixed, n)
	}
}

func (q *Query) atLeast(n match.Need) {
	switch {
	case !q.kind.field(n.Field):
		q.mustInspect = true
	case n.Field == match.FieldDuration:
		q.duration = max(q.duration, n.Number)
		if n.Number <= 0 {
			q.mustInspect = true
		}
	case n.Field == match.FieldSeverity:
		q.severity = max(q.severity, signal.Severity(min(max(n.Number, 1), math.MaxUint8)))
	default:
		q.mustInspect = true
	}
}

// within reports whether all of a block's rows are within the query's time.
func (q *Query) within(m *Meta) bool { return q.from <= m.MinTime && m.MaxTime < q.to }

// mayMeta reports whether a record can match by what is known in memory.
func (q *Query) mayMeta(m *Meta) bool {
	if q.impossible || m.Rows == 0 || m.MaxTime < q.from || m.MinTime >= q.to ||
		q.duration > m.MaxDuration || q.severity > m.MaxSeverity {
		return false
	}
	for _, n := range q.fixed {
		switch n.Field {
		case match.FieldService:
			if len(m.Services) > 0 && !slices.Contains(m.Services, n.Text) {
				return false
			}
		case match.FieldStatus:
			if n.Text == "error" && m.Errors == 0 {
				return false
			}
		}
	}
	return true
}

// verdict is what a template's rows have to do with a query.
type verdict struct {
	no     bool
	checks []check
}

// check is a need that is decided by a value: that at a place in the shape.
type check struct{ need, place int }

// judge decides what can be decided by template.
func (q *Query) judge(t *table) (verdicts []verdict, some bool) {
	verdicts = make([]verdict, len(t.templates))
	for i := range t.templates {
		v := &verdicts[i]
		q.judgeOne(t, t.templates[i], v)
		some = some || !v.no
	}
	return verdicts, some
}

func (q *Query) judgeOne(t *table, tp template, v *verdict) {
	r := t.resources[tp.resource]
	for _, n := range q.fixed {
		if fixedOf(t, tp, r, n.Field) != n.Text {
			v.no = true
			return
		}
	}
	if q.kind == Logs && tp.severity() < q.severity {
		v.no = true
		return
	}
	shape := t.shapes[tp.shape]
	for i := range q.needs {
		n := &q.needs[i]
		place := slices.IndexFunc(shape, func(key uint32) bool { return t.keys[key] == n.column })
		if place >= 0 {
			v.checks = append(v.checks, check{i, place})
			continue
		}
		if value, ok := r.Attrs.Get(n.field); !n.attr || !ok || value.String() != n.text {
			v.no = true
			return
		}
	}
}

func fixedOf(t *table, tp template, r *signal.Resource, field string) string {
	switch field {
	case match.FieldService:
		return r.Service
	case match.FieldInstance:
		return r.Instance
	case match.FieldRevision:
		return r.Revision
	case match.FieldScope:
		return t.scopes[tp.scope].Name
	case match.FieldName:
		return t.names[tp.name]
	case match.FieldKind:
		return match.KindName(tp.kind())
	case match.FieldStatus:
		return match.StatusName(tp.status())
	case match.FieldSeverity:
		return tp.severity().String()
	}
	return ""
}

// inspect drops the rows that the matcher itself does not want.
func (q *Query) inspect(r Records, rows []uint32) ([]uint32, error) {
	if q.matcher == nil || !q.mustInspect || len(rows) == 0 {
		return rows, nil
	}
	kept := rows[:0:0]
	want := Want{Reads: q.plan.Reads, Reuse: true}
	if q.kind == Spans {
		err := r.Spans(rows, want, func(row uint32, s *signal.Span) bool {
			if q.matcher.Span(s) {
				kept = append(kept, row)
			}
			return true
		})
		return kept, err
	}
	err := r.Logs(rows, want, func(row uint32, l *signal.Log) bool {
		if q.matcher.Log(l) {
			kept = append(kept, row)
		}
		return true
	})
	return kept, err
}
