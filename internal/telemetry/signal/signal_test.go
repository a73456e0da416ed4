package signal

import (
	"math"
	"testing"
)

func TestParseIDs(t *testing.T) {
	for in, want := range map[string]string{
		"463ac35c9f6413ad48485a3953bb6124": "463ac35c9f6413ad48485a3953bb6124",
		"48485A3953BB6124":                 "000000000000000048485a3953bb6124",
		"abc":                              "00000000000000000000000000000abc",
	} {
		if id, ok := ParseTraceID(in); !ok || id.String() != want {
			t.Errorf("%q: %s, %v; want %s", in, id, ok, want)
		}
	}
	for _, in := range []string{"", "0", "g", "463ac35c9f6413ad48485a3953bb61245", "00000000000000000000000000000000"} {
		if id, ok := ParseTraceID(in); ok {
			t.Errorf("%q was taken for %s", in, id)
		}
	}
	if id, ok := ParseSpanID("f"); !ok || id.String() != "000000000000000f" {
		t.Errorf("%s, %v", id, ok)
	}
}

func TestValues(t *testing.T) {
	for want, v := range map[string]Value{"a": Text("a"), "-3": Integer(-3), "0.5": Number(0.5), "1000000": Number(1e6), "1e+21": Number(1e21), "0": Number(0), "NaN": Number(math.NaN()), "true": Truth(true), "false": Truth(false)} {
		if v.String() != want {
			t.Errorf("%v is written %q, want %q", v, v.String(), want)
		}
	}
	if f, ok := Integer(-3).Float(); !ok || f != -3 {
		t.Error(f, ok)
	}
	if _, ok := Text("3").Float(); ok {
		t.Error("text is taken for a number")
	}
	if got := (Attrs{{"a", Text("1")}, {"a", Text("2")}}).Text("a"); got != "1" {
		t.Errorf("the first value counts, not %q", got)
	}
}
