package filter_test

import (
	"slices"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/telemetry/filter"
)

type known struct{}

func (known) Keys(filter.Signal) []string {
	return []string{"http.route", "http.request.method", "my key", "status"}
}

func (known) Values(_ filter.Signal, field string) []string {
	switch field {
	case "service":
		return []string{"order", "payment", "old order"}
	case "http.route":
		return []string{"/orders", "/a b", "/x/*"}
	}
	return nil
}

// Cursors are where | is; what is replaced is between [ and ].
func TestComplete(t *testing.T) {
	for _, c := range []struct {
		of   filter.Signal
		in   string
		want string // the replaced part, and what is suggested
	}{
		{filter.Spans, "se|", "[se] service"},
		{filter.Spans, "SE|rv", "[SErv] service"},
		{filter.Spans, "service|", "[service] service service= service~ service!= service!~"},
		{filter.Spans, "service|=x", "[service] service service= service~ service!= service!~"},
		{filter.Logs, "seve|", "[seve] severity"},
		{filter.Spans, "http.ro|", "[http.ro] http.route"},
		{filter.Spans, "my|", `[my] "my key"`},
		{filter.Spans, `"sta|`, `["sta] status "status"`},
		{filter.Spans, "service=|", `[] order payment "old order" *`},
		{filter.Spans, "service= |", `[] order payment "old order" *`},
		{filter.Spans, "service=o|", `[o] order "old order"`},
		{filter.Spans, "service=|o", `[o] order payment "old order" *`},
		{filter.Spans, "service=rd| x", `[rd] order "old order"`},
		{filter.Spans, `service="o|`, `["o] order "old order"`},
		{filter.Spans, "status=|", "[] error ok unset *"},
		{filter.Spans, "duration>|", "[] 10ms 100ms 1s 10s"},
		{filter.Spans, "duration|", "[duration] duration duration>= duration= duration< duration> duration<= duration!="},
		{filter.Spans, "duration>|=1s", "[>=] >= >"},
		{filter.Spans, "duration !|", "[!] !="},
		{filter.Spans, "http.route~|", `[] "/orders" "/a b" "/x/*"`},
		{filter.Spans, "http.route=/|", `[/] /orders "/a b" "/x/*"`},
		{filter.Logs, "severity>=e|", "[e] error trace debug"},
		{filter.Spans, "service=order o|", "[o] or"},
		{filter.Spans, "service=order an|", "[an] and"},
		{filter.Spans, "service=order or se|", "[se] service"},
		{filter.Spans, "(se|", "[se] service"},
		{filter.Spans, "-se|", "[se] service"},
		{filter.Spans, "xyzzy|", "[xyzzy]"},
		{filter.Spans, "a=1 -(b=2 or (kind=s|", "[s] server consumer"},
	} {
		at := strings.Index(c.in, "|")
		text := strings.Replace(c.in, "|", "", 1)
		got := filter.Complete(text, at, c.of, known{})
		all := []string{"[" + text[got.From:got.To] + "]"}
		for _, s := range got.Suggestions {
			all = append(all, s.Text)
		}
		if s := strings.Join(all, " "); s != c.want {
			t.Errorf("%s: %s, want %s", c.in, s, c.want)
		}
	}
	for in, want := range map[string]string{
		"|": "not", "service=order |": "and or not", "service=order and |": "not", "(|": "not", "(a=1) |": "and or not", "not |": "not",
	} {
		var keywords []string
		for _, s := range filter.Complete(strings.Replace(in, "|", "", 1), strings.Index(in, "|"), filter.Spans, nil).Suggestions {
			if s.Kind == "keyword" {
				keywords = append(keywords, s.Text)
			}
		}
		if got := strings.Join(keywords, " "); got != want {
			t.Errorf("%s: keywords %s, want %s", in, got, want)
		}
	}
}

func TestCompleteError(t *testing.T) {
	got := filter.Complete("duration>5sx", 0, filter.Spans, nil)
	if got.Err == nil || got.Err.At != 9 || got.Err.Error() != "unknown duration “5sx” at 10; use 5s, 300ms" {
		t.Errorf("error %v", got.Err)
	}
	if got := filter.Complete("service=order", 99, filter.Spans, nil); got.Err != nil || got.To != 13 {
		t.Errorf("%+v", got)
	}
	if all := filter.Complete("", -1, filter.Logs, nil).Suggestions; !slices.ContainsFunc(all, func(s filter.Suggestion) bool { return s.Text == "severity" && s.Kind == "field" && s.Detail != "" }) {
		t.Errorf("%+v", all)
	}
}
