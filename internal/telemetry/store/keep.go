package store

import (
	"bytes"
	"errors"
	"path/filepath"
	"slices"

	"github.com/banyanrun/banyan/internal/telemetry/block"
)

// work makes blocks of the heads that are full, and removes what is too old or too much.
func (s *shelf) work() {
	s.sealOld()
	for {
		s.mu.Lock()
		if len(s.sealed) == 0 {
			s.stuck = nil
			s.mu.Unlock()
			break
		}
		h := s.sealed[0]
		s.mu.Unlock()
		err := s.make(h)
		s.mu.Lock()
		again := s.stuck != nil && err != nil && s.stuck.Error() == err.Error()
		s.stuck = err
		close(s.cut)
		s.cut = make(chan struct{})
		s.mu.Unlock()
		if err != nil && !again {
			s.Log.Error("telemetry", "error", err)
		}
		if err != nil {
			break
		}
	}
	s.retain()
	if s.thin() {
		s.poke() // there may be more
	}
}

// make makes a block of a head.
func (s *shelf) make(h *head) error {
	var data []byte
	err := h.with(func(block.Records) (err error) {
		data, err = h.b.Encode()
		return err
	})
	if err != nil {
		// It never will be one, and is in the way.
		n := h.meta().Rows
		s.Log.Error("telemetry is lost: it cannot be made a block", "records", n, "error", err)
		s.mu.Lock()
		s.count.dropped += int64(n)
		s.failing = err
		s.forget(h)
		s.mu.Unlock()
		return errors.Join(h.wal.close(), s.FS.Remove(h.wal.name))
	}
	e, err := s.put(h.number, h.number, extFull, data)
	if err != nil {
		return s.failed("write a block of telemetry", err)
	}
	s.mu.Lock()
	s.forget(h)
	s.insert(e)
	s.mu.Unlock()
	// What stays of the log goes at the next start.
	if err := errors.Join(h.wal.close(), s.FS.Remove(h.wal.name)); err != nil {
		s.Log.Warn("telemetry", "error", err)
	}
	return nil
}

// agedPart is the part of MaxAge after which a head that is not full is made a
// block: until then what is in it does not go.
const agedPart = 8

// sealOld makes a head ready that has taken long to fill.
func (s *shelf) sealOld() {
	maxAge := s.bounds.Load().maxAge
	// Who appends may wait for a block, and must not be waited for.
	if maxAge == 0 || !s.appending.TryLock() {
		return
	}
	defer s.appending.Unlock()
	s.mu.Lock()
	defer s.mu.Unlock()
	h, now := s.active, s.Now()
	if h == nil || len(s.sealed) > 0 || h.began.IsZero() {
		return
	}
	if h.began.After(now) {
		h.began = now // the clock was ahead
	}
	if now.Sub(h.began) < maxAge/agedPart {
		return
	}
	s.sealed, s.active = append(s.sealed, h), nil
}

// forget must be called with mu held.
func (s *shelf) forget(h *head) {
	s.sealed = slices.DeleteFunc(slices.Clone(s.sealed), func(other *head) bool { return other == h })
}

// insert must be called with mu held.
func (s *shelf) insert(e *entry) {
	at := slices.IndexFunc(s.entries, func(o *entry) bool { return o.first > e.first })
	if at < 0 {
		at = len(s.entries)
	}
	s.entries = slices.Insert(slices.Clone(s.entries), at, e)
}

// put makes a block's file, which is there whole or not at all.
func (s *shelf) put(first, last uint64, ext string, data []byte) (*entry, error) {
	e := &entry{first: first, last: last, ext: ext, size: int64(len(data)), refs: 1}
	e.name = filepath.Join(s.dir, nameOf(first, last, ext))
	var err error
	if e.block, err = block.Open(bytes.NewReader(data), e.size); err != nil {
		return nil, err
	}
	s.makeWay(e.size)
	return e, s.withRoom(func() error { return s.putOnce(e.name, data) })
}

func (s *shelf) putOnce(name string, data []byte) error {
	temp := name + extTemp
	f, err := s.FS.Create(temp)
	if err != nil {
		return err
	}
	_, err = f.WriteAt(data, 0)
	if err == nil {
		err = f.Sync()
	}
	err = errors.Join(err, f.Close())
	if err == nil {
		err = s.FS.Rename(temp, name)
	}
	if err != nil {
		_ = s.FS.Remove(temp) // or the next start does
		return err
	}
	return s.FS.SyncDir(s.dir)
}
