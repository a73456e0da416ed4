package match

import (
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

func wordsOf(text string) (list []string) {
	Words(text, func(w string) bool {
		list = append(list, w)
		return true
	})
	return list
}

func TestWords(t *testing.T) {
	long := strings.Repeat("a", WordMost)
	for text, want := range map[string][]string{
		"":                       nil,
		"Order 12 PAID, Ärger_x": {"order", "12", "paid", "ärger_x"},
		"--a.b--":                {"a", "b"},
		long + "b " + long:       {long, long},
	} {
		if got := wordsOf(text); !slices.Equal(got, want) {
			t.Errorf("%q has the words %q, not %q", text, got, want)
		}
	}
	for part, want := range map[string][]string{
		"refused": nil, " refused": nil, " refused ": {"refused"}, "n refused: b": {"refused"}, "(a)(b)": {"a", "b"},
	} {
		if got := Within(part); !slices.Equal(got, want) {
			t.Errorf("what contains %q has the words %q, not %q", part, got, want)
		}
	}
}

// Whatever stands around a part, its words are the text's.
func TestWithin(t *testing.T) {
	text := rapid.StringOfN(rapid.SampledFrom([]rune("ab A1_É. \u212a\u0130-")), 0, 12, -1)
	rapid.Check(t, func(t *rapid.T) {
		part, before, behind := text.Draw(t, "part"), text.Draw(t, "before"), text.Draw(t, "behind")
		words := wordsOf(before + part + behind)
		for _, w := range Within(part) {
			if !slices.Contains(words, w) {
				t.Fatalf("%q is not a word of %q", w, before+part+behind)
			}
		}
	})
}

func TestFields(t *testing.T) {
	r := &signal.Resource{Service: "order", Attrs: signal.Attrs{{Key: "a", Value: signal.Text("resource's")}, {Key: "host", Value: signal.Text("h")}}}
	s := &signal.Span{
		Name: "pay", Kind: signal.KindServer, Status: signal.StatusError, Start: 1, End: 6, Resource: r,
		Attrs: signal.Attrs{{Key: "a", Value: signal.Integer(1)}, {Key: "name", Value: signal.Text("hidden")}},
	}
	for field, want := range map[string]string{
		"name": "pay", "kind": "server", "status": "error", "duration": "5", "service": "order", "a": "1", "host": "h",
	} {
		if v, ok := SpanField(s, field); !ok || v.String() != want {
			t.Errorf("%s is %q, not %q", field, v, want)
		}
	}
	for _, field := range []string{"trace", "span", "text", "severity", "scope", "instance", "none"} {
		if v, ok := SpanField(s, field); ok {
			t.Errorf("%s is %q", field, v)
		}
	}
	l := &signal.Log{Severity: signal.SeverityWarn, Text: "slow", Resource: r, Attrs: signal.Attrs{{Key: "status", Value: signal.Integer(500)}}}
	for field, want := range map[string]string{"severity": "warn", "text": "slow", "a": "resource's", "status": "500"} {
		if v, ok := LogField(l, field); !ok || v.String() != want {
			t.Errorf("%s is %q, not %q", field, v, want)
		}
	}
}

func TestValues(t *testing.T) {
	for text, want := range map[string]int{"x": 2, "5": 4, "0.5": 3, "true": 3, "05": 2, "NaN": 2} {
		got := Values(text)
		if text == "NaN" {
			got = slices.DeleteFunc(got, func(v signal.Value) bool { return v.Type == signal.Double })
		}
		if len(got) != want {
			t.Errorf("%q is written by %v", text, got)
		}
	}
}
