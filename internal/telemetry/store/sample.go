package store

import (
	"cmp"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/telemetry/block"
	"github.com/banyanrun/banyan/internal/telemetry/signal"
)

const (
	// recentShare is the part of the limit, in per cent, in which every span is kept.
	recentShare = 50
	// neighbours is how many blocks on either side are asked about a trace.
	neighbours = 3
	// rest is how long sampling waits after it failed.
	rest = 10 * time.Second
	// mergeLeast is how many small blocks are merged, if not fewer fill one.
	mergeLeast = 8
)

// thin samples the oldest block that holds everything, if more do than fit into their
// share, or else merges blocks that became small. False: there was nothing to do. One
// step at a time, so that neither retention nor the end waits for all.
func (s *shelf) thin() bool {
	// A clock that was ahead lets nothing rest for longer.
	if left := s.resting.Sub(s.Now()); s.kind != block.Spans || left > 0 && left <= rest {
		return false
	}
	for _, step := range []func() (*entry, error){s.sampleNext, s.mergeNext} {
		e, err := step()
		if err != nil {
			s.resting = s.Now().Add(rest)
			s.Log.Error("telemetry", "error", s.failed("sample telemetry", err))
			return false
		}
		if e != nil {
			return true
		}
	}
	return false
}

// sampleNext samples one block; nil: there was none.
func (s *shelf) sampleNext() (*entry, error) {
	s.mu.Lock()
	entries := s.entries
	bytes, at := s.walBytes(), -1
	for i, e := range entries {
		if e.ext != extFull || e.block == nil || e.damage != nil {
			continue
		}
		bytes += e.size
		if at < 0 {
			at = i
		}
	}
	if at < 0 || bytes <= s.bounds.Load().limit/100*recentShare {
		s.mu.Unlock()
		return nil, nil //nolint:nilnil // as it says
	}
	e, first := entries[at], max(0, at-neighbours)
	near := entries[first:min(len(entries), at+neighbours+1)]
	s.acquire(near)
	s.mu.Unlock()
	defer s.releaseAll(near)
	b := block.NewBuilder(block.Spans)
	kept, err := s.neighbourhood(near, at-first)
	if err != nil {
		return e, err
	}
	if err := s.sample(e, kept, b); err != nil {
		return e, s.unreadable(e, err)
	}
	s.mu.Lock()
	s.count.sampled += int64(e.meta().Rows - b.Len())
	s.lose(e, e.meta().Rows-b.Len())
	s.mu.Unlock()
	return e, s.replace([]*entry{e}, b)
}

// unreadable notes damage, and returns only an error that passes.
func (s *shelf) unreadable(e *entry, err error) error {
	if err == nil || passing(err) {
		return err
	}
	s.cannotRead(e, err)
	return nil
}

// neighbourhood returns which traces are kept in the blocks around one, whose spans
// are of the same time: a trace that lies in several is kept in all, or in none.
func (s *shelf) neighbourhood(near []*entry, at int) (map[signal.TraceID]bool, error) {
	kept := map[signal.TraceID]bool{}
	m := near[at].meta()
	for i, e := range near {
		if i == at || e.block == nil || e.meta().MinTime > m.MaxEnd || e.meta().MaxEnd < m.MinTime {
			continue
		}
		err := e.with(s.FS, func(r *block.Reader) error {
			if e.ext == extSampled {
				return r.Survey(func(t block.TraceInfo) { kept[t.Trace] = true })
			}
			worth, err := worthKeeping(r)
			for _, t := range worth {
				kept[t.Trace] = true
			}
			return err
		})
		if err := s.unreadable(e, err); err != nil {
			return nil, err
		}
	}
	return kept, nil
}

// slowOf is how many traces with the same root a block must have to say which were slow.
const slowOf = 20

// worthKeeping returns the traces that have an error, or are among the slowest
// hundredth, and at least the slowest, of those with the same root in the block.
func worthKeeping(r *block.Reader) ([]block.TraceInfo, error) {
	type root struct{ service, name string }
	var all []block.TraceInfo
	durations := map[root][]int64{}
	if err := r.Survey(func(t block.TraceInfo) {
		all = append(all, t)
		durations[root{t.RootService, t.RootName}] = append(durations[root{t.RootService, t.RootName}], t.Duration)
	}); err != nil {
		return nil, err
	}
	for _, list := range durations {
		slices.Sort(list)
	}
	return slices.DeleteFunc(all, func(t block.TraceInfo) bool {
		list := durations[root{t.RootService, t.RootName}]
		p99 := list[(len(list)-1)*99/100]
		return t.Errors == 0 && (t.RootService == "" || len(list) < slowOf || t.Duration <= p99)
	}), nil
}

