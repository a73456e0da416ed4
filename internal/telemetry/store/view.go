package store

import (
	"cmp"
	"context"
	"errors"
	"slices"

	"github.com/banyanrun/banyan/internal/telemetry/block"
)

// view is all that a shelf held at a moment, which stays readable until close.
type view struct {
	s       *shelf
	sources []source // by number
	scan    Scan
}

// source is a block, or a head.
type source struct {
	number uint64
	meta   block.Meta
	head   *head
	entry  *entry
}

func (s *shelf) view() *view {
	s.mu.Lock()
	v := &view{s: s}
	for _, e := range s.entries {
		if e.block != nil {
			e.refs++
			v.sources = append(v.sources, source{number: e.first, meta: e.meta(), entry: e})
		}
	}
	heads := slices.Clone(s.sealed)
	if s.active != nil {
		heads = append(heads, s.active)
	}
	s.mu.Unlock()
	for _, h := range heads {
		// A reader may hold the head for a while: not with mu.
		v.sources = append(v.sources, source{number: h.number, meta: h.meta(), head: h})
	}
	slices.SortStableFunc(v.sources, func(a, b source) int { return cmp.Compare(a.number, b.number) })
	return v
}

func (v *view) close() {
	for i := range v.sources {
		if e := v.sources[i].entry; e != nil {
			v.s.release(e)
		}
	}
}

// newestFirst returns the sources by their latest record.
func (v *view) newestFirst() []source {
	sorted := slices.Clone(v.sources)
	slices.SortStableFunc(sorted, func(a, b source) int {
		return cmp.Or(cmp.Compare(b.meta.MaxTime, a.meta.MaxTime), cmp.Compare(b.number, a.number))
	})
	return sorted
}

// oldestFirst returns the sources by their earliest record.
func (v *view) oldestFirst() []source {
	sorted := slices.Clone(v.sources)
	slices.SortStableFunc(sorted, func(a, b source) int {
		return cmp.Or(cmp.Compare(a.meta.MinTime, b.meta.MinTime), cmp.Compare(a.number, b.number))
	})
	return sorted
}

// read calls do with a source's records. One that cannot be read is left out.
func (v *view) read(ctx context.Context, src source, do func(block.Records) error) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if src.head != nil {
		return src.head.with(do)
	}
	err := src.entry.with(v.s.FS, func(r *block.Reader) error { return do(r) })
	if err == nil || errors.Is(err, context.Canceled) || errors.Is(err, context.DeadlineExceeded) || passing(err) {
		return err
	}
	v.s.cannotRead(src.entry, err)
	return nil
}

// cannotRead notes, once, that a block is damaged.
func (s *shelf) cannotRead(e *entry, err error) {
	s.mu.Lock()
	known := e.damage != nil
	e.damage = err
	s.mu.Unlock()
	if !known {
		s.damaged(e.name, err)
	}
}

// find calls do with a source's rows that match, if there can be some.
func (v *view) find(ctx context.Context, src source, q *block.Query, do func(block.Records, []uint32) error) error {
	return v.read(ctx, src, func(r block.Records) error {
		may, err := r.May(q)
		if err != nil {
			return err
		}
		if !may {
			if src.entry != nil {
				v.scan.Skipped++
			}
			return nil
		}
		if src.entry != nil {
			v.scan.Blocks++
		}
		v.scan.Records += int64(r.Meta().Rows)
		rows, err := r.Select(q)
		if err != nil || len(rows) == 0 {
			return err
		}
		return do(r, rows)
	})
}
