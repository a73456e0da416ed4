package machine_test

import (
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

// barrier is what a service keeps beside its own data, in the same transaction:
// one row for each operation of a step that it did or ruled out.
type barrier struct {
	rows    map[string]bool // step/op/origin
	effects map[string]int  // step: how often its effect is there
	did     map[string]int  // step/op: how often the business ran
}

func newBarrier() *barrier {
	return &barrier{rows: map[string]bool{}, effects: map[string]int{}, did: map[string]int{}}
}

// do runs a step once. false: its undo came first.
func (b *barrier) do(step string) bool {
	switch key := step + "/do"; {
	case b.rows[key+"/by undo"]:
		return false // hanging
	case b.rows[key]:
		return true // a duplicate
	default:
		b.rows[key] = true
		b.effects[step]++
		b.did[key]++
		return true
	}
}

// undo takes a step back once.
func (b *barrier) undo(step string) {
	do, undo := step+"/do", step+"/undo"
	switch {
	case b.rows[undo]: // a duplicate
	case !b.rows[do]:
		b.rows[undo], b.rows[do+"/by undo"] = true, true // there is nothing to undo
	default:
		b.rows[undo] = true
		b.effects[step]--
		b.did[undo]++
	}
}

// message is a request that is under way, or one that a network kept.
type message struct {
	saga, step string
	op         machine.Op
	attempt    int
	poll       bool
}

// job is what a service works on after it answered 202.
type job struct {
	message
	callback bool // it tells, and cannot be asked
	done     bool
	outcome  machine.Outcome // once it is done
}

// String says what a message is, for the trace.
func (m message) String() string { return fmt.Sprintf("%s/%s/%s#%d", m.saga, m.step, m.op, m.attempt) }

// chaos is what can become of a request.
type chaos int

const (
	works      chaos = iota
	lost             // before it arrived
	answerLost       // after it had its effect
	busy             // refused for now
	nobody           // it was never sent, as nobody was there
	unsent           // it was never sent, as there was too much to do
	refuses          // business says no
	broken           // 422
	jobs             // 202, to be asked
	jobsCalls        // 202, it will call
	chaosKinds
)

// serve lets a service handle a request, and returns what the coordinator sees.
func (w *world) serve(m message, c chaos) machine.Outcome {
	if m.poll {
		return w.servePoll(m, c)
	}
	switch c {
	case lost:
		return unknown
	case busy:
		return later
	case nobody:
		return away
	case unsent:
		return machine.Outcome{Kind: machine.OutcomeLater, Unsent: true}
	case broken:
		return attention
	case refuses:
		return w.refuse(m)
	case jobs, jobsCalls:
		w.jobs = append(w.jobs, &job{message: m, callback: c == jobsCalls})
		if c == jobs {
			return machine.Outcome{Kind: machine.OutcomePending, Status: 202, Location: strconv.Itoa(len(w.jobs) - 1)}
		}
		return machine.Outcome{Kind: machine.OutcomePending, Status: 202}
	}
	if !w.execute(m) {
		return aborted
	}
	if c == answerLost {
		return unknown
	}
	return done(`{"n": 1}`)
}

// refuse lets a service say no for business reasons.
func (w *world) refuse(m message) machine.Outcome {
	b, key := w.barrier(m.saga), m.step+"/do"
	switch {
	case m.op == machine.Do && b.rows[key] && !b.rows[key+"/by undo"]:
		return done(`{"n": 1}`) // it was done, and the barrier knows
	case m.op == machine.Do && !w.sagas[m.saga].plan.steps[m.step].undo:
		// Where nothing can be undone a service must stand by its no: what it still
		// has of an earlier attempt comes to nothing.
		b.rows[key+"/by undo"] = true
	}
	return aborted
}

func (w *world) servePoll(m message, c chaos) machine.Outcome {
	switch c {
	case lost, answerLost:
		return unknown
	case busy, unsent:
		return later
	case nobody:
		return away
	case broken:
		return attention
	}
	for i, j := range slices.Backward(w.jobs) {
		if j.saga == m.saga && j.step == m.step && j.op == m.op {
			if j.done {
				return j.outcome
			}
			return machine.Outcome{Kind: machine.OutcomePending, Status: 202, Location: strconv.Itoa(i)}
		}
	}
	return attention // there is no such job
}

// execute is what a request does.
func (w *world) execute(m message) bool {
	if m.op == machine.Do {
		return w.barrier(m.saga).do(m.step)
	}
	w.barrier(m.saga).undo(m.step)
	return true
}

func (w *world) barrier(saga string) *barrier {
	if w.barriers[saga] == nil {
		w.barriers[saga] = newBarrier()
	}
	return w.barriers[saga]
}

// stored is a saga as a store has it.
type stored struct {
	plan  *plan
	text  []byte
	state machine.State // read from text
}

func (s *stored) put(t fataler, state machine.State) {
	text, err := json.Marshal(state)
	if err != nil {
		t.Fatalf("the state cannot be written: %v", err)
	}
	s.text, s.state = text, machine.State{}
	if err := json.Unmarshal(text, &s.state); err != nil {
		t.Fatalf("the state cannot be read: %v\n%s", err, text)
	}
}

type fataler interface {
	Helper()
	Fatalf(format string, args ...any)
	Logf(format string, args ...any)
}
