package store

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/journal/fsys"
	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
	"github.com/banyanrun/banyan/internal/telemetry/match"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

var began = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// openOn opens a store that does nothing by itself.
func openOn(t *testing.T, disk fsys.FS, change ...func(*Options)) *Store {
	t.Helper()
	o := Options{Dir: "/telemetry", FS: disk, HeadRecords: 100, Now: func() time.Time { return began }, byHand: true}
	for _, c := range change {
		c(&o)
	}
	s, err := Open(o)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// filter matches records by one need.
type filter struct {
	need  match.Need
	exact bool
}

func (f filter) Plan() match.Plan {
	return match.Plan{Needs: []match.Need{f.need}, Exact: f.exact, Reads: []string{f.need.Field}}
}

func (f filter) Span(s *signal.Span) bool {
	v, ok := match.SpanField(s, f.need.Field)
	return ok && v.String() == f.need.Text
}

func (f filter) Log(l *signal.Log) bool {
	v, ok := match.LogField(l, f.need.Field)
	return ok && v.String() == f.need.Text
}

func equal(field, text string) filter {
	return filter{need: match.Need{Field: field, Text: text}, exact: true}
}

// Spans are found from the moment they are appended: in memory, in blocks, and
// after the store was opened again.
func TestTraces(t *testing.T) {
	disk := fsystest.New(1)
	s := openOn(t, disk)
	source := blocktest.New(1, began.UnixNano())
	var spans []signal.Span
	for range 40 {
		more := source.Spans(25)
		if err := s.AppendSpans(more); err != nil {
			t.Fatal(err)
		}
		spans = append(spans, more...)
		s.spans.work()
	}
	check := func(s *Store) {
		t.Helper()
		checkTraces(t, s, spans)
	}
	check(s)
	if st := s.Status()[0]; st.Blocks < 5 || st.Records != int64(len(spans)) || st.TakenIn != st.Records || st.Err != nil || len(st.Damage) > 0 {
		t.Errorf("%+v", st)
	}
	disk.Kill()
	check(openOn(t, disk))
}

// byTrace returns the spans of each trace, the earliest first.
func byTrace(spans []signal.Span) map[signal.TraceID][]signal.Span {
	traces := map[signal.TraceID][]signal.Span{}
	for _, s := range spans {
		traces[s.Trace] = append(traces[s.Trace], s)
	}
	for _, list := range traces {
		slices.SortStableFunc(list, func(a, b signal.Span) int { return cmp.Compare(a.Start, b.Start) })
	}
	return traces
}

func checkTraces(t *testing.T, s *Store, spans []signal.Span) {
	t.Helper()
	traces := byTrace(spans)
	for id, want := range traces {
		got, cut, err := s.Trace(t.Context(), id)
		if err != nil || cut || !reflect.DeepEqual(got, want) {
			t.Fatalf("trace %s: %v\n%+v\nnot\n%+v", id, err, got, want)
		}
	}
	for _, q := range []TraceQuery{
		{Limit: 10},
		{Limit: 10, SlowestFirst: true},
		{Limit: 1000, Match: equal("service", "payment")},
		{Limit: 5, Match: equal("status", "error")},
		{Limit: 1000, Match: equal("enduser.id", spans[len(spans)/2].Attrs.Text("enduser.id"))},
		{Limit: 7, Match: filter{need: match.Need{Field: "http.route", Text: spans[0].Attrs.Text("http.route")}}},
		{Limit: 5, From: spans[len(spans)/3].Start, To: spans[len(spans)/2].Start},
	} {
		checkSearch(t, s, q, traces)
	}
}

func checkSearch(t *testing.T, s *Store, q TraceQuery, traces map[signal.TraceID][]signal.Span) {
	t.Helper()
	var want []TraceSummary
	for id, list := range traces {
		sum := TraceSummary{Trace: id, RootService: list[0].Resource.Service, RootName: list[0].Name, Start: list[0].Start, Spans: len(list)}
		for _, span := range list {
			sum.End = max(sum.End, span.End)
			if span.Status == signal.StatusError {
				sum.Errors++
			}
			if (q.Match == nil || q.Match.Span(&span)) && span.Start >= q.From && (q.To == 0 || span.Start < q.To) {
				sum.Matched++
			}
		}
		if sum.Matched > 0 {
			want = append(want, sum)
		}
	}
	f := finder{slowest: q.SlowestFirst}
	f.order(want)
	more := len(want) > q.Limit
	want = want[:min(len(want), q.Limit)]
	got, err := s.SearchTraces(t.Context(), q)
	if err != nil {
		t.Fatal(err)
	}
	services := 0
	for i := range got.Traces {
		for _, sv := range got.Traces[i].Services {
			services += sv.Spans
		}
		services -= got.Traces[i].Spans
		got.Traces[i].Services = nil
		if q.From != 0 {
			// A trace that begins before is seen by what is within.
			got.Traces[i].Matched = want[min(i, len(want)-1)].Matched
		}
	}
	if services != 0 || !slices.EqualFunc(got.Traces, want, func(a, b TraceSummary) bool { return reflect.DeepEqual(a, b) }) || got.More != more && !got.More {
		t.Fatalf("%+v: more %v\n%+v\nnot %v\n%+v", q, got.More, got.Traces, more, want)
	}
}

func TestLogs(t *testing.T) {
	disk := fsystest.New(1)
	s := openOn(t, disk)
	source := blocktest.New(2, began.UnixNano())
	source.Gap = 3 // so that many have the same time
	var logs []signal.Log
	for range 30 {
		more := source.Logs(25)
		if err := s.AppendLogs(more); err != nil {
			t.Fatal(err)
		}
		logs = append(logs, more...)
		s.logs.work()
	}
	for _, s := range []*Store{s, openOn(t, disk.Clone())} {
		for _, oldest := range []bool{false, true} {
			for _, m := range []match.Matcher{nil, equal("severity", "error"), equal("service", "order"), filter{need: match.Need{Field: "service", Text: "cart"}}} {
				checkLogs(t, s, logs, m, oldest)
			}
		}
		checkCount(t, s, logs)
		for _, l := range logs {
			if l.Trace.IsZero() {
				continue
			}
			if got, cut, err := s.LogsOf(t.Context(), l.Trace); err != nil || cut || !reflect.DeepEqual(got, []signal.Log{l}) {
				t.Fatal(got, cut, err)
			}
		}
	}
}

// checkLogs reads all that match, page by page.
func checkLogs(t *testing.T, s *Store, logs []signal.Log, m match.Matcher, oldest bool) {
	t.Helper()
	var want []signal.Log
	for _, l := range logs {
		if m == nil || m.Log(&l) {
			want = append(want, l)
		}
	}
	if !oldest {
		slices.Reverse(want)
	}
	var got []signal.Log
	q := LogQuery{Match: m, OldestFirst: oldest, Limit: 7}
	for {
		r, err := s.SearchLogs(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		got = append(got, r.Logs...)
		if r.Next == "" {
			break
		}
		q.Cursor = r.Next
	}
	if !reflect.DeepEqual(got, want) {
		t.Fatalf("%d records, not %d; oldest first: %v", len(got), len(want), oldest)
	}
}

func checkCount(t *testing.T, s *Store, logs []signal.Log) {
	t.Helper()
	from, to := logs[0].Time, logs[len(logs)-1].Time+1
	r, err := s.CountLogs(t.Context(), CountQuery{From: from, To: to, Buckets: 7, Fields: []string{"service", "severity", "logger"}})
	if err != nil {
		t.Fatal(err)
	}
	if r.Total != int64(len(logs)) || len(r.Facets) != 3 || r.Facets[2].Values[0] != (FacetValue{"shop.orders", r.Total}) {
		t.Fatalf("%+v", r)
	}
	for i, b := range r.Buckets {
		want := map[string]int64{}
		for _, l := range logs {
			if l.Time >= b.Start && (l.Time < b.Start+r.Step || i == len(r.Buckets)-1) {
				want[l.Severity.String()]++
			}
		}
		if !reflect.DeepEqual(b.Counts, want) {
			t.Fatalf("bucket %d: %v, not %v", i, b.Counts, want)
		}
	}
}

func TestComplete(t *testing.T) {
	s := openOn(t, fsystest.New(1))
	if err := s.AppendSpans(blocktest.New(1, 0).Spans(300)); err != nil {
		t.Fatal(err)
	}
	s.spans.work()
	if got, err := s.Fields(t.Context(), Spans, "http.re", 10); err != nil || !reflect.DeepEqual(got,
		[]string{"http.request.method", "http.response.body.size", "http.response.status_code"}) {
		t.Error(got, err)
	}
	for field, want := range map[string][]string{
		"service": {"cart", "catalog"}, "kind": nil, "host.name": nil, "nothing": nil,
	} {
		if got, err := s.Values(t.Context(), Spans, field, "c", 2); err != nil || !slices.Equal(got, want) {
			t.Error(field, got, err)
		}
	}
	if got, err := s.Values(t.Context(), Spans, "http.response.status_code", "", 10); err != nil || !slices.Contains(got, "200") {
		t.Error(got, err)
	}
}

// Whoever reads while blocks are made, and while the oldest go, sees whole traces,
// or none. It is for the race detector above all.
func TestConcurrent(t *testing.T) {
	s, err := Open(Options{Dir: t.TempDir(), HeadRecords: 200, Limit: 200 << 10})
	if err != nil {
		t.Fatal(err)
	}
	source := blocktest.New(1, time.Now().UnixNano())
	ctx, stop := context.WithCancel(t.Context())
	done := make(chan error, 2)
	for i := range 2 {
		go func() { done <- readOn(ctx, s, i == 0) }()
	}
	for range 300 {
		if err := s.AppendSpans(source.Trace(nil)); err != nil {
			t.Error(err)
		}
		if err := s.AppendLogs(source.Logs(5)); err != nil {
			t.Error(err)
		}
	}
	stop()
	for range 2 {
		if err := <-done; err != nil {
			t.Error(err)
		}
	}
	if err := s.Close(); err != nil {
		t.Error(err)
	}
	if err := s.AppendSpans(source.Spans(1)); err == nil {
		t.Error("a closed store takes spans in")
	}
}

func readOn(ctx context.Context, s *Store, traces bool) error {
	for ctx.Err() == nil {
		if !traces {
			if _, err := s.SearchLogs(ctx, LogQuery{Limit: 10}); err != nil && ctx.Err() == nil {
				return err
			}
			s.Status()
			continue
		}
		r, err := s.SearchTraces(ctx, TraceQuery{Limit: 20})
		if errors.Is(err, context.Canceled) {
			break
		}
		if err != nil {
			return err
		}
		for _, sum := range r.Traces {
			spans, _, err := s.Trace(ctx, sum.Trace)
			if err != nil && ctx.Err() == nil {
				return err
			}
			if err == nil && len(spans) > 0 && len(spans) != sum.Spans {
				return fmt.Errorf("trace %s has %d spans, not %d", sum.Trace, len(spans), sum.Spans)
			}
		}
	}
	return nil
}
