package metrics

import (
	"context"
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"time"

	"github.com/oklog/ulid/v2"
	"github.com/prometheus/prometheus/tsdb"
)

// newest is the time of the newest sample there is, in milliseconds; false: there is
// none. The store must be in use.
func (s *Store) newest() (int64, bool) {
	at := s.db.Head().MaxTime() // the least there is where it is empty
	for _, b := range s.db.Blocks() {
		at = max(at, b.MaxTime()-1)
	}
	return at, at != math.MinInt64
}

// watchClock notes since when the clock is behind what is kept. If it was for so long
// that it must be right, a rewind is due.
func (s *Store) watchClock() {
	now := s.options.Now()
	newest, some := s.newest()
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case !some || newest <= now.Add(ahead).UnixMilli():
		s.behind = time.Time{}
	case s.behind.IsZero() || now.Before(s.behind):
		s.behind = now
	case now.Sub(s.behind) >= s.options.Patience:
		s.due.Store(true)
	}
}

// rewind sets aside what is of later times than now, and opens the rest again. Queries
// under way are cut short.
func (s *Store) rewind(ctx context.Context) {
	if !s.begin() {
		return
	}
	defer s.using.Done()
	s.mu.Lock()
	s.endOf()
	s.mu.Unlock()
	s.swap.Lock()
	defer s.swap.Unlock()
	s.mu.Lock()
	s.epoch, s.endOf = context.WithCancel(s.running)
	due := s.db == nil || !s.behind.IsZero() // nobody else did it meanwhile
	s.behind = time.Time{}
	s.mu.Unlock()
	if !due {
		return
	}
	now := s.options.Now()
	if err := s.setAside(ctx, now.UnixMilli()); err != nil {
		s.options.Log.Error("metrics of later than now cannot be set aside", "error", err)
	}
}

// setAside moves what is later than a time to where damaged files are. Swap must be locked.
func (s *Store) setAside(ctx context.Context, now int64) error {
	if s.db != nil {
		head := s.db.Head()
		newest, _ := s.newest()
		if head.MinTime() <= now {
			if err := s.db.CompactHead(tsdb.NewRangeHead(head, head.MinTime(), now)); err != nil {
				return err
			}
		}
		note := fmt.Sprintf("the clock was ahead: metrics of the times from %s to %s were set aside in %s",
			time.UnixMilli(now).UTC().Format(time.DateTime), time.UnixMilli(newest).UTC().Format(time.DateTime), damagedDir)
		s.options.Log.Warn(note)
		s.damage = append(s.damage, note)
		err := s.db.Close()
		s.db = nil
		if err != nil {
			s.options.Log.Warn("metrics", "error", err) // what is to stay is in blocks
		}
	}
	err := s.asideLater(ctx, now)
	var damage []string
	if err == nil {
		s.db, damage, err = s.openRepaired()
	}
	s.damage, s.broken = append(s.damage, damage...), err
	s.due.Store(err != nil) // again, with the next samples
	s.keep.newest.Store(0)
	return err
}

// asideLater moves the log, and of blocks what is later than a time.
func (s *Store) asideLater(ctx context.Context, now int64) error {
	dir := s.options.Dir
	for _, name := range logDirs {
		if err := aside(dir, name); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		return err
	}
	for _, e := range entries {
		if _, err := ulid.ParseStrict(e.Name()); err != nil || !e.IsDir() {
			continue
		}
		if err := s.cutLater(ctx, e.Name(), now); err != nil {
			return err
		}
	}
	return nil
}

// cutLater leaves of a block what is not later than a time.
func (s *Store) cutLater(ctx context.Context, name string, now int64) error {
	dir := s.options.Dir
	block, err := tsdb.OpenBlock(s.options.Log, filepath.Join(dir, name), nil, nil)
	if err != nil {
		return nil //nolint:nilerr // opening the database sets it aside
	}
	m := block.Meta()
	if m.MaxTime-1 > now && m.MinTime <= now {
		var c *tsdb.LeveledCompactor
		c, err = tsdb.NewLeveledCompactorWithOptions(ctx, nil, s.options.Log, []int64{s.options.Block.Milliseconds()}, nil,
			tsdb.LeveledCompactorOptions{MaxBlockChunkSegmentSize: s.keep.segment()})
		if err == nil {
			_, err = c.Write(dir, block, m.MinTime, now+1, nil)
		}
	}
	if err = errors.Join(err, block.Close()); err != nil || m.MaxTime-1 <= now {
		return err
	}
	return aside(dir, name)
}
