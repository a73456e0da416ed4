package filter_test

import (
	"math"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/filter"
	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// pick is one of some.
func pick[T any](r *rand.Rand, some ...T) T { return some[r.IntN(len(some))] }

// words are what records and filters are made of, so that they meet.
var words = []string{
	"order", "Order", "payment", "GET /orders/{id}", "timeout", "Timeout: connection refused", "connection refused", "refused", "500", "500.0",
	"5e2", "-0", "0", "NaN", "true", "250ms", "1m", "İstanbul ÄÖ", "äö K", "a_b", "a.b", "", "\xff\xfe", "x*", "or", "/x/", "1e+06", "1000000",
}

var keys = []string{"http.route", "user.id", "http.response.status_code", "status", "severity", "name", "duration", "my key"}

func randomValue(r *rand.Rand) signal.Value {
	switch r.IntN(6) {
	case 0:
		return signal.Integer(pick[int64](r, 0, 5, 200, 500, 1000000, math.MaxInt64, -3))
	case 1:
		return signal.Number(pick(r, 0.0, math.Copysign(0, -1), 500, 0.5, 1e6, math.NaN(), math.Inf(1)))
	case 2:
		return signal.Truth(r.IntN(2) == 0)
	case 3:
		return signal.Value{Type: signal.JSON, Text: `["` + pick(r, words...) + `"]`}
	default:
		return signal.Text(pick(r, words...))
	}
}

func randomAttrs(r *rand.Rand) signal.Attrs {
	var attrs signal.Attrs
	for range r.IntN(4) {
		attrs = append(attrs, signal.Attr{Key: pick(r, keys...), Value: randomValue(r)})
	}
	return attrs
}

func randomResource(r *rand.Rand) *signal.Resource {
	return &signal.Resource{
		Service: pick(r, "order", "payment", ""), Instance: pick(r, "order-1", ""), Revision: pick(r, "r1", "r2", ""), Attrs: randomAttrs(r),
	}
}

func randomSpan(r *rand.Rand) *signal.Span {
	s := &signal.Span{
		Name: pick(r, words...), Kind: signal.Kind(r.IntN(7)), Status: signal.Status(r.IntN(3)), Message: pick(r, words...),
		Start: 1, End: 1 + int64(pick(r, time.Duration(0), time.Millisecond, 250*time.Millisecond, time.Minute)),
		Resource: randomResource(r), Scope: signal.Scope{Name: pick(r, "banyan.dataplane", "")}, Attrs: randomAttrs(r),
	}
	s.Trace[15], s.ID[7], s.Parent[7] = byte(r.IntN(3)), byte(r.IntN(3)), byte(r.IntN(3))
	if r.IntN(3) == 0 {
		s.Events = []signal.Event{{Name: pick(r, words...), Attrs: randomAttrs(r)}}
	}
	return s
}

func randomLog(r *rand.Rand) *signal.Log {
	l := &signal.Log{
		Severity: signal.Severity(r.IntN(25)), Text: pick(r, words...) + pick(r, "", " ", "=") + pick(r, words...),
		Resource: randomResource(r), Scope: signal.Scope{Name: pick(r, "banyan.output", "")}, Attrs: randomAttrs(r),
	}
	l.Trace[15], l.Span[7] = byte(r.IntN(3)), byte(r.IntN(3))
	return l
}

// randomFilter is a filter as somebody might write it. Some are wrong.
func randomFilter(r *rand.Rand, depth int) string {
	switch n := r.IntN(10); {
	case depth > 0 && n < 2:
		return randomFilter(r, depth-1) + " " + randomFilter(r, depth-1)
	case depth > 0 && n == 2:
		return "(" + randomFilter(r, depth-1) + " or " + randomFilter(r, depth-1) + ")"
	case depth > 0 && n == 3:
		return "not (" + randomFilter(r, depth-1) + ")"
	case n == 4:
		return quoted(pick(r, words...))
	case n == 5:
		return pick(r, "status=error", "status=unset", "kind=server", "kind!=client", "duration>1ms", "duration>=250ms", "duration<1m", "duration=250ms",
			"severity>=warn", "severity=error", "severity>info", "severity<error", "trace=1", "span=2", "parent=*", "parent=1", "trace=*")
	}
	field := pick(r, append([]string{"service", "instance", "revision", "scope", "name", "message", "text", `"name"`, `"status"`, `"my key"`}, keys[:4]...)...)
	value := pick(r, words...)
	if r.IntN(2) == 0 || strings.ContainsAny(value, " ()") {
		value = quoted(value)
	}
	return field + pick(r, "=", "=", "!=", "~", "!~", "<", "<=", ">", ">=") + value
}

func quoted(s string) string {
	return `"` + strings.NewReplacer(`"`, `\"`, `\`, `\\`).Replace(s) + `"`
}

// checkRecords holds two filters that should be the same against records.
func checkRecords(t *testing.T, a, b *filter.Filter) {
	t.Helper()
	r := rand.New(rand.NewPCG(1, 2))
	for range 20 {
		if s := randomSpan(r); a.Span(s) != b.Span(s) {
			t.Fatalf("%s and %s differ on %+v", a, b, s)
		}
		if l := randomLog(r); a.Log(l) != b.Log(l) {
			t.Fatalf("%s and %s differ on %+v", a, b, l)
		}
	}
}

// TestPlanIsRight holds many filters against many records: what is taken has all
// that its plan needs; if the plan is exact, what has all that is taken; and of a
// record that has only what the plan reads the same is said.
func TestPlanIsRight(t *testing.T) {
	r := rand.New(rand.NewPCG(3, 4))
	taken, exact, needed := 0, 0, 0
	for range 4000 {
		text := randomFilter(r, 3)
		of := pick(r, filter.Spans, filter.Logs)
		f, err := filter.Parse(text, of)
		if err != nil {
			continue
		}
		plan := f.Plan()
		if plan.Exact {
			exact++
		}
		needed += len(plan.Needs)
		for range 40 {
			s, l := randomSpan(r), randomLog(r)
			got, part, has := f.Span(s), f.Span(onlySpan(s, plan.Reads)), spanHas(s, plan.Needs)
			if of == filter.Logs {
				got, part, has = f.Log(l), f.Log(onlyLog(l, plan.Reads)), logHas(l, plan.Needs)
			}
			if got && !has || plan.Exact && got != has || part != got {
				t.Fatalf("%s of %s: matches %v, of what is read %v, has all needs %v\nplan %+v\nspan %+v of %+v\nlog %+v", text, of, got, part, has, plan, s, s.Resource, l)
			}
			if got {
				taken++
			}
		}
	}
	if taken == 0 || exact == 0 || needed == 0 {
		t.Errorf("%d taken, %d exact, %d needs: the filters are too narrow", taken, exact, needed)
	}
}

func spanHas(s *signal.Span, needs []match.Need) bool {
	return !slices.ContainsFunc(needs, func(n match.Need) bool {
		switch n.Condition {
		case match.Equal:
			v, ok := match.SpanField(s, n.Field)
			return !ok || v.String() != n.Text
		case match.AtLeast:
			return s.Duration() < n.Number
		default:
			return true // it says nothing of spans
		}
	})
}

func logHas(l *signal.Log, needs []match.Need) bool {
	return !slices.ContainsFunc(needs, func(n match.Need) bool {
		switch n.Condition {
		case match.Equal:
			v, ok := match.LogField(l, n.Field)
			return !ok || v.String() != n.Text
		case match.AtLeast:
			return int64(l.Severity) < n.Number
		default:
			found := false
			match.Words(l.Text, func(w string) bool {
				found = found || w == n.Text
				return !found
			})
			return !found
		}
	})
}

// only are the parts of a record that are read; nil: all.
func onlyResource(from *signal.Resource, reads []string) *signal.Resource {
	to := &signal.Resource{Attrs: onlyAttrs(from.Attrs, reads)}
	if slices.Contains(reads, match.FieldService) {
		to.Service = from.Service
	}
	if slices.Contains(reads, match.FieldInstance) {
		to.Instance = from.Instance
	}
	if slices.Contains(reads, match.FieldRevision) {
		to.Revision = from.Revision
	}
	return to
}

func onlyAttrs(from signal.Attrs, reads []string) signal.Attrs {
	return slices.DeleteFunc(slices.Clone(from), func(a signal.Attr) bool { return !slices.Contains(reads, a.Key) })
}

func onlySpan(from *signal.Span, reads []string) *signal.Span {
	if reads == nil {
		return from
	}
	to := &signal.Span{Resource: onlyResource(from.Resource, reads), Attrs: onlyAttrs(from.Attrs, reads)}
	for _, name := range reads {
		switch name {
		case match.FieldTrace:
			to.Trace = from.Trace
		case match.FieldSpan:
			to.ID = from.ID
		case match.FieldName:
			to.Name = from.Name
		case match.FieldKind:
			to.Kind = from.Kind
		case match.FieldStatus:
			to.Status = from.Status
		case match.FieldDuration:
			to.Start, to.End = from.Start, from.End
		case match.FieldText:
			to.Message = from.Message
		case match.FieldScope:
			to.Scope = from.Scope
		}
	}
	return to
}

func onlyLog(from *signal.Log, reads []string) *signal.Log {
	if reads == nil {
		return from
	}
	to := &signal.Log{Resource: onlyResource(from.Resource, reads), Attrs: onlyAttrs(from.Attrs, reads)}
	for _, name := range reads {
		switch name {
		case match.FieldTrace:
			to.Trace = from.Trace
		case match.FieldSpan:
			to.Span = from.Span
		case match.FieldSeverity:
			to.Severity = from.Severity
		case match.FieldText:
			to.Text = from.Text
		case match.FieldScope:
			to.Scope = from.Scope
		}
	}
	return to
}
