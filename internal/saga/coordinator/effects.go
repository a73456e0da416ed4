package coordinator

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/banyanrun/banyan/internal/crashpoint"
	"github.com/banyanrun/banyan/internal/saga/machine"
	"github.com/banyanrun/banyan/internal/saga/store"
)

// carryOut does what a state that is stored wants done.
func (t *term) carryOut(s *saga, effects []machine.Effect) {
	for _, effect := range effects {
		switch e := effect.(type) {
		case machine.Call:
			t.call(s, e)
		case machine.Poll:
			id, trace := s.id, s.origin.Trace
			t.calls.add(t, &attempt{
				saga: s, timeout: e.Timeout, answered: machine.Answered{Step: e.Step, Op: e.Op, Attempt: e.Attempt},
				do: func(ctx context.Context) machine.Outcome { return t.options.Caller.Poll(ctx, id, trace, e) },
			})
		case machine.StartChild:
			t.startChild(s, e)
		case machine.CancelChild:
			t.cancelChild(s, e)
		case machine.Report:
			t.post(e.Parent.ID, letter{event: e.Ended})
		case machine.Log: // is stored
		default:
			t.log.Error("nothing is known of an effect", "saga", s.id, "effect", fmt.Sprintf("%T", effect))
		}
	}
}

// call makes a request, and makes it again after a crash anywhere here.
func (t *term) call(s *saga, e machine.Call) {
	if e.Op == machine.Undo {
		crashpoint.Pass(crashpoint.SagaUndoIntent)
	} else {
		crashpoint.Pass(crashpoint.SagaIntent)
	}
	id, trace := s.id, s.origin.Trace
	t.calls.add(t, &attempt{
		saga: s, timeout: e.Timeout, answered: machine.Answered{Step: e.Step, Op: e.Op, Attempt: e.Attempt},
		do: func(ctx context.Context) machine.Outcome {
			outcome := t.options.Caller.Call(ctx, id, trace, e)
			if e.Op == machine.Undo {
				crashpoint.Pass(crashpoint.SagaUndoCalled)
			} else {
				crashpoint.Pass(crashpoint.SagaCalled)
			}
			return outcome
		},
	})
}

// startChild starts the saga that is a step of another. What cannot be started has
// done nothing, and ends as if it were undone.
func (t *term) startChild(s *saga, e machine.StartChild) {
	row, err := t.makeChild(s, e)
	switch {
	case err == nil && (row.Status == string(machine.Succeeded) || row.Status == string(machine.Compensated)):
		t.reportEnded(s.id, e.Step, row)
	case err != nil && t.ctx.Err() == nil:
		t.post(s.id, letter{event: machine.ChildEnded{Step: e.Step, ID: e.ID, Status: machine.Compensated, Reason: err.Error()}})
	}
}

func (t *term) makeChild(s *saga, e machine.StartChild) (row store.Saga, err error) {
	err = t.persist("a sub-saga cannot be started", func() (err error) {
		row, err = t.make(t.ctx, request{
			id: e.ID, by: s.row.By, name: e.Name, trace: s.origin.Trace, input: e.Input,
			parent: &machine.Parent{ID: s.id, Step: e.Step},
		})
		return err
	})
	return row, err
}

// reportEnded tells a parent how its sub-saga ended.
func (t *term) reportEnded(parent, step string, row store.Saga) {
	var state machine.State
	if err := json.Unmarshal(row.Doc, &state); err != nil {
		t.log.Error("the state of a sub-saga cannot be read", "saga", row.ID, "error", err)
		return
	}
	t.post(parent, letter{event: machine.ChildEnded{Step: step, ID: row.ID, Status: state.Status, Output: state.Output(), Reason: state.Reason}})
}

// cancelChild turns a sub-saga back. The parent is told by this if the child does
// not tell by itself, since nothing about it changes.
func (t *term) cancelChild(s *saga, e machine.CancelChild) {
	parent := s.id
	t.post(e.ID, letter{event: machine.Cancel{Reason: e.Reason, ByParent: true}, done: func(child *saga, err error) {
		switch {
		case errors.Is(err, ErrNoSaga):
			t.post(parent, letter{event: machine.ChildEnded{Step: e.Step, ID: e.ID, Status: machine.Compensated, Reason: "it was never started"}})
		case child != nil && child.state.Status.Ended():
			ended := machine.ChildEnded{Step: e.Step, ID: e.ID, Status: child.state.Status, Output: child.state.Output(), Reason: child.state.Reason}
			t.post(parent, letter{event: ended})
		}
	}})
}

// patience is how much of its time a call may wait before it is made. Then
// nothing was sent, and the service is asked later.
func patience(timeout time.Duration) time.Duration { return timeout / 2 }
