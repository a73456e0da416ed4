package machine

import (
	"fmt"

	"github.com/banyanrun/banyan/internal/saga/definition"
)

// cancel turns back on request.
func (r *run) cancel(e Cancel) error {
	reason := orElse(e.Reason, "it was cancelled")
	switch {
	case r.s.Status == Succeeded && e.ByParent && !r.pivoted():
		r.s.Status, r.s.Ended = Compensating, zero
		r.turnBack(definition.Failure{Kind: definition.Cancelled, Message: reason})
	case r.s.Status.Ended() && e.ByParent:
		r.report()
	case r.s.Status.Ended():
		return fmt.Errorf("%w: it has ended: %s", ErrState, r.s.Status)
	case r.s.Back || r.s.Cancel != "":
	case r.past() && e.ByParent: // the parent waits for its end
	case r.past():
		return fmt.Errorf("%w: it is past its point of no return, the step %s", ErrState, r.def.Steps[r.def.Pivot].Name)
	default:
		r.log(Log{What: "cancelled", Text: reason})
		r.turnBackIfFree(definition.Cancelled, reason)
	}
	return nil
}

// pivoted tells whether the pivot is done, also of a saga that has ended.
func (r *run) pivoted() bool {
	return r.def.Pivot >= 0 && !r.s.Back
}

// turnBackIfFree turns back now, or when it is known that the pivot was not done.
func (r *run) turnBackIfFree(kind definition.FailureKind, reason string) {
	if p := r.def.Pivot; p >= 0 && r.binds(r.s.Steps[p]) {
		r.s.Cancel = reason
		if st := r.s.Steps[p]; r.def.Steps[p].Kind == definition.Sub && st.Busy {
			r.emit(CancelChild{Step: st.Name, ID: st.Child, Reason: reason})
		}
		return
	}
	r.turnBack(definition.Failure{Kind: kind, Message: reason})
}

// compensate turns back as a person wants.
func (r *run) compensate(reason string) error {
	switch p := r.def.Pivot; {
	case r.s.Status != NeedsAttention:
		return fmt.Errorf("%w: it does not need attention: %s", ErrState, r.s.Status)
	case r.s.Back:
		return fmt.Errorf("%w: it is being undone already", ErrState)
	case r.past():
		return fmt.Errorf("%w: it is past its point of no return, the step %s", ErrState, r.def.Steps[p].Name)
	case p >= 0 && r.s.Steps[p].Busy:
		return fmt.Errorf("%w: its point of no return, the step %s, is being tried right now; try again", ErrState, r.def.Steps[p].Name)
	}
	r.turnBack(definition.Failure{Kind: definition.Cancelled, Message: orElse(reason, "a person wanted it undone")})
	return nil
}

// retry tries again what needs attention.
func (r *run) retry(name string) error {
	which, err := r.stuckSteps(name)
	if err != nil {
		if !r.s.Late || name != "" {
			return err
		}
	}
	if r.s.Late {
		r.s.Late, r.s.Deadline = false, r.now.Add(r.def.Timeout)
	}
	for _, i := range which {
		st := &r.s.Steps[i]
		st.Stuck, st.Fails, st.Since = false, 0, zero
		op, _ := st.op()
		r.note(i, op, "retried", "")
		switch {
		case st.Busy || st.Phase == Idle:
		case st.Phase == Waiting:
			st.NotBefore = r.now.Add(r.def.Steps[i].Delay)
		case r.isCall(i):
			r.call(i, op)
		case op == Undo:
			st.Busy = true
			r.emit(CancelChild{Step: st.Name, ID: st.Child, Reason: r.s.Reason})
		default:
			r.startChild(i)
		}
	}
	return nil
}

// skip takes a step for done, or for undone.
func (r *run) skip(name string) error {
	which, err := r.stuckSteps(name)
	if err != nil {
		return err
	}
	if len(which) > 1 {
		return fmt.Errorf("%w: several steps need attention; say which is to be skipped", ErrState)
	}
	i := which[0]
	st := &r.s.Steps[i]
	op, _ := st.op()
	r.note(i, op, "skipped", "by a person")
	r.done(i, nil)
	st.Phase = Skipped
	if op == Undo {
		st.Undo = false
	}
	return nil
}

// stuckSteps are those that need attention: all, or the one of that name.
func (r *run) stuckSteps(name string) ([]int, error) {
	var which []int
	for i, st := range r.s.Steps {
		if st.Stuck && (name == "" || st.Name == name) {
			which = append(which, i)
		}
	}
	switch {
	case len(which) > 0:
		return which, nil
	case name != "" && r.find(name) < 0:
		return nil, fmt.Errorf("%w: it has no step %s", ErrState, name)
	case name != "":
		return nil, fmt.Errorf("%w: the step %s does not need attention", ErrState, name)
	}
	return nil, fmt.Errorf("%w: no step needs attention", ErrState)
}
