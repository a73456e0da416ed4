package journal

import (
	"cmp"
	"errors"
	"runtime"
	"slices"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/crashpoint"
)

const (
	// What one group takes, at most one call more.
	groupRecords = 4096
	groupBytes   = 8 << 20
	// segmentIDs bounds what a topic's newest ids take up in memory.
	segmentIDs = 1 << 18
	// unfiled segments are full and have no index file yet: their ids are in memory.
	unfiled = 3
)

// writer stores what waits, a group at a time. It alone appends.
type writer struct {
	*topic
	buf     []byte
	calls   []*call
	fresh   map[engine.ID]uint64 // ids of the group
	added   []engine.ID          // those of the call
	next    uint64               // offset of the next record
	past    []*past
	active  *segment
	smeared int64 // up to here, writes that failed may have left something behind the end
}

// write is the writer's goroutine.
func (t *topic) write() {
	w := writer{topic: t, fresh: map[engine.ID]uint64{}}
	for {
		select {
		case <-t.closing:
			return
		case c := <-t.calls:
			w.gather(c)
			w.store()
			// Those who were answered publish again: they come into the next group together.
			runtime.Gosched()
		}
	}
}

// gather takes what waits, and leaves what is too much.
func (w *writer) gather(c *call) {
	w.calls = append(w.calls[:0], c)
	records, bytes := len(c.records), c.bytes
	for records < groupRecords && bytes < groupBytes {
		select {
		case c := <-w.topic.calls:
			w.calls = append(w.calls, c)
			records, bytes = records+len(c.records), bytes+c.bytes
		default:
			return
		}
	}
}

// store makes a group of the calls and answers them.
func (w *writer) store() {
	if cap(w.buf) > 2*groupBytes {
		w.buf = nil
	}
	w.buf = append(w.buf[:0], make([]byte, groupSize)...)
	clear(w.fresh)
	w.mu.Lock()
	w.active, w.past = w.topic.active(), w.topic.past
	err := w.stopped
	w.mu.Unlock()
	w.next = w.active.last + 1
	errs := make([]error, len(w.calls))
	for i, c := range w.calls {
		if errs[i] = err; err == nil {
			errs[i] = w.encode(c)
		}
	}
	if w.next > w.active.last+1 {
		err = w.commit()
	}
	for i, c := range w.calls {
		w.waiting.Add(-c.bytes)
		if errs[i] == nil {
			errs[i] = err
		}
		c.done <- errs[i]
	}
	crashpoint.Pass(crashpoint.JournalAnswered)
}

// encode appends a call's records that are new, or none of them.
func (w *writer) encode(c *call) error {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.abandoned {
		return errAbandoned
	}
	size, next := len(w.buf), w.next
	w.added = w.added[:0]
	for i := range c.records {
		r := &c.records[i]
		offset, duplicate, err := w.known(r)
		crashpoint.Pass(crashpoint.DedupeChecked)
		if err != nil {
			w.undo(size, next)
			w.stop(damaged(w.dir, "cannot tell whether an event was stored before: %w", err))
			return w.whyStopped()
		}
		if !duplicate {
			offset = w.next
			w.next++
			w.buf = appendRecord(w.buf, offset, r)
			if r.Dedup > 0 {
				w.fresh[r.ID] = offset
				w.added = append(w.added, r.ID)
			}
		}
		c.placed[i] = engine.Placed{Position: engine.Position{Offset: offset}, Duplicate: duplicate}
	}
	if len(w.buf) == size {
		return nil // all of it is stored already
	}
	if err := w.room(int64(len(w.buf))); err != nil {
		w.undo(size, next)
		return err
	}
	return nil
}

var errAbandoned = errors.New("the caller has gone")

func (w *writer) undo(size int, next uint64) {
	w.buf, w.next = w.buf[:size], next
	for _, id := range w.added {
		delete(w.fresh, id)
	}
}

func (w *writer) whyStopped() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.stopped
}

// known looks for a record with the same id whose window lasts.
func (w *writer) known(r *engine.Record) (offset uint64, ok bool, err error) {
	if r.Dedup <= 0 {
		return 0, false, nil
	}
	if offset, ok := w.fresh[r.ID]; ok {
		return offset, true, nil
	}
	now := r.Time.UnixMicro()
	if m, ok := w.active.ids[r.ID]; ok && now < m.until {
		return m.offset, true, nil
	}
	for _, p := range slices.Backward(w.past) {
		if now >= p.until {
			continue
		}
		if m, ok, err := p.find(r.ID); err != nil || ok && now < m.until {
			return m.offset, ok, err
		}
	}
	return 0, false, nil
}

