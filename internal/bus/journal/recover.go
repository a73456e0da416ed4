package journal

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// recover reads what is on the disk. What it cannot read stops the topic; what
// lies before that can be read.
func (t *topic) recover() {
	l := loader{topic: t}
	err := l.load()
	if len(t.segments) == 0 {
		// A stand-in without room: the first event goes into the next segment.
		t.segments = []*segment{{header: header{number: l.newest}, contents: empty(1)}}
	}
	if err != nil && !errors.Is(err, engine.ErrDamaged) {
		err = stopped(t.dir, err)
	}
	t.stopped = err
	t.lookAhead()
	t.j.used.Add(t.bytes())
}

// lookAhead learns how large a hole the topic begins with.
func (t *topic) lookAhead() {
	s, b := t.segments[0], make([]byte, groupSize)
	if s.file == nil || s.readAt(b, headerSize) != nil {
		return
	}
	if g, ok := parseGroup(b, s.salt); ok && g.hole {
		t.leading, t.lead = s.number, uint64(g.records)
	}
}

// loader is the state of a recovery.
type loader struct {
	*topic
	newest  uint64 // the highest number of a segment
	files   []*segment
	empties []*segment        // at the end, without a group
	indexes map[uint64]string // by number
	broken  error             // why the files end here
}

func (l *loader) load() error {
	if err := l.list(); err != nil {
		return err
	}
	defer l.closeUnused()
	if l.broken == nil {
		if err := l.trailing(); err != nil {
			return err
		}
	}
	if err := l.join(); err != nil {
		return err
	}
	if l.broken != nil {
		return l.broken
	}
	if len(l.files) > 0 {
		if err := l.settle(); err != nil {
			return err
		}
	}
	return l.orphans()
}

// list opens all segments.
func (l *loader) list() error {
	disk := l.j.FS
	names, err := disk.List(l.dir)
	if err != nil {
		return err
	}
	l.indexes = map[uint64]string{}
	for _, name := range names {
		path := filepath.Join(l.dir, name)
		base, kind, _ := strings.Cut(name, ".")
		number, err := strconv.ParseUint(base, 10, 64)
		switch {
		case kind == "tmp":
			if err := disk.Remove(path); err != nil {
				return err
			}
		case err != nil:
		case kind == "idx":
			l.indexes[number] = path
		case kind == "seg" && l.broken == nil:
			if err := l.add(path, number); err != nil {
				return err
			}
		}
	}
	if len(l.files) == 0 && l.broken == nil && len(l.indexes) > 0 {
		return damaged(l.dir, "all segments are missing")
	}
	return nil
}

// add opens a segment. One that is not what it should be ends the files.
func (l *loader) add(path string, number uint64) error {
	if l.newest != 0 && number != l.newest+1 {
		l.broken = damaged(path, "%d segments before it are missing", number-l.newest-1)
		return nil
	}
	s, err := l.openSegment(path, number)
	if err == nil {
		l.newest = number
		l.files = append(l.files, s)
	} else if errors.Is(err, engine.ErrDamaged) {
		l.broken, err = err, nil
	}
	return err
}

func (l *loader) openSegment(path string, number uint64) (*segment, error) {
	file, err := l.j.FS.Open(path)
	if err != nil {
		return nil, err
	}
	size, err := file.Size()
	if err != nil {
		return nil, errors.Join(err, file.Close())
	}
	b := make([]byte, headerSize)
	if _, err := file.ReadAt(b, 0); err != nil && !errors.Is(err, io.EOF) {
		return nil, errors.Join(err, file.Close())
	}
	h, ok := parseHeader(b)
	if !ok || h.number != number || h.size != size {
		return nil, errors.Join(damaged(path, "its first %d bytes or its size are not what was written", headerSize), file.Close())
	}
	return &segment{header: h, name: path, file: file}, nil
}

// trailing sets those aside at the end of which nothing was stored in.
func (l *loader) trailing() error {
	for len(l.files) > 1 && len(l.empties) < 2 {
		s := l.files[len(l.files)-1]
		b := make([]byte, groupSize)
		if err := s.readAt(b, headerSize); err != nil {
			return err
		}
		if _, ok := parseGroup(b, s.salt); ok {
			return nil
		}
		data, err := s.read()
		if err != nil {
			return err
		}
		if _, later := tail(data, headerSize, s.salt, math.MaxUint64); later {
			return nil
		}
		l.empties = append(l.empties, s)
		l.files = l.files[:len(l.files)-1]
	}
	return nil
}

// join finds out what each segment holds, and that they follow each other.
func (l *loader) join() error {
	next, err := l.first()
	if err != nil {
		return err
	}
	for i, s := range l.files {
		if i == len(l.files)-1 && l.broken == nil {
			return l.last(s, next)
		}
		if err := l.full(s, next); err != nil {
			return err
		}
		next = s.last + 1
	}
	return nil
}

