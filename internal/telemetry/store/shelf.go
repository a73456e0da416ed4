package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/block"
)

// sealedMost is how many heads wait to be made blocks before appending waits.
const sealedMost = 2

// shelf keeps records of one kind in a directory.
type shelf struct {
	Options

	kind   block.Kind
	dir    string
	bounds atomic.Pointer[bounds] // and not those in Options

	appending sync.Mutex
	rows      block.RowEncoder // under appending
	frame     []byte           // under appending

	mu      sync.Mutex
	active  *head    // nil: the next record makes one
	sealed  []*head  // the oldest first
	entries []*entry // by number
	next    uint64   // number of the next head
	closed  bool
	stuck   error         // why no block can be written
	failing error         // why records were dropped at last
	cut     chan struct{} // closed when a head was made a block, or could not be
	count   counts
	damage  []error

	followers []*Follower

	resting time.Time // of thin, which alone uses it

	wake    chan struct{}
	closing chan struct{}
	tasks   sync.WaitGroup
}

// counts are of records since Open.
type counts struct{ takenIn, dropped, sampled, removed int64 }

func openShelf(o Options, kind block.Kind, dir string, b *bounds) (*shelf, error) {
	s := &shelf{
		Options: o, kind: kind, dir: dir, next: 1,
		cut: make(chan struct{}), wake: make(chan struct{}, 1), closing: make(chan struct{}),
	}
	s.bounds.Store(b)
	for _, err := range []error{o.FS.MkdirAll(dir), o.FS.SyncDir(filepath.Dir(dir))} {
		if err != nil {
			return nil, fault.New(fault.Unavailable, "cannot make the directory of telemetry: %w", err).At(dir).
				Fix("make sure that the disk has room and may be written to")
		}
	}
	if err := s.recover(); err != nil {
		return nil, fault.New(fault.Unavailable, "cannot read the directory of telemetry: %w", err).At(dir).
			Fix("make sure that the disk works and the directory may be read and written")
	}
	if !o.byHand {
		s.tasks.Go(s.keep)
		s.tasks.Go(s.keepSynced)
		s.poke()
	}
	return s, nil
}

// append is try, and counts what was not taken in as dropped.
func (s *shelf) append(n int, encode func(*block.RowEncoder, []byte) []byte, fill func(*block.Builder)) error {
	err := s.try(n, encode, fill)
	if err != nil && !errors.Is(err, errTooLarge) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.count.dropped += int64(n)
	}
	return err
}

// try writes a frame to the log, and then the records to memory.
func (s *shelf) try(n int, encode func(*block.RowEncoder, []byte) []byte, fill func(*block.Builder)) error {
	s.appending.Lock()
	defer s.appending.Unlock()
	h, err := s.head()
	if err == nil {
		s.frame = encode(&s.rows, room(s.frame[:0]))
		if most := min(frameMost, s.bounds.Load().limit/largest); int64(len(s.frame)-frameSize) > most {
			s.frame = nil
			if n > 1 {
				return errTooLarge
			}
			err = fault.New(fault.Invalid, "a record of telemetry has more than %d bytes", most)
		} else {
			s.makeWay(int64(len(s.frame)))
			err = s.withRoom(func() error { return h.wal.append(s.frame) })
		}
		if cap(s.frame) > 4<<20 {
			s.frame = nil
		}
	}
	if err != nil {
		err = s.failed("store telemetry", err)
		s.mu.Lock()
		defer s.mu.Unlock()
		s.failing = err
		return err
	}
	h.wal.dirty.Store(true)
	h.add(s, fill)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.count.takenIn += int64(n)
	s.failing = nil
	return nil
}

