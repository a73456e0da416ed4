package filter_test

import (
	"errors"
	"flag"
	"os"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/filter"
)

var update = flag.Bool("update", false, "rewrite the golden files")

func TestString(t *testing.T) {
	for _, c := range []struct {
		of       filter.Signal
		in, want string
	}{
		{filter.Spans, "", ""},
		{filter.Spans, "  \t\n", ""},
		{filter.Spans, "service=order status=ERROR duration>200ms", "service=order status=error duration>200ms"},
		{filter.Spans, "Service = order AND Status != error", "service=order status!=error"},
		{filter.Spans, "a=1 or b=2 c=3", "a=1 or b=2 c=3"},
		{filter.Spans, "(a=1 or b=2) c=3", "(a=1 or b=2) c=3"},
		{filter.Spans, "((a=1) and (b=2))", "a=1 b=2"},
		{filter.Spans, "-a=1 -(b=2 c=3) not(d=4 or e=5)", "not a=1 not (b=2 c=3) not (d=4 or e=5)"},
		{filter.Spans, "not not a=1", "not not a=1"},
		{filter.Spans, `timeout "connection refused" 'it is' a-b`, `timeout "connection refused" "it is" a-b`},
		{filter.Spans, `text~timeout text~"or"`, `timeout "or"`},
		{filter.Spans, `"not" "-x" "a=b" "service:x" ""`, `"not" "-x" "a=b" "service:x" ""`},
		{filter.Spans, `http.route="/orders/{id}" http.route=/orders/{id}`, `http.route="/orders/{id}" http.route=/orders/{id}`},
		{filter.Spans, `name~/^GET \/a b/ name!~/x/i`, `name~/^GET \/a b/ name!~/x/i`},
		{filter.Spans, `"status"=500 "service.name"=x "my key"="a\"b\\\n\t"`, `"status"=500 "service.name"=x "my key"="a\"b\\\n\t"`},
		{filter.Spans, "service.name=order severity=5", "service=order severity=5"},
		{filter.Spans, "trace=4BF9 span=1 parent=*", "trace=00000000000000000000000000004bf9 span=0000000000000001 parent=*"},
		{filter.Logs, "level>=Warning status=500", "severity>=warn status=500"},
		{filter.Logs, "12:30:01 http://x?", "12:30:01 http://x?"},
		{filter.Logs, "or=1 not=2 and!=3", "or=1 not=2 and!=3"},
		{filter.Logs, "x=-5 y=a=b", "x=-5 y=a=b"},
		{filter.Logs, "주문=완료 오류", "주문=완료 오류"},
	} {
		f, err := filter.Parse(c.in, c.of)
		if err != nil {
			t.Errorf("Parse(%q): %v", c.in, err)
			continue
		}
		if got := f.String(); got != c.want {
			t.Errorf("Parse(%q) is %q, want %q", c.in, got, c.want)
		}
	}
}

// TestBad parses what is wrong: testdata/bad.txt has a filter a line (those of logs
// behind a >), and below it, indented, its error.
func TestBad(t *testing.T) {
	const file = "testdata/bad.txt"
	data, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	var b strings.Builder
	for line := range strings.Lines(string(data)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasPrefix(line, "\t") {
			continue
		}
		of, text := filter.Spans, line
		if logs, ok := strings.CutPrefix(line, ">"); ok {
			of, text = filter.Logs, logs
		}
		_, err := filter.Parse(text, of)
		wrong, ok := errors.AsType[*filter.Error](err)
		if !ok || fault.CodeOf(err) != fault.Invalid || wrong.At < 0 || wrong.At > len(text) {
			t.Errorf("Parse(%q): %v", text, err)
			continue
		}
		b.WriteString(line + "\n\t" + err.Error() + "\n")
	}
	if *update {
		if err := os.WriteFile(file, []byte(b.String()), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	if b.String() != string(data) {
		t.Errorf("the errors are:\n%s", b.String())
	}
}

func TestBounds(t *testing.T) {
	for _, text := range []string{
		strings.Repeat("a ", 5000), strings.Repeat("(", 200) + "a" + strings.Repeat(")", 200), strings.Repeat("-", 200) + "a",
		strings.Repeat("not ", 200) + "a",
	} {
		if _, err := filter.Parse(text, filter.Logs); err == nil {
			t.Errorf("%.10s… was taken", text)
		}
	}
	if _, err := filter.Parse(strings.Repeat("(a or -b) ", 500), filter.Logs); err != nil {
		t.Error(err)
	}
}

func FuzzParse(f *testing.F) {
	f.Add("service=order status=error duration>200ms", false)
	f.Add(`not (a="b\n" or -c~/x\/y/i) "text" d=*`, true)
	f.Add("severity>=warn trace=00ff -parent=* x<=5.0e3", true)
	f.Fuzz(func(t *testing.T, text string, logs bool) {
		of := filter.Spans
		if logs {
			of = filter.Logs
		}
		got := filter.Complete(text, len(text)/2, of, nil)
		if got.From < 0 || got.From > got.To || got.To > len(text) {
			t.Fatalf("completion replaces %d to %d of %q", got.From, got.To, text)
		}
		one, err := filter.Parse(text, of)
		if (err == nil) != (got.Err == nil) {
			t.Fatalf("%q: %v, but completion says %v", text, err, got.Err)
		}
		if err != nil || len(one.String()) > 8<<10 {
			return
		}
		again, err := filter.Parse(one.String(), of)
		if err != nil {
			t.Fatalf("%q is printed as %q: %v", text, one, err)
		}
		if again.String() != one.String() {
			t.Fatalf("%q is printed as %q, and that as %q", text, one, again)
		}
		checkRecords(t, one, again)
	})
}
