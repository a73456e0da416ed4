package journal

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
	"github.com/banyanrun/banyan/internal/fault"
)

// ensureKnown opens a topic of which so many events were seen.
func ensureKnown(j *Journal, events int) error {
	return j.Ensure(context.Background(), []engine.Topic{{Name: testTopic, Dedup: time.Hour, Known: []engine.Position{{Offset: uint64(events)}}}})
}

// left reads what is left of the events, each of which must be as it was.
func left(j *Journal) (offsets map[uint64]bool, err error) {
	offsets = map[uint64]bool{}
	for at := (engine.Position{}); ; {
		got, err := j.Read(context.Background(), testTopic, at, 3)
		if err != nil || len(got) == 0 {
			return offsets, err
		}
		for _, s := range got {
			if want := event(int(s.Offset)); s.ID != want.ID || !bytes.Equal(s.Data, want.Data) || s.Offset <= at.Offset {
				return offsets, fmt.Errorf("event %d is %+v", s.Offset, s)
			}
			at = s.Position
			offsets[s.Offset] = true
		}
	}
}

// repair gives up what is damaged, until nothing is, and checks that nothing but
// what was named, then or before, is missing.
func repair(j *Journal, events int, before engine.Loss) error {
	ctx := context.Background()
	lost := map[uint64]bool{}
	if first, err := j.Stat(ctx, testTopic); err == nil {
		for n := uint64(1); n <= first.Partitions[0].Start.Offset; n++ {
			lost[n] = true // retention might have taken it
		}
	}
	for round := 0; ; round++ {
		stat, err := j.Stat(ctx, testTopic)
		if err != nil {
			return err
		}
		if stat.Health == engine.OK {
			break
		}
		loss, err := j.Damage(ctx, testTopic)
		if err != nil || round > 5 {
			return fmt.Errorf("round %d: %+v, %w; %w", round, loss, err, stat.Why)
		}
		if _, err := j.Skip(ctx, testTopic, loss.Count()+1); fault.CodeOf(err) != fault.Conflict {
			return fmt.Errorf("another number than there is: %w", err)
		}
		if done, err := j.Skip(ctx, testTopic, loss.Count()); err != nil || done != loss {
			return fmt.Errorf("%+v instead of %+v, %w", done, loss, err)
		}
		for n := loss.First; n <= loss.Last; n++ {
			lost[n] = true
		}
	}
	kept, err := left(j)
	if err != nil {
		return err
	}
	for n := uint64(1); n <= uint64(events); n++ {
		if kept[n] == lost[n] && (kept[n] || n < before.First || n > before.Last) {
			return fmt.Errorf("event %d is kept: %v, and lost: %v", n, kept[n], lost[n])
		}
	}
	placed, err := j.Publish(ctx, testTopic, []engine.Record{event(events + 1)})
	if err != nil || placed[0].Offset != uint64(events+1) || placed[0].Duplicate {
		return fmt.Errorf("the next event is %+v, %w", placed, err)
	}
	if kept, err = left(j); err != nil || !kept[uint64(events+1)] {
		return fmt.Errorf("it is not read: %v, %w", kept, err)
	}
	return nil
}

// repairAll damages a disk, repairs it, and looks at it once more with another journal.
func repairAll(t *testing.T, disk *fsystest.Disk, events int, before engine.Loss) error {
	t.Helper()
	j := openOn(t, disk)
	defer j.Close()
	if err := ensureKnown(j, events); err != nil {
		return err
	}
	if _, err := left(j); err != nil && !errors.Is(err, engine.ErrDamaged) && !errors.Is(err, engine.ErrGone) {
		return err
	}
	if err := repair(j, events, before); err != nil {
		return err
	}
	j.Close()
	j = openOn(t, disk)
	defer j.Close()
	if err := ensureKnown(j, events+1); err != nil {
		return err
	}
	if kept, err := left(j); err != nil || !kept[uint64(events+1)] {
		return fmt.Errorf("opened again, %v are left, %w", kept, err)
	}
	stat, err := j.Stat(t.Context(), testTopic)
	if err != nil || stat.Health != engine.OK {
		return fmt.Errorf("opened again, it is %+v, %w", stat, err)
	}
	return nil
}

// Whatever bit flips, wherever a file ends, and whichever is missing: a repair gives
// up what it says, and nothing else, and the topic goes on.
func TestRepairs(t *testing.T) {
	whole, events, _ := small(t)
	for _, name := range []string{"/bus/t/00000001.seg", "/bus/t/00000002.seg", "/bus/t/00000001.idx"} {
		for at := int64(0); ; at += 3 {
			disk := whole.Clone()
			if !disk.Flip(name, at, int(at%8)) {
				break
			}
			if err := repairAll(t, disk, events, engine.Loss{}); err != nil {
				t.Fatalf("%s, byte %d: %v", name, at, err)
			}
		}
		f, err := whole.Open(name)
		if err != nil {
			t.Fatal(err)
		}
		size, err := f.Size()
		if err != nil {
			t.Fatal(err)
		}
		for cut := int64(0); cut < size; cut += 29 {
			disk := whole.Clone()
			disk.Truncate(name, cut)
			if err := repairAll(t, disk, events, engine.Loss{}); err != nil {
				t.Fatalf("%s, cut to %d: %v", name, cut, err)
			}
		}
		disk := whole.Clone()
		if err := disk.Remove(name); err != nil {
			t.Fatal(err)
		}
		if err := repairAll(t, disk, events, engine.Loss{}); err != nil {
			t.Fatalf("without %s: %v", name, err)
		}
	}
	disk := whole.Clone()
	if err := errors.Join(disk.Remove("/bus/t/00000001.seg"), disk.Remove("/bus/t/00000002.seg")); err != nil {
		t.Fatal(err)
	}
	if err := repairAll(t, disk, events, engine.Loss{}); err != nil {
		t.Fatalf("without segments: %v", err)
	}
}

