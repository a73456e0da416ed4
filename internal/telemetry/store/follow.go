package store

import (
	"context"
	"path/filepath"
	"slices"

	"github.com/banyanrun/banyan/internal/telemetry/block"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

// Place is how far a Follower has come. It can be written down, and be given to a
// Store that opens the same directory later.
type Place struct {
	// Number is that of a file, and Row how many of its records lie behind.
	Number uint64 `json:"number"`
	Row    int    `json:"row,omitempty"`
	// File is the block whose order Row counts in; empty: that in which records came.
	File string `json:"file,omitempty"`
}

// Follower reads all records of one kind once, also those that are still to come:
// about in the order in which they were taken in. A block that was sampled or merged
// while a part of it was read is read again, and so is one that was made of a log that
// was read in part when the program ended. It is for one goroutine, but for Waiting
// and Lost. Close it before the Store.
type Follower struct {
	shelf *shelf
	at    Place // under shelf.mu
	lost  int64 // under shelf.mu
	// head is what was read of last: a block that is made of it has another order.
	head *head // under shelf.mu
}

// Follow returns what reads on from a place. Nil: it reads what is taken in from now on.
func (s *Store) Follow(k Kind, from *Place) (*Follower, error) {
	shelf, err := s.shelf(k)
	if err != nil {
		return nil, err
	}
	f := &Follower{shelf: shelf}
	shelf.appending.Lock()
	defer shelf.appending.Unlock()
	shelf.mu.Lock()
	defer shelf.mu.Unlock()
	if from == nil {
		f.at = Place{Number: shelf.next}
		if h := shelf.active; h != nil {
			f.at = Place{Number: h.number, Row: h.meta().Rows}
		}
	} else {
		f.at = shelf.placed(*from)
	}
	shelf.followers = append(shelf.followers, f)
	return f, nil
}

// placed is a place that was written down, as far as it still means something. It must
// be called with mu held.
func (s *shelf) placed(at Place) Place {
	if at.Number > s.next {
		return Place{} // of another directory
	}
	for _, h := range s.headsLocked() {
		if h.number == at.Number && at.File == "" {
			at.Row = min(at.Row, h.meta().Rows) // a loss of power took the others
			return at
		}
	}
	if at.File == "" {
		at.Row = 0
	}
	return at
}

// Close ends it.
func (f *Follower) Close() {
	f.shelf.mu.Lock()
	defer f.shelf.mu.Unlock()
	f.shelf.followers = slices.DeleteFunc(f.shelf.followers, func(o *Follower) bool { return o == f })
	f.head = nil
}

// Spans calls yield with spans that come next, at most so many, until it returns false;
// of that one and all behind it nothing was read. It is given each span's own place, and
// the span to keep. What is returned is where the last one ends that it took: Move goes
// there.
func (f *Follower) Spans(ctx context.Context, most int, yield func(Place, *signal.Span) bool) (Place, error) {
	return f.read(ctx, most, func(r block.Records, at Place, rows []uint32) (taken int, err error) {
		err = r.Spans(rows, block.Want{}, func(row uint32, s *signal.Span) bool {
			at.Row = int(row)
			ok := yield(at, s)
			if ok {
				taken++
			}
			return ok
		})
		return taken, err
	})
}

// Logs is Spans for log records.
func (f *Follower) Logs(ctx context.Context, most int, yield func(Place, *signal.Log) bool) (Place, error) {
	return f.read(ctx, most, func(r block.Records, at Place, rows []uint32) (taken int, err error) {
		err = r.Logs(rows, block.Want{}, func(row uint32, l *signal.Log) bool {
			at.Row = int(row)
			ok := yield(at, l)
			if ok {
				taken++
			}
			return ok
		})
		return taken, err
	})
}

// read calls do for one file, the next that has more records.
func (f *Follower) read(ctx context.Context, most int, do func(block.Records, Place, []uint32) (int, error)) (Place, error) {
	for {
		if err := ctx.Err(); err != nil {
			return f.Place(), err
		}
		src, at, ended := f.source()
		if src.head == nil && src.entry == nil {
			return at, nil
		}
		taken, rows := 0, 0
		err := f.with(src, func(r block.Records) (err error) {
			rows = r.Meta().Rows
			var next []uint32
			for row := at.Row; row < min(rows, at.Row+most); row++ {
				next = append(next, uint32(row))
			}
			taken, err = do(r, at, next)
			return err
		})
		if err != nil {
			if src.entry == nil || taken > 0 || passing(err) || ctx.Err() != nil {
				return f.Place(), err
			}
			f.shelf.cannotRead(src.entry, err)
			f.skip(src.entry.last+1, rows-at.Row)
			continue
		}
		if at.Row += taken; at.Row < rows || !ended {
			return at, nil
		}
		at = Place{Number: src.number + 1}
		if src.entry != nil {
			at.Number = src.entry.last + 1
		}
		if taken > 0 {
			return at, nil
		}
		f.Move(at)
	}
}

// with calls do with a file's records.
func (f *Follower) with(src source, do func(block.Records) error) error {
	if src.head != nil {
		return src.head.with(do)
	}
	defer f.shelf.release(src.entry)
	return src.entry.with(f.shelf.FS, func(r *block.Reader) error { return do(r) })
}

// source returns what is read next, from where, and whether nothing is added to it any
// more. An entry must be released.
func (f *Follower) source() (src source, at Place, ended bool) {
	s := f.shelf
	s.mu.Lock()
	defer s.mu.Unlock()
	at = f.at
	if f.head == nil || f.head.number != at.Number || at.File != "" {
		f.head = nil
		e := s.nextEntry(at.Number)
		for _, h := range s.headsLocked() { // the newest first
			if h.number >= at.Number && (e == nil || h.number < e.first) {
				f.head = h
			}
		}
		if f.head == nil && e != nil {
			e.refs++
			if name := filepath.Base(e.name); at.File != name {
				at = Place{Number: e.first, File: name}
			}
			return source{number: e.first, entry: e}, at, true
		}
	}
	h := f.head
	if h == nil {
		return source{}, at, false
	}
	if h.number != at.Number || at.File != "" {
		at = Place{Number: h.number}
	}
	return source{number: h.number, head: h}, at, s.active != h
}

// nextEntry returns the first block that can be read from a number on; nil: there is
// none. It must be called with mu held.
func (s *shelf) nextEntry(number uint64) *entry {
	for _, e := range s.entries {
		if e.last >= number && e.block != nil && e.damage == nil {
			return e
		}
	}
	return nil
}

// Place is where it reads on.
func (f *Follower) Place() Place {
	f.shelf.mu.Lock()
	defer f.shelf.mu.Unlock()
	return f.at
}

// Move goes to a place that Spans or Logs returned.
func (f *Follower) Move(to Place) {
	f.shelf.mu.Lock()
	defer f.shelf.mu.Unlock()
	f.at = to
}

func (f *Follower) skip(to uint64, lost int) {
	f.shelf.mu.Lock()
	defer f.shelf.mu.Unlock()
	f.at = Place{Number: to}
	f.lost += int64(max(0, lost))
}

// Lost is how many records went before they were read: with their block, as it was
// sampled, or by damage.
func (f *Follower) Lost() int64 {
	f.shelf.mu.Lock()
	defer f.shelf.mu.Unlock()
	return f.lost
}

// lose counts records of a block that go, for those who have not read them. It must be
// called with mu held.
func (s *shelf) lose(e *entry, n int) {
	for _, f := range s.followers {
		switch {
		case e.last < f.at.Number || f.head != nil && f.head.number == e.first && f.at.Number == e.first:
		case f.at.File == filepath.Base(e.name):
			f.lost += int64(max(0, n-f.at.Row))
		default:
			f.lost += int64(n)
		}
	}
}

// Waiting is how many records there are to be read.
func (f *Follower) Waiting() int64 {
	s := f.shelf
	s.mu.Lock()
	at, own, heads, n := f.at, f.head, s.headsLocked(), int64(0)
	for _, e := range s.entries {
		if e.block == nil || e.last < at.Number || own != nil && own.number == e.first {
			continue
		}
		n += int64(e.meta().Rows)
		if at.File == filepath.Base(e.name) {
			n -= int64(at.Row)
		}
	}
	s.mu.Unlock()
	if own != nil && !slices.Contains(heads, own) {
		heads = append(heads, own)
	}
	for _, h := range heads {
		switch {
		case h.number < at.Number:
		case h.number == at.Number && at.File == "":
			n += int64(max(0, h.meta().Rows-at.Row))
		default:
			n += int64(h.meta().Rows)
		}
	}
	return n
}
