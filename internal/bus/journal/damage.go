package journal

import (
	"cmp"
	"errors"
	"fmt"
	"io/fs"
	"math"
	"path/filepath"
	"slices"
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

// loss is a part of a topic that cannot be read, and what makes a hole of it.
type loss struct {
	engine.Loss

	mend func() error // nil: there is no loss
}

// inspector looks for the first loss among a topic's files. Nothing else may use
// them for writing.
type inspector struct {
	*topic

	numbers []uint64          // of segments there are
	indexes map[uint64]string // by number
}

// inspect returns a topic's first loss.
func (t *topic) inspect() (loss, error) {
	i := inspector{topic: t, indexes: map[uint64]string{}}
	names, err := t.j.FS.List(t.dir)
	if err != nil {
		return loss{}, err
	}
	for _, name := range names {
		base, kind, _ := strings.Cut(name, ".")
		number, err := strconv.ParseUint(base, 10, 64)
		switch {
		case err != nil:
		case kind == "seg":
			i.numbers = append(i.numbers, number)
		case kind == "idx":
			i.indexes[number] = filepath.Join(t.dir, name)
		}
	}
	slices.Sort(i.numbers)
	if l, err := i.inIndexes(); err != nil || l.mend != nil {
		return l, err
	}
	return i.inSegments()
}

// known is how far the topic was seen to reach.
func (t *topic) known() uint64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	end := t.active().last
	for _, p := range t.want.Known {
		end = max(end, p.Offset)
	}
	return end
}

// inIndexes looks for an index that is not what was written. Without it the ids of
// a segment that is gone are forgotten; those of others are gathered again.
func (i *inspector) inIndexes() (loss, error) {
	for number, name := range i.indexes {
		_, f, err := openIndex(i.j.FS, name, number)
		if err == nil {
			err = f.verify()
			f.close()
		}
		switch {
		case errors.Is(err, errFormat):
			return loss{engine.Loss{Where: name}, func() error { return i.remove(name) }}, nil
		case err != nil:
			return loss{}, err
		}
	}
	return loss{}, nil
}

func (i *inspector) inSegments() (loss, error) {
	if len(i.numbers) == 0 {
		number := uint64(1)
		for n := range i.indexes {
			number = max(number, n+1)
		}
		return i.replaced(number, 1, i.known()), nil
	}
	next, err := i.first()
	if err != nil {
		return loss{}, err
	}
	last := i.numbers[len(i.numbers)-1]
	for n := i.numbers[0]; n <= last; n++ {
		s, data, err := i.load(n)
		if err != nil {
			return loss{}, err
		}
		follows, more, err := i.following(n, next)
		if err != nil {
			return loss{}, err
		}
		if s == nil {
			return i.replaced(n, next, follows-1), nil
		}
		l, end, err := i.inSegment(s, data, next, follows, more)
		if err != nil || l.mend != nil {
			return l, err
		}
		next = end
	}
	if end := i.known(); end >= next {
		return i.replaced(last+1, next, end), nil
	}
	return loss{}, nil
}

// inSegment looks at a segment that begins with the event next. Those behind it
// go on with follows; more says whether any of them holds an event. It returns
// what the following segment begins with, if nothing is lost.
func (i *inspector) inSegment(s *segment, data []byte, next, follows uint64, more bool) (loss, uint64, error) {
	at := walk(data, s.salt, next, func(_ []byte, g group) { next = g.last() + 1 })
	for to := at; to+align <= int64(len(data)); to += align {
		if g, ok := wholeGroup(data[to:], s.salt); ok && g.first > next {
			return i.hole(s, at, to-groupSize-at, next, g.first-1), next, nil
		}
	}
	switch {
	case follows <= next: // what is left was not written to its end
		l, err := i.rest(s, data, at, next)
		return l, next, err
	case at+groupSize > s.size: // it is full: the next one lacks something
		return loss{}, next, nil
	case more:
		return i.hole(s, at, (s.size-at-groupSize)&^(align-1), next, follows-1), next, nil
	case at == headerSize && s.number > i.numbers[0]:
		return loss{}, next, nil // it was made beforehand
	}
	return i.hole(s, at, 0, next, follows-1), next, nil
}

// rest is what cannot be a write that was cut short, behind the last event of a
// segment, although no event is known to have been there.
func (i *inspector) rest(s *segment, data []byte, at int64, next uint64) (loss, error) {
	dirty, bad := tail(data, at, s.salt, next)
	for _, n := range i.numbers {
		if n <= s.number || !dirty || bad {
			continue
		}
		later, data, err := i.load(n)
		if err != nil {
			return loss{}, err
		}
		if later != nil {
			bad, _ = tail(data, headerSize, later.salt, 0)
		}
	}
	if !bad {
		return loss{}, nil
	}
	l := loss{Loss: engine.Loss{Where: fmt.Sprintf("%s, from byte %d on", s.name, at)}}
	l.mend = func() error {
		return i.write(s.name, make([]byte, s.size-at), at)
	}
	return l, nil
}

