package coordinator

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/banyanrun/banyan/internal/crashpoint"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/saga/definition"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

// overflowMost bounds how many sagas that were started wait for room in memory.
const overflowMost = 100_000

// request is a saga that is to be started.
type request struct {
	id, by, name, key, trace string
	input                    json.RawMessage
	parent                   *machine.Parent // nil: none
}

func (c *Coordinator) start(ctx context.Context, by, name, key, trace string, input json.RawMessage) (Started, error) {
	t, err := c.term()
	if err != nil {
		return Started{}, err
	}
	if by != "" && key == "" {
		return Started{}, fault.New(fault.Invalid, "%w", ErrKeyMissing).Fix("send an Idempotency-Key that is this start's own")
	}
	if !t.enter() {
		return Started{}, busy()
	}
	defer t.leave()
	if t.waiting() >= overflowMost {
		return Started{}, busy()
	}
	r := request{id: newID(time.Now()), by: by, name: name, key: key, trace: trace, input: input}
	if trace == "" {
		r.trace = newTrace(r.id)
	}
	row, err := t.make(ctx, r)
	if err != nil {
		return Started{}, translate(err)
	}
	if row.ID != r.id && row.Asked != asked(r) {
		return Started{}, fault.New(fault.Conflict, "%s has used the key %q for another saga or input: %w", by, key, ErrKeyReused).
			Fix("send a key that is this start's own")
	}
	return Started{ID: row.ID, Status: machine.Status(row.Status), New: row.ID == r.id}, nil
}

// waiting returns how many sagas wait for room in memory.
func (t *term) waiting() int {
	t.mu.Lock()
	defer t.mu.Unlock()
	return len(t.overflow)
}

// asked is a digest of what a saga is started with.
func asked(r request) string {
	h := sha256.New()
	h.Write([]byte(r.name + "\x00"))
	h.Write(canonical(r.input))
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// canonical is the same for JSON that differs in white space, in the order of
// members and in how characters are escaped. Numbers are what is written.
func canonical(input json.RawMessage) []byte {
	var value any
	d := json.NewDecoder(bytes.NewReader(input))
	d.UseNumber()
	if d.Decode(&value) != nil {
		return input // no input
	}
	text, err := json.Marshal(value) // members are sorted
	if err != nil {
		return input
	}
	return text
}

// make starts a saga, or returns the one that there is with its id or key.
func (t *term) make(ctx context.Context, r request) (store.Saga, error) {
	def := t.definitions.named(r.name)
	if def == nil {
		return store.Saga{}, fault.New(fault.NotFound, "no saga %s is in force: %w", r.name, ErrNoSaga)
	}
	if r.parent == nil && !def.allows(r.by) {
		return store.Saga{}, fault.New(fault.Denied, "%s may not start the saga %s: %w", r.by, r.name, ErrRefused).
			Fix("add it to started_by in the app file")
	}
	now := time.Now()
	state, effects, err := machine.Start(def.Definition, r.id, r.input, now)
	if errors.Is(err, definition.ErrInput) {
		return store.Saga{}, fault.New(fault.Invalid, "%w", fmt.Errorf("%w: %w", ErrInput, err))
	}
	if err != nil {
		return store.Saga{}, err
	}
	s := &saga{id: r.id, def: def, origin: origin{Trace: r.trace}}
	if s.origin.Since, err = t.ends(ctx, def.topics); err != nil {
		return store.Saga{}, err
	}
	if r.parent != nil {
		state.Parent = r.parent
		s.row.Parent = r.parent.ID
	}
	if err := s.fill(r, state, now); err != nil {
		return store.Saga{}, err
	}
	if err := t.definitions.keep(t.ctx, def); err != nil {
		return store.Saga{}, err
	}
	return t.create(s, effects)
}

// fill sets a new saga's state and row.
func (s *saga) fill(r request, state machine.State, now time.Time) (err error) {
	row := &s.row
	if row.Doc, err = json.Marshal(state); err != nil {
		return fault.New(fault.Internal, "the state of the saga cannot be written: %w", err)
	}
	if row.Origin, err = json.Marshal(s.origin); err != nil {
		return fault.New(fault.Internal, "the origin of the saga cannot be written: %w", err)
	}
	row.ID, row.Name, row.Digest, row.Status, row.Version = r.id, r.name, state.Digest, string(state.Status), 1
	row.By, row.Key, row.Created, row.Updated = r.by, r.key, now, now
	row.Asked = asked(r)
	s.state, s.waits, s.loaded, s.fresh = state, state.Waits(), true, true
	row.Due, row.Expires = s.times(state)
	return nil
}

// create stores a new saga and begins to work on it. Until then letters to it wait.
// It does not end with who asked for it: what is stored must be begun.
func (t *term) create(s *saga, effects []machine.Effect) (store.Saga, error) {
	room, ours := t.reserve(s)
	row, made, err := t.options.Store.Create(t.ctx, store.Change{Saga: s.row, Log: encodeLog(effects), Waits: storedWaits(s.waits)})
	t.fenced(err)
	if made {
		crashpoint.Pass(crashpoint.SagaStarted)
		t.hasTurn(row.N)
		s.row = row
		t.timers.set(s.id, row.Due)
		t.waits.changed(t, s, nil)
		t.tellEnd(s, "")
		t.changes.changed(s.id)
	}
	first := letter{effects: orNone(effects)}
	switch {
	case ours:
		t.release(s, made, room, first)
	case made: // who had a letter for it before it was there has it in memory
		t.post(s.id, first)
	}
	if err == nil && !made {
		t.remind(row)
	}
	return row, err
}

// release gives up the place of a saga that was to be stored, or has it begin.
func (t *term) release(s *saga, made, room bool, first letter) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if made && room {
		s.mailbox = append([]letter{first}, s.mailbox...)
		s.working = false
		t.begin(s)
		return
	}
	if made {
		t.overflow = append(t.overflow, s.id)
	}
	letters := s.mailbox // who wrote them finds out what there is
	delete(t.sagas, s.id)
	t.tasks.Go(func() {
		for _, l := range letters {
			t.post(s.id, l)
		}
	})
}

// remind has a saga that was there already make again what is under way, if it is
// not in memory: the store may have kept it when it said that it could not.
func (t *term) remind(row store.Saga) {
	t.mu.Lock()
	known := t.sagas[row.ID] != nil
	t.mu.Unlock()
	if !known && row.Damage == nil && !machine.Status(row.Status).Ended() {
		t.post(row.ID, letter{event: machine.Resumed{}})
	}
}

func orNone(effects []machine.Effect) []machine.Effect {
	if effects == nil {
		return []machine.Effect{}
	}
	return effects
}

// reserve makes a place in memory for a saga that is about to be stored, and tells
// whether there is room to work on it at once. Not ours: it is there already.
func (t *term) reserve(s *saga) (room, ours bool) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.sagas[s.id] != nil {
		return false, false
	}
	room = t.busy() < t.options.Documents
	s.working = true
	t.sagas[s.id] = s
	return room, true
}
