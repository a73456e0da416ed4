package bundle

import (
	"bytes"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

var now = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

func manifest() *Manifest {
	return &Manifest{Format: format, Version: version, Name: nameOf("shop", now), App: "shop", Banyan: "test", Made: now}
}

// all is a query for everything.
func all() query { return query{from: now.Add(-2 * time.Hour), to: now.Add(time.Hour)} }

func written(t *testing.T, k *kept, q query) ([]byte, *Totals) {
	t.Helper()
	var b bytes.Buffer
	totals, err := export(t.Context(), &b, k, q, manifest())
	if err != nil {
		t.Fatal(err)
	}
	return b.Bytes(), totals
}

// strip takes the mark of an import off.
func strip(t *testing.T, r *signal.Resource, name string) *signal.Resource {
	t.Helper()
	to := *r
	if n := len(r.Attrs) - 1; n < 0 || r.Attrs[n].Key != Attribute || r.Attrs[n].Value.Text != name {
		t.Fatalf("%+v is not of %s", r, name)
	} else if to.Attrs = r.Attrs[:n]; n == 0 {
		to.Attrs = nil
	}
	return &to
}

func TestThereAndBack(t *testing.T) {
	from := shop(2200, 1300)
	odd := &from.spans[7]
	odd.State, odd.Message, odd.Status = "a=b", "no \"money\"\n", signal.StatusError
	odd.Events = []signal.Event{{Time: odd.Start + 1, Name: "exception", Attrs: signal.Attrs{{Key: "a", Value: signal.Number(1.5)}}}}
	odd.Links = []signal.Link{{Trace: signal.TraceID{1}, Span: signal.SpanID{2}, Attrs: signal.Attrs{{Key: "b", Value: signal.Truth(true)}}}}
	odd.Attrs = append(slices.Clip(odd.Attrs),
		signal.Attr{Key: "list", Value: signal.Value{Type: signal.JSON, Text: `[1,"x",{"z":1.5,"a":[true,null]},9007199254740993]`}},
		signal.Attr{Key: "bytes", Value: signal.Value{Type: signal.JSON, Text: `"AAEC"`}},
		signal.Attr{Key: "empty", Value: signal.Text("")},
		signal.Attr{Key: "int", Value: signal.Integer(-1 << 62)})
	data, totals := written(t, from, all())
	if totals.Spans != len(from.spans) || totals.Logs != len(from.logs) || len(totals.Left) > 0 {
		t.Fatalf("%+v", totals)
	}
	to := &kept{age: from.age}
	report, err := importFile(t.Context(), bytes.NewReader(data), to, "", now)
	if err != nil {
		t.Fatal(err)
	}
	if report.Spans != totals.Spans || report.Logs != totals.Logs || report.Traces != totals.Traces || report.Bundle != nameOf("shop", now) ||
		!report.KeptUntil.After(now) || !report.KeptUntil.Equal(report.From.Add(from.age)) {
		t.Errorf("%+v", report)
	}
	want := map[signal.SpanID]signal.Span{}
	for _, s := range from.spans {
		want[s.ID] = s
	}
	for i := range to.spans {
		s := &to.spans[i]
		w := want[s.ID]
		s.Resource = strip(t, s.Resource, report.Bundle)
		if !reflect.DeepEqual(*s, w) {
			t.Fatalf("%+v\n%+v\nwant %+v\n%+v", *s, *s.Resource, w, *w.Resource)
		}
	}
	texts := map[string]int{}
	for _, l := range from.logs {
		texts[fmt.Sprint(l.Time, l.Severity, l.Text, l.Trace, l.Span, l.Attrs, *l.Resource)]++
	}
	for _, l := range to.logs {
		texts[fmt.Sprint(l.Time, l.Severity, l.Text, l.Trace, l.Span, l.Attrs, *strip(t, l.Resource, report.Bundle))]--
	}
	for text, n := range texts {
		if n != 0 {
			t.Errorf("%d of %s are missing", n, text)
		}
	}
}

// TestQueries: a trace comes with all that is of it.
func TestQueries(t *testing.T) {
	from := shop(600, 300)
	id := from.logs[0].Trace
	_, totals := written(t, from, query{traces: []signal.TraceID{id}})
	spans, logs, _, _ := from.TraceOf(t.Context(), id)
	if totals.Traces != 1 || totals.Spans != len(spans) || totals.Logs != len(logs) || len(logs) == 0 {
		t.Errorf("%+v, %d, %d", totals, len(spans), len(logs))
	}
	q := all()
	q.filter = "severity>=error"
	if _, totals := written(t, from, q); totals.Spans != 0 || totals.Logs == 0 || totals.Logs == len(from.logs) {
		t.Errorf("%+v", totals)
	}
	q.filter = "service=nobody"
	var b bytes.Buffer
	if _, err := export(t.Context(), &b, from, q, manifest()); !errors.Is(err, errNothing) || fault.CodeOf(err) != fault.NotFound || b.Len() > 0 {
		t.Errorf("%v, %d bytes", err, b.Len())
	}
	q.filter = "service="
	if _, err := export(t.Context(), &b, from, q, manifest()); fault.CodeOf(err) != fault.Invalid || b.Len() > 0 {
		t.Errorf("%v, %d bytes", err, b.Len())
	}
}

func TestKnown(t *testing.T) {
	from := shop(300, 200)
	data, totals := written(t, from, all())
	imported := func(to *kept, name string) (*Report, error) {
		return importFile(t.Context(), bytes.NewReader(data), to, name, now)
	}
	if _, err := imported(from, ""); fault.CodeOf(err) != fault.Conflict || len(from.spans) != totals.Spans {
		t.Errorf("into itself: %v", err)
	}
	to := &kept{}
	known := from.spans[0].Trace
	some, _, _, _ := from.TraceOf(t.Context(), known)
	to.spans = some
	report, err := imported(to, "mine")
	if err != nil || report.KnownTraces != 1 || report.Traces != totals.Traces-1 || report.KnownSpans != len(some) || report.KnownLogs == 0 ||
		report.Spans+report.KnownSpans != totals.Spans || report.Logs+report.KnownLogs != totals.Logs || report.Filter != `banyan.bundle="mine"` || report.KeptUntil != nil {
		t.Errorf("%+v, %v", report, err)
	}
	if _, err := imported(to, "mine"); fault.CodeOf(err) != fault.Conflict {
		t.Errorf("twice: %v", err)
	}
	if _, err := imported(&kept{}, "../x"); fault.CodeOf(err) != fault.Invalid {
		t.Errorf("%v", err)
	}
	full := &kept{broken: fault.New(fault.Unavailable, "the disk is full")}
	if _, err := imported(full, ""); fault.CodeOf(err) != fault.Unavailable {
		t.Errorf("%v", err)
	}
}

func TestOld(t *testing.T) {
	from := shop(1000, 200)
	data, totals := written(t, from, all())
	middle := from.spans[500].Start
	to := &kept{age: time.Hour}
	report, err := importFile(t.Context(), bytes.NewReader(data), to, "", time.Unix(0, middle).Add(to.age))
	if err != nil || report.TooOld == 0 || report.Spans == 0 || report.TooOld+report.Spans+report.Logs != totals.Spans+totals.Logs {
		t.Errorf("%+v, %v", report, err)
	}
	for _, s := range to.spans {
		if s.Start < middle {
			t.Fatal("it is too old")
		}
	}
	if _, err := importFile(t.Context(), bytes.NewReader(data), &kept{age: time.Hour}, "", now.Add(24*time.Hour)); fault.CodeOf(err) != fault.Invalid || !strings.Contains(err.Error(), "retention") {
		t.Errorf("%v", err)
	}
}

// TestMany: there may be more traces in a time than are found at once.
func TestMany(t *testing.T) {
	from := shop(12_000, 0)
	_, totals := written(t, from, all())
	if totals.Spans != len(from.spans) || totals.Traces <= findMost || len(totals.Left) > 0 {
		t.Errorf("%+v, want %d", totals, len(from.spans))
	}
}

func FuzzRead(f *testing.F) {
	var b bytes.Buffer
	if _, err := export(f.Context(), &b, shop(60, 20), all(), manifest()); err != nil {
		f.Fatal(err)
	}
	f.Add(b.Bytes(), "", []byte(nil))
	f.Add([]byte(nil), tracesDir+"/000001.json", []byte(`{"resourceSpans":[{"scopeSpans":[{"spans":[{"traceId":"01","spanId":"02"}]}]}]}`))
	f.Add([]byte(nil), totalsName, []byte(`{"traces":0}`))
	f.Fuzz(func(t *testing.T, file []byte, name string, data []byte) {
		if name != "" { // an entry within a tar that is right
			m := []byte(`{"format":"banyan.telemetry.bundle","version":1,"name":"a"}`)
			var b bytes.Buffer
			w := newWriter(&b, manifest())
			if w.entry(manifestName, m) != nil || w.entry(name, data) != nil || w.entry(totalsName, []byte("{}")) != nil ||
				w.entry(sumsName, w.sums) != nil || w.tar.Close() != nil || w.zip.Close() != nil {
				return // no name of tar's
			}
			file = b.Bytes()
		}
		to := &kept{}
		report, err := importFile(t.Context(), bytes.NewReader(file), to, "", now)
		if err == nil && (report.Spans != len(to.spans) || report.Logs != len(to.logs)) {
			t.Errorf("%+v, there are %d and %d", report, len(to.spans), len(to.logs))
		}
		if err != nil && len(to.spans)+len(to.logs) > 0 {
			t.Errorf("%v, and %d were imported", err, len(to.spans))
		}
		if err != nil && fault.CodeOf(err) == fault.Internal {
			t.Errorf("%v", err)
		}
	})
}