// head returns the head that takes the next records. It must be called with
// appending held, and waits while blocks are made more slowly than records come.
func (s *shelf) head() (*head, error) {
	for {
		s.mu.Lock()
		h, cut := s.active, s.cut
		switch {
		case s.closed:
			s.mu.Unlock()
			return nil, errClosed
		case h != nil && !h.full && !h.wal.failed.Load():
			s.mu.Unlock()
			return h, nil
		case h == nil:
			number := s.next
			s.next++
			s.mu.Unlock()
			return s.newHead(number)
		case len(s.sealed) < sealedMost:
			s.sealed = append(s.sealed, h)
			s.active = nil
			s.mu.Unlock()
			s.poke()
			continue
		}
		stuck := s.stuck
		s.mu.Unlock()
		if stuck == nil && s.byHand {
			stuck = errors.New("nobody makes blocks")
		}
		if stuck != nil {
			return nil, fmt.Errorf("the newest records cannot be made a block: %w", stuck)
		}
		select {
		case <-cut:
		case <-s.closing:
		}
	}
}

// errTooLarge is what records are that must be appended in smaller parts.
var errTooLarge = errors.New("too large for a frame")

var errClosed = fault.New(fault.Unavailable, "the store of telemetry is closed")

func (s *shelf) newHead(number uint64) (*head, error) {
	var w *wal
	err := s.withRoom(func() (err error) {
		w, err = createWAL(s.FS, filepath.Join(s.dir, nameOf(number, number, extWAL)), number)
		return err
	})
	if err != nil {
		return nil, err
	}
	w.unnamed.Store(true)
	h := newHead(s.kind, number, w)
	s.mu.Lock()
	defer s.mu.Unlock()
	s.active = h
	return h, nil
}

// withRoom calls write, once more if the disk is full and the oldest block went.
func (s *shelf) withRoom(write func() error) error {
	err := write()
	if noRoom(err) && s.makeRoom() {
		err = write()
	}
	return err
}

func noRoom(err error) bool {
	return errors.Is(err, syscall.ENOSPC) || errors.Is(err, syscall.EDQUOT)
}

func (s *shelf) failed(what string, err error) error {
	if f, ok := errors.AsType[*fault.Error](err); ok {
		return f
	}
	f := fault.New(fault.Unavailable, "cannot %s: %w", what, err).At(s.dir)
	if noRoom(err) {
		return f.Fix("make room on the disk; it is tried again all the time")
	}
	return f.Fix("make sure that the disk works and the directory may be written to; it is tried again all the time")
}

func (s *shelf) poke() {
	select {
	case s.wake <- struct{}{}:
	default:
	}
}

// keep is the goroutine that makes blocks and removes old ones.
func (s *shelf) keep() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-s.wake:
		case <-tick.C:
		}
		s.work()
	}
}

// keepSynced is the goroutine that makes the log last through a loss of power.
func (s *shelf) keepSynced() {
	tick := time.NewTicker(time.Second)
	defer tick.Stop()
	for {
		select {
		case <-s.closing:
			return
		case <-tick.C:
			s.sync()
		}
	}
}

// sync syncs the logs that were written to.
func (s *shelf) sync() {
	for _, h := range s.heads() {
		err := h.wal.sync(s.FS, s.dir)
		if err == nil {
			continue
		}
		err = s.failed("sync the log of telemetry", err)
		s.Log.Error("telemetry", "error", err)
		s.mu.Lock()
		s.failing = err
		s.mu.Unlock()
	}
}

// heads returns all heads, the newest first.
func (s *shelf) heads() []*head {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.headsLocked()
}

func (s *shelf) headsLocked() []*head {
	heads := slices.Clone(s.sealed)
	if s.active != nil {
		heads = append(heads, s.active)
	}
	slices.Reverse(heads)
	return heads
}

func (s *shelf) close() error {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return nil
	}
	s.closed = true
	close(s.closing)
	s.mu.Unlock()
	s.appending.Lock() // whoever appends is done
	defer s.appending.Unlock()
	s.tasks.Wait()
	var failed error
	for _, h := range s.heads() {
		failed = errors.Join(failed, h.wal.sync(s.FS, s.dir), h.wal.close())
	}
	if failed != nil {
		return s.failed("sync the log of telemetry", failed)
	}
	return nil
}
