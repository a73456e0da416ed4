package machine

import (
	"fmt"
	"slices"
	"time"

	"github.com/banyanrun/banyan/internal/saga/definition"
)

// Due is when the event [Due] is to be told next; false: nothing is due.
func (s State) Due() (time.Time, bool) {
	var first time.Time
	consider := func(t time.Time) {
		if !t.IsZero() && (first.IsZero() || t.Before(first)) {
			first = t
		}
	}
	if s.Status.Ended() {
		return first, false
	}
	if s.deadlined() {
		consider(s.Deadline)
	}
	for i := range s.Steps {
		consider(s.Steps[i].NotBefore)
	}
	return first, !first.IsZero()
}

// deadlined tells whether the deadline means something yet.
func (s State) deadlined() bool {
	return !s.Status.Ended() && !s.Back && !s.Late && s.Cancel == ""
}

// deadline turns back a saga that takes too long.
func (r *run) deadline() {
	if !r.s.deadlined() || r.now.Before(r.s.Deadline) || r.complete() {
		return
	}
	reason := fmt.Sprintf("it was not done by %s", r.s.Deadline.UTC().Format(time.RFC3339))
	if r.past() {
		r.s.Late = true
		return
	}
	r.turnBackIfFree(definition.TimedOut, reason)
}

// complete tells whether nothing is left to do.
func (r *run) complete() bool {
	return !slices.ContainsFunc(r.s.Steps, func(st StepState) bool { return st.Phase != Done && st.Phase != Skipped })
}

// due does what is due. What may turn the saga back comes first, so that nothing
// is called in vain.
func (r *run) due() {
	r.expire()
	for i := range r.s.Steps {
		if st := &r.s.Steps[i]; r.isDue(i) && st.Busy {
			op, _ := st.op()
			r.outcome(i, op, Outcome{Kind: OutcomeUnknown, Error: "no answer came"})
		}
	}
	r.repeats()
}

// isDue tells whether the time of a step has come.
func (r *run) isDue(i int) bool {
	at := r.s.Steps[i].NotBefore
	return !at.IsZero() && !r.now.Before(at)
}

// expire ends waits and delays.
func (r *run) expire() {
	for i := range r.s.Steps {
		st := &r.s.Steps[i]
		if !r.isDue(i) {
			continue
		}
		if _, asked := st.op(); st.Phase == Waiting {
			r.waited(i)
		} else if !asked || !r.isCall(i) {
			st.NotBefore = zero
		}
	}
}

// repeats makes the requests whose time has come.
func (r *run) repeats() {
	for i := range r.s.Steps {
		if st := &r.s.Steps[i]; r.isDue(i) && !st.Busy {
			if op, asked := st.op(); asked && r.isCall(i) && !(op == Do && r.s.Back) {
				r.again(i, op)
			}
		}
	}
}

// again repeats a request, or asks after it.
func (r *run) again(i int, op Op) {
	st := &r.s.Steps[i]
	if (st.Phase == Pending || st.Phase == UndoPending) && st.Poll != "" {
		r.poll(i, op)
		return
	}
	r.call(i, op)
}

// waited ends a wait whose time has come.
func (r *run) waited(i int) {
	step, st := r.def.Steps[i], &r.s.Steps[i]
	switch {
	case step.Kind != definition.Wait || step.GoOn:
		r.note(i, "", "waited", "")
		r.done(i, nil)
	case r.past():
		// An event that comes after all is still taken.
		st.Stuck, st.NotBefore, st.Error = true, zero, fmt.Sprintf("no event of %s came in %s", step.Topic, step.Delay)
	default:
		r.turnBack(definition.Failure{
			Step: st.Name, Kind: definition.TimedOut, Message: fmt.Sprintf("the step %s waited %s for an event of %s", st.Name, step.Delay, step.Topic),
		})
	}
}

// happened ends a wait by its event.
func (r *run) happened(e Happened) {
	i := r.find(e.Step)
	if i < 0 || r.s.Steps[i].Phase != Waiting || r.def.Steps[i].Kind != definition.Wait {
		return
	}
	step, st := r.def.Steps[i], &r.s.Steps[i]
	if !step.Matches(r.def, r.scope(), e.Event) {
		return
	}
	r.log(Log{Step: st.Name, What: "event", Text: step.Topic, Body: e.Event})
	out, err := step.Event(r.def, r.scope(), e.Event)
	if err != nil {
		r.stuck(i, err.Error())
		return
	}
	r.done(i, out)
}

// resumed makes again what may have been lost.
func (r *run) resumed() {
	r.expire()
	for i := range r.s.Steps {
		st := &r.s.Steps[i]
		op, asked := st.op()
		switch {
		case !st.Busy || !asked:
		case !r.isCall(i):
			r.resumeChild(i, op)
		case op == Do && r.s.Back:
			st.Busy, st.Unsure, st.NotBefore = false, true, zero
		default:
			// The time in which nobody asked does not count.
			st.Since, st.Unsure = zero, st.Unsure || op == Do && st.Phase != Pending
			r.again(i, op)
		}
	}
	r.repeats()
}

func (r *run) resumeChild(i int, op Op) {
	st := &r.s.Steps[i]
	if op == Undo || r.s.Back || r.s.Cancel != "" {
		r.emit(CancelChild{Step: st.Name, ID: st.Child, Reason: orElse(r.s.Reason, r.s.Cancel)})
		return
	}
	step := r.def.Steps[i]
	input, err := step.ChildInput(r.def, r.scope())
	if err != nil {
		r.stuck(i, err.Error())
		return
	}
	r.emit(StartChild{Step: st.Name, Name: step.Saga, ID: st.Child, Input: input})
}
