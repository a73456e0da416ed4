package journal

import (
	"context"
	"errors"
	"sort"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/fault"
)

const (
	readBytes  = 1 << 20  // what one read returns, at most one record more
	windowSize = 64 << 10 // what is read from a file at once
)

// read returns records after an offset, and what is closed when there is more.
func (t *topic) read(from uint64, most int) ([]engine.Stored, <-chan struct{}, error) {
	for {
		v, err := t.view(from)
		if err != nil || v.s == nil {
			return nil, v.grown, err
		}
		stored, err := v.records(most)
		switch {
		case len(stored) > 0:
			return stored, v.grown, nil
		case err == nil: // a hole; what is behind it is in the next segment
			from = v.want - 1
		case errors.Is(err, errRemoved):
			if t.closed() {
				return nil, nil, engine.ErrClosed
			}
		case errors.Is(err, errFormat):
			err = damaged(v.s.name, "near byte %d, event %d is not what was written", v.at, v.want)
			t.stop(err)
			return nil, nil, err
		default:
			return nil, nil, fault.New(fault.Unavailable, "cannot read topic %s: %w", t.name, err).At(v.s.name)
		}
	}
}

// view is what a read looks at: a part of a segment that does not change.
type view struct {
	s     *segment // nil: there is nothing
	want  uint64   // the first offset
	at    int64    // a group at or before it begins here
	end   int64
	grown <-chan struct{}
}

func (t *topic) view(from uint64) (view, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	start, end := t.floor(), t.active().last
	if from == 0 {
		from = start
	}
	v := view{want: from + 1, grown: t.grown}
	switch {
	case from < start:
		return v, fault.New(fault.NotFound, "topic %s is kept from event %d on, and %d was asked for: %w", t.name, start+1, from+1, engine.ErrGone)
	case from >= end && errors.Is(t.stopped, engine.ErrDamaged):
		return v, t.stopped
	case from > end:
		return v, damaged(t.dir, "the topic ends at event %d, and was read to %d", end, from)
	case from == end:
		return v, nil
	}
	i := sort.Search(len(t.segments), func(i int) bool { return t.segments[i].last > from })
	v.s = t.segments[i]
	v.at, v.end = v.s.seek(v.want), v.s.end
	return v, nil
}

// records returns those from v.want on, none past the view's end. It moves v.want
// behind them and behind holes.
func (v *view) records(most int) (stored []engine.Stored, err error) {
	w := window{s: v.s, end: v.end}
	total, from := 0, v.want
	for v.at < v.end {
		head, err := w.get(v.at, groupSize)
		if err != nil {
			return stored, err
		}
		g, ok := parseGroup(head, v.s.salt)
		if !ok || g.first > v.want {
			return stored, errFormat
		}
		if g.hole {
			v.want = max(v.want, g.last()+1)
			v.at += groupSize + int64(g.bytes)
			continue
		}
		at := v.at + groupSize
		for offset := g.first; offset <= g.last() && g.last() >= v.want; offset++ {
			b, err := w.record(at)
			if err != nil {
				return stored, err
			}
			at += pad(int64(len(b)))
			if offset < v.want {
				continue
			}
			b, _, err = cut(b, offset)
			if err != nil {
				return stored, err
			}
			s, err := decode(b, offset)
			if err != nil {
				return stored, err
			}
			stored = append(stored, s)
			total += len(b)
			v.want++
			if len(stored) >= most || total >= readBytes {
				return stored, nil
			}
		}
		v.at += groupSize + int64(g.bytes)
	}
	if v.want == from {
		return nil, errFormat
	}
	return stored, nil
}

// window reads a segment in larger pieces.
type window struct {
	s   *segment
	end int64
	at  int64
	b   []byte
}

// get returns n bytes, which hold until the next call.
func (w *window) get(at, n int64) ([]byte, error) {
	if n > w.end-at {
		return nil, errFormat
	}
	if at < w.at || at+n > w.at+int64(len(w.b)) {
		w.at, w.b = at, make([]byte, min(max(n, windowSize), w.end-at))
		if err := w.s.readAt(w.b, at); err != nil {
			w.b = nil
			return nil, err
		}
	}
	return w.b[at-w.at : at-w.at+n], nil
}

// record returns the bytes of the record that begins at at, unchecked.
func (w *window) record(at int64) ([]byte, error) {
	head, err := w.get(at, 8)
	if err != nil {
		return nil, err
	}
	return w.get(at, 8+int64(order.Uint32(head[4:])))
}

// find returns the offset before the first record that was accepted at or after a time.
func (t *topic) find(ctx context.Context, at time.Time) (uint64, error) {
	micro := at.UnixMicro()
	t.mu.Lock()
	offset := t.active().last
	for _, s := range t.segments {
		if s.newest >= micro && !s.none() {
			offset = s.first - 1
			break
		}
	}
	t.mu.Unlock()
	for ctx.Err() == nil {
		stored, _, err := t.read(offset, 1024)
		if err != nil {
			return 0, err
		}
		for _, s := range stored {
			if s.Time.UnixMicro() >= micro {
				return s.Offset - 1, nil
			}
			offset = s.Offset
		}
		if len(stored) == 0 {
			return offset, nil
		}
	}
	return 0, ctx.Err()
}

func (t *topic) closed() bool {
	select {
	case <-t.closing:
		return true
	default:
		return false
	}
}

// cursor reads for a group.
type cursor struct {
	t      *topic
	at     uint64
	once   sync.Once
	closed chan struct{}
}

func (c *cursor) Next(ctx context.Context, most int) ([]engine.Stored, error) {
	for {
		if err := ctx.Err(); err != nil {
			return nil, err
		}
		select {
		case <-c.closed:
			return nil, engine.ErrClosed
		case <-c.t.closing:
			return nil, engine.ErrClosed
		default:
		}
		stored, grown, err := c.t.read(c.at, most)
		if err != nil {
			return nil, err
		}
		if len(stored) > 0 {
			c.at = stored[len(stored)-1].Offset
			return stored, nil
		}
		select {
		case <-grown:
		case <-ctx.Done():
		case <-c.closed:
		case <-c.t.closing:
		}
	}
}

// Done does nothing: a group's progress is the caller's.
func (c *cursor) Done(context.Context, []engine.Position) error { return nil }

func (c *cursor) Close() error {
	c.once.Do(func() { close(c.closed) })
	return nil
}
