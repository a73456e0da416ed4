package store

import (
	"reflect"
	"strings"
	"testing"

	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// A bit that flips anywhere costs what it was a part of, which is told, and nothing else.
func TestBitFlips(t *testing.T) {
	disk := fsystest.New(1)
	s := openOn(t, disk)
	source := blocktest.New(1, began.UnixNano())
	var spans []signal.Span
	for range 25 {
		batch := source.Spans(10)
		if err := s.AppendSpans(batch); err != nil {
			t.Fatal(err)
		}
		spans = append(spans, batch...)
		s.spans.work()
	}
	traces := byTrace(spans)
	names, err := disk.List("/telemetry/spans")
	if err != nil || len(names) < 3 {
		t.Fatal(names, err)
	}
	for _, name := range names {
		path := "/telemetry/spans/" + name
		f, err := disk.Open(path)
		if err != nil {
			t.Fatal(err)
		}
		size, err := f.Size()
		if err != nil {
			t.Fatal(err)
		}
		for at := int64(0); at < size; at += max(1, size/15) {
			broken := disk.Clone()
			broken.Flip(path, at, int(at%8))
			checkDamaged(t, openOn(t, broken), traces, name, at)
		}
	}
}

func checkDamaged(t *testing.T, s *Store, traces map[signal.TraceID][]signal.Span, name string, at int64) {
	t.Helper()
	missing := 0
	for id, want := range traces {
		got, _, err := s.Trace(t.Context(), id)
		if err != nil {
			t.Fatalf("%s, byte %d: %v", name, at, err)
		}
		whole := map[signal.SpanID]signal.Span{}
		for _, span := range want {
			whole[span.ID] = span
		}
		missing += len(want) - len(got)
		for _, span := range got {
			if !reflect.DeepEqual(span, whole[span.ID]) {
				t.Fatalf("%s, byte %d: a span is not what was written", name, at)
			}
		}
	}
	if _, err := s.SearchTraces(t.Context(), TraceQuery{}); err != nil {
		t.Fatalf("%s, byte %d: %v", name, at, err)
	}
	// The last frame of a log may have been cut short by a loss of power.
	if st := s.Status()[0]; missing > 0 && len(st.Damage) == 0 && !(strings.HasSuffix(name, extWAL) && missing <= 20) {
		t.Fatalf("%s, byte %d: %d spans are missing, and nobody is told", name, at, missing)
	}
	if err := s.AppendSpans(blocktest.New(9, 0).Spans(200)); err != nil {
		t.Fatal(err)
	}
}
