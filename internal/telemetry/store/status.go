package store

import (
	"errors"
	"math"
	"slices"
)

// Status tells what is kept and what was lost, of Spans and of Logs.
func (s *Store) Status() []Status {
	all := []Status{s.spans.status(), s.logs.status()}
	all[0].Kind, all[1].Kind = Spans, Logs
	return all
}

func (s *shelf) status() Status {
	s.mu.Lock()
	heads := s.headsLocked()
	st := Status{
		Bytes: s.bytes(), Limit: s.bounds.Load().limit, Damage: slices.Clone(s.damage), Err: errors.Join(s.failing, s.stuck),
		TakenIn: s.count.takenIn, Dropped: s.count.dropped, Sampled: s.count.sampled, Removed: s.count.removed,
	}
	entries := s.entries
	s.mu.Unlock()
	oldest := int64(math.MaxInt64)
	for _, e := range entries {
		if e.block == nil {
			continue
		}
		m := e.meta()
		st.Blocks++
		st.Records += int64(m.Rows)
		oldest = min(oldest, m.MinTime)
		if e.ext == extSampled {
			st.SampledBefore = max(st.SampledBefore, m.MaxTime)
		}
	}
	for _, h := range heads {
		if m := h.meta(); m.Rows > 0 {
			st.Records += int64(m.Rows)
			oldest = min(oldest, m.MinTime)
		}
	}
	if st.Records > 0 {
		st.Oldest = oldest
	}
	return st
}
