package store

import (
	"slices"
	"syscall"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// clock is a clock that can be set.
type clock struct{ now time.Time }

func (c *clock) aged(o *Options) { o.MaxAge, o.Now = 24*time.Hour, func() time.Time { return c.now } }

// fillBlock appends logs of a time, and makes them a block.
func fillBlock(t *testing.T, s *Store, at time.Time) {
	t.Helper()
	logs := blocktest.New(uint64(at.Unix()), at.UnixNano()).Logs(100)[:100]
	if err := s.AppendLogs(logs); err != nil {
		t.Fatal(err)
	}
	if err := s.AppendLogs(blocktest.New(1, at.UnixNano()).Logs(1)); err != nil {
		t.Fatal(err)
	}
	if s.logs.work(); s.Status()[1].Blocks == 0 {
		t.Fatalf("%+v", s.Status()[1])
	}
}

// A sender whose clock is ahead keeps no block for longer.
func TestSenderAhead(t *testing.T) {
	c, disk := &clock{began}, fsystest.New(1)
	s := openOn(t, disk, c.aged)
	fillBlock(t, s, began.AddDate(1, 0, 0))
	c.now = c.now.Add(23 * time.Hour)
	s = openOn(t, disk, c.aged)
	if s.logs.work(); s.Status()[1].Removed != 0 {
		t.Fatal("a block of a day went sooner")
	}
	c.now = c.now.Add(3 * time.Hour)
	if s.logs.work(); s.Status()[1].Removed < 100 {
		t.Errorf("%+v", s.Status()[1])
	}
}

// After a clock that was ahead is set back, all is found by its time, and goes in time.
func TestClockSetBack(t *testing.T) {
	c, disk := &clock{began}, fsystest.New(1)
	s := openOn(t, disk, c.aged)
	fillBlock(t, s, c.now)
	c.now = began.Add(9 * time.Hour) // it should be one
	fillBlock(t, s, c.now)
	c.now = began.Add(2 * time.Hour)
	fillBlock(t, s, c.now)
	if st := s.Status()[1]; st.Removed != 0 || st.Err != nil {
		t.Fatalf("%+v", st)
	}
	checkOrder(t, s, 301)
	c.now = began.AddDate(1, 0, 0)
	fillBlock(t, s, c.now)
	c.now = began.Add(3 * time.Hour)
	fillBlock(t, s, c.now)
	// What came while it was far ahead goes with what came next.
	c.now = began.Add(31 * time.Hour)
	s = openOn(t, disk, c.aged)
	if s.logs.work(); s.Status()[1].Blocks != 0 {
		t.Errorf("%+v", s.Status()[1])
	}
}

// checkOrder reads all logs, page by page: by time, whatever the order they came in.
func checkOrder(t *testing.T, s *Store, want int) {
	t.Helper()
	var all []signal.Log
	for q := (LogQuery{Limit: 37}); ; {
		r, err := s.SearchLogs(t.Context(), q)
		if err != nil {
			t.Fatal(err)
		}
		all = append(all, r.Logs...)
		if q.Cursor = r.Next; q.Cursor == "" {
			break
		}
	}
	if len(all) < want || !slices.IsSortedFunc(all, func(a, b signal.Log) int { return int(b.Time - a.Time) }) {
		t.Errorf("%d records, want %d or more, the latest first", len(all), want)
	}
}

// A clock that is far behind for a while, as of a machine that has just started, takes
// nothing away.
func TestClockBehind(t *testing.T) {
	c, disk := &clock{began}, fsystest.New(1)
	s := openOn(t, disk, c.aged)
	fillBlock(t, s, c.now)
	c.now = time.Unix(3600, 0)
	s = openOn(t, disk, c.aged)
	fillBlock(t, s, c.now)
	c.now = began.Add(time.Hour)
	s.logs.work()
	found, err := s.SearchLogs(t.Context(), LogQuery{From: began.UnixNano(), Limit: 1000})
	if err != nil || len(found.Logs) < 100 {
		t.Errorf("%d records are left; %v", len(found.Logs), err)
	}
}

// What was not taken in does not count as dropped where it comes again.
func TestTryLogs(t *testing.T) {
	disk := fsystest.New(1)
	s := openOn(t, disk)
	logs := blocktest.New(1, began.UnixNano()).Logs(50)
	disk.Fail(func(op fsystest.Op, _ string, _ int) error {
		if op == fsystest.Write {
			return syscall.ENOSPC
		}
		return nil
	})
	if n, err := s.TryLogs(logs); err == nil || n != 0 {
		t.Fatal(n, err)
	}
	if st := s.Status()[1]; st.Dropped != 0 || st.Err == nil {
		t.Errorf("%+v", st)
	}
	disk.Fail(nil)
	if n, err := s.TryLogs(logs); err != nil || n != len(logs) {
		t.Fatal(n, err)
	}
	if st := s.Status()[1]; st.Dropped != 0 || st.Err != nil || st.Records != int64(len(logs)) {
		t.Errorf("%+v", st)
	}
}

// Bounds that change are kept from then on, and the disk never has more than they say.
func TestSetBounds(t *testing.T) {
	s := openOn(t, fsystest.New(1), func(o *Options) { o.HeadRecords = 2000 })
	source := blocktest.New(1, began.UnixNano())
	fill := func(limit int64) {
		t.Helper()
		for range 60 {
			if err := s.AppendLogs(source.Logs(500)); err != nil {
				t.Fatal(err)
			}
			if st := s.Status()[1]; st.Bytes > limit {
				t.Fatalf("%d bytes of %d", st.Bytes, limit)
			}
			s.logs.work()
			if st := s.Status()[1]; st.Bytes > limit {
				t.Fatalf("%d bytes of %d", st.Bytes, limit)
			}
		}
	}
	fill(s.Status()[1].Limit)
	before := s.Status()[1].Bytes
	s.SetBounds(Bounds{Limit: before, SamplePercent: 30})
	s.logs.work()
	st := s.Status()[1]
	if st.Limit >= before || st.Bytes > st.Limit || st.Removed == 0 || s.spans.bounds.Load().percent != 30 {
		t.Fatalf("%+v", st)
	}
	fill(st.Limit)
	s.SetBounds(Bounds{MaxAge: time.Minute, Limit: 1 << 30})
	s.logs.Now = func() time.Time { return began.AddDate(1, 0, 0) }
	if s.logs.work(); s.Status()[1].Blocks != 0 {
		t.Errorf("%+v", s.Status()[1])
	}
}