// Two losses are given up one after the other.
func TestRepairsTwice(t *testing.T) {
	disk, events, _ := small(t)
	disk.Flip("/bus/t/00000001.seg", 400, 0)
	disk.Flip("/bus/t/00000002.seg", 100, 0)
	if err := repairAll(t, disk, events, engine.Loss{}); err != nil {
		t.Fatal(err)
	}
}

// A power loss in the middle of a repair leaves what can be repaired.
func TestRepairCutShort(t *testing.T) {
	whole, events, _ := small(t)
	whole.Flip("/bus/t/00000001.seg", 400, 0)
	for n := 1; ; n++ {
		disk, reached := whole.Clone(), false
		j := openOn(t, disk)
		if err := ensureKnown(j, events); err != nil {
			t.Fatal(err)
		}
		_, _ = left(j) // finds it
		loss, err := j.Damage(t.Context(), testTopic)
		if err != nil {
			t.Fatal(err)
		}
		disk.Fail(func(_ fsystest.Op, _ string, call int) error {
			if call < n {
				return nil
			}
			reached = true
			return errors.New("the power is gone")
		})
		_, _ = j.Skip(t.Context(), testTopic, loss.Count())
		j.Close()
		disk.Fail(nil)
		disk.PowerLoss()
		if err := repairAll(t, disk, events, loss); err != nil {
			t.Fatalf("at call %d: %v", n, err)
		}
		if !reached {
			return
		}
	}
}

// What is not damaged is not repaired.
func TestRepairOfTheWhole(t *testing.T) {
	disk, events, _ := small(t)
	j := openOn(t, disk)
	if err := ensureKnown(j, events); err != nil {
		t.Fatal(err)
	}
	_, damage := j.Damage(t.Context(), testTopic)
	_, skip := j.Skip(t.Context(), testTopic, 0)
	if fault.CodeOf(damage) != fault.Conflict || fault.CodeOf(skip) != fault.Conflict {
		t.Errorf("%v, %v", damage, skip)
	}
	if kept, err := left(j); err != nil || len(kept) != events {
		t.Errorf("%d are left, %v", len(kept), err)
	}
}

// A topic that begins anew goes on with its numbers, and what it was lies beside it.
func TestBeginAnew(t *testing.T) {
	dir := t.TempDir()
	j := New(Config{Dir: dir, SegmentFirst: 2 << 10, SegmentMost: 2 << 10})
	defer func() { j.Close() }()
	if err := ensure(j); err != nil {
		t.Fatal(err)
	}
	if err := put(j, 1, 2, 3); err != nil {
		t.Fatal(err)
	}
	cursor, err := j.Open(t.Context(), testTopic, "g", nil)
	if err != nil {
		t.Fatal(err)
	}
	loss, err := j.BeginAnew(t.Context(), testTopic)
	if err != nil || loss.First != 1 || loss.Last != 3 || !strings.HasPrefix(loss.Moved, filepath.Join(dir, testTopic)+"~") {
		t.Fatalf("%+v, %v", loss, err)
	}
	if _, err := os.Stat(filepath.Join(loss.Moved, "00000001.seg")); err != nil {
		t.Error(err)
	}
	if _, err := cursor.Next(t.Context(), 1); !errors.Is(err, engine.ErrClosed) {
		t.Errorf("a cursor of before: %v", err)
	}
	for round := range 2 {
		stat, err := j.Stat(t.Context(), testTopic)
		if r := stat.Partitions[0]; err != nil || stat.Health != engine.OK || r.Start.Offset != 3 || r.End.Offset != 3 {
			t.Errorf("round %d: %+v, %v", round, stat, err)
		}
		if _, err := j.Read(t.Context(), testTopic, engine.Position{Offset: 1}, 1); !errors.Is(err, engine.ErrGone) {
			t.Errorf("round %d: %v", round, err)
		}
		j.Close()
		j = New(Config{Dir: dir, SegmentFirst: 2 << 10, SegmentMost: 2 << 10})
		if err := ensureKnown(j, 3); err != nil {
			t.Fatal(err)
		}
	}
	if err := put(j, 4); err != nil {
		t.Fatal(err)
	}
	if kept, err := left(j); err != nil || len(kept) != 1 || !kept[4] {
		t.Errorf("%v, %v", kept, err)
	}
}
