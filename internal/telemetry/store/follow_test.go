package store

import (
	"encoding/json"
	"testing"

	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// tally counts how often each span was read.
type tally map[signal.SpanID]int

// read reads spans, most at a time, until it has so many or there are no more.
func (n tally) read(t *testing.T, f *Follower, most, enough int) {
	t.Helper()
	for got := 0; got < enough; {
		batch := 0
		to, err := f.Spans(t.Context(), most, func(_ Place, s *signal.Span) bool {
			if got+batch == enough {
				return false
			}
			batch++
			n[s.ID]++
			return true
		})
		if err != nil {
			t.Fatal(err)
		}
		if batch == 0 {
			return
		}
		got += batch
		f.Move(to)
	}
}

func (n tally) check(t *testing.T, spans []signal.Span, most int) {
	t.Helper()
	missing, often := 0, 0
	for i := range spans {
		if n[spans[i].ID] == 0 {
			missing++
		}
		often = max(often, n[spans[i].ID])
	}
	if missing > 0 || often > most || len(n) > len(spans) {
		t.Errorf("of %d spans %d were read, %d are missing, one was read %d times", len(spans), len(n), missing, often)
	}
}

func follow(t *testing.T, s *Store, from *Place) *Follower {
	t.Helper()
	f, err := s.Follow(Spans, from)
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// TestFollow: all spans are read once, whatever becomes of their log meanwhile.
func TestFollow(t *testing.T) {
	s := openOn(t, fsystest.New(1))
	source := blocktest.New(1, began.UnixNano())
	if err := s.AppendSpans(source.Spans(50)); err != nil {
		t.Fatal(err)
	}
	f, n := follow(t, s, nil), tally{}
	var spans []signal.Span
	for i := range 30 {
		batch := source.Spans(37)
		if err := s.AppendSpans(batch); err != nil {
			t.Fatal(err)
		}
		spans = append(spans, batch...)
		if i%3 == 0 {
			s.spans.work()
		}
		n.read(t, f, 10, 29) // it falls behind, and is within a log that becomes a block
		s.spans.work()
		if want := int64(len(spans) - len(n)); f.Waiting() != want {
			t.Fatalf("%d wait, and %d should", f.Waiting(), want)
		}
	}
	n.read(t, f, 64, len(spans))
	n.check(t, spans, 1)
	if f.Waiting() != 0 || f.Lost() != 0 {
		t.Errorf("%d wait, %d are lost", f.Waiting(), f.Lost())
	}
}

// TestFollowAcrossStarts: a place that was written down holds in the next run, and
// where it was within a log that is a block now, no span is missing.
func TestFollowAcrossStarts(t *testing.T) {
	disk := fsystest.New(1)
	source, n := blocktest.New(1, began.UnixNano()), tally{}
	var spans []signal.Span
	place := []byte(`{"number":0}`)
	for range 12 {
		s := openOn(t, disk)
		var from Place
		if err := json.Unmarshal(place, &from); err != nil {
			t.Fatal(err)
		}
		f := follow(t, s, &from)
		batch := source.Spans(70)
		if err := s.AppendSpans(batch); err != nil {
			t.Fatal(err)
		}
		spans = append(spans, batch...)
		n.read(t, f, 20, 60)
		var err error
		if place, err = json.Marshal(f.Place()); err != nil {
			t.Fatal(err)
		}
		s.spans.work()
		f.Close()
		if err := s.Close(); err != nil {
			t.Fatal(err)
		}
	}
	s := openOn(t, disk)
	var from Place
	if err := json.Unmarshal(place, &from); err != nil {
		t.Fatal(err)
	}
	n.read(t, follow(t, s, &from), 100, len(spans)*2)
	n.check(t, spans, 3)
}

// TestFollowTooLate: what goes before it was read is counted.
func TestFollowTooLate(t *testing.T) {
	s := openOn(t, fsystest.New(1), func(o *Options) { o.Limit, o.HeadRecords = 256<<10, 500 })
	source := blocktest.New(1, began.UnixNano())
	f, n := follow(t, s, nil), tally{}
	var spans []signal.Span
	for range 400 {
		batch := source.Spans(50)
		if err := s.AppendSpans(batch); err != nil {
			t.Fatal(err)
		}
		s.spans.work()
		spans = append(spans, batch...)
	}
	if st := s.Status()[0]; st.Removed == 0 || st.Sampled == 0 {
		t.Fatalf("%+v", st)
	}
	n.read(t, f, 1000, len(spans))
	if lost := f.Lost(); lost == 0 || int64(len(n))+lost != int64(len(spans)) {
		t.Errorf("of %d spans %d were read, and %d are lost", len(spans), len(n), lost)
	}
}

// TestFollowElsewhere: a place of another directory is none.
func TestFollowElsewhere(t *testing.T) {
	s := openOn(t, fsystest.New(1))
	spans := blocktest.New(1, began.UnixNano()).Spans(10)
	if err := s.AppendSpans(spans); err != nil {
		t.Fatal(err)
	}
	for _, from := range []Place{{Number: 77, Row: 5}, {Number: 2, Row: 5}, {Number: 1, Row: 500}, {Number: 1, File: "0000000001.full", Row: 3}} {
		f, n := follow(t, s, &from), tally{}
		n.read(t, f, 100, 100)
		if f.Place().Number > 2 || f.Place().Row > 10 {
			t.Errorf("from %+v it came to %+v", from, f.Place())
		}
	}
}
