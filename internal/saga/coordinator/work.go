package coordinator

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/banyanrun/banyan/internal/crashpoint"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

// work reads a saga's mailbox until it is empty.
func (t *term) work(s *saga) {
	for letters := t.take(s); letters != nil; letters = t.take(s) {
		if err := t.deal(s, letters); err != nil && t.ctx.Err() == nil {
			t.stop(s, err)
		}
	}
}

// deal deals with letters. An error stops the saga; all letters are answered then.
func (t *term) deal(s *saga, letters []letter) (err error) {
	results := make([]error, len(letters))
	defer func() {
		if value := recover(); value != nil {
			err = defect(value)
		}
		if err == nil {
			return
		}
		for _, l := range letters {
			if l.done != nil {
				l.done(nil, translate(err))
			}
		}
	}()
	if err := t.load(s); err != nil {
		if errors.Is(err, store.ErrNotFound) { // it was purged
			t.answer404(letters)
			return nil
		}
		return err
	}
	state := s.state
	var stored, effects []machine.Effect
	now := time.Now()
	for i, l := range letters {
		switch {
		case l.effects != nil:
			stored = append(stored, l.effects...)
		case l.event != nil && !s.early(l.at):
			next, more, err := machine.Step(s.def.Definition, state, l.event, now)
			if errors.Is(err, machine.ErrState) {
				results[i] = fault.New(fault.Conflict, "%w", err)
				continue
			}
			if err != nil {
				return err
			}
			state, effects = next, append(effects, more...)
		}
	}
	crashpoint.Pass(crashpoint.SagaAnswered)
	if err := t.save(s, state, effects, now); err != nil {
		return err
	}
	for i, l := range letters {
		if l.done != nil {
			l.done(s, results[i])
		}
	}
	letters = nil
	t.carryOut(s, stored)
	t.carryOut(s, effects)
	return nil
}

func (t *term) answer404(letters []letter) {
	for _, l := range letters {
		if l.done != nil {
			l.done(nil, translate(store.ErrNotFound))
		}
	}
}

// load reads a saga that is not in memory.
func (t *term) load(s *saga) error {
	if err := t.why(s.id); err != nil {
		return err
	}
	if s.loaded {
		return nil
	}
	var row store.Saga
	err := t.persist("a saga cannot be read", func() (err error) {
		row, err = t.options.Store.Load(t.ctx, s.id)
		return err
	})
	if err != nil {
		return err
	}
	return t.read(s, row)
}

// read takes a saga from its row. One that was open when the term began, and had no
// turn yet, has it first.
func (t *term) read(s *saga, row store.Saga) error {
	if row.Damage == nil && !machine.Status(row.Status).Ended() && t.isEarly(row.N) {
		return t.readOpen(s, row)
	}
	return t.parse(s, row)
}

// readOpen takes a saga that was open when the term began from its row, and makes
// again what was under way.
func (t *term) readOpen(s *saga, row store.Saga) error {
	if err := t.parse(s, row); err != nil {
		return err
	}
	t.waits.resumed(t, s)
	now := time.Now()
	state, effects, err := machine.Step(s.def.Definition, s.state, machine.Resumed{}, now)
	if err != nil {
		return err
	}
	if err := t.save(s, state, effects, now); err != nil {
		return err
	}
	t.carryOut(s, effects)
	return nil
}

func (t *term) parse(s *saga, row store.Saga) error {
	s.row = row
	if row.Damage != nil {
		return row.Damage
	}
	if err := readState(row.Doc, &s.state); err != nil {
		return err
	}
	if err := s.origin.parse(row.Origin); err != nil {
		return err
	}
	err := t.persist("a definition cannot be read", func() (err error) {
		s.def, err = t.definitions.get(t.ctx, row.Digest)
		return err
	})
	if err != nil {
		return err
	}
	s.loaded = true
	s.waits = s.state.Waits()
	return nil
}

func readState(doc []byte, state *machine.State) error {
	if err := json.Unmarshal(doc, state); err != nil {
		return fault.New(fault.Damaged, "the state of the saga cannot be read: %w", err)
	}
	return nil
}

// isEarly tells whether a saga was open when the term began and had no turn yet.
// It has it now.
func (t *term) isEarly(n int64) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	if n <= t.behind || n > t.until || t.early[n] {
		return false
	}
	t.early[n] = true
	return true
}

// save stores what a saga has become, unless nothing has changed.
func (t *term) save(s *saga, state machine.State, effects []machine.Effect, now time.Time) error {
	doc, err := json.Marshal(state)
	if err != nil {
		return fmt.Errorf("the state of the saga cannot be written: %w", err)
	}
	if len(effects) == 0 && bytes.Equal(doc, s.row.Doc) {
		t.timers.set(s.id, s.row.Due) // one that fired for nothing is due again
		return nil
	}
	c := store.Change{Saga: s.row, Log: encodeLog(effects)}
	waits := state.Waits()
	if !sameWaits(s.waits, waits) {
		c.Waits = storedWaits(waits)
	}
	row := &c.Saga
	row.Version++
	row.Doc, row.Status, row.Updated = doc, string(state.Status), now
	row.Due, row.Expires = s.times(state)
	if err := t.update(c); err != nil {
		return err
	}
	crashpoint.Pass(crashpoint.SagaSaved)
	if state.Status.Ended() {
		crashpoint.Pass(crashpoint.SagaFinished)
	}
	before, was := s.waits, s.state.Status
	s.row, s.state, s.waits = c.Saga, state, waits
	t.timers.set(s.id, row.Due)
	if c.Waits != nil {
		t.waits.changed(t, s, before)
	}
	t.tellEnd(s, was)
	t.changes.changed(s.id)
	return nil
}

// update stores a change. One that the store says it cannot make may be made all
// the same, as when the connection broke while it was.
func (t *term) update(c store.Change) error {
	again := false
	return t.persist("a saga cannot be stored", func() error {
		err := t.options.Store.Update(t.ctx, c)
		if errors.Is(err, store.ErrVersion) && again {
			kept, loadErr := t.options.Store.Load(t.ctx, c.Saga.ID)
			if loadErr == nil && kept.Version == c.Saga.Version && bytes.Equal(kept.Doc, c.Saga.Doc) {
				return nil
			}
		}
		again = true
		return err
	})
}

// times returns when something is due for a saga in a state, and when it may be purged.
func (s *saga) times(state machine.State) (due, expires time.Time) {
	if state.Status.Ended() {
		return time.Time{}, state.Ended.Add(s.def.Retention)
	}
	due, _ = state.Due()
	return due, time.Time{}
}

// persist repeats what the store cannot do at the moment: what it is about is not
// decided before it is durable.
func (t *term) persist(text string, do func() error) error {
	for wait := 50 * time.Millisecond; ; wait = min(2*wait, 5*time.Second) {
		err := do()
		if err == nil || t.fenced(err) || t.ctx.Err() != nil {
			return err
		}
		if fault.CodeOf(err) != fault.Unavailable {
			return err
		}
		t.log.Warn(text, "error", err)
		if sleep(t.ctx, wait) != nil {
			return context.Cause(t.ctx)
		}
	}
}
