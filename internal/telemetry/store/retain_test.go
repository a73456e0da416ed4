package store

import (
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Beyond its share, what is old is sampled: traces with errors and the slow stay,
// each whole or not at all, and small blocks are merged. Beyond the limit, the
// oldest goes.
func TestSampling(t *testing.T) {
	disk := fsystest.New(1)
	s := openOn(t, disk, func(o *Options) { o.Limit, o.HeadRecords = 1<<20, 500 })
	source := blocktest.New(1, began.UnixNano())
	source.Gap = 10e6
	var spans []signal.Span
	for range 400 {
		batch := source.Spans(50)
		if err := s.AppendSpans(batch); err != nil {
			t.Fatal(err)
		}
		s.spans.work()
		spans = append(spans, batch...)
		if st := s.Status()[0]; st.Bytes > st.Limit+200<<10 {
			t.Fatalf("%d bytes of %d", st.Bytes, st.Limit)
		}
	}
	st := s.Status()[0]
	if st.SampledBefore == 0 || st.Sampled == 0 || st.Err != nil || len(st.Damage) > 0 {
		t.Fatalf("%+v", st)
	}
	checkSampled(t, s, spans, st)
	s = openOn(t, disk.Clone())
	if again := s.Status()[0]; again.Records != st.Records {
		t.Errorf("%d records, after another start %d", st.Records, again.Records)
	}
}

func checkSampled(t *testing.T, s *Store, spans []signal.Span, st Status) {
	t.Helper()
	kept, dropped, parts := 0, 0, 0
	for id, want := range byTrace(spans) {
		if id[0]%4 != 0 {
			continue // enough are left
		}
		if want[0].Start < st.Oldest+1e9 {
			continue // its block may be gone
		}
		got, _, err := s.Trace(t.Context(), id)
		if err != nil {
			t.Fatal(err)
		}
		failed := false
		for _, span := range want {
			failed = failed || span.Status == signal.StatusError
		}
		switch len(got) {
		case 0:
			dropped++
			if failed || s.spans.lucky(id) {
				t.Errorf("trace %s is gone; it has an error: %v", id, failed)
			}
		case len(want):
			kept++
		default:
			parts++
		}
	}
	if dropped < 30 || kept < 30 || parts > 0 {
		t.Errorf("%d traces are kept, %d are not, %d are in part", kept, dropped, parts)
	}
	sampled, small := 0, 0
	for _, e := range s.spans.entries {
		if e.ext == extSampled {
			sampled++
			if e.meta().Rows < 250 {
				small++
			}
		}
	}
	if sampled == 0 || small > 2*mergeLeast {
		t.Errorf("%d blocks of the sample, %d of them small", sampled, small)
	}
}

// What came long ago goes, however little it is.
func TestAgeOfFew(t *testing.T) {
	now := began
	s := openOn(t, fsystest.New(1), func(o *Options) { o.MaxAge, o.Now = time.Hour, func() time.Time { return now } })
	if err := s.AppendLogs(blocktest.New(1, began.UnixNano()).Logs(3)); err != nil {
		t.Fatal(err)
	}
	s.logs.work()
	if st := s.Status()[1]; st.Blocks != 0 || st.Records != 3 {
		t.Errorf("%+v", st)
	}
	now = now.Add(2 * time.Hour)
	s.logs.work()
	if st := s.Status()[1]; st.Blocks != 0 || st.Records != 0 || st.Removed != 3 {
		t.Errorf("%+v", st)
	}
}

// What is older than it may be goes, also while somebody reads it.
func TestAge(t *testing.T) {
	disk := fsystest.New(1)
	now := began
	s := openOn(t, disk, func(o *Options) { o.MaxAge, o.Now = time.Hour, func() time.Time { return now } })
	source := blocktest.New(1, began.UnixNano())
	if err := s.AppendLogs(source.Logs(120)); err != nil {
		t.Fatal(err)
	}
	if err := s.AppendLogs(source.Logs(1)); err != nil {
		t.Fatal(err)
	}
	s.logs.work()
	v := s.logs.view()
	now = now.Add(2 * time.Hour)
	s.logs.work()
	if st := s.Status()[1]; st.Blocks != 0 || st.Removed != 121 || st.Records != 0 {
		t.Errorf("%+v", st)
	}
	names := func() int {
		list, err := disk.List("/telemetry/logs")
		if err != nil {
			t.Fatal(err)
		}
		return len(list)
	}
	if names() != 1 {
		t.Error("the file goes while somebody reads it")
	}
	v.close()
	if names() != 0 {
		t.Error("the file stays, though nobody reads it")
	}
}