// commit writes the group, in the next segment if this one has no room for it.
func (w *writer) commit() error {
	first := w.active.last + 1
	g := group{first: first, records: uint32(w.next - first), bytes: uint32(len(w.buf) - groupSize)}
	if w.active.end+int64(len(w.buf)) > w.active.size || len(w.active.ids) >= segmentIDs {
		if err := w.roll(int64(len(w.buf))); err != nil {
			return err
		}
	}
	s := w.active
	g.put(w.buf, s.salt)
	crashpoint.Pass(crashpoint.JournalEncoded)
	if _, err := s.file.WriteAt(w.buf, s.end); err != nil {
		w.smeared = max(w.smeared, s.end+int64(len(w.buf)))
		return w.failed(s, err)
	}
	crashpoint.Pass(crashpoint.JournalWritten)
	if err := s.file.Sync(); err != nil {
		w.stop(stopped(s.name, err))
		return w.whyStopped()
	}
	crashpoint.Pass(crashpoint.JournalSynced)
	w.j.used.Add(int64(len(w.buf)))
	w.mu.Lock()
	defer w.mu.Unlock()
	s.note(w.buf, g)
	if w.spare == nil && s.end > s.size/2 {
		w.nudge()
	}
	close(w.grown)
	w.grown = make(chan struct{})
	return nil
}

// failed sorts a write that failed: nothing of it counts, and room may come.
func (w *writer) failed(s *segment, err error) error {
	if noRoom(err) {
		return full(s.name, err)
	}
	w.stop(stopped(s.name, err))
	return w.whyStopped()
}

// clean wipes what writes that failed left, before another segment follows: with
// something behind it, it would look like damage.
func (w *writer) clean() error {
	s := w.active
	if w.smeared > s.end {
		if _, err := s.file.WriteAt(make([]byte, w.smeared-s.end), s.end); err != nil {
			return w.failed(s, err)
		}
		if err := s.file.Sync(); err != nil {
			w.stop(stopped(s.name, err))
			return w.whyStopped()
		}
	}
	w.smeared = 0
	return nil
}

// roll begins the next segment. It waits while the keeper makes it.
func (w *writer) roll(need int64) error {
	if err := w.clean(); err != nil {
		return err
	}
	for {
		w.mu.Lock()
		spare, why, changed := w.spare, w.noSpare, w.spared
		unindexed := 0
		for _, p := range w.topic.past {
			if p.file == nil {
				unindexed++
			}
		}
		switch {
		case w.stopped != nil:
			w.mu.Unlock()
			return w.whyStopped()
		case unindexed >= unfiled && why != nil, spare == nil && why != nil:
			w.mu.Unlock()
			return why
		case unindexed >= unfiled:
		case spare != nil && headerSize+need <= spare.size:
			w.take(spare)
			w.mu.Unlock()
			w.nudge()
			return nil
		default:
			w.need = max(w.need, need)
		}
		w.mu.Unlock()
		w.nudge()
		select {
		case <-changed:
		case <-w.closing:
			return engine.ErrClosed
		}
	}
}

// take must be called with mu held.
func (w *writer) take(spare *segment) {
	old := w.active
	spare.contents = empty(old.last + 1)
	if old.file == nil {
		w.segments = []*segment{spare} // it was the stand-in
	} else {
		w.segments = append(append([]*segment(nil), w.segments...), spare)
		w.topic.past = append(append([]*past(nil), w.topic.past...), &past{number: old.number, until: old.until, ids: old.ids})
	}
	w.past, w.active, w.spare = w.topic.past, spare, nil
}

// room refuses what would not fit into the bounds, after what may go is gone.
func (w *writer) room(need int64) error {
	for {
		if w.excess(need) <= 0 {
			return nil
		}
		w.retain(need)
		excess := w.excess(need)
		if excess <= 0 {
			return nil
		}
		w.mu.Lock()
		var mayGo int64
		for _, s := range w.segments {
			if w.want.DropOldest || s.last <= w.released {
				mayGo += s.end - headerSize
			}
		}
		alone, filed, changed := len(w.segments) == 1, w.filed(w.segments[0].number), w.spared
		why := cmp.Or(w.stopped, w.noSpare)
		w.mu.Unlock()
		switch {
		case excess > mayGo:
			return full(w.dir, errBound)
		case w.active.none():
			return nil // what is before it goes as soon as there is something in it
		case alone:
			return w.roll(need)
		case filed:
			return full(w.dir, errBound)
		case why != nil:
			return why
		}
		select {
		case <-changed:
		case <-w.closing:
			return engine.ErrClosed
		}
	}
}

// excess returns by how much more bytes would be too many.
func (t *topic) excess(more int64) int64 {
	t.mu.Lock()
	defer t.mu.Unlock()
	var n int64
	if t.want.MaxBytes > 0 {
		n = t.bytes() + more - t.want.MaxBytes
	}
	if t.j.MaxBytes > 0 {
		n = max(n, t.j.used.Load()+more-t.j.MaxBytes)
	}
	return n
}

var errBound = errors.New("it holds as many bytes as it may")
