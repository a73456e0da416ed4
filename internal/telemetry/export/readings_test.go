package export

import (
	"log/slog"
	"path/filepath"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// TestReadings: all samples are read once, in passes of bounded length, and those that
// come late within bounds are among them.
func TestReadings(t *testing.T) {
	now := time.Date(2026, 1, 2, 3, 0, 0, 0, time.UTC)
	s, err := metrics.Open(metrics.Options{Dir: t.TempDir(), Now: func() time.Time { return now }, Log: slog.New(slog.DiscardHandler)})
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := s.Close(); err != nil {
			t.Error(err)
		}
	}()
	r := &readings{series: s, counter: &counter{}, service: "banyan", now: func() time.Time { return now }, at: now.UnixMilli()}
	put := func(at time.Time, name string, pairs ...string) {
		t.Helper()
		if err := s.Append(t.Context(), []metrics.Sample{{Labels: metrics.Named(name, pairs...), Time: at.UnixMilli(), Value: 1}}); err != nil {
			t.Fatal(err)
		}
	}
	got := map[int64]int{} // by time
	read := func(last bool) (batches int) {
		t.Helper()
		for {
			b, err := r.next(t.Context(), last)
			if err != nil {
				t.Fatal(err)
			}
			if b.Len() == 0 {
				return batches
			}
			batches++
			for _, p := range b.Points {
				if p.Metric.Name == "a" {
					got[p.Time]++
				}
			}
			r.done()
		}
	}
	batches := 0
	for i := range 60 {
		now = now.Add(5 * time.Second)
		put(now.Add(-4*time.Second), "a", "service", "x")
		if i%2 == 0 {
			put(now, "b_total")
			put(now, "c")
		}
		batches += read(false)
	}
	if len(got) < 55 || len(got) > 58 {
		t.Errorf("%d of 60 were read, and what is newer than %s should not be", len(got), settle)
	}
	if batches > 35 {
		t.Errorf("they came in %d batches of a pass each, at most", batches)
	}
	for range 200 { // nobody takes anything for a while
		now = now.Add(5 * time.Second)
		put(now, "a", "service", "x")
	}
	if n := read(false); n < 8 {
		t.Errorf("all of 1000 s was read in %d passes", n)
	}
	read(true)
	if len(got) != 260 {
		t.Errorf("%d of 260 were read", len(got))
	}
	for at, n := range got {
		if n != 1 {
			t.Errorf("%d was read %d times", at, n)
		}
	}
	if len(r.counter.read().Dropped) > 0 {
		t.Errorf("%+v", r.counter.read())
	}
}

// TestMetricsAcrossStarts: metrics go on where they were, too.
func TestMetricsAcrossStarts(t *testing.T) {
	file := filepath.Join(t.TempDir(), "export.json")
	l, err := openLedger(file, replace)
	if err != nil {
		t.Fatal(err)
	}
	l.change(func(b *book) { b.Targets["a"] = &progress{Salt: "s"} })
	l.note("a", func(p *progress) { p.Metrics = new(int64(77)) })
	l.note("gone", func(*progress) { t.Error("it is no target") })
	if err := l.write(); err != nil {
		t.Fatal(err)
	}
	again, err := openLedger(file, nil)
	if err != nil || *again.now.Targets["a"].Metrics != 77 || again.now.Targets["a"].Salt != "s" {
		t.Errorf("%+v, %v", again.now, err)
	}
	if err := replace(file, []byte("{")); err != nil {
		t.Fatal(err)
	}
	if again, err = openLedger(file, nil); err == nil || len(again.now.Targets) != 0 {
		t.Errorf("%+v, %v", again.now, err)
	}
}
