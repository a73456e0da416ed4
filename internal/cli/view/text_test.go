package view_test

import (
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"google.golang.org/protobuf/types/known/timestamppb"

	"github.com/banyanrun/banyan/internal/cli/view"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

func TestCut(t *testing.T) {
	for _, c := range []struct {
		in    string
		width int
		want  string
	}{
		{"order", 0, "order"},
		{"order", 5, "order"},
		{"order", 4, "ord…"},
		{"order", 1, "…"},
		{"日本語", 6, "日本語"},
		{"日本語", 5, "日本…"},
		{"日本語", 4, "日…"},
		{"e\u0301e\u0301e\u0301", 2, "e\u0301…"},
	} {
		if got := view.Cut(c.in, c.width); got != c.want {
			t.Errorf("Cut(%q, %d) = %q, want %q", c.in, c.width, got, c.want)
		}
	}
}

func TestCleanAndKeepColors(t *testing.T) {
	for _, c := range []struct{ in, clean, colors string }{
		{"plain", "plain", "plain"},
		{"\x1b[31mred\x1b[0m", "red", "\x1b[31mred\x1b[0m\x1b[0m"},
		{"a\tb\r", "a    b", "a\tb"},
		{"\x1b[2J\x1b[1;1Hwiped", "wiped", "wiped"},
		{"\x1b]0;title\x07x\x1b]8;;http://a\x1b\\y", "xy", "xy"},
		{"\x1b(Bx\x1bcy", "xy", "xy"},
		{"bad\xff\u009b31m", "bad\uFFFD31m", "bad\uFFFD31m"},
		{"cut \x1b[31", "cut ", "cut "},
		{"\x1b", "", ""},
	} {
		if got := view.Clean(c.in); got != c.clean {
			t.Errorf("Clean(%q) = %q, want %q", c.in, got, c.clean)
		}
		if got := view.KeepColors(c.in); got != c.colors {
			t.Errorf("KeepColors(%q) = %q, want %q", c.in, got, c.colors)
		}
	}
}

func FuzzClean(f *testing.F) {
	f.Add("\x1b[31mred\x1b[0m\t\x1b]0;x\x07")
	f.Fuzz(func(t *testing.T, s string) {
		got := view.Clean(s)
		if !utf8.ValidString(got) || strings.ContainsAny(got, "\x1b\n\r\t\x00\x7f") {
			t.Errorf("Clean(%q) = %q", s, got)
		}
		if w := view.Width(view.Cut(got, 10)); w > 10 {
			t.Errorf("Cut to 10 cells is %d wide", w)
		}
		if kept := view.Clean(view.KeepColors(s)); kept != got {
			t.Errorf("KeepColors kept more than colours: %q, %q", kept, got)
		}
	})
}

func TestUnits(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0ms", 340 * time.Millisecond: "340ms", 1290 * time.Millisecond: "1.2s", 12 * time.Second: "12s",
		185 * time.Second: "3m5s", 123 * time.Minute: "2h3m", 122 * time.Hour: "5d2h",
	} {
		if got := view.Duration(d); got != want {
			t.Errorf("Duration(%d) = %s, want %s", d, got, want)
		}
	}
	for n, want := range map[int64]string{0: "0", 1023: "1023", 1 << 10: "1Ki", 23 << 20: "23Mi", 3 << 29: "1.5Gi"} {
		if got := view.Bytes(n); got != want {
			t.Errorf("Bytes(%d) = %s, want %s", n, got, want)
		}
	}
}

func TestLog(t *testing.T) {
	r := &banyanv1.LogRecord{
		Time: timestamppb.New(now), Service: "order", Instance: "order-1", Stream: "out", Line: `{"msg":"<ok>"}`,
	}
	o := view.LogOptions{Names: 9, Time: true, Location: time.UTC}
	if got, want := view.Log(r, o), `14:00:00.000 order-1   | {"msg":"<ok>"}`; got != want {
		t.Errorf("Log = %q, want %q", got, want)
	}
	if got, want := view.LogJSON(r),
		`{"time":"2026-11-21T14:00:00Z","service":"order","instance":"order-1","stream":"out","line":"{\"msg\":\"<ok>\"}"}`; got != want {
		t.Errorf("LogJSON = %s, want %s", got, want)
	}
	r.Line = "\x1b[2J\x1b[32mok"
	for _, c := range []struct {
		terminal, color bool
		want            string
	}{
		{false, false, "order-1 | \x1b[2J\x1b[32mok"},
		{true, false, "order-1 | ok"},
		{true, true, view.ServiceStyle("order").Paint("order-1 |", true) + " \x1b[32mok\x1b[0m"},
	} {
		if got := view.Log(r, view.LogOptions{Terminal: c.terminal, Color: c.color}); got != c.want {
			t.Errorf("Log on terminal %v, color %v = %q, want %q", c.terminal, c.color, got, c.want)
		}
	}
}

func TestSource(t *testing.T) {
	for _, c := range []struct{ service, instance, want string }{
		{"order", "", "order"}, {"order", "order-1", "order-1"}, {"order", "x7f", "order/x7f"},
	} {
		if got := view.Source(&banyanv1.LogRecord{Service: c.service, Instance: c.instance}); got != c.want {
			t.Errorf("Source = %q, want %q", got, c.want)
		}
	}
}
