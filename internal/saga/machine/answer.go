package machine

import (
	"fmt"
	"net/http"

	"github.com/banyanrun/banyan/internal/saga/definition"
)

// answered takes the outcome of an attempt that is under way.
func (r *run) answered(e Answered) {
	i := r.find(e.Step)
	if i < 0 || !r.isCall(i) {
		return
	}
	st := &r.s.Steps[i]
	if op, ok := st.op(); !ok || op != e.Op || !st.Busy || st.Attempts != e.Attempt {
		return
	}
	r.outcome(i, e.Op, e.Outcome)
}

// callback takes the outcome that a service reports by itself.
func (r *run) callback(e Callback) error {
	i := r.find(e.Step)
	if i < 0 || !r.isCall(i) || r.s.Steps[i].Attempts == 0 {
		return fmt.Errorf("%w: the step %s awaits no answer", ErrState, e.Step)
	}
	switch e.Outcome.Kind {
	case OutcomeDone, OutcomeAborted, OutcomeAttention:
	default:
		return fmt.Errorf("%w: a step cannot be reported as %s", ErrState, e.Outcome.Kind)
	}
	if op, ok := r.s.Steps[i].op(); ok && (e.Op == op || e.Op == "") {
		r.outcome(i, op, e.Outcome)
	}
	return nil
}

// op is the request that is not answered for good; false: there is none.
func (st *StepState) op() (Op, bool) {
	switch st.Phase { //nolint:exhaustive // nothing is asked in others
	case Called, Pending, Unknown:
		return Do, true
	case Undoing, UndoPending:
		return Undo, true
	}
	return "", false
}

func (r *run) outcome(i int, op Op, o Outcome) {
	st := &r.s.Steps[i]
	r.log(Log{Step: st.Name, Op: op, Attempt: st.Attempts, What: string(o.Kind), Status: o.Status, Text: o.Error, Body: o.Body})
	st.Busy, st.NotBefore, st.Status, st.Error = false, zero, o.Status, o.Error
	st.Sent = st.Sent || op == Do && o.Kind != OutcomeAway && !o.Unsent
	switch o.Kind {
	case OutcomePending:
		r.pending(i, op, o)
	case OutcomeLater:
		r.later(i, o)
	case OutcomeAway:
		r.away(i, op)
	case OutcomeDone, OutcomeAborted, OutcomeAttention:
		if op == Do {
			r.did(i, o)
		} else {
			r.undid(i, o)
		}
	default:
		if op == Do {
			r.unsure(i)
		} else {
			r.undoUnsure(i)
		}
	}
}

// pending waits for a service that works on it.
func (r *run) pending(i int, op Op, o Outcome) {
	st := &r.s.Steps[i]
	st.Fails, st.Since, st.Stuck = 0, zero, false
	if o.Location != "" {
		st.Poll = o.Location
	}
	if st.Phase = Pending; op == Undo {
		st.Phase = UndoPending
	}
	if st.Poll != "" {
		wait := pollEvery
		if o.RetryAfter > 0 {
			wait = min(o.RetryAfter, laterMost)
		}
		st.NotBefore = r.now.Add(wait)
	}
}

// later repeats what was not taken. It does not count against the time within
// which a step must succeed.
func (r *run) later(i int, o Outcome) {
	st := &r.s.Steps[i]
	if !st.Unsure {
		st.Since = zero
	}
	st.Fails++
	wait := r.backoff(i)
	if o.RetryAfter > 0 {
		// Not all at the same moment.
		wait = min(o.RetryAfter, laterMost) + min(wait, o.RetryAfter/10)
	}
	st.NotBefore = r.now.Add(wait)
}

