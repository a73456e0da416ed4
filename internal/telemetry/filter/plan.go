package filter

import (
	"slices"

	"github.com/banyanrun/banyan/internal/telemetry/match"
)

// Plan says what the filter needs of a record, and which fields it looks at.
func (f *Filter) Plan() match.Plan {
	if f == nil || f.root == nil {
		return match.Plan{Exact: true, Reads: []string{}}
	}
	plan := f.root.plan(f.of)
	slices.Sort(plan.Reads)
	plan.Reads = slices.Compact(plan.Reads)
	return plan
}

func (n allOf) plan(of Signal) match.Plan {
	all := match.Plan{Exact: true, Reads: []string{}}
	for _, part := range n {
		p := part.plan(of)
		all.Needs = append(all.Needs, p.Needs...)
		all.Exact = all.Exact && p.Exact
		all.Reads = reads(all.Reads, p.Reads)
	}
	return all
}

// What all branches of an or need, the or needs.
func (n anyOf) plan(of Signal) match.Plan {
	all := n[0].plan(of)
	for _, part := range n[1:] {
		p := part.plan(of)
		all.Needs = slices.DeleteFunc(all.Needs, func(need match.Need) bool { return !slices.Contains(p.Needs, need) })
		all.Reads = reads(all.Reads, p.Reads)
	}
	all.Exact = false
	return all
}

func (n not) plan(of Signal) match.Plan { return match.Plan{Reads: n.node.plan(of).Reads} }

// reads joins names of fields; nil stands for any.
func reads(a, b []string) []string {
	if a == nil || b == nil {
		return nil
	}
	return append(a, b...)
}

func (t *term) plan(of Signal) match.Plan {
	p := match.Plan{Reads: t.reads(of)}
	switch {
	case t.any || t.op.negated():
	case t.field == text:
		if of == Logs && t.text.form == within {
			for _, word := range match.Within(t.value.text) {
				p.Needs = append(p.Needs, match.Need{Condition: match.Word, Text: word})
			}
		}
	case t.field == duration:
		p.Needs, p.Exact = t.atLeast(match.FieldDuration, 1), t.op == atLeast || t.op == more
	case t.field == severity && t.op != equal:
		p.Needs, p.Exact = t.atLeast(match.FieldSeverity, 4), t.op == atLeast || t.op == more
	case p.Reads != nil:
		p.Needs = t.equal(p.Reads[0])
		p.Exact = p.Needs != nil
	}
	return p
}

// atLeast is what a comparison needs; step is from one value to the next.
func (t *term) atLeast(field string, step int64) []match.Need {
	need := match.Need{Condition: match.AtLeast, Field: field, Number: t.size}
	switch t.op {
	case equal, atLeast:
	case more:
		need.Number = max(t.size, t.size+step) // the largest number has no next one
	default:
		return nil
	}
	return []match.Need{need}
}

// equal is what a field must be, if it can only be one text.
func (t *term) equal(field string) []match.Need {
	need := match.Need{Field: field, Text: t.value.text}
	one := t.op == equal
	switch t.field {
	case kind, status:
		one = one && t.size != 0
	case severity, trace, span:
	case attribute:
		one = one && t.text.form == exact && !t.loose && need.Text != "NaN"
	default:
		one = one && t.text.form == exact
	}
	if !one || need.Text == "" {
		return nil
	}
	return []match.Need{need}
}

var fieldNames = map[field]string{
	service: match.FieldService, instance: match.FieldInstance, revision: match.FieldRevision, scope: match.FieldScope,
	trace: match.FieldTrace, span: match.FieldSpan, name: match.FieldName, kind: match.FieldKind, status: match.FieldStatus,
	duration: match.FieldDuration, severity: match.FieldSeverity, message: match.FieldText,
}

// reads are the names of what the term looks at; nil: it has none.
func (t *term) reads(of Signal) []string {
	switch t.field {
	case text:
		if of == Logs {
			return []string{match.FieldText}
		}
		return nil
	case parent:
		return nil
	case attribute:
		if of == Spans && match.OfSpans(t.key) || of == Logs && match.OfLogs(t.key) {
			return nil
		}
		return []string{t.key}
	default:
		return []string{fieldNames[t.field]}
	}
}
