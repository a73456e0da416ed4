package journal

import (
	"crypto/rand"
	"errors"
	"fmt"
	"io/fs"
	"path/filepath"
	"time"

	"github.com/banyanrun/banyan/internal/bus/journal/fsys"
	"github.com/banyanrun/banyan/internal/crashpoint"
)

// smallest is the least size of a segment that a small bound of a topic leads to.
const smallest = 64 << 10

// keep is the keeper's goroutine: it does beforehand, or behind, what would keep
// publishers waiting.
func (t *topic) keep() {
	tick := time.NewTicker(retainEach)
	defer tick.Stop()
	for {
		var again <-chan time.Time
		if t.works() {
			if !t.prepare() {
				again = time.After(t.j.again)
			}
			t.retain(0)
		}
		select {
		case <-t.closing:
			return
		case <-t.wake:
		case <-tick.C:
		case <-again:
		}
	}
}

// works is false where the files are evidence and stay as they are.
func (t *topic) works() bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return t.stopped == nil
}

// prepare writes index files, and makes the next segment when the present one is
// half full. It reports whether it could.
func (t *topic) prepare() bool {
	err := t.file()
	if err == nil {
		err = t.next()
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.noSpare = err
	close(t.spared)
	t.spared = make(chan struct{})
	return err == nil
}

// file writes the index files of segments that are full.
func (t *topic) file() error {
	t.mu.Lock()
	all, segments := t.past, t.segments
	t.mu.Unlock()
	for _, p := range all {
		if p.file != nil {
			continue
		}
		for _, s := range segments {
			if s.number != p.number {
				continue
			}
			crashpoint.Pass(crashpoint.JournalSealing)
			f, err := t.fileOne(s)
			if err != nil {
				return failed(s.name, "write the index of a segment", err)
			}
			crashpoint.Pass(crashpoint.JournalSealed)
			t.filedAs(p, f)
			s.ids = nil // nobody reads those of a full segment but this
		}
	}
	return nil
}

func (t *topic) filedAs(p *past, f *idFile) {
	t.mu.Lock()
	defer t.mu.Unlock()
	changed := append([]*past(nil), t.past...)
	for i := range changed {
		if changed[i] == p {
			changed[i] = &past{number: p.number, until: p.until, file: f}
		}
	}
	t.past = changed
}

func (t *topic) fileOne(s *segment) (*idFile, error) {
	name := filepath.Join(t.dir, fmt.Sprintf("%08d.idx", s.number))
	data := indexBytesOf(s.number, &s.contents)
	if err := t.put(name, func(f fsys.File) error {
		_, err := f.WriteAt(data, 0)
		return err
	}); err != nil {
		return nil, err
	}
	_, f, err := openIndex(t.j.FS, name, s.number)
	return f, err
}

// put makes a file that is there whole or not at all.
func (t *topic) put(name string, fill func(fsys.File) error) error {
	disk, tmp := t.j.FS, name+".tmp"
	f, err := disk.Create(tmp)
	if err != nil {
		return err
	}
	err = fill(f)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = disk.Rename(tmp, name)
	}
	if err != nil {
		_ = disk.Remove(tmp) // or the next start does
		return err
	}
	return disk.SyncDir(t.dir)
}

// next makes the segment that comes after the present one, unless it is too early.
func (t *topic) next() error {
	t.mu.Lock()
	s, need := t.active(), t.need
	if t.spare != nil && t.spare.size >= headerSize+need || t.spare == nil && need == 0 && s.file != nil && s.end <= s.size/2 {
		t.mu.Unlock()
		return nil
	}
	if t.spare != nil {
		t.spare.close()
		t.spare = nil
	}
	size := t.size(s, need)
	t.mu.Unlock()
	spare, err := t.fit(s.number+1, size, need)
	if err != nil {
		return failed(t.dir, "make the next segment", err)
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	t.spare, t.need = spare, 0
	return nil
}

// fit makes an empty segment, of half the size, and half of that, while the disk has
// no room for more.
func (t *topic) fit(number uint64, size, need int64) (*segment, error) {
	least := max(headerSize+need, min(smallest, t.j.SegmentFirst))
	for {
		s, err := t.make(number, size)
		half := size / 2 &^ (align - 1)
		if err == nil || !noRoom(err) || half < least {
			return s, err
		}
		size = half
	}
}

// size must be called with mu held.
func (t *topic) size(before *segment, need int64) int64 {
	most := t.j.SegmentMost
	if t.want.MaxBytes > 0 {
		most = min(most, max(t.want.MaxBytes/8, min(smallest, t.j.SegmentFirst)))
	}
	size := min(max(2*before.size, t.j.SegmentFirst), most) &^ (align - 1)
	for size < headerSize+need {
		size *= 2
	}
	return size
}

// make makes an empty segment of its full size.
func (t *topic) make(number uint64, size int64) (*segment, error) {
	var salt [8]byte
	_, _ = rand.Read(salt[:]) // it never fails
	h := header{number: number, size: size, salt: order.Uint64(salt[:]) | 1}
	name := segmentName(t.dir, number)
	err := t.put(name, func(f fsys.File) error {
		zeros := make([]byte, min(size, 1<<20))
		copy(zeros, h.bytes())
		for at := int64(0); at < size; at += int64(len(zeros)) {
			if _, err := f.WriteAt(zeros[:min(int64(len(zeros)), size-at)], at); err != nil {
				return err
			}
			clear(zeros[:headerSize])
		}
		return nil
	})
	if err != nil {
		return nil, err
	}
	f, err := t.j.FS.Open(name)
	if err != nil {
		return nil, err
	}
	return &segment{header: h, name: name, file: f, contents: empty(0)}, nil
}

// retain removes segments that are too old, or in whose place more bytes are to go.
func (t *topic) retain(more int64) {
	t.retaining.Lock()
	defer t.retaining.Unlock()
	now := t.j.Now()
	for {
		excess := t.excess(more)
		t.mu.Lock()
		s := t.segments[0]
		old := t.want.MaxAge > 0 && s.newest < now.Add(-t.want.MaxAge).UnixMicro()
		released := s.last <= t.released
		// The last segment that holds something tells how far the log is.
		goes := (excess > 0 && (released || t.want.DropOldest) || old && released) &&
			len(t.segments) > 1 && !t.segments[1].none() && t.filed(s.number) && t.stopped == nil
		t.mu.Unlock()
		if !goes {
			break
		}
		// One is gone for certain before the next one goes: no gap can be left.
		if t.j.FS.SyncDir(t.dir) != nil {
			return
		}
		if err := t.j.FS.Remove(s.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
			return
		}
		t.mu.Lock()
		t.segments = append([]*segment(nil), t.segments[1:]...)
		t.mu.Unlock()
		t.j.used.Add(headerSize - s.end)
		s.close()
	}
	t.forget(now)
}

// filed must be called with mu held. It reports whether a full segment's ids are in a file.
func (t *topic) filed(number uint64) bool {
	for _, p := range t.past {
		if p.number == number {
			return p.file != nil
		}
	}
	return false
}

// forget removes indexes that neither readers nor deduplication need.
func (t *topic) forget(now time.Time) {
	t.mu.Lock()
	defer t.mu.Unlock()
	var left []*past
	for _, p := range t.past {
		name := filepath.Join(t.dir, fmt.Sprintf("%08d.idx", p.number))
		if p.number >= t.segments[0].number || p.until >= now.UnixMicro() || t.j.FS.Remove(name) != nil {
			left = append(left, p)
			continue
		}
		p.file.close()
	}
	t.past = left
}
