package metrics

import (
	"log/slog"
	"os"
	"path/filepath"
	"sync/atomic"
	"testing"
	"time"
)

// clock is a clock that can be set.
type clock struct{ at atomic.Int64 }

func newClock(at time.Time) *clock {
	c := &clock{}
	c.set(at)
	return c
}

func (c *clock) now() time.Time          { return time.Unix(0, c.at.Load()).UTC() }
func (c *clock) set(at time.Time)        { c.at.Store(at.UnixNano()) }
func (c *clock) advance(d time.Duration) { c.at.Add(int64(d)) }

// A clock that was ahead, also for days, and is set back: metrics go on, and what was
// kept before is there still. What is of later times is out of the way.
func TestClockSetBack(t *testing.T) {
	for _, wrong := range []time.Duration{3 * time.Hour, 50 * time.Hour} {
		c := newClock(start)
		s := open(t, Options{Log: slog.New(slog.NewTextHandler(t.Output(), nil)), Patience: 2 * time.Minute, Now: c.now})
		fill := func(d time.Duration) {
			t.Helper()
			for end := c.now().Add(d); c.now().Before(end); c.advance(15 * time.Second) {
				put(t, s, Sample{Labels: Named("n"), Time: c.now().UnixMilli(), Value: 1})
			}
		}
		count := func(d time.Duration) float64 {
			t.Helper()
			r, err := s.Query(t.Context(), "count_over_time(n["+d.String()+"])", c.now())
			if err != nil || len(r.Series) == 0 {
				t.Fatalf("%v, %v", r, err)
			}
			return r.Series[0].Points[0].Value
		}
		fill(90 * time.Minute)
		c.advance(wrong)
		fill(6 * time.Hour)
		if err := s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		c.set(start.Add(2 * time.Hour)) // half an hour after it was right at last
		fill(10 * time.Minute)
		// All of before, and of since but for the time that it took to be sure.
		if n := count(3 * time.Hour); n < 6*60+4*7 || n > 6*60+4*10 {
			t.Errorf("%v ahead: %v samples are there, %+v", wrong, n, s.Status())
		}
		st := s.Status()
		if len(st.Damage) != 1 || st.Newest > c.now().UnixMilli() {
			t.Errorf("%+v", st)
		}
		if err := s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		fill(5 * time.Hour) // blocks are made as ever
		if err := s.Compact(t.Context()); err != nil {
			t.Fatal(err)
		}
		if n := count(5 * time.Hour); n < 4*60*5-1 {
			t.Errorf("%v ahead: %v samples of the hours after", wrong, n)
		}
	}
}

// A clock that is behind for a short while takes nothing away.
func TestClockBehind(t *testing.T) {
	c := newClock(start)
	s := open(t, Options{Patience: 2 * time.Minute, Now: c.now})
	put(t, s, at(0, 1, "n"))
	c.set(time.Unix(3600, 0))
	for range 8 {
		put(t, s, Sample{Labels: Named("n"), Time: c.now().UnixMilli(), Value: 2})
		c.advance(14 * time.Second)
	}
	c.set(start.Add(time.Minute))
	put(t, s, at(60, 3, "n"))
	for range 8 { // the next time it begins anew
		c.advance(-time.Hour)
		put(t, s, at(61, 3, "n"))
		c.advance(time.Hour)
		put(t, s, at(61, 3, "n"))
		c.advance(20 * time.Second)
	}
	if r, err := s.Query(t.Context(), "count_over_time(n[5m])", start.Add(2*time.Minute)); err != nil || show(r) != "vector {} 3@120" {
		t.Error(show(r), err)
	}
	if st := s.Status(); len(st.Damage) > 0 {
		t.Errorf("%+v", st)
	}
	if _, err := os.Stat(filepath.Join(s.options.Dir, damagedDir)); err == nil {
		t.Error("something was set aside")
	}
}