// did takes a definite answer to a step's call.
func (r *run) did(i int, o Outcome) {
	step, st := r.def.Steps[i], &r.s.Steps[i]
	switch o.Kind {
	case OutcomeDone:
		out, err := step.Answer(r.def, r.scope(), definition.Response{Status: o.Status, Header: o.Header, Body: o.Body})
		if err != nil {
			r.stuck(i, err.Error())
			st.Phase, st.Unsure = Called, true
			return
		}
		r.done(i, out)
	case OutcomeAborted:
		r.aborted(i, o)
	default:
		r.stuck(i, quoting(orElse(o.Error, fmt.Sprintf("it was answered by %d", o.Status)), o.Body))
		st.Phase, st.Unsure = Called, st.Unsure || st.Phase == Pending
	}
}

// aborted turns back, where there is a way. What was refused is undone as well: a
// copy of the request that is still on its way may be done yet. A sub-saga that
// ended so is undone already.
func (r *run) aborted(i int, o Outcome) {
	st, why := &r.s.Steps[i], orElse(o.Error, said(o.Body))
	if r.past() {
		r.stuck(i, orElse(why, "it was refused"))
		st.Phase = Called
		return
	}
	r.clear(i)
	st.Phase, st.Refused, st.Undo = Aborted, true, st.Undo && r.isCall(i)
	if r.s.Back {
		return
	}
	message := "the step " + st.Name + " was refused"
	if why != "" {
		message += ": " + why
	}
	r.turnBack(definition.Failure{
		Step: st.Name, Kind: definition.Aborted, Message: message, Status: o.Status, Body: definition.ShortBody(o.Body),
	})
}

// away repeats a call that nobody was there to take, while there is time.
func (r *run) away(i int, op Op) {
	if op == Undo {
		r.undoUnsure(i)
		return
	}
	r.repeat(i, "nobody was there to take the step %s for %s: %s")
}

// unsure repeats a call whose outcome is unknown, while there is time.
func (r *run) unsure(i int) {
	if st := &r.s.Steps[i]; st.Phase != Pending {
		st.Phase, st.Unsure = Unknown, true
	}
	r.repeat(i, "the outcome of the step %s is unknown after %s: %s")
}

func (r *run) repeat(i int, why string) {
	step, st := r.def.Steps[i], &r.s.Steps[i]
	st.Fails++
	if st.Since.IsZero() {
		st.Since = r.now
	}
	if st.NotBefore = r.now.Add(r.backoff(i)); r.now.Sub(st.Since) < step.For || r.s.Back {
		return
	}
	taken := st.Unsure || st.Phase == Pending
	if r.past() || i == r.def.Pivot && !st.Undo && taken {
		st.Stuck = true // and is repeated
		return
	}
	kind := definition.Unknown
	if !taken {
		kind, st.Undo = definition.Away, st.Undo && st.Sent
	}
	r.turnBack(definition.Failure{
		Step: st.Name, Kind: kind, Message: fmt.Sprintf(why, st.Name, step.For, orElse(st.Error, "no answer")), Status: st.Status,
	})
}

// undid takes a definite answer to a step's undo. A service that said no, and says
// now that there is nothing to take back, has said the same twice.
func (r *run) undid(i int, o Outcome) {
	st := &r.s.Steps[i]
	absent := o.Status == http.StatusNotFound || o.Status == http.StatusGone
	if o.Kind == OutcomeDone || absent && st.Phase == Undoing && (r.def.Steps[i].AbsentOK || st.Refused) {
		r.undone(i)
		return
	}
	r.stuck(i, quoting(orElse(o.Error, fmt.Sprintf("the undo was answered by %d", o.Status)), o.Body))
}

// undoUnsure repeats an undo for ever, and asks for a person after a while.
func (r *run) undoUnsure(i int) {
	step, st := r.def.Steps[i], &r.s.Steps[i]
	st.Fails++
	if st.Since.IsZero() {
		st.Since = r.now
	}
	st.NotBefore = r.now.Add(r.backoff(i))
	st.Stuck = st.Stuck || r.now.Sub(st.Since) >= step.For
}

func orElse(text, otherwise string) string {
	if text == "" {
		return otherwise
	}
	return text
}
