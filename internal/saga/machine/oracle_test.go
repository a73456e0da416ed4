package machine_test

import (
	"slices"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

// checkCall is the oracle of what may be called when.
func (w *world) checkCall(s *stored, before machine.State, e machine.Call) {
	step := s.plan.steps[e.Step]
	for _, other := range s.state.Steps {
		p := s.plan.steps[other.Name]
		switch {
		case e.Op == machine.Do && p.stage < step.stage && other.Phase != machine.Done && other.Phase != machine.Skipped:
			w.fail("%s: %s is called while %s is %s", s.state.ID, e.Step, p.name, other.Phase)
		case e.Op == machine.Undo && p.stage > step.stage && other.Undo:
			w.fail("%s: %s is undone before %s, which is %s", s.state.ID, e.Step, p.name, other.Phase)
		case e.Op == machine.Undo && p.stage > step.stage && other.Busy:
			w.fail("%s: %s is undone while %s is under way", s.state.ID, e.Step, p.name)
		case e.Op == machine.Undo && p.name == s.plan.pivot && other.Phase == machine.Done:
			w.fail("%s: %s is undone after the pivot", s.state.ID, e.Step)
		}
	}
	if e.Op == machine.Do {
		if s.state.Back {
			w.fail("%s: %s is called on the way back", s.state.ID, e.Step)
		}
		if step.undo && !s.state.Steps[w.index(s, e.Step)].Undo {
			w.fail("%s: %s is called and its undo is not registered", s.state.ID, e.Step)
		}
		return
	}
	if was := before.Steps; len(was) > 0 && was[w.index(s, e.Step)].Phase == machine.Idle {
		w.fail("%s: %s is undone and was never called", s.state.ID, e.Step)
	}
	for _, in := range w.inflight {
		if c, ok := in.effect.(machine.Call); ok && in.saga == s.state.ID && c.Step == e.Step && c.Op == machine.Do && w.current(s, c) {
			w.fail("%s: the undo of %s overtakes its call", s.state.ID, e.Step)
		}
	}
}

// current tells whether the answer to a call would still be taken.
func (w *world) current(s *stored, c machine.Call) bool {
	st := s.state.Steps[w.index(s, c.Step)]
	return st.Busy && st.Attempts == c.Attempt && st.Phase == machine.Called
}

func (w *world) index(s *stored, step string) int {
	return slices.IndexFunc(s.state.Steps, func(st machine.StepState) bool { return st.Name == step })
}

// checkState is the oracle of single states.
func (w *world) checkState(id string) {
	s := w.sagas[id].state
	due, timed := s.Due()
	if s.Status.Ended() {
		if timed || len(s.Waits()) > 0 {
			w.fail("%s has ended and waits until %s", id, due)
		}
		return
	}
	if s.Status == machine.NeedsAttention || timed || len(s.Waits()) > 0 {
		return
	}
	for _, st := range s.Steps {
		if st.Busy || (st.Phase == machine.Pending || st.Phase == machine.UndoPending) && st.Poll == "" {
			return
		}
	}
	w.fail("%s does nothing and waits for nothing", id)
}

// conserved compares what the sagas say with what the services have, after all
// that the network kept was delivered once more.
func (w *world) conserved() {
	for _, m := range w.kept {
		w.execute(m)
	}
	for _, id := range w.ids() {
		s, b := w.sagas[id], w.barrier(id)
		for _, st := range s.state.Steps {
			p := s.plan.steps[st.Name]
			effects := b.effects[st.Name]
			switch {
			case p.kind != "call" || w.skipped[id+"/"+st.Name]:
			case s.state.Status == machine.Compensated && p.undo && st.Phase == machine.Aborted:
				w.fail("%s was undone and %s, which was refused, was not", id, st.Name)
			case b.did[st.Name+"/do"] > 1 || b.did[st.Name+"/undo"] > 1:
				w.fail("%s: %s was done %d times", id, st.Name, b.did[st.Name+"/do"])
			case s.state.Status == machine.Succeeded && st.Phase == machine.Done && effects != 1:
				w.fail("%s succeeded and %s has %d effects", id, st.Name, effects)
			case s.state.Status == machine.Succeeded && st.Phase != machine.Done && effects != 0:
				w.fail("%s succeeded without %s, which has %d effects", id, st.Name, effects)
			case s.state.Status == machine.Compensated && p.undo && effects != 0:
				w.fail("%s was undone and %s has %d effects", id, st.Name, effects)
			case s.state.Status == machine.Compensated && st.Name == s.plan.pivot && effects != 0 && !w.forced[id]:
				w.fail("%s was undone after its pivot %s", id, st.Name)
			}
		}
	}
}
