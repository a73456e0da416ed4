package block

import (
	"pgregory.net/rapid"

	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Few values of each kind, so that records have some in common; and some odd ones.
var (
	genKey   = rapid.SampledFrom([]string{"a", "http.route", "id", "\x00text", "\x00", "", "é"})
	genText  = rapid.SampledFrom([]string{"", "x", "GET /orders", "5", "true", "0.5", "-1", "Order 12 PAID, ÄRGER_x", "paid \u212aey", "\xff\x00"})
	genValue = rapid.Custom(func(t *rapid.T) signal.Value {
		switch rapid.IntRange(0, 5).Draw(t, "type") {
		case 0:
			return signal.Integer(rapid.SampledFrom([]int64{0, 5, -1, 1 << 62, -1 << 63}).Draw(t, "int"))
		case 1:
			return signal.Number(rapid.SampledFrom([]float64{0, 0.5, 5, -1, 1e300}).Draw(t, "double"))
		case 2:
			return signal.Truth(rapid.Bool().Draw(t, "bool"))
		case 3:
			return signal.Value{Type: signal.JSON, Text: genText.Draw(t, "json")}
		}
		return signal.Text(genText.Draw(t, "text"))
	})
	genAttrs = rapid.Custom(func(t *rapid.T) signal.Attrs {
		var attrs signal.Attrs
		for range rapid.IntRange(0, 4).Draw(t, "attrs") {
			attrs = append(attrs, signal.Attr{Key: genKey.Draw(t, "key"), Value: genValue.Draw(t, "value")})
		}
		return attrs
	})
	genResource = rapid.Custom(func(t *rapid.T) *signal.Resource {
		return &signal.Resource{
			Service: rapid.SampledFrom([]string{"order", "payment"}).Draw(t, "service"), Instance: genText.Draw(t, "instance"),
			Revision: genText.Draw(t, "revision"), Attrs: genAttrs.Draw(t, "resource"),
		}
	})
	genScope = rapid.Custom(func(t *rapid.T) signal.Scope {
		return signal.Scope{Name: genText.Draw(t, "scope"), Version: genText.Draw(t, "version")}
	})
	genTime = rapid.OneOf(rapid.Int64Range(1000, 1010), rapid.Int64Range(-1<<62, 1<<61))
	genSpan = rapid.Custom(func(t *rapid.T) signal.Span {
		s := signal.Span{
			Trace: genTrace(t), ID: genSpanID(t), Parent: genSpanID(t), Name: genText.Draw(t, "name"),
			Kind: signal.Kind(rapid.IntRange(0, 6).Draw(t, "kind")), Start: genTime.Draw(t, "start"),
			Status: signal.Status(rapid.IntRange(0, 2).Draw(t, "status")), Message: genText.Draw(t, "message"),
			State: genText.Draw(t, "state"), Resource: genResource.Draw(t, "resource"), Scope: genScope.Draw(t, "scope"), Attrs: genAttrs.Draw(t, "attrs"),
		}
		s.End = s.Start + rapid.OneOf(rapid.Int64Range(0, 10), rapid.Int64Range(0, 1<<60)).Draw(t, "duration")
		for range rapid.IntRange(0, 2).Draw(t, "events") {
			s.Events = append(s.Events, signal.Event{Time: genTime.Draw(t, "at"), Name: genText.Draw(t, "event"), Attrs: genAttrs.Draw(t, "attrs")})
		}
		for range rapid.IntRange(0, 1).Draw(t, "links") {
			s.Links = append(s.Links, signal.Link{Trace: genTrace(t), Span: genSpanID(t), Attrs: genAttrs.Draw(t, "attrs")})
		}
		return s
	})
	genLog = rapid.Custom(func(t *rapid.T) signal.Log {
		l := signal.Log{
			Time: genTime.Draw(t, "time"), Severity: signal.Severity(rapid.IntRange(0, 24).Draw(t, "severity")),
			Text: genText.Draw(t, "text"), Resource: genResource.Draw(t, "resource"), Scope: genScope.Draw(t, "scope"), Attrs: genAttrs.Draw(t, "attrs"),
		}
		if rapid.Bool().Draw(t, "traced") {
			l.Trace, l.Span = genTrace(t), genSpanID(t)
		}
		return l
	})
	genNeed = rapid.Custom(func(t *rapid.T) match.Need {
		switch rapid.IntRange(0, 9).Draw(t, "need") {
		case 0:
			return match.Need{Condition: match.Word, Text: rapid.SampledFrom([]string{"order", "paid", "x", "ärger_x", "12", "key"}).Draw(t, "word")}
		case 1:
			return match.Need{Condition: match.AtLeast, Field: match.FieldDuration, Number: rapid.Int64Range(0, 8).Draw(t, "least")}
		case 2:
			return match.Need{Condition: match.AtLeast, Field: match.FieldSeverity, Number: rapid.Int64Range(0, 20).Draw(t, "least")}
		}
		field := rapid.OneOf(genKey, rapid.SampledFrom([]string{
			match.FieldService, match.FieldInstance, match.FieldRevision, match.FieldScope, match.FieldTrace,
			match.FieldSpan, match.FieldName, match.FieldKind, match.FieldStatus, match.FieldSeverity, match.FieldText, match.FieldDuration,
		})).Draw(t, "field")
		text := rapid.OneOf(genText.Filter(func(s string) bool { return s != "" }), rapid.SampledFrom([]string{
			"order", "error", "server", "warn", "false", "0000000000000000000000000000007b", "0000000000000005",
		})).Draw(t, "text")
		return match.Need{Condition: match.Equal, Field: field, Text: text}
	})
	genQuery = rapid.Custom(func(t *rapid.T) query {
		q := query{plan: match.Plan{Needs: rapid.SliceOfN(genNeed, 0, 3).Draw(t, "needs"), Exact: rapid.Bool().Draw(t, "exact")}}
		for _, n := range q.plan.Needs {
			if n.Condition != match.Word || q.plan.Reads != nil {
				q.plan.Reads = append(q.plan.Reads, n.Field)
			}
		}
		if rapid.Bool().Draw(t, "timed") {
			q.from, q.to = rapid.Int64Range(999, 1005).Draw(t, "from"), rapid.Int64Range(1003, 1012).Draw(t, "to")
		} else {
			q.from = -1 << 63
		}
		for _, n := range q.plan.Needs {
			if n.Condition == match.Word {
				q.plan.Reads = nil
			}
		}
		return q
	})
)

func genTrace(t *rapid.T) (id signal.TraceID) {
	id[15] = byte(rapid.IntRange(121, 124).Draw(t, "trace"))
	return id
}

func genSpanID(t *rapid.T) (id signal.SpanID) {
	id[7] = byte(rapid.IntRange(0, 30).Draw(t, "span"))
	return id
}
