package coordinator

import (
	"time"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

// Ended is a saga that has ended.
type Ended struct {
	ID, Name, By, Parent string // as Saga has them
	Status               machine.Status
	Reason               string // why it turned back
	Trace                string // the W3C traceparent that it was started with
	Began, At            time.Time
	// Reopened: it had ended before, and its parent had it undone since Began.
	Reopened bool
}

// tellEnd tells Options.Ended of a saga that was stored, if that has ended with it. was
// is its status before; empty: there was none.
func (t *term) tellEnd(s *saga, was machine.Status) {
	now := s.state.Status
	switch {
	case was.Ended() && !now.Ended():
		s.reopened = s.row.Updated
	case now.Ended() && now != was && t.options.Ended != nil:
		e := Ended{
			ID: s.id, Name: s.row.Name, By: s.row.By, Parent: s.row.Parent, Status: now, Reason: s.state.Reason,
			Trace: s.origin.Trace, Began: s.row.Created, At: s.state.Ended,
		}
		if e.Reopened = was == machine.Succeeded || !s.reopened.IsZero(); e.Reopened {
			e.Began = s.reopened
			if e.Began.IsZero() { // at once
				e.Began = e.At
			}
		}
		t.options.Ended(e)
	}
}
