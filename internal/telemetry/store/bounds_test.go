package store

import (
	"errors"
	"math"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
	"github.com/banyanrun/banyan/internal/telemetry/block/blocktest"
)

// A long text that comes again and again takes up little memory, but fills the log.
func TestLogIsBounded(t *testing.T) {
	disk := fsystest.New(1)
	s := openOn(t, disk, func(o *Options) { o.HeadRecords, o.HeadBytes = 1<<20, 64<<10 })
	logs := blocktest.New(1, began.UnixNano()).Logs(1)
	logs[0].Text = strings.Repeat("x", 20<<10)
	for range 50 {
		if err := s.AppendLogs(logs); err != nil {
			t.Fatal(err)
		}
		s.logs.work()
		if n := s.logs.walBytes(); n > 4*64<<10 {
			t.Fatalf("a log of %d bytes", n)
		}
	}
}

// What is in memory gets old across starts too.
func TestAgeAcrossStarts(t *testing.T) {
	disk := fsystest.New(1)
	now := began
	o := func(o *Options) { o.MaxAge, o.Now = time.Hour, func() time.Time { return now } }
	if err := openOn(t, disk, o).AppendLogs(blocktest.New(1, began.UnixNano()).Logs(3)); err != nil {
		t.Fatal(err)
	}
	now = now.Add(2 * time.Hour)
	s := openOn(t, disk, o)
	s.logs.work()
	if st := s.Status()[1]; st.Records != 0 || st.Removed != 3 {
		t.Errorf("%+v", st)
	}
}

// A file that cannot be read, or written again on a full disk, does not keep the rest away.
func TestOpenOnBadDisk(t *testing.T) {
	disk := fsystest.New(1)
	s := openOn(t, disk)
	source := blocktest.New(1, began.UnixNano())
	for range 3 {
		if err := s.AppendLogs(source.Logs(60)); err != nil {
			t.Fatal(err)
		}
		s.logs.work()
	}
	for _, c := range []struct {
		ext    string
		op     fsystest.Op
		err    error
		damage bool
	}{
		{extFull, fsystest.Read, syscall.EIO, true},
		{extWAL, fsystest.Read, syscall.EIO, true},
		{extWAL, fsystest.Write, syscall.ENOSPC, false},
	} {
		bad := disk.Clone()
		bad.Fail(func(op fsystest.Op, name string, _ int) error {
			if op == c.op && strings.HasSuffix(name, c.ext) {
				return c.err
			}
			return nil
		})
		s := openOn(t, bad)
		if st := s.Status()[1]; (len(st.Damage) > 0) != c.damage || !c.damage && st.Records != 180 {
			t.Errorf("%s: %+v", c.ext, st)
		}
		bad.Fail(nil)
		if err := s.AppendLogs(source.Logs(60)); err != nil {
			t.Error(err)
		}
	}
}

// That there are too many open files is no damage.
func TestPassing(t *testing.T) {
	s := openOn(t, fsystest.New(1)).spans
	e := &entry{name: "x"}
	if err := s.unreadable(e, syscall.EMFILE); !errors.Is(err, syscall.EMFILE) || e.damage != nil {
		t.Error(err, e.damage)
	}
	if err := s.unreadable(e, syscall.EIO); err != nil || e.damage == nil {
		t.Error(err, e.damage)
	}
}

// All of time can be counted in.
func TestCountAllTime(t *testing.T) {
	s := openOn(t, fsystest.New(1))
	if err := s.AppendLogs(blocktest.New(1, began.UnixNano()).Logs(5)); err != nil {
		t.Fatal(err)
	}
	for _, n := range []int{0, 1} {
		r, err := s.CountLogs(t.Context(), CountQuery{From: math.MinInt64, To: math.MaxInt64, Buckets: n})
		if err != nil || r.Total != 5 {
			t.Error(err, r)
		}
	}
}

// A span may end at the end of time.
func TestEndOfTime(t *testing.T) {
	s := openOn(t, fsystest.New(1))
	spans := blocktest.New(1, began.UnixNano()).Spans(1)
	spans[0].End = math.MaxInt64
	if err := s.AppendSpans(spans); err != nil {
		t.Fatal(err)
	}
	if r, err := s.SearchTraces(t.Context(), TraceQuery{}); err != nil || len(r.Traces) != 1 {
		t.Error(err, r)
	}
}
