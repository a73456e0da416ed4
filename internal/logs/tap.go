package logs

import (
	"context"
	"time"
)

// Place is how far somebody has read the records of a service.
type Place struct {
	Segment int   `json:"segment"`
	Offset  int64 `json:"offset"`
}

// Batch is some records of a service, in the order in which they were stored, and
// the place behind them.
type Batch struct {
	Service string
	Records []Record
	End     Place
	// Caught says that all that was stored before has been handed out. Tap says it once
	// of each service, if need be without records.
	Caught bool
}

const (
	// tapMost bounds the records of a batch.
	tapMost = 1000
	// tapPace is how long records are gathered before they are handed out.
	tapPace = 50 * time.Millisecond
)

// Tap hands out all records that are stored behind the places, and then what comes,
// until handle returns false, ctx ends or the Collector is closed. Of a service
// without a place it begins with the oldest. Places are good for later Collectors of
// the same directory: whoever keeps the one of the last batch it has done with gets
// each record once.
func (c *Collector) Tap(ctx context.Context, from map[string]Place, handle func(Batch) bool) {
	at := map[*store]position{}
	for {
		c.mu.Lock()
		changed := c.changed
		c.mu.Unlock()
		for _, st := range c.chosen(nil) {
			pos, seen := at[st]
			if !seen {
				pos = st.resume(from[st.service])
			}
			for more := true; more; {
				var b Batch
				b, pos, more = st.batch(pos)
				at[st] = pos
				b.Caught = !seen && !more
				if (len(b.Records) > 0 || b.Caught) && !handle(b) || ctx.Err() != nil {
					return
				}
			}
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		case <-c.stop:
			return
		}
		select {
		case <-time.After(tapPace):
		case <-ctx.Done():
			return
		}
	}
}

// resume is where a place of an earlier Collector is now. After a loss of power the
// segments may be shorter than what was read of them: then it goes on at their end. A
// place further off is of a directory that is gone.
func (s *store) resume(p Place) position {
	s.mu.Lock()
	// What a crash left half-written is no place to go on at: it is cut off sooner or
	// later. Where that fails nothing is written either.
	_ = s.recover()
	end := s.end
	s.mu.Unlock()
	switch {
	case p.Segment <= 0 || p.Offset < 0 || p.Segment > end.seq+1:
		return startOf()
	case p.Segment == end.seq+1 || p.Segment == end.seq && p.Offset > end.off:
		return position{seq: end.seq, off: end.off, n: -1}
	}
	return position{seq: p.Segment, off: p.Offset, n: -1}
}

// batch reads records behind a position.
func (s *store) batch(from position) (b Batch, at position, more bool) {
	b.Service = s.service
	end := s.position()
	if end.seq == from.seq && end.off == from.off {
		b.End = Place{Segment: from.seq, Offset: from.off}
		return b, from, false
	}
	r := &reader{st: s, filter: &Filter{}, at: from, end: end}
	defer r.close()
	for len(b.Records) < tapMost {
		rec, ok := r.next()
		if !ok {
			b.End = Place{Segment: r.at.seq, Offset: r.at.off}
			return b, r.at, false
		}
		b.Records = append(b.Records, rec)
	}
	b.End = Place{Segment: r.at.seq, Offset: r.at.off}
	return b, r.at, true
}
