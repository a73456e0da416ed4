package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strconv"
	"syscall"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
)

const testTopic = "t"

func openOn(tb testing.TB, disk *fsystest.Disk) *Journal {
	tb.Helper()
	j := New(Config{Dir: "/bus", FS: disk, Now: newClock().now, SegmentFirst: 2 << 10, SegmentMost: 2 << 10})
	j.again = 0
	tb.Cleanup(func() { j.Close() })
	return j
}

func ensure(j *Journal) error {
	return j.Ensure(context.Background(), []engine.Topic{{Name: testTopic, Dedup: time.Hour}})
}

func event(n int) engine.Record {
	return engine.Record{
		ID: engine.IDOf("/damage", strconv.Itoa(n)), Key: "k", Time: newClock().now().Add(time.Duration(n) * time.Millisecond), Dedup: time.Hour,
		Attrs: []engine.Attr{{Name: "type", Value: "made"}}, Data: bytes.Repeat([]byte{byte(n)}, 40+n),
	}
}

func put(j *Journal, ns ...int) error {
	var rs []engine.Record
	for _, n := range ns {
		rs = append(rs, event(n))
	}
	_, err := j.Publish(context.Background(), testTopic, rs)
	return err
}

// prefix reads all that can be read and returns how many events that is. Any
// other content than what was stored is an error.
func prefixOf(j *Journal) (n int, health engine.Health, err error) {
	ctx := context.Background()
	for at := (engine.Position{}); ; {
		got, err := j.Read(ctx, testTopic, at, 3)
		for _, s := range got {
			n++
			want := event(n)
			if s.Offset != uint64(n) || s.ID != want.ID || !bytes.Equal(s.Data, want.Data) || s.Key != "k" || len(s.Attrs) != 1 || s.Attrs[0] != want.Attrs[0] {
				return n, 0, fmt.Errorf("event %d is %+v", n, s)
			}
			at = s.Position
		}
		if err == nil && len(got) > 0 {
			continue
		}
		stat, statErr := j.Stat(ctx, testTopic)
		if err != nil && (!errors.Is(err, engine.ErrDamaged) || stat.Health != engine.Stopped) {
			return n, stat.Health, err
		}
		return n, stat.Health, statErr
	}
}

