package logs

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"time"
)

// markEvery is how many bytes of records there are between two marks: what a
// new Collector has to read of each service.
const markEvery = 256 << 10

// position is a place in a service's segments.
type position struct {
	seq int   // the segment's number; 0: before the first
	off int64 // bytes
	n   int64 // records before it; negative: not known
}

// store is one service's segments: append-only, bounded, numbered.
type store struct {
	dir     string
	service string
	size    int64 // of a segment
	keep    int
	write   func(f *os.File, b []byte) (int, error) // replaced in tests

	mu        sync.Mutex
	recovered bool
	end       position // where the next record goes
	marked    int64    // offset of the last mark in the segment
	torn      bool     // the file may be longer than end says
	offsets   map[string]int64
	last      time.Time // stamps never go back
}

func segmentPath(dir string, seq int) string {
	return filepath.Join(dir, fmt.Sprintf("%08d.log", seq))
}

// segments lists the numbers of the segments there are, in order.
func segments(dir string) []int {
	entries, _ := os.ReadDir(dir)
	var seqs []int
	for _, e := range entries {
		name, ok := strings.CutSuffix(e.Name(), ".log")
		if seq, err := strconv.Atoi(name); ok && err == nil && seq > 0 {
			seqs = append(seqs, seq)
		}
	}
	slices.Sort(seqs)
	return seqs
}

// locate sets the end without reading: enough for queries.
func (s *store) locate() {
	if seqs := segments(s.dir); len(seqs) > 0 && s.end.seq == 0 {
		s.end.seq, s.end.n = seqs[len(seqs)-1], -1
		if fi, err := os.Stat(segmentPath(s.dir, s.end.seq)); err == nil {
			s.end.off = fi.Size()
		}
	}
}

// recover reads the last segment from its last mark on and cuts off what a
// crash left half-written. The caller holds mu.
func (s *store) recover() error {
	if s.recovered {
		return nil
	}
	if err := os.MkdirAll(s.dir, 0o700); err != nil {
		return err
	}
	s.offsets = map[string]int64{}
	s.locate()
	if seqs := segments(s.dir); len(seqs) > 1 && !beginsWithMark(s.dir, seqs[len(seqs)-1]) {
		// The crash came while a segment was begun: the one before knows more.
		s.end.seq = seqs[len(seqs)-2]
		if err := s.recoverSegment(); err != nil {
			return err
		}
		s.end.seq = seqs[len(seqs)-1]
	}
	if s.end.seq > 0 {
		if err := s.recoverSegment(); err != nil {
			return err
		}
	}
	s.end.n = max(s.end.n, 0)
	s.recovered = true
	return nil
}

func (s *store) recoverSegment() error {
	f, err := os.OpenFile(segmentPath(s.dir, s.end.seq), os.O_RDWR, 0)
	if err != nil {
		return err
	}
	defer f.Close()
	fi, err := f.Stat()
	if err != nil {
		return err
	}
	from := lastMark(f, fi.Size())
	r := newLineReader(f, from, fi.Size())
	s.end.off, s.marked = from, from
	for {
		line, next, whole := r.next()
		if !whole {
			break
		}
		s.end.off = next
		if e, ok := decode(line); ok {
			s.learn(&e)
		}
	}
	if s.end.off < fi.Size() {
		return f.Truncate(s.end.off)
	}
	return nil
}

func beginsWithMark(dir string, seq int) bool {
	f, err := os.Open(segmentPath(dir, seq))
	if err != nil {
		return false
	}
	defer f.Close()
	line, _, whole := newLineReader(f, 0, 1<<62).next()
	e, ok := decode(line)
	return whole && ok && e.N != nil
}

// learn takes what an entry says about offsets and numbers.
func (s *store) learn(e *entry) {
	switch {
	case e.N != nil:
		s.end.n = *e.N
		s.offsets = map[string]int64{}
		maps.Copy(s.offsets, e.Offsets)
	case e.End != "":
		delete(s.offsets, e.End+"."+Stdout)
		delete(s.offsets, e.End+"."+Stderr)
	case e.isRecord():
		s.end.n++
		s.offsets[e.Instance+"."+e.Stream] = e.Offset
		if e.Time.After(s.last) {
			s.last = e.Time
		}
	}
}

// lastMark finds the last mark of a segment by reading backwards; 0, where the
// first one is, if there is no other.
func lastMark(f *os.File, size int64) int64 {
	const step = 64 << 10
	want := []byte("\n" + `{"offsets":`)
	buf := make([]byte, step+len(want))
	for end := size; end > 0; end -= step {
		from := max(0, end-step)
		n, err := f.ReadAt(buf[:min(int64(len(buf)), size-from)], from)
		if err != nil && n == 0 {
			return 0
		}
		if i := bytes.LastIndex(buf[:n], want); i >= 0 {
			return from + int64(i) + 1
		}
	}
	return 0
}

// append writes whole records. On an error nothing counts as written. The
// caller holds mu and has called recover.
func (s *store) append(batch []byte, records int) error {
	if s.end.seq == 0 || s.end.off > 0 && s.end.off+int64(len(batch)) > s.size {
		if err := s.rotate(); err != nil {
			return err
		}
	}
	if s.end.off == 0 || s.end.off-s.marked > markEvery {
		batch = append(s.mark(s.end.n), batch...)
		defer func(at int64) {
			if s.end.off > at {
				s.marked = at
			}
		}(s.end.off)
	}
	if err := s.put(batch); err != nil {
		return err
	}
	s.end.n += int64(records)
	return nil
}

// mark encodes the offsets of all live streams.
func (s *store) mark(n int64) []byte {
	offsets := s.offsets
	if len(offsets) == 0 {
		offsets = map[string]int64{"": 0} // a mark begins with its offsets: lastMark looks for it
	}
	return appendJSON(nil, &entry{Offsets: offsets, N: &n})
}

// put appends bytes to the current segment, whole or not at all.
func (s *store) put(b []byte) error {
	f, err := os.OpenFile(segmentPath(s.dir, s.end.seq), os.O_WRONLY|os.O_CREATE, 0o600)
	if err != nil {
		return err
	}
	defer f.Close()
	if s.torn {
		if err := f.Truncate(s.end.off); err != nil {
			return err
		}
		s.torn = false
	}
	if _, err := f.Seek(s.end.off, 0); err != nil {
		return err
	}
	if _, err := s.write(f, b); err != nil {
		s.torn = f.Truncate(s.end.off) != nil
		return err
	}
	s.end.off += int64(len(b))
	return nil
}

// rotate begins the next segment with a mark and drops the oldest ones.
func (s *store) rotate() error {
	old := s.end
	oldMarked, oldTorn := s.marked, s.torn
	s.end, s.marked, s.torn = position{seq: old.seq + 1, n: old.n}, 0, false
	if err := s.put(s.mark(old.n)); err != nil {
		_ = os.Remove(segmentPath(s.dir, s.end.seq))
		s.end, s.marked, s.torn = old, oldMarked, oldTorn
		return err
	}
	for _, seq := range segments(s.dir) {
		if seq <= s.end.seq-s.keep {
			if err := os.Remove(segmentPath(s.dir, seq)); err != nil && !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
	}
	return nil
}

// stamp is the time for new records: the clock, but never before the last one.
func (s *store) stamp(now time.Time) time.Time {
	if now.After(s.last) {
		s.last = now.UTC().Round(0)
	}
	return s.last
}

// position returns the end.
func (s *store) position() position {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.end
}
