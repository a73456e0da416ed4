package machine

import (
	"fmt"

	"github.com/banyanrun/banyan/internal/saga/definition"
)

// turnBack begins to undo. What is under way is waited for, as an undo must not
// overtake what it undoes.
func (r *run) turnBack(f definition.Failure) {
	reason := f.Message
	r.s.Back, r.s.Reason, r.s.Failure, r.s.Cancel = true, reason, &f, ""
	r.log(Log{What: string(Compensating), Text: reason})
	for i := range r.s.Steps {
		st := &r.s.Steps[i]
		st.Stuck = false
		switch {
		case st.Phase == Waiting:
			r.clear(i)
			st.Phase = Skipped
		case r.def.Steps[i].Kind == definition.Sub && st.Busy:
			r.emit(CancelChild{Step: st.Name, ID: st.Child, Reason: reason})
		case !st.Busy || st.Phase == Pending:
			r.clear(i)
		}
	}
}

// backward undoes the last stage that is not undone, and tells whether there is
// none. Steps of a stage are undone at the same time.
func (r *run) backward() bool {
	for end := len(r.s.Steps); end > 0; {
		first := end - 1
		for first > 0 && r.def.Steps[first-1].Stage == r.def.Steps[first].Stage {
			first--
		}
		settled := true
		for i := first; i < end; i++ {
			settled = r.takeBack(i) && settled
		}
		if !settled {
			return false
		}
		end = first
	}
	return true
}

// takeBack begins to undo a step, and tells whether it has nothing to undo.
func (r *run) takeBack(i int) bool {
	st := &r.s.Steps[i]
	switch {
	case st.Phase == Undoing || st.Phase == UndoPending || st.Busy:
		return false
	case !st.Undo:
		r.clear(i)
		return true
	}
	r.clear(i)
	st.Phase, st.Attempts, st.Status, st.Error = Undoing, 0, 0, ""
	if r.def.Steps[i].Kind == definition.Sub {
		st.Busy = true
		r.emit(CancelChild{Step: st.Name, ID: st.Child, Reason: r.s.Reason})
	} else {
		r.call(i, Undo)
	}
	return st.Phase == Undone
}

// undone ends a step that was taken back.
func (r *run) undone(i int) {
	r.clear(i)
	st := &r.s.Steps[i]
	st.Phase, st.Undo, st.Error = Undone, false, ""
}

// repent turns back because of a cancellation that had to wait for the pivot,
// once that has not come about.
func (r *run) repent() {
	if r.s.Cancel == "" || r.s.Back || r.def.Pivot < 0 {
		return
	}
	if st := r.s.Steps[r.def.Pivot]; !r.binds(st) {
		r.turnBack(definition.Failure{Kind: definition.Cancelled, Message: r.s.Cancel})
	}
}

// binds tells whether a pivot may yet turn out to be done, with no way to undo it.
func (r *run) binds(st StepState) bool {
	switch st.Phase { //nolint:exhaustive // others are decided, or nothing was called
	case Called, Unknown, Pending:
		return st.Busy || !st.Undo && (st.Unsure || st.Phase == Pending)
	}
	return false
}

// childEnded takes the end of a sub-saga.
func (r *run) childEnded(e ChildEnded) {
	i := r.find(e.Step)
	if i < 0 || !e.Status.Ended() {
		return
	}
	st := &r.s.Steps[i]
	if st.Child != e.ID || !st.Busy || r.def.Steps[i].Kind != definition.Sub {
		return
	}
	r.log(Log{Step: st.Name, What: string(e.Status), Text: e.Reason, Body: e.Output})
	compensated := e.Status == Compensated
	switch {
	case st.Phase == Undoing && compensated:
		r.undone(i)
	case st.Phase == Undoing:
		r.stuck(i, fmt.Sprintf("the saga %s is past its point of no return", e.ID))
	case compensated:
		r.aborted(i, Outcome{Error: orElse(e.Reason, "its saga was undone")})
	default:
		r.done(i, e.Output)
	}
}