// small is a disk with two segments of events, in groups of one and of three,
// and how many events are in all groups but the last.
func small(t *testing.T) (disk *fsystest.Disk, events, before int) {
	t.Helper()
	disk = fsystest.New(1)
	j := openOn(t, disk)
	if err := ensure(j); err != nil {
		t.Fatal(err)
	}
	for _, ns := range [][]int{{1}, {2, 3, 4}, {5}, {6, 7, 8}, {9, 10, 11}, {12}, {13, 14, 15}, {16}, {17}, {18, 19, 20}, {21}, {22, 23}, {24}} {
		if err := put(j, ns...); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := disk.Open("/bus/t/00000002.seg"); err != nil {
		t.Fatal("there is one segment only")
	}
	j.Close()
	return disk, 24, 23
}

// inspect opens the journal on a damaged disk and says what is wrong with that.
func inspect(t *testing.T, disk *fsystest.Disk, events, before int) error {
	t.Helper()
	j := openOn(t, disk)
	defer j.Close()
	if err := ensure(j); err != nil {
		return err
	}
	n, health, err := prefixOf(j)
	switch {
	case err != nil:
		return err
	case health == engine.Stopped:
		if err := put(j, 100); !errors.Is(err, engine.ErrDamaged) {
			return fmt.Errorf("a stopped topic answers %w", err)
		}
		return nil
	case n < before:
		return fmt.Errorf("%d events of %d are left, and nothing is said", n, events)
	}
	return nil
}

// A bit that flips, anywhere, is noticed, or changes nothing, or takes the last
// group, which looks like a write that was cut short.
func TestFlips(t *testing.T) {
	whole, events, before := small(t)
	for _, name := range []string{"/bus/t/00000001.seg", "/bus/t/00000002.seg", "/bus/t/00000001.idx"} {
		for at := int64(0); ; at++ {
			disk := whole.Clone()
			if !disk.Flip(name, at, int(at%8)) {
				break
			}
			if err := inspect(t, disk, events, before); err != nil {
				t.Fatalf("%s, byte %d: %v", name, at, err)
			}
		}
	}
}

func TestTruncation(t *testing.T) {
	whole, events, before := small(t)
	for _, name := range []string{"/bus/t/00000001.seg", "/bus/t/00000002.seg", "/bus/t/00000001.idx"} {
		f, err := whole.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		size, err := f.Size()
		if err != nil {
			t.Fatal(err)
		}
		for cut := range size {
			disk := whole.Clone()
			disk.Truncate(name, cut)
			if err := inspect(t, disk, events, before); err != nil {
				t.Fatalf("%s, cut to %d: %v", name, cut, err)
			}
		}
	}
}

// A missing file is noticed where nothing else explains it, or by who knows the
// end or has read to somewhere; a missing index is made again.
func TestMissing(t *testing.T) {
	whole, events, _ := small(t)
	for name, want := range map[string]struct{ read, known error }{
		"/bus/t/00000001.seg": {read: engine.ErrGone}, // as if it was not kept any more
		"/bus/t/00000002.seg": {known: engine.ErrDamaged},
		"/bus/t/00000001.idx": {},
	} {
		disk := whole.Clone()
		if err := disk.Remove(name); err != nil {
			t.Fatal(err)
		}
		j := openOn(t, disk)
		if err := j.Ensure(t.Context(), []engine.Topic{{Name: testTopic, Known: []engine.Position{{Offset: uint64(events)}}}}); err != nil {
			t.Fatal(err)
		}
		if s, _ := j.Stat(t.Context(), testTopic); !errors.Is(s.Why, want.known) {
			t.Errorf("without %s the topic is %v: %v", name, s.Health, s.Why)
		}
		if _, err := j.Read(t.Context(), testTopic, engine.Position{Offset: 1}, 1); !errors.Is(err, want.read) {
			t.Errorf("without %s: %v", name, err)
		}
	}
	disk := whole.Clone()
	if err := errors.Join(disk.Remove("/bus/t/00000001.seg"), disk.Remove("/bus/t/00000002.seg")); err != nil {
		t.Fatal(err)
	}
	j := openOn(t, disk)
	if err := ensure(j); err != nil {
		t.Fatal(err)
	}
	if s, _ := j.Stat(t.Context(), testTopic); !errors.Is(s.Why, engine.ErrDamaged) {
		t.Errorf("without segments the topic is %v: %v", s.Health, s.Why)
	}
}

// A last group that is not whole, in front of a segment that was written to, was
// whole once.
func TestDamageBeforeAnUnfinishedSegment(t *testing.T) {
	disk, _, _ := small(t)
	f, _ := disk.Open("/bus/t/00000002.seg")
	data := make([]byte, 2<<10)
	if _, err := f.ReadAt(data, 0); err != nil {
		t.Fatal(err)
	}
	end := int64(len(bytes.TrimRight(data, "\x00")))
	next, _ := disk.Create("/bus/t/00000003.seg")
	unfinished := append(header{number: 3, size: 2 << 10, salt: 7}.bytes(), make([]byte, 2<<10-headerSize)...)
	unfinished[500] = 1
	if _, err := next.WriteAt(unfinished, 0); err != nil {
		t.Fatal(err)
	}
	whole := disk.Clone()
	j := openOn(t, whole)
	if err := ensure(j); err != nil {
		t.Fatal(err)
	}
	if n, health, err := prefixOf(j); n != 24 || health != engine.OK || err != nil {
		t.Errorf("%d events are left, and the topic is %v: %v", n, health, err)
	}
	disk.Flip("/bus/t/00000002.seg", end-3, 0)
	j = openOn(t, disk)
	if err := ensure(j); err != nil {
		t.Fatal(err)
	}
	if s, _ := j.Stat(t.Context(), testTopic); !errors.Is(s.Why, engine.ErrDamaged) {
		t.Errorf("the topic is %v: %v", s.Health, s.Why)
	}
}

// A disk that is full, or fails, at each single call: nothing that was
// acknowledged is lost, a full disk is got over, and a failed sync is not.
func TestFaultsAtEachCall(t *testing.T) {
	for _, fault := range []error{syscall.ENOSPC, syscall.EIO} {
		for n := 1; ; n++ {
			reached, err := faultAt(t, n, fault)
			if err != nil {
				t.Fatalf("%v at call %d: %v", fault, n, err)
			}
			if !reached {
				break
			}
		}
	}
}

func faultAt(t *testing.T, n int, fault error) (reached bool, err error) {
	t.Helper()
	disk := fsystest.New(uint64(n))
	room := false // it is a call that a full disk fails, and that can be repeated
	disk.Fail(func(op fsystest.Op, _ string, call int) error {
		if call != n {
			return nil
		}
		reached = true
		room = errors.Is(fault, syscall.ENOSPC) && (op == fsystest.Create || op == fsystest.Write || op == fsystest.Rename)
		return fault
	})
	j := openOn(t, disk)
	opened := ensure(j)
	if opened != nil && !reached {
		return reached, opened
	}
	acked := 0
	for deadline := time.Now().Add(10 * time.Second); opened == nil && acked < 17; {
		err := put(j, acked+1)
		switch {
		case err == nil:
			acked++
		case !reached || time.Now().After(deadline):
			return reached, fmt.Errorf("it did not go on: %w", err)
		case errors.Is(err, engine.ErrStopped):
			if room {
				return reached, err
			}
			opened = err
		}
	}
	j.Close()
	disk.Fail(nil)
	disk.PowerLoss()
	j = openOn(t, disk)
	if err := ensure(j); err != nil {
		return reached, err
	}
	got, health, err := prefixOf(j)
	if err != nil || health != engine.OK || got < acked {
		return reached, fmt.Errorf("of %d events %d are left, and the topic is %v: %w", acked, got, health, err)
	}
	return reached, put(j, got+1)
}
