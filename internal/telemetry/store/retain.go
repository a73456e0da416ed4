package store

import (
	"errors"
	"io/fs"
	"slices"
)

// floor is the part of the limit below which nothing goes because a disk is full.
const floor = 8

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
	if s.bytes() > s.limit {
		return s.entries[0]
	}
	if s.MaxAge > 0 {
		before := s.Now().Add(-s.MaxAge).UnixNano()
		for _, e := range s.entries {
			if e.block != nil && e.meta().MaxTime < before {
				return e
			}
		}
	}
	return nil
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
	if len(s.entries) == 0 || s.bytes() < s.limit/floor {
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