// lucky reports whether a trace is in the sample whatever it holds. It goes by the
// id, which is random, so that all blocks agree.
func (s *shelf) lucky(id signal.TraceID) bool {
	return int((uint64(id[14])<<8|uint64(id[15]))*100>>16) < s.bounds.Load().percent
}

// sample adds to b what is kept of a block.
func (s *shelf) sample(e *entry, kept map[signal.TraceID]bool, b *block.Builder) error {
	return e.with(s.FS, func(r *block.Reader) error {
		worth, err := worthKeeping(r)
		if err != nil {
			return err
		}
		for _, t := range worth {
			kept[t.Trace] = true
		}
		var rows []uint32
		if err := r.Survey(func(t block.TraceInfo) {
			if !kept[t.Trace] && !s.lucky(t.Trace) {
				return
			}
			for row := t.First; row < t.End; row++ {
				rows = append(rows, row)
			}
		}); err != nil {
			return err
		}
		return copyRows(r, rows, b)
	})
}

func copyRows(r *block.Reader, rows []uint32, b *block.Builder) error {
	return r.Spans(rows, block.Want{Reuse: true}, func(_ uint32, span *signal.Span) bool {
		b.AddSpan(span)
		return true
	})
}

// replace puts a sampled block in the place of others that follow each other.
func (s *shelf) replace(old []*entry, b *block.Builder) error {
	var e *entry
	if b.Len() > 0 {
		for _, o := range old {
			m := o.meta()
			b.TakenIn(cmp.Or(m.Taken, m.MaxTime))
		}
		data, err := b.Encode()
		if err != nil {
			return err
		}
		if e, err = s.put(old[0].first, old[len(old)-1].last, extSampled, data); err != nil {
			return err
		}
	}
	s.mu.Lock()
	var off []*entry // some may have gone as the disk was full
	s.entries = slices.DeleteFunc(slices.Clone(s.entries), func(e *entry) bool {
		if !slices.Contains(old, e) {
			return false
		}
		off = append(off, e)
		return true
	})
	if e != nil {
		s.insert(e)
	}
	s.mu.Unlock()
	s.releaseAll(off)
	return nil
}

// mergeNext merges blocks of the sample; nil: there were none to merge.
func (s *shelf) mergeNext() (*entry, error) {
	s.mu.Lock()
	old := s.small()
	s.acquire(old)
	s.mu.Unlock()
	defer s.releaseAll(old)
	if old == nil {
		return nil, nil //nolint:nilnil // as it says
	}
	b := block.NewBuilder(block.Spans)
	for _, e := range old {
		if err := e.with(s.FS, func(r *block.Reader) error {
			rows := make([]uint32, e.meta().Rows)
			for i := range rows {
				rows[i] = uint32(i)
			}
			return copyRows(r, rows, b)
		}); err != nil {
			return e, s.unreadable(e, err)
		}
	}
	return old[0], s.replace(old, b)
}

// small returns blocks that are merged: neighbours of the sample that fill a block,
// or are many. It must be called with mu held.
func (s *shelf) small() []*entry {
	var run []*entry
	rows := 0
	age := s.bounds.Load().maxAge
	// What is of one block goes as one.
	near := func(e *entry) bool {
		return age == 0 || len(run) == 0 || e.meta().MaxTime-run[0].meta().MaxTime < int64(age/agedPart)
	}
	for _, e := range s.entries {
		n := e.meta().Rows
		fits := e.ext == extSampled && e.block != nil && e.damage == nil
		if fits && rows+n <= s.HeadRecords && near(e) {
			run, rows = append(run, e), rows+n
			continue
		}
		if fits && len(run) > 1 || len(run) >= mergeLeast {
			return run
		}
		run, rows = nil, 0
		if fits {
			run, rows = []*entry{e}, n
		}
	}
	if len(run) >= mergeLeast {
		return run
	}
	return nil
}
