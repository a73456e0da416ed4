package metrics

import (
	"math/rand/v2"
	"os"
	"path/filepath"
	"strconv"
	"testing"
	"time"
)

// A day of metrics in a small place, with a restart and a kill between: there are never
// more bytes than there may be, and the newest hours are there.
func TestDiskBound(t *testing.T) {
	c := newClock(start)
	dir := t.TempDir()
	const most = 2 << 20
	again := func() *Store { return open(t, Options{Dir: dir, MaxBytes: most, Now: c.now}) }
	s := again()
	if err := os.MkdirAll(filepath.Join(dir, damagedDir), 0o700); err != nil {
		t.Fatal(err)
	}
	old := filepath.Join(dir, damagedDir, "old")
	if err := os.WriteFile(old, make([]byte, 1<<20), 0o600); err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	batch := make([]Sample, 50)
	for i := range batch {
		batch[i].Labels = Named("n", "service", "order", "series", strconv.Itoa(i))
	}
	for step := range 24 * 60 * 4 {
		for i := range batch {
			batch[i].Time, batch[i].Value = c.now().UnixMilli(), random.Float64() // which do not shrink
		}
		put(t, s, batch...)
		c.advance(15 * time.Second)
		switch step {
		case 8 * 240:
			if err := s.Close(); err != nil {
				t.Fatal(err)
			}
			s = again()
		case 23 * 240: // what a program that is killed leaves
			killed := t.TempDir()
			if err := os.CopyFS(killed, os.DirFS(dir)); err != nil {
				t.Fatal(err)
			}
			dir = killed
			s = again()
		}
		if step%8 != 0 {
			continue
		}
		if step%240 == 0 {
			if err := s.Compact(t.Context()); err != nil {
				t.Fatal(err)
			}
		}
		if err := s.within(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := diskBytes(dir); n > most {
			t.Fatalf("after %d steps %d bytes of %d", step, n, most)
		}
	}
	if _, err := os.Stat(old); err == nil {
		t.Error("what was damaged is in the way still")
	}
	st := s.Status()
	if st.Dropped[DroppedDisk] > 0 || st.Limit != most {
		t.Errorf("%+v", st)
	}
	r, err := s.Query(t.Context(), `min(count_over_time(n[90m]))`, c.now())
	if err != nil || len(r.Series) != 1 || r.Series[0].Points[0].Value < 359 {
		t.Errorf("%s, %v", show(r), err)
	}
	if kept := time.Duration(st.Newest-st.Oldest) * time.Millisecond; kept > 23*time.Hour || kept < 2*time.Hour {
		t.Errorf("%v are kept: does all fit, or nearly nothing?", kept)
	}
	// Bounds that change are kept from then on.
	s.SetBounds(Bounds{MaxBytes: most / 2})
	for range 3 {
		put(t, s, Sample{Labels: Named("m"), Time: c.now().UnixMilli()})
		if err := s.reload(t); err != nil {
			t.Fatal(err)
		}
	}
	if n := diskBytes(dir); n > most/2 {
		t.Errorf("%d bytes of %d", n, most/2)
	}
}

// reload lets go what is beyond the bounds, as the database does by itself.
func (s *Store) reload(t *testing.T) error {
	t.Helper()
	if err := s.within(t.Context()); err != nil {
		return err
	}
	return s.db.CleanTombstones()
}

// Where the newest samples alone are too much, others are dropped, and that is told.
func TestDiskTooSmall(t *testing.T) {
	c := newClock(start)
	dir := t.TempDir()
	const most = 1 << 20
	s := open(t, Options{Dir: dir, MaxBytes: most, Now: c.now})
	random := rand.New(rand.NewPCG(1, 2))
	batch := make([]Sample, 500)
	for step := range 200 {
		for i := range batch {
			batch[i] = Sample{Labels: Named("n", "service", "order", "series", strconv.Itoa(i)), Time: c.now().UnixMilli(), Value: random.Float64()}
		}
		put(t, s, batch...)
		c.advance(time.Second)
		if err := s.within(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := diskBytes(dir); n > most {
			t.Fatalf("after %d steps %d bytes of %d", step, n, most)
		}
	}
	if st := s.Status(); st.Dropped[DroppedDisk] == 0 {
		t.Errorf("%+v", st)
	}
}

// What the disk did not take is counted.
func TestUnwritten(t *testing.T) {
	s := open(t, Options{})
	if err := s.Close(); err != nil {
		t.Fatal(err)
	}
	if err := s.Append(t.Context(), []Sample{at(0, 1, "n"), at(1, 1, "n")}); err == nil || s.Status().Dropped[DroppedUnwritten] != 2 {
		t.Errorf("%v, %+v", err, s.Status())
	}
}
