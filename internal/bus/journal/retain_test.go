package journal

import (
	"errors"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
)

// The newest segment with something in it stays, even when a bound asks for its
// room: it tells how far the log is.
func TestTheEndIsKept(t *testing.T) {
	for seed := range uint64(8) {
		endIsKept(t, fsystest.New(seed))
	}
}

func endIsKept(t *testing.T, disk *fsystest.Disk) {
	t.Helper()
	open := func() *Journal {
		j := openOn(t, disk)
		if err := j.Ensure(t.Context(), []engine.Topic{{Name: testTopic, MaxBytes: 2000, DropOldest: true, Dedup: time.Hour}}); err != nil {
			t.Fatal(err)
		}
		return j
	}
	j := open()
	n := 0
	disk.Fail(func(op fsystest.Op, name string, _ int) error {
		if op == fsystest.Write && name == "/bus/t/00000002.seg" {
			return syscall.ENOSPC
		}
		return nil
	})
	var err error
	for ; err == nil; n++ {
		err = put(j, n+1)
	}
	stored := uint64(n - 1)
	if !errors.Is(err, engine.ErrFull) || stored < 5 {
		t.Fatalf("event %d: %v", n, err)
	}
	topic := j.topics[testTopic]
	awaitFiled(topic)
	topic.retain(4000)
	j.Close()
	disk.Fail(nil)
	disk.PowerLoss()
	j = open()
	s, err := j.Stat(t.Context(), testTopic)
	if err != nil || s.Health != engine.OK || s.Partitions[0].End.Offset != stored {
		t.Fatalf("%d events were stored; the topic is %+v, %v", stored, s, err)
	}
	if err := put(j, n); err != nil {
		t.Error(err)
	}
}

// awaitFiled waits until the first segment may go.
func awaitFiled(topic *topic) {
	for filed := false; !filed; {
		topic.mu.Lock()
		changed := topic.spared
		filed = topic.filed(1)
		topic.mu.Unlock()
		if !filed {
			<-changed
		}
	}
}

// A bound of all topics holds for each, and is given back.
func TestBoundOfAll(t *testing.T) {
	j := New(Config{Dir: "/bus", FS: fsystest.New(1), MaxBytes: 8 << 10, SegmentFirst: 2 << 10, SegmentMost: 2 << 10})
	defer j.Close()
	if err := j.Ensure(t.Context(), []engine.Topic{{Name: testTopic}, {Name: "other"}}); err != nil {
		t.Fatal(err)
	}
	n := 0
	var err error
	for ; err == nil; n++ {
		err = put(j, n+1)
	}
	if !errors.Is(err, engine.ErrFull) || n < 20 {
		t.Fatalf("event %d: %v", n, err)
	}
	if _, err := j.Publish(t.Context(), "other", []engine.Record{event(1), event(2), event(3)}); !errors.Is(err, engine.ErrFull) {
		t.Fatalf("the other topic: %v", err)
	}
	if err := j.Release(t.Context(), testTopic, []engine.Position{{Offset: uint64(n)}}); err != nil {
		t.Fatal(err)
	}
	if err := put(j, n+1); err != nil {
		t.Fatal(err)
	}
	if _, err := j.Publish(t.Context(), "other", []engine.Record{event(1)}); err != nil {
		t.Fatal(err)
	}
}

// Age takes only what nobody needs, also where a bound of bytes would take more.
func TestAgeSparesWhatIsNeeded(t *testing.T) {
	var clock atomic.Int64
	now := func() time.Time { return event(1).Time.Add(time.Duration(clock.Load())) }
	j := New(Config{
		Dir: "/bus", FS: fsystest.New(1), Now: now, SegmentFirst: 2 << 10, SegmentMost: 2 << 10,
	})
	defer j.Close()
	if err := j.Ensure(t.Context(), []engine.Topic{{Name: testTopic, MaxAge: time.Hour, MaxBytes: 1 << 20, DropOldest: true}}); err != nil {
		t.Fatal(err)
	}
	const n = 60
	for i := range n {
		if err := put(j, i+1); err != nil {
			t.Fatal(err)
		}
	}
	topic := j.topics[testTopic]
	if len(topic.segments) < 3 {
		t.Fatalf("%d segments", len(topic.segments))
	}
	awaitFiled(topic)
	clock.Add(int64(24 * time.Hour))
	topic.retain(0)
	if start := topic.segments[0].number; start != 1 {
		t.Errorf("the oldest segment is %d, and nothing was released", start)
	}
	if err := j.Release(t.Context(), testTopic, []engine.Position{{Offset: n}}); err != nil {
		t.Fatal(err)
	}
	topic.retain(0)
	if start := topic.segments[0].number; start == 1 {
		t.Error("what was released is kept")
	}
}

// TestSmallerSegments: where the disk has no room for the next segment in its full
// size, a smaller one takes what there is room for.
func TestSmallerSegments(t *testing.T) {
	disk := fsystest.New(1)
	failures := 0
	disk.Fail(func(op fsystest.Op, name string, _ int) error {
		if op == fsystest.Write && name == "/bus/t/00000004.seg.tmp" && failures < 2 {
			failures++
			return syscall.ENOSPC
		}
		return nil
	})
	j := New(Config{Dir: "/bus", FS: disk, SegmentFirst: 2 << 10})
	defer j.Close()
	if err := j.Ensure(t.Context(), []engine.Topic{{Name: testTopic}}); err != nil {
		t.Fatal(err)
	}
	topic := j.topics[testTopic]
	for n := 1; len(topic.segments) < 5; n++ {
		if err := put(j, n); err != nil {
			t.Fatalf("event %d: %v", n, err)
		}
	}
	if size := topic.segments[3].size; size != 4<<10 || failures != 2 {
		t.Errorf("after %d failures the segment has %d bytes", failures, size)
	}
}
