package scrape

import (
	"fmt"
	"math"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/banyanrun/banyan/internal/telemetry/otlp"
)

const at = 1_800_000_000_000_000_000

func show(s *otlp.Sample) string {
	var b strings.Builder
	b.WriteString(s.Name)
	for _, l := range s.Labels {
		fmt.Fprintf(&b, " %s=%q", l.Name, l.Value)
	}
	switch {
	case otlp.IsStale(s.Value):
		b.WriteString(" stale")
	default:
		fmt.Fprintf(&b, " %v", s.Value)
	}
	if s.Time != at {
		fmt.Fprintf(&b, " at %d", s.Time)
	}
	for _, e := range s.Exemplars {
		fmt.Fprintf(&b, " # %v %v at %d", e.Labels, e.Value, e.Time)
	}
	return b.String()
}

func read(text string, open bool) (string, error) {
	x := exposition{open: open, now: at, base: (&Target{Service: "order", Instance: "order-3"}).labels()}
	err := x.parse(text)
	var lines []string
	for i := range x.samples {
		s := &x.samples[i]
		lines = append(lines, fmt.Sprintf("%d %s", s.Family.Type, strings.Replace(show(s), ` instance="order-3"`, "", 1)))
	}
	return strings.ReplaceAll(strings.Join(lines, "\n"), ` service="order"`, ""), err
}

func TestText(t *testing.T) {
	got, err := read(`# A comment, and a line that is empty:

# HELP http_requests_total What was asked,\n and \\ more.
# TYPE http_requests_total counter
http_requests_total{method="post",code="200"} 1027 1799999999000
http_requests_total{ method = "a\"b\\c\nd\x" , service="mine", empty="", } 3 
	untyped:value  -Inf
nan NaN
# TYPE h histogram
h_bucket{le="1"} 1
h_bucket{le="+Inf"} 2
h_sum 1e-3
h_count 2
# TYPE s summary
s{quantile="0.50"} 4
s_sum 1
`+"crlf 1\r\n", false)
	const want = `1 http_requests_total code="200" method="post" 1027 at 1799999999000000000
1 http_requests_total exported_service="mine" method="a\"b\\c\nd\\x" 3
0 untyped:value -Inf
0 nan NaN
3 h_bucket le="1.0" 1
3 h_bucket le="+Inf" 2
3 h_sum 0.001
3 h_count 2
4 s quantile="0.5" 4
4 s_sum 1
0 crlf 1`
	if err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

// Labels that the target has are moved out of the way, also of those that are there.
func TestExportedLabels(t *testing.T) {
	got, err := read(`up{instance="a",exported_instance="b",service="c",exported_service="",x="y"} 1
`, false)
	const want = `0 up exported_exported_instance="a" exported_instance="b" exported_service="c" x="y" 1`
	if err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
	if _, err := read(`up{instance="a",instance="b"} 1`+"\n", false); err == nil {
		t.Error("a label that is there twice is taken")
	}
}

func TestOpenMetrics(t *testing.T) {
	got, err := read(`# TYPE foo counter
# UNIT foo seconds
# HELP foo A \"counter\".
foo_total 17.0 1800000000.5
foo_created 1520430000.123
# TYPE h histogram
h_bucket{le="0.5"} 4 # {trace_id="KOO5S4vxi0o"} 0.67
h_bucket{le="+Inf"} 5 1800000000 # {trace_id="x",span_id="y"} 9.8 1800000000.25
# TYPE i info
i_info{v="1#2"} 1
# EOF
`, true)
	const want = `1 foo_total 17 at 1800000000500000000
1 foo_created 1.520430000123e+09
3 h_bucket le="0.5" 4 # [{trace_id KOO5S4vxi0o}] 0.67 at 1800000000000000000
3 h_bucket le="+Inf" 5 # [{span_id y} {trace_id x}] 9.8 at 1800000000250000000
5 i_info v="1#2" 1`
	if err != nil || got != want {
		t.Errorf("%v\n%s\nwant\n%s", err, got, want)
	}
}

func TestBroken(t *testing.T) {
	for text, want := range map[string]string{
		"a":                     `line 1: "a" has no value`,
		"\n1a 2":                `line 2: "1a" is no name of a metric`,
		"a b":                   `line 1: "b" is no number`,
		"a 0x10":                "is no number",
		"a 1_0":                 "is no number",
		"a 1 2 3":               "is no value",
		"a{} ":                  "is no value",
		"a 1 x":                 "is no time",
		"a 1 1e300":             "is no time",
		"a{":                    "begins no label",
		"a{b}":                  "begins no label",
		"a{b=c}":                "begins no label",
		`a{b="c}`:               "does not end",
		`a{b="c"d="e"} 1`:       "neither a comma",
		`a{b="c",b="d"} 1`:      "label b twice",
		`a{b:c="d"} 1`:          "begins no label",
		"a\xff 1":               "not UTF-8",
		"# TYPE 1 counter":      "no name",
		"a 1 # {b=\"c\"} 1":     "its exemplar",
		"<!DOCTYPE html>":       "no name of a metric",
		strings.Repeat("x", 99): "xxx…",
	} {
		if _, err := read(text, false); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	for text, want := range map[string]string{
		"a 1\n":                      "cut off",
		"# EOF\na 1":                 "after # EOF",
		"a 1 # b 1\n# EOF":           "its exemplar",
		"a 1 # {b=\"c\"}\n# EOF":     "its exemplar",
		"a 1 # {b=\"c\"} x\n# EOF":   "its exemplar",
		"a 1 # {b=\"c\"} 1 x\n# EOF": "its exemplar",
	} {
		if _, err := read(text, true); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%q: %v, want %s", text, err, want)
		}
	}
	if _, err := read(strings.Repeat("a 1\n", MaxSamples+1), false); err == nil || !strings.Contains(err.Error(), "more than 50000 samples") {
		t.Error(err)
	}
}

// FuzzText: whatever comes, samples have labels that can be.
func FuzzText(f *testing.F) {
	f.Add("# TYPE a counter\na{b=\"c\"} 1 2\n", false)
	f.Add("# HELP a \\x\na{b=\"c\\\"\\n\",} +Inf\na NaN\n", false)
	f.Add("# TYPE a histogram\na_bucket{le=\"1\"} 1 # {x=\"y\"} 1 2\na_sum 1\n# EOF\n", true)
	f.Fuzz(func(t *testing.T, text string, open bool) {
		x := exposition{open: open, now: at, base: (&Target{Service: "order", Instance: "order-3"}).labels()}
		err := x.parse(text)
		for i := range x.samples {
			s := &x.samples[i]
			for n, l := range s.Labels {
				if !isName(l.Name, false) || l.Value == "" || !utf8.ValidString(l.Value) || n > 0 && s.Labels[n-1].Name >= l.Name {
					t.Fatal(show(s))
				}
			}
		}
		if err == nil && open && !x.ended {
			t.Fatal("the end is missing, and not missed")
		}
	})
}

func TestBound(t *testing.T) {
	for in, want := range map[string]string{"1": "1.0", "+Inf": "+Inf", "x": "x", "NaN": "NaN", "1e-3": "0.001"} {
		if got := bound(in); got != want {
			t.Errorf("%s is %s, want %s", in, got, want)
		}
	}
	if !math.IsNaN(otlp.Stale()) {
		t.Error("the end of a series is a number")
	}
}