// first returns the offset that the oldest segment begins with.
func (l *loader) first() (uint64, error) {
	for _, s := range l.files {
		b := make([]byte, groupSize)
		if err := s.readAt(b, headerSize); err != nil {
			return 0, err
		}
		if g, ok := parseGroup(b, s.salt); ok && g.first > 0 {
			return g.first, nil
		}
		if b := bytes.TrimLeft(b, "\x00"); len(b) > 0 {
			break
		}
	}
	if len(l.files) > 0 && (l.files[0].number > 1 || len(l.files) > 1) {
		return 0, damaged(l.files[0].name, "its first group is not what was written")
	}
	return 1, nil
}

// full takes up a segment that another one follows.
func (l *loader) full(s *segment, next uint64) error {
	if path, ok := l.indexes[s.number]; ok {
		c, f, err := openIndex(l.j.FS, path, s.number)
		switch {
		case err == nil && c.first == next:
			s.contents = c
			l.segments = append(l.segments, s)
			l.past = append(l.past, &past{number: s.number, until: c.until, file: f})
			delete(l.indexes, s.number)
			return nil
		case err == nil:
			f.close()
			return damaged(s.name, "it begins with event %d instead of %d", c.first, next)
		}
		// An index can be made again, and is.
		delete(l.indexes, s.number)
	}
	data, err := s.read()
	if err != nil {
		return err
	}
	l.scan(s, data, next)
	l.past = append(l.past, &past{number: s.number, until: s.until, ids: s.ids})
	if _, bad := tail(data, s.end, s.salt, s.last+1); bad {
		return l.damagedAt(s)
	}
	return nil
}

// scan makes the segment readable up to the first thing in it that is not whole.
func (l *loader) scan(s *segment, data []byte, next uint64) (last []byte) {
	s.contents = empty(next)
	walk(data, s.salt, next, func(data []byte, g group) {
		s.note(data, g)
		last = data
	})
	l.segments = append(l.segments, s)
	return last
}

func (l *loader) damagedAt(s *segment) error {
	return damaged(s.name, "at byte %d, event %d is not what was written", s.end, s.last+1)
}

// last takes up the segment that is written to.
func (l *loader) last(s *segment, next uint64) error {
	data, err := s.read()
	if err != nil {
		return err
	}
	group := l.scan(s, data, next)
	dirty, bad := tail(data, s.end, s.salt, s.last+1)
	if bad {
		return l.damagedAt(s)
	}
	if dirty {
		for _, e := range l.empties {
			// Something was written behind it, so it was whole once.
			if data, err := e.read(); err != nil {
				return err
			} else if dirty, _ := tail(data, headerSize, e.salt, 0); dirty {
				return l.damagedAt(s)
			}
		}
	}
	if err := s.wipe(data); err != nil {
		return err
	}
	// A killed program may have written without a sync, and a sync that failed may
	// have left pages that look clean: written again, it is certain.
	if len(group) > 0 {
		if _, err := s.file.WriteAt(group, s.end-int64(len(group))); err != nil {
			return err
		}
	}
	return s.file.Sync()
}

// settle readies the empty segments, and drops an index that would lie soon.
func (l *loader) settle() error {
	s := l.segments[len(l.segments)-1]
	if path, ok := l.indexes[s.number]; ok {
		if err := l.j.FS.Remove(path); err != nil {
			return err
		}
		delete(l.indexes, s.number)
	}
	for i, e := range l.empties {
		if i < len(l.empties)-1 {
			if err := l.j.FS.Remove(e.name); err != nil {
				return err
			}
			continue
		}
		data, err := e.read()
		if err != nil {
			return err
		}
		e.contents = empty(0)
		if err := errors.Join(e.wipe(data), e.file.Sync()); err != nil {
			return err
		}
		l.spare = e
	}
	// Names that a killed program left may not be on the disk yet either.
	return l.j.FS.SyncDir(l.dir)
}

// orphans takes up the indexes of segments that are gone.
func (l *loader) orphans() error {
	for number, path := range l.indexes {
		c, f, err := openIndex(l.j.FS, path, number)
		if errors.Is(err, errFormat) {
			return damaged(path, "the index is not what was written, and its segment is gone")
		}
		if err != nil {
			return err
		}
		l.past = append(l.past, &past{number: number, until: c.until, file: f})
	}
	slices.SortFunc(l.past, func(a, b *past) int { return int(int64(a.number) - int64(b.number)) })
	return nil
}

func (l *loader) closeUnused() {
	for _, s := range append(l.files, l.empties...) {
		if s != l.spare && !slices.Contains(l.segments, s) {
			s.close()
		}
	}
}

// read returns the whole file.
func (s *segment) read() ([]byte, error) {
	data := make([]byte, s.size)
	if err := s.readAt(data, 0); err != nil {
		return nil, fmt.Errorf("%s: %w", s.name, err)
	}
	return data, nil
}

// wipe writes zeros over what a write that was cut short left behind the end.
func (s *segment) wipe(data []byte) error {
	end := int64(len(bytes.TrimRight(data, "\x00")))
	if end <= s.end {
		return nil
	}
	_, err := s.file.WriteAt(make([]byte, end-s.end), s.end)
	return err
}
