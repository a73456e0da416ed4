package machine

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/saga/definition"
)

// ErrState is the error of an event of a person or a service that does not fit
// the state.
var ErrState = errors.New("the saga's state does not allow it")

// Start makes a saga and begins its first steps. An input that the definition
// refuses is [definition.ErrInput].
func Start(def *definition.Definition, id string, input json.RawMessage, now time.Time) (State, []Effect, error) {
	if err := def.CheckInput(input); err != nil {
		return State{}, nil, err
	}
	s := State{
		ID: id, Name: def.Name, Digest: def.Digest, Input: input, Status: Running,
		Created: now, Deadline: now.Add(def.Timeout), Steps: make([]StepState, len(def.Steps)),
	}
	for i, step := range def.Steps {
		s.Steps[i] = StepState{Name: step.Name, Phase: Idle}
	}
	r := &run{def: def, s: s, now: now}
	r.log(Log{What: "started", Body: input})
	r.advance()
	return r.s, r.out, nil
}

// Step says what an event does to a saga. s is not changed. Errors are of
// events that do not fit, which are [ErrState], or of a state that is not def's;
// then the state is returned as it was.
func Step(def *definition.Definition, s State, e Event, now time.Time) (State, []Effect, error) {
	if err := s.fits(def); err != nil {
		return s, nil, err
	}
	r := &run{def: def, s: s, now: now}
	r.s.Steps = slices.Clone(s.Steps)
	switch e.(type) {
	case Answered, Callback, Happened, ChildEnded: // what came in time, or nearly so, counts
	default:
		r.deadline()
	}
	if err := r.handle(e); err != nil {
		return s, nil, err
	}
	r.deadline()
	r.advance()
	return r.s, r.out, nil
}

// run carries one Step.
type run struct {
	def *definition.Definition
	s   State
	now time.Time
	out []Effect
}

func (r *run) handle(e Event) error {
	switch e := e.(type) {
	case Answered:
		r.answered(e)
	case Callback:
		return r.callback(e)
	case Due:
		r.due()
	case Happened:
		r.happened(e)
	case ChildEnded:
		r.childEnded(e)
	case Cancel:
		return r.cancel(e)
	case Retry:
		return r.retry(e.Step)
	case Skip:
		return r.skip(e.Step)
	case Compensate:
		return r.compensate(e.Reason)
	case Resumed:
		r.resumed()
	default:
		return fmt.Errorf("a saga knows no event %T", e)
	}
	return nil
}

// find returns the index of a step, or -1.
func (r *run) find(name string) int {
	return slices.IndexFunc(r.s.Steps, func(st StepState) bool { return st.Name == name })
}

func (r *run) emit(e Effect) { r.out = append(r.out, e) }

func (r *run) log(l Log) { r.emit(l) }

// note logs something about a step.
func (r *run) note(i int, op Op, what, text string) {
	r.log(Log{Step: r.s.Steps[i].Name, Op: op, Attempt: r.s.Steps[i].Attempts, What: what, Text: text})
}

// scope is what expressions see.
func (r *run) scope() definition.Scope {
	return definition.Scope{ID: r.s.ID, Created: r.s.Created, Input: r.s.Input, Failure: r.s.Failure, Output: func(step string) (json.RawMessage, bool) {
		i := r.find(step)
		if i < 0 || r.s.Steps[i].Phase == Idle {
			return nil, false
		}
		return r.s.Steps[i].Output, true
	}}
}

// key of a step's request.
func (r *run) key(i int, op Op) string {
	return r.s.ID + "/" + r.s.Steps[i].Name + "/" + string(op)
}

// past tells whether the point of no return lies behind. A pivot that was left
// out counts, since what comes after it has no way back.
func (r *run) past() bool {
	if r.def.Pivot < 0 || r.s.Back {
		return false
	}
	p := r.s.Steps[r.def.Pivot].Phase
	return p == Done || p == Skipped
}

// advance does all that can be done now, and sets the status.
func (r *run) advance() {
	if r.s.Status.Ended() {
		return
	}
	r.repent()
	ended := r.s.Back && r.backward()
	if !r.s.Back {
		if ended = r.forward(); r.s.Back { // a step failed at once
			ended = r.backward()
		}
	}
	was := r.s.Status
	switch {
	case ended && r.s.Back:
		r.end(Compensated)
	case ended:
		r.end(Succeeded)
	case r.s.Late || slices.ContainsFunc(r.s.Steps, func(st StepState) bool { return st.Stuck }):
		if r.s.Status = NeedsAttention; was != NeedsAttention {
			r.log(Log{What: string(NeedsAttention), Text: r.s.Trouble()})
		}
	case r.s.Back:
		r.s.Status = Compensating
	default:
		r.s.Status = Running
	}
}

func (r *run) end(status Status) {
	r.s.Status, r.s.Ended, r.s.Cancel, r.s.Late = status, r.now, "", false
	r.log(Log{What: string(status), Text: r.s.Reason})
	r.report()
}

// report tells the parent how the saga ended.
func (r *run) report() {
	if p := r.s.Parent; p != nil {
		r.emit(Report{Parent: *p, Ended: ChildEnded{Step: p.Step, ID: r.s.ID, Status: r.s.Status, Output: r.s.Output(), Reason: r.s.Reason}})
	}
}