// first returns the first event of the oldest segment, as far as it can be known.
func (i *inspector) first() (uint64, error) {
	n := i.numbers[0]
	if name, ok := i.indexes[n]; ok {
		if c, f, err := openIndex(i.j.FS, name, n); err == nil {
			f.close()
			return c.first, nil
		}
	}
	s, data, err := i.load(n)
	if err != nil {
		return 0, err
	}
	if s != nil {
		if g, ok := wholeGroup(data[headerSize:], s.salt); ok {
			return g.first, nil
		}
	}
	if n == 1 {
		return 1, nil
	}
	first, found, err := i.following(n-1, 1)
	switch {
	case !found:
		first = 1
	case first > 1:
		first-- // at least one
	}
	return first, err
}

// following returns the first event that can be read in the segments behind a
// number, and true; or what comes after all that is known, which is at least next.
func (i *inspector) following(number, next uint64) (uint64, bool, error) {
	for _, n := range i.numbers {
		if n <= number {
			continue
		}
		s, data, err := i.load(n)
		if err != nil {
			return 0, false, err
		}
		if s == nil {
			continue
		}
		for at := int64(headerSize); at+align <= int64(len(data)); at += align {
			if order.Uint64(data[at:]) != s.salt {
				continue
			}
			if g, ok := wholeGroup(data[at:], s.salt); ok {
				return g.first, true, nil
			}
		}
	}
	return max(i.known()+1, next), false, nil
}

// load reads a segment; nil: it is missing, or not to be recognized.
func (i *inspector) load(number uint64) (*segment, []byte, error) {
	name := segmentName(i.dir, number)
	s, err := (&loader{topic: i.topic}).openSegment(name, number)
	switch {
	case errors.Is(err, fs.ErrNotExist), errors.Is(err, engine.ErrDamaged):
		return nil, nil, nil
	case err != nil:
		return nil, nil, err
	}
	defer s.close()
	data, err := s.read()
	return s, data, err
}

// hole is a loss inside a segment, of which bytes are to be left out.
func (i *inspector) hole(s *segment, at, bytes int64, first, last uint64) loss {
	l := loss{Loss: engine.Loss{First: first, Last: last, Where: fmt.Sprintf("%s, at byte %d", s.name, at)}}
	l.mend = func() error {
		if bytes < 0 || bytes > math.MaxUint32 || l.Count() > math.MaxUint32 {
			return damaged(s.name, "there is no room to note what is lost")
		}
		// Its places are no longer those of groups.
		if name, ok := i.indexes[s.number]; ok {
			if err := i.remove(name); err != nil {
				return err
			}
		}
		b := make([]byte, groupSize+bytes)
		group{first: first, records: uint32(l.Count()), bytes: uint32(bytes), hole: true}.put(b, s.salt)
		return i.write(s.name, b, at)
	}
	return l
}

// write overwrites a part of a file.
func (i *inspector) write(name string, b []byte, at int64) error {
	file, err := i.j.FS.Open(name)
	if err != nil {
		return err
	}
	_, err = file.WriteAt(b, at)
	if err == nil {
		err = file.Sync()
	}
	return errors.Join(err, file.Close())
}

// replaced is the loss of a whole segment.
func (i *inspector) replaced(number, first, last uint64) loss {
	name := segmentName(i.dir, number)
	l := loss{Loss: engine.Loss{First: first, Last: last, Where: name}}
	l.mend = func() error {
		newest := uint64(0)
		if len(i.numbers) > 0 {
			newest = i.numbers[len(i.numbers)-1]
		}
		if l.Count() == 0 && number >= newest {
			return i.remove(name)
		}
		if path, ok := i.indexes[number]; ok {
			if err := i.remove(path); err != nil {
				return err
			}
		}
		return i.makeHole(number, first, l.Count())
	}
	return l
}

// makeHole makes a segment that holds nothing but a hole of count events.
func (t *topic) makeHole(number, first, count uint64) error {
	if count > math.MaxUint32 {
		first, count = first+count-math.MaxUint32, math.MaxUint32
	}
	size := cmp.Or(t.j.SegmentFirst, 1<<20)
	s, err := t.make(number, size)
	if err != nil || count == 0 {
		return err
	}
	b := make([]byte, groupSize)
	group{first: first, records: uint32(count), hole: true}.put(b, s.salt)
	_, err = s.file.WriteAt(b, headerSize)
	return errors.Join(err, s.file.Sync(), s.file.Close())
}

func (i *inspector) remove(name string) error {
	if err := i.j.FS.Remove(name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		return err
	}
	return i.j.FS.SyncDir(i.dir)
}

// verify checks what readIndex leaves unread.
func (f *idFile) verify() error {
	for i := 0; i*blockIDs < f.count; i++ {
		if _, _, err := f.inBlock(i, engine.ID{}); err != nil {
			return err
		}
	}
	return nil
}
