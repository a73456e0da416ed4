package store

import (
	"errors"
	"io/fs"
	"slices"
	"time"
)

const (
	// floor is the part of the limit below which nothing goes because a disk is full.
	floor = 8
	// largest is the part of the limit that one frame may have.
	largest = 16
	// ahead is how far what was taken in may be ahead of the clock. What is further was
	// taken in by a clock that was wrong.
	ahead = 10 * time.Minute
)

// retain removes blocks that are too old, or in whose place others are to go.
func (s *shelf) retain() {
	for {
		s.mu.Lock()
		e := s.excess()
		s.mu.Unlock()
		if e == nil {
			return
		}
		s.remove(e)
	}
}

// excess returns an entry that must go; nil: none. It must be called with mu held.
func (s *shelf) excess() *entry {
	if len(s.entries) == 0 {
		return nil
	}
	b := s.bounds.Load()
	if s.bytes() > b.limit {
		return s.entries[0]
	}
	if b.maxAge > 0 {
		return s.before(s.Now(), b.maxAge)
	}
	return nil
}

// before returns the oldest block that is older than an age; nil: there is none. A
// record may say that it is of any time, so a block is as old as its latest record, or
// as when that was taken in if that was earlier. Of one that is ahead of the clock
// nobody knows: it is as old as the next that is not. It must be called with mu held.
func (s *shelf) before(now time.Time, age time.Duration) (found *entry) {
	next := now.UnixNano()
	for _, e := range slices.Backward(s.entries) {
		if e.block == nil {
			continue
		}
		m := e.meta()
		at := m.MaxTime
		if m.Taken != 0 {
			at = min(at, m.Taken)
		}
		if at > now.Add(ahead).UnixNano() {
			at = next
		}
		if next = at; at < now.Add(-age).UnixNano() {
			found = e
		}
	}
	return found
}

// makeWay removes what is oldest until there is place for so many bytes within the limit.
func (s *shelf) makeWay(bytes int64) {
	for {
		s.mu.Lock()
		if len(s.entries) == 0 || s.bytes()+bytes <= s.bounds.Load().limit {
			s.mu.Unlock()
			return
		}
		e := s.entries[0]
		s.mu.Unlock()
		s.remove(e)
	}
}

// bytes must be called with mu held.
func (s *shelf) bytes() int64 {
	n := s.walBytes()
	for _, e := range s.entries {
		n += e.size
	}
	return n
}

// walBytes must be called with mu held.
func (s *shelf) walBytes() int64 {
	n := int64(0)
	for _, h := range s.sealed {
		n += h.wal.bytes()
	}
	if s.active != nil {
		n += s.active.wal.bytes()
	}
	return n
}

// makeRoom removes the oldest block, as the disk is full. False: too little is left.
func (s *shelf) makeRoom() bool {
	s.mu.Lock()
	if len(s.entries) == 0 || s.bytes() < s.bounds.Load().limit/floor {
		s.mu.Unlock()
		return false
	}
	e := s.entries[0]
	s.mu.Unlock()
	s.Log.Warn("the disk is full: telemetry removes its oldest block", "block", e.name)
	return s.remove(e)
}

// remove takes an entry off the shelf. Its file goes once nobody reads it. False:
// somebody else did it.
func (s *shelf) remove(e *entry) bool {
	s.mu.Lock()
	at := slices.Index(s.entries, e)
	if at < 0 {
		s.mu.Unlock()
		return false
	}
	s.entries = slices.Delete(slices.Clone(s.entries), at, at+1)
	s.count.removed += int64(e.meta().Rows)
	s.lose(e, e.meta().Rows)
	s.mu.Unlock()
	s.release(e)
	return true
}

// acquire keeps the files of entries on the shelf until release. It must be called
// with mu held.
func (s *shelf) acquire(entries []*entry) {
	for _, e := range entries {
		e.refs++
	}
}

func (s *shelf) releaseAll(entries []*entry) {
	for _, e := range entries {
		s.release(e)
	}
}

// release ends what acquire began, or being on the shelf.
func (s *shelf) release(e *entry) {
	s.mu.Lock()
	e.refs--
	last := e.refs == 0
	s.mu.Unlock()
	if !last {
		return
	}
	if err := s.FS.Remove(e.name); err != nil && !errors.Is(err, fs.ErrNotExist) {
		s.Log.Warn("cannot remove a block of telemetry", "error", err)
	}
}
