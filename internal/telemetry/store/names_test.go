package store

import (
	"fmt"
	"slices"
	"testing"

	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
	"github.com/banyanrun/banyan/internal/telemetry/match"
)

// What spans are called is found in memory and in blocks.
func TestNames(t *testing.T) {
	s := openOn(t, fsystest.New(1))
	source := blocktest.New(1, began.UnixNano())
	want := map[string]map[SpanName]bool{}
	for range 6 {
		spans := source.Spans(80)
		for i := range spans {
			service := spans[i].Resource.Service
			if want[service] == nil {
				want[service] = map[SpanName]bool{}
			}
			want[service][SpanName{spans[i].Name, spans[i].Kind}] = true
		}
		if err := s.AppendSpans(spans); err != nil {
			t.Fatal(err)
		}
		s.spans.work()
	}
	if got := s.Services(); len(got) != len(want) || !slices.IsSorted(got) || want[got[0]] == nil {
		t.Errorf("%q, want %d", got, len(want))
	}
	for service, names := range want {
		got, err := s.SpanNames(t.Context(), equal(match.FieldService, service), 1000)
		if err != nil || len(got) != len(names) {
			t.Errorf("%s: %v, %v; want %v", service, got, err, names)
		}
		for _, name := range got {
			if !names[name] {
				t.Errorf("%s: %v", service, name)
			}
		}
	}
	if got, err := s.SpanNames(t.Context(), nil, 3); err != nil || len(got) != 3 {
		t.Errorf("%v, %v", got, err)
	}
	if got, err := s.SpanNames(t.Context(), equal(match.FieldService, "none"), 3); err != nil || fmt.Sprint(got) != "[]" {
		t.Errorf("%v, %v", got, err)
	}
}
