package machine

import "github.com/banyanrun/banyan/internal/saga/definition"

// forward begins the steps of the first stage that is not complete, and tells
// whether there is none.
func (r *run) forward() bool {
	for i := 0; i < len(r.s.Steps); {
		end, complete := r.stage(i), true
		for j := i; j < end; j++ {
			if st := &r.s.Steps[j]; st.Phase == Idle && !st.Stuck {
				r.enter(j)
			}
			if p := r.s.Steps[j].Phase; p != Done && p != Skipped {
				complete = false
			}
		}
		if !complete {
			return false
		}
		i = end
	}
	return true
}

// stage returns the index behind the stage that begins at i.
func (r *run) stage(i int) int {
	end := i + 1
	for end < len(r.def.Steps) && r.def.Steps[end].Stage == r.def.Steps[i].Stage {
		end++
	}
	return end
}

// enter begins a step.
func (r *run) enter(i int) {
	step, st := r.def.Steps[i], &r.s.Steps[i]
	do, err := step.When(r.def, r.scope())
	switch {
	case err != nil:
		r.stuck(i, err.Error())
	case !do:
		st.Phase = Skipped
		r.note(i, "", "skipped", "")
	case step.Kind == definition.Wait:
		on, value, err := step.Correlate(r.def, r.scope())
		if err != nil {
			r.stuck(i, err.Error())
			return
		}
		st.Phase, st.NotBefore = Waiting, r.now.Add(step.Delay)
		st.Wait = &Wait{Step: st.Name, Topic: step.Topic, Since: r.s.Created, On: on, Value: value}
		r.note(i, "", "waiting", step.Topic)
	case step.Kind == definition.Delay:
		st.Phase, st.NotBefore = Waiting, r.now.Add(step.Delay)
		r.note(i, "", "waiting", step.Delay.String())
	case step.Kind == definition.Sub:
		r.startChild(i)
	default:
		r.call(i, Do)
	}
}

// done ends a step well.
func (r *run) done(i int, output []byte) {
	st := &r.s.Steps[i]
	r.clear(i)
	st.Phase, st.Output, st.Error = Done, output, ""
	if i == r.def.Pivot && r.s.Cancel != "" {
		r.log(Log{Step: st.Name, What: "too late to cancel", Text: r.s.Cancel})
		r.s.Cancel = ""
	}
}

// clear forgets all that an attempt needed.
func (r *run) clear(i int) {
	st := &r.s.Steps[i]
	st.Busy, st.Stuck, st.Fails, st.Poll, st.Wait = false, false, 0, "", nil
	st.Since, st.NotBefore = zero, zero
}

// stuck leaves a step to a person.
func (r *run) stuck(i int, why string) {
	st := &r.s.Steps[i]
	st.Busy, st.Stuck, st.Error, st.NotBefore = false, true, why, zero
}
