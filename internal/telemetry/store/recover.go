package store

import (
	"errors"
	"fmt"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/telemetry/block"
)

// recover reads what the directory holds, and ends what a crash interrupted.
func (s *shelf) recover() error {
	names, err := s.FS.List(s.dir)
	if err != nil {
		return err
	}
	var logs []uint64
	for _, name := range names {
		first, last, ext, ok := parseName(name)
		switch {
		case strings.HasSuffix(name, extTemp):
			if err := s.FS.Remove(filepath.Join(s.dir, name)); err != nil {
				return err
			}
			continue
		case !ok:
			continue
		case ext == extWAL:
			logs = append(logs, first)
		case ext == extFull, ext == extSampled, ext == extBad:
			e, err := openEntry(s.FS, s.dir, name)
			if err != nil {
				return err
			}
			if e.block != nil && e.meta().Kind != s.kind {
				e.block, e.damage = nil, fmt.Errorf("it holds the other kind of records: %w", errDamaged)
			}
			s.entries = append(s.entries, e)
		default:
			continue
		}
		s.next = max(s.next, last+1)
	}
	if err := s.settle(logs); err != nil {
		return err
	}
	for _, e := range s.entries {
		if e.damage != nil {
			s.damaged(e.name, e.damage)
		} else if e.ext == extBad {
			s.damaged(e.name, errDamaged)
		}
	}
	return s.FS.SyncDir(s.dir)
}

// settle removes what a file covers, and reads the logs that none does.
func (s *shelf) settle(logs []uint64) error {
	slices.SortFunc(s.entries, func(a, b *entry) int { return int(a.first) - int(b.first) })
	all := s.entries
	covered := func(first, last uint64, ext string) bool {
		return slices.ContainsFunc(all, func(e *entry) bool { return e.block != nil && e.covers(first, last, ext) })
	}
	s.entries = nil
	for _, e := range all {
		if !covered(e.first, e.last, e.ext) {
			s.entries = append(s.entries, e)
		} else if err := s.FS.Remove(e.name); err != nil {
			return err
		}
	}
	for _, number := range logs {
		name := filepath.Join(s.dir, nameOf(number, number, extWAL))
		if covered(number, number, extWAL) {
			if err := s.FS.Remove(name); err != nil {
				return err
			}
			continue
		}
		if err := s.replay(name, number); err != nil {
			return err
		}
	}
	if n := len(s.sealed); n > 0 && !s.sealed[n-1].full {
		s.active, s.sealed = s.sealed[n-1], s.sealed[:n-1]
	}
	return nil
}

// replay makes a head of a log.
func (s *shelf) replay(name string, number uint64) error {
	h := newHead(s.kind, number, nil)
	w, damage, err := openWAL(s.FS, name, number, func(payload []byte) error { return fill(h.b, s.kind, payload) })
	if errors.Is(err, errNothing) {
		return s.FS.Remove(name)
	}
	if errors.Is(err, errDamaged) || errors.Is(err, syscall.EIO) {
		return s.setAside(name, number, err)
	}
	if err != nil {
		return err
	}
	for _, err := range damage {
		s.damaged(name, err)
	}
	// A block of this number cannot be read, or it would have covered the log: it is made again.
	s.entries = slices.DeleteFunc(s.entries, func(e *entry) bool { return e.first == number && e.ext == extFull })
	h.wal = w
	h.add(s, func(*block.Builder) {}) // is it full?
	if h.empty() {
		return errors.Join(w.close(), s.FS.Remove(name))
	}
	// It may have begun many starts ago.
	if oldest := time.Unix(0, h.meta().MinTime); oldest.Before(h.began) {
		h.began = oldest
	}
	s.sealed = append(s.sealed, h)
	return nil
}

func fill(b *block.Builder, kind block.Kind, payload []byte) error {
	spans, logs, err := block.ParseRows(payload)
	if err != nil {
		return err
	}
	if kind == block.Spans && logs != nil || kind == block.Logs && spans != nil {
		return fmt.Errorf("it holds the other kind of records: %w", errDamaged)
	}
	for i := range spans {
		b.AddSpan(&spans[i])
	}
	for i := range logs {
		b.AddLog(&logs[i])
	}
	return nil
}

// setAside keeps a log that cannot be read, until its turn comes to go.
func (s *shelf) setAside(name string, number uint64, damage error) error {
	bad := nameOf(number, number, extBad)
	if err := s.FS.Rename(name, filepath.Join(s.dir, bad)); err != nil {
		return err
	}
	e, err := openEntry(s.FS, s.dir, bad)
	if err != nil {
		return err
	}
	e.damage = damage
	s.insert(e)
	return nil
}

// damageMost is how many cases are listed.
const damageMost = 100

// damaged notes what cannot be read.
func (s *shelf) damaged(name string, err error) {
	err = fault.New(fault.Damaged, "a part of telemetry is left out: %w", err).At(name).
		Fix("nothing needs to be done; the file goes when it is the oldest. Look after the disk if it happens again")
	s.Log.Error("telemetry", "error", err)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.damage) < damageMost {
		s.damage = append(s.damage, err)
	}
}
