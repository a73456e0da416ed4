package filter_test

import (
	"encoding/binary"
	"math/rand/v2"
	"slices"
	"testing"

	"github.com/banyanrun/banyan/internal/telemetry/filter"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
	"github.com/banyanrun/banyan/internal/telemetry/store"
)

// TestStoreAgrees holds what a store finds, which reads only what a filter's plan
// asks for, against what the filter says of each record.
func TestStoreAgrees(t *testing.T) {
	s, err := store.Open(store.Options{Dir: t.TempDir(), HeadRecords: 100})
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	r := rand.New(rand.NewPCG(5, 6))
	var spans []signal.Span
	var logs []signal.Log
	for i := range 400 {
		span, log := randomSpan(r), randomLog(r)
		binary.BigEndian.PutUint64(span.Trace[8:], uint64(i+1)) // a trace each, in order
		span.Start, span.End = span.Start+int64(i), span.End+int64(i)
		log.Time = int64(i + 1)
		spans, logs = append(spans, *span), append(logs, *log)
		if n := len(spans); n%20 == 0 {
			if s.AppendSpans(spans[n-20:]) != nil || s.AppendLogs(logs[n-20:]) != nil {
				t.Fatal("it was not taken in")
			}
		}
	}
	for range 150 {
		text := randomFilter(r, 3)
		if f, err := filter.Parse(text, filter.Spans); err == nil {
			checkSpans(t, s, f, spans)
		}
		if f, err := filter.Parse(text, filter.Logs); err == nil {
			checkLogs(t, s, f, logs)
		}
	}
}

func checkSpans(t *testing.T, s *store.Store, f *filter.Filter, spans []signal.Span) {
	t.Helper()
	var want, got []uint64
	for i := range spans {
		if f.Span(&spans[i]) {
			want = append(want, binary.BigEndian.Uint64(spans[i].Trace[8:]))
		}
	}
	found, err := s.SearchTraces(t.Context(), store.TraceQuery{Match: f, Limit: 1000})
	if err != nil {
		t.Fatal(err)
	}
	for _, one := range found.Traces {
		got = append(got, binary.BigEndian.Uint64(one.Trace[8:]))
	}
	if slices.Sort(got); !slices.Equal(got, want) {
		t.Errorf("%s: the store found %d spans, not %d; %+v", f, len(got), len(want), f.Plan())
	}
}

func checkLogs(t *testing.T, s *store.Store, f *filter.Filter, logs []signal.Log) {
	t.Helper()
	var want, got []int64
	for i := range logs {
		if f.Log(&logs[i]) {
			want = append(want, logs[i].Time)
		}
	}
	found, err := s.SearchLogs(t.Context(), store.LogQuery{Match: f, Limit: 1000, OldestFirst: true})
	if err != nil {
		t.Fatal(err)
	}
	for i := range found.Logs {
		got = append(got, found.Logs[i].Time)
	}
	if !slices.Equal(got, want) {
		t.Errorf("%s: the store found %d log records, not %d; %+v", f, len(got), len(want), f.Plan())
	}
}
