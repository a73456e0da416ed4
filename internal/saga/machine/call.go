package machine

import (
	"hash/fnv"
	"strconv"
	"time"

	"github.com/banyanrun/banyan/internal/saga/definition"
)

const (
	// grace is how long after its timeout the answer of a request is taken for lost.
	grace = 2 * time.Minute
	// pollEvery is for services that do not say when to ask again, and what is
	// waited for those that say neither when to come back.
	pollEvery = time.Second
	// laterMost bounds what a service can ask for.
	laterMost = time.Hour
)

var zero time.Time

// call makes a step's request. That its undo is registered is stored before.
func (r *run) call(i int, op Op) {
	step, st := r.def.Steps[i], &r.s.Steps[i]
	of := step.Do
	if op == Undo {
		of = step.Undo
	}
	request, err := of(r.def, r.scope())
	switch {
	case err != nil && op == Undo && st.Refused && !st.Unsure:
		// It wants what only an answer that never came would have told it.
		r.note(i, op, "left out", err.Error())
		r.undone(i)
		return
	case err != nil:
		r.stuck(i, err.Error())
		return
	}
	if op == Do {
		st.Unsure = st.Unsure || st.Phase == Pending
		st.Phase = Called
		st.Undo = step.HasUndo
	} else {
		st.Phase = Undoing
	}
	r.begin(i)
	st.Poll = ""
	e := Call{Step: st.Name, Op: op, Attempt: st.Attempts, Key: r.key(i, op), Request: request, Timeout: step.Timeout}
	if op == Do && !r.past() {
		e.Deadline = r.s.Deadline
	}
	r.emit(e)
}

// poll asks after a pending request.
func (r *run) poll(i int, op Op) {
	step, st := r.def.Steps[i], &r.s.Steps[i]
	of := step.Do
	if op == Undo {
		of = step.Undo
	}
	request, err := of(r.def, r.scope())
	if err != nil {
		r.stuck(i, err.Error())
		return
	}
	r.begin(i)
	r.emit(Poll{Step: st.Name, Op: op, Attempt: st.Attempts, Key: r.key(i, op), Service: request.Service, URL: st.Poll, Timeout: step.Timeout})
}

// begin counts an attempt.
func (r *run) begin(i int) {
	st := &r.s.Steps[i]
	st.Attempts++
	st.Busy, st.NotBefore = true, r.now.Add(r.def.Steps[i].Timeout+grace)
	if st.Since.IsZero() && st.Phase != Pending && st.Phase != UndoPending {
		st.Since = r.now
	}
}

// startChild starts the sub-saga of a step.
func (r *run) startChild(i int) {
	step, st := r.def.Steps[i], &r.s.Steps[i]
	input, err := step.ChildInput(r.def, r.scope())
	if err != nil {
		r.stuck(i, err.Error())
		return
	}
	st.Attempts++
	st.Child = r.s.ID + "." + st.Name
	if st.Attempts > 1 {
		st.Child += "." + strconv.Itoa(st.Attempts)
	}
	st.Phase, st.Busy, st.Undo = Called, true, step.HasUndo
	r.emit(StartChild{Step: st.Name, Name: step.Saga, ID: st.Child, Input: input})
}

// backoff is the wait after a step's last failure: it doubles, and is drawn
// evenly from zero to that ("full jitter"), the same for equal states.
func (r *run) backoff(i int) time.Duration {
	step, st := r.def.Steps[i], r.s.Steps[i]
	most := step.First
	for n := 1; n < st.Fails && most < step.Most; n++ {
		most *= 2
	}
	most = max(min(most, step.Most), time.Millisecond)
	h := fnv.New64a()
	_, _ = h.Write([]byte(r.s.ID + "/" + st.Name + "/" + string(st.Phase) + "/" + strconv.Itoa(st.Attempts)))
	return time.Duration(mix(h.Sum64()) % uint64(most))
}

// mix spreads what FNV leaves in the low bits (the finalizer of SplitMix64).
func mix(x uint64) uint64 {
	x = (x ^ x>>30) * 0xbf58476d1ce4e5b9
	x = (x ^ x>>27) * 0x94d049bb133111eb
	return x ^ x>>31
}

// isCall tells whether a step makes requests of a service.
func (r *run) isCall(i int) bool { return r.def.Steps[i].Kind == definition.Call }
