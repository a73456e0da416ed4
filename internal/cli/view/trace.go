package view

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"google.golang.org/protobuf/types/known/timestamppb"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// Trace is what `banyan trace` prints: the spans as a tree, each with a bar that
// shows when it was, then the log records.
func Trace(r *banyanv1.GetTraceResponse, o TraceOptions) []string {
	spans := r.GetSpans()
	if len(spans) == 0 {
		return append([]string{"no span of this trace is kept, only its log records", ""}, traceLogs(r.GetLogs(), time.Time{}, o)...)
	}
	f := newFall(spans)
	out := []string{f.head(o), ""}
	out = append(out, f.lines(o)...)
	if r.GetCut() {
		out = append(out, "", line{{"there are more spans or log records than are shown", Yellow}}.render(o.Width, o.Color))
	}
	if len(r.GetLogs()) > 0 {
		out = append(out, "")
		out = append(out, traceLogs(r.GetLogs(), f.start, o)...)
	}
	return out
}

// fall is a trace's waterfall.
type fall struct {
	spans      []*banyanv1.Span
	forest     []branch
	start, end time.Time
}

func newFall(spans []*banyanv1.Span) *fall {
	f := &fall{spans: spans, forest: forest(spans), start: spans[0].GetStart().AsTime()}
	for _, s := range spans {
		if at := s.GetStart().AsTime(); at.Before(f.start) {
			f.start = at
		}
		if at := spanEnd(s); at.After(f.end) {
			f.end = at
		}
	}
	return f
}

func spanEnd(s *banyanv1.Span) time.Time {
	return s.GetStart().AsTime().Add(s.GetDuration().AsDuration())
}

func (f *fall) head(o TraceOptions) string {
	failed := 0
	for _, s := range f.spans {
		if s.GetStatus() == "error" {
			failed++
		}
	}
	first := f.spans[0]
	text := fmt.Sprintf("  %s, %s, %s of %s", clock(timestamppb.New(f.start), o.Now), took(f.end.Sub(f.start)), count(len(f.spans), "span"), strings.Join(servicesOf(f.spans), ", "))
	l := line{{Clean(first.GetTraceId()), Bold}, {Clean(text), Plain}}
	if failed > 0 {
		l = append(l, span{"; ", Plain}, span{count(failed, "error"), Red})
	}
	return l.render(o.Width, o.Color)
}

// count is 1 span, 2 spans.
func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

// barMost is how wide bars are where there is room without end, barLeast where
// there is none, both in cells.
const (
	barMost  = 40
	barLeast = 10
)

func (f *fall) lines(o TraceOptions) []string {
	names, tooks := make([]line, len(f.forest)), make([]string, len(f.forest))
	nameWidth, tookWidth := Width("SPAN"), Width("TOOK")
	for i, b := range f.forest {
		names[i] = b.label()
		tooks[i] = took(b.span.GetDuration().AsDuration())
		nameWidth = max(nameWidth, names[i].width())
		tookWidth = max(tookWidth, Width(tooks[i]))
	}
	bar := barMost
	if o.Width > 0 {
		bar = max(barLeast, o.Width-nameWidth-tookWidth-4)
		nameWidth = max(Width("SPAN"), min(nameWidth, o.Width-bar-tookWidth-4))
	}
	scale := "0" + Pad("", bar-1-Width(took(f.end.Sub(f.start)))) + took(f.end.Sub(f.start))
	heading := line{{Pad("SPAN", nameWidth), Dim}, {"  " + Pad("", tookWidth-4) + "TOOK", Dim}, {"  " + scale, Dim}}
	out := []string{heading.render(o.Width, o.Color)}
	for i, b := range f.forest {
		if b.note != "" {
			out = append(out, line{{"┆ " + b.note, Yellow}}.render(o.Width, o.Color))
		}
		l := names[i].fit(nameWidth)
		l = append(l, span{"  " + Pad("", tookWidth-Width(tooks[i])) + tooks[i] + "  ", Plain})
		l = append(l, f.bar(b.span, bar)...)
		out = append(out, l.render(o.Width, o.Color))
		if why := failure(b.span); why != "" {
			out = append(out, line{{strings.Repeat(" ", 2*b.depth()) + "  └ " + why, Red}}.render(o.Width, o.Color))
		}
	}
	return out
}

// bar is a span's place in time, of a width in cells.
func (f *fall) bar(s *banyanv1.Span, width int) line {
	total := max(f.end.Sub(f.start), 1)
	at := func(t time.Time) int { return int(int64(width) * int64(t.Sub(f.start)) / int64(total)) }
	if total > time.Duration(1)<<62/time.Duration(width) { // years: it would overflow
		return nil
	}
	from := min(at(s.GetStart().AsTime()), width-1)
	cells := max(at(spanEnd(s))-from, 1)
	style := ServiceStyle(s.GetService())
	if s.GetStatus() == "error" {
		style = Red
	}
	mark := "█"
	if s.GetDuration().AsDuration() < total/time.Duration(8*width) {
		mark = "▏"
	}
	return line{{strings.Repeat(" ", from), Plain}, {strings.Repeat(mark, cells), style}}
}

// failure says why a span failed; empty: it did not.
func failure(s *banyanv1.Span) string {
	if s.GetStatus() != "error" {
		return ""
	}
	var parts []string
	for _, key := range []string{"http.response.status_code", "rpc.grpc.status_code", "banyan.code", "error.type"} {
		if v := attributeOf(s.GetAttributes(), key); v != "" && !slices.Contains(parts, v) {
			parts = append(parts, v)
		}
	}
	for _, text := range append([]string{s.GetMessage()}, exceptions(s)...) {
		if text = strings.Join(strings.Fields(text), " "); text != "" && !slices.Contains(parts, text) {
			parts = append(parts, text)
		}
	}
	if parts == nil {
		return "it failed"
	}
	return Clean(strings.Join(parts, ", "))
}

func exceptions(s *banyanv1.Span) []string {
	var all []string
	for _, e := range s.GetEvents() {
		all = append(all, attributeOf(e.GetAttributes(), "exception.message"))
	}
	return all
}

func attributeOf(attributes []*banyanv1.Attribute, key string) string {
	for _, a := range attributes {
		if a.GetKey() == key {
			return a.GetValue()
		}
	}
	return ""
}

func traceLogs(logs []*banyanv1.LogEntry, start time.Time, o TraceOptions) []string {
	names := 0
	for _, e := range logs {
		names = max(names, Width(Clean(EntrySource(e))))
	}
	out := []string{line{{"LOGS", Dim}}.render(o.Width, o.Color)}
	for _, e := range logs {
		at := clock(e.GetTime(), o.Now)
		if !start.IsZero() {
			at = "+" + took(max(0, e.GetTime().AsTime().Sub(start)))
		}
		for i, text := range entryLines(e) {
			if i > 0 {
				at = ""
			}
			l := line{{Pad("", 7-Width(at)) + at + "  ", Dim}, {Pad(Clean(EntrySource(e)), names) + " | ", ServiceStyle(e.GetService())}, {Clean(text), severityStyle(e)}}
			out = append(out, l.render(o.Width, o.Color))
		}
	}
	return out
}
