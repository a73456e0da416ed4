package machine_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

// TestModel runs sagas that were drawn against services that use the barrier,
// over a network that loses, repeats, delays and reorders, with a coordinator that
// dies. Whatever happens, the services agree with the saga at its end.
func TestModel(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		inner := map[string]*plan{
			"inner":  drawPlan(t, "inner", nil, false),
			"innerp": drawPlan(t, "innerp", nil, true),
		}
		w := newWorld(t, inner)
		root := drawPlan(t, "root", inner, true)
		w.plans["root"] = root
		w.begin("r", "root", json.RawMessage(`{"x": true}`), nil)
		for range rapid.IntRange(0, 60).Draw(t, "trouble") {
			w.trouble()
		}
		w.settle()
		w.conserved()
	})
}

// world is the coordinator's, the services' and the network's part.
type world struct {
	t        *rapid.T
	now      time.Time
	plans    map[string]*plan
	sagas    map[string]*stored
	barriers map[string]*barrier
	inflight []owned            // effects that were not carried out
	kept     []message          // requests that the network may deliver again
	answers  []machine.Answered // that it may deliver again
	owners   []string           // whose answers those are
	jobs     []*job
	skipped  map[string]bool // saga/step: by a person
	forced   map[string]bool // sagas that a person turned back
	chaotic  bool
	trace    []string
}

type owned struct {
	saga   string
	effect machine.Effect
}

func newWorld(t *rapid.T, plans map[string]*plan) *world {
	return &world{
		t: t, now: start, plans: maps.Clone(plans), sagas: map[string]*stored{}, barriers: map[string]*barrier{},
		skipped: map[string]bool{}, forced: map[string]bool{}, chaotic: true,
	}
}

func (w *world) fail(format string, args ...any) {
	w.t.Helper()
	for _, line := range w.trace {
		w.t.Logf("%s", line)
	}
	for _, id := range w.ids() {
		w.t.Logf("%s: %s", id, w.sagas[id].text)
	}
	w.t.Fatalf(format, args...)
}

func (w *world) ids() []string { return slices.Sorted(maps.Keys(w.sagas)) }

func (w *world) begin(id, name string, input json.RawMessage, parent *machine.Parent) {
	p := w.plans[name]
	state, effects, err := machine.Start(p.def, id, input, w.now)
	if err != nil {
		w.fail("start: %v", err)
	}
	state.Parent = parent
	w.sagas[id] = &stored{plan: p}
	w.trace = append(w.trace, fmt.Sprintf("%s: started as %s", id, name))
	w.took(id, machine.State{}, state, effects)
	if state.Status.Ended() && parent != nil {
		// It did not know its parent yet.
		w.tell(parent.ID, machine.ChildEnded{Step: parent.Step, ID: id, Status: state.Status, Output: state.Output()})
	}
}

// tell applies an event, and reports whether it fitted.
func (w *world) tell(id string, e machine.Event) bool {
	s := w.sagas[id]
	before := s.state
	state, effects, err := machine.Step(s.plan.def, before, e, w.now)
	w.trace = append(w.trace, fmt.Sprintf("%s %s: %s → %s %v", w.now.Format("15:04:05.000"), id, told(e), state.Status, briefs(effects)))
	if errors.Is(err, machine.ErrState) {
		return false
	}
	if err != nil {
		w.fail("%s: %T: %v", id, e, err)
	}
	w.took(id, before, state, effects)
	return true
}

func told(e machine.Event) string {
	switch e := e.(type) {
	case machine.Answered:
		return fmt.Sprintf("%s/%s#%d is %s", e.Step, e.Op, e.Attempt, e.Outcome.Kind)
	case machine.Callback:
		return fmt.Sprintf("%s/%s calls back: %s", e.Step, e.Op, e.Outcome.Kind)
	}
	return fmt.Sprintf("%T%+v", e, e)
}

func briefs(effects []machine.Effect) (all []string) {
	for _, e := range effects {
		if l, ok := e.(machine.Log); ok {
			all = append(all, "("+l.Step+" "+l.What+")")
		} else {
			all = append(all, brief(e))
		}
	}
	return all
}

// took stores a state, and then puts the effects on their way.
func (w *world) took(id string, before, state machine.State, effects []machine.Effect) {
	s := w.sagas[id]
	s.put(w, state)
	reopened := before.Status == machine.Succeeded && state.Back
	for _, e := range effects {
		switch e := e.(type) {
		case machine.Log, machine.Report:
		case machine.Call:
			w.checkCall(s, before, e)
		}
		if _, isLog := e.(machine.Log); isLog {
			continue
		}
		if _, isReport := e.(machine.Report); before.Status.Ended() && !isReport && !reopened {
			w.fail("%s: an effect after the end: %s", id, brief(e))
		}
		w.inflight = append(w.inflight, owned{id, e})
	}
	if before.Status.Ended() && !reopened && s.state.Status != before.Status {
		w.fail("%s: it was %s and is %s", id, before.Status, s.state.Status)
	}
	w.checkState(id)
}

// Helper, Fatalf and Logf make a world a fataler.
func (w *world) Helper()                           {}
func (w *world) Fatalf(format string, args ...any) { w.fail(format, args...) }
func (w *world) Logf(format string, args ...any)   { w.t.Logf(format, args...) }

// trouble lets something happen, good or bad.
func (w *world) trouble() {
	switch rapid.SampledFrom([]string{"network", "network", "network", "network", "time", "time", "again", "answer", "crash", "job", "event", "cancel", "person", "clock", "noise"}).Draw(w.t, "what") {
	case "network":
		w.network(rapid.IntRange(0, 100).Draw(w.t, "which"))
	case "time":
		w.time()
	case "again":
		if len(w.kept) > 0 {
			m := rapid.SampledFrom(w.kept).Draw(w.t, "message")
			w.trace = append(w.trace, "the network delivers again: "+m.String())
			w.execute(m)
		}
	case "answer":
		if len(w.answers) > 0 {
			i := rapid.IntRange(0, len(w.answers)-1).Draw(w.t, "answer")
			w.repeat(w.owners[i], w.answers[i])
		}
	case "crash":
		w.crash()
	case "job":
		w.job()
	case "event":
		w.event(rapid.SampledFrom([]string{"yes", "no"}).Draw(w.t, "subject"))
	case "cancel":
		w.tell(w.some(), machine.Cancel{Reason: "wanted"})
	case "person":
		w.person(w.some(), rapid.SampledFrom([]string{"retry", "skip", "compensate"}).Draw(w.t, "order"))
	case "clock":
		w.now = w.now.Add(time.Duration(rapid.Int64Range(-10e9, 10e9).Draw(w.t, "jump")))
	case "noise":
		w.tell(w.some(), machine.Due{})
	}
}

// some returns a saga.
func (w *world) some() string { return rapid.SampledFrom(w.ids()).Draw(w.t, "saga") }

// repeat delivers an answer that was delivered already: nothing may change.
func (w *world) repeat(id string, a machine.Answered) {
	s := w.sagas[id]
	state, effects, err := machine.Step(s.plan.def, s.state, a, start.Add(-time.Hour)) // when nothing is due
	text, _ := json.Marshal(state)
	if err != nil || len(effects) > 0 || !bytes.Equal(text, s.text) {
		w.fail("%s: an answer that came twice changed it: %+v: %v %v\n%s\n%s", id, a, err, briefs(effects), s.text, text)
	}
}

// network carries out one effect.
func (w *world) network(which int) {
	if len(w.inflight) == 0 {
		return
	}
	which %= len(w.inflight)
	// Effects on sagas are carried out in order; requests in any.
	if _, isCall := request(w.inflight[which]); !isCall {
		for i, in := range w.inflight {
			if _, isCall := request(in); !isCall {
				which = i
				break
			}
		}
	}
	o := w.inflight[which]
	w.inflight = slices.Delete(slices.Clone(w.inflight), which, which+1)
	switch e := o.effect.(type) {
	case machine.StartChild:
		if w.sagas[e.ID] == nil {
			w.begin(e.ID, e.Name, e.Input, &machine.Parent{ID: o.saga, Step: e.Step})
		} else if s := w.sagas[e.ID].state; s.Status.Ended() {
			w.tell(o.saga, machine.ChildEnded{Step: e.Step, ID: e.ID, Status: s.Status, Output: s.Output()})
		}
	case machine.CancelChild:
		if w.sagas[e.ID] == nil {
			w.tell(o.saga, machine.ChildEnded{Step: e.Step, ID: e.ID, Status: machine.Compensated})
		} else {
			w.tell(e.ID, machine.Cancel{Reason: e.Reason, ByParent: true})
		}
	case machine.Report:
		w.tell(e.Parent.ID, e.Ended)
	default:
		m, _ := request(o)
		c := works
		if w.chaotic {
			c = chaos(rapid.IntRange(0, int(chaosKinds)-1).Draw(w.t, "chaos"))
		}
		if w.keeps(o, m, c) {
			w.kept = append(w.kept, m)
		}
		a := machine.Answered{Step: m.step, Op: m.op, Attempt: m.attempt, Outcome: w.serve(m, c)}
		w.answers, w.owners = append(w.answers, a), append(w.owners, o.saga)
		w.tell(o.saga, a)
	}
}

// keeps tells whether the network may deliver a request again: each that was sent,
// whatever was answered. Where nothing can be undone services must stand by their no,
// as if it were nowhere any more.
func (w *world) keeps(o owned, m message, c chaos) bool {
	switch c {
	case works, lost, answerLost:
		return !m.poll
	case nobody, unsent:
		return false
	}
	return !m.poll && w.sagas[o.saga].plan.steps[m.step].undo
}

func request(o owned) (message, bool) {
	switch e := o.effect.(type) {
	case machine.Call:
		return message{o.saga, e.Step, e.Op, e.Attempt, false}, true
	case machine.Poll:
		return message{o.saga, e.Step, e.Op, e.Attempt, true}, true
	}
	return message{}, false
}

// crash loses what is under way; the network may have kept it.
func (w *world) crash() {
	for _, in := range w.inflight {
		if m, ok := request(in); ok && !m.poll {
			w.kept = append(w.kept, m)
		}
	}
	w.inflight = nil
	w.trace = append(w.trace, "crash")
	for _, id := range w.ids() {
		w.tell(id, machine.Resumed{})
	}
}

// time passes to where something is due.
func (w *world) time() {
	var first time.Time
	for _, id := range w.ids() {
		if due, ok := w.sagas[id].state.Due(); ok && (first.IsZero() || due.Before(first)) {
			first = due
		}
	}
	if first.After(w.now) {
		w.now = first
	}
	for _, id := range w.ids() {
		if due, ok := w.sagas[id].state.Due(); ok && !due.After(w.now) {
			w.tell(id, machine.Due{})
			if again, ok := w.sagas[id].state.Due(); ok && !again.After(w.now) {
				w.fail("%s: is due at %s after it was told at %s", id, again, w.now)
			}
		}
	}
}

// job lets a service complete one.
func (w *world) job() {
	for _, j := range w.jobs {
		if j.done {
			continue
		}
		if j.done, j.outcome = true, aborted; w.execute(j.message) {
			j.outcome = done(`{"n": 1}`)
		}
		if j.callback {
			w.tell(j.saga, machine.Callback{Step: j.step, Op: j.op, Outcome: j.outcome})
		}
		return
	}
}

func (w *world) event(subject string) {
	for _, id := range w.ids() {
		for _, wait := range w.sagas[id].state.Waits() {
			w.tell(id, machine.Happened{Step: wait.Step, Event: json.RawMessage(`{"id": "1", "subject": "` + subject + `", "data": {"n": 1}}`)})
		}
	}
}

// person does what somebody may who is called.
func (w *world) person(id, what string) {
	s := w.sagas[id].state
	stuck := slices.IndexFunc(s.Steps, func(st machine.StepState) bool { return st.Stuck })
	switch {
	case what == "retry":
		w.tell(id, machine.Retry{})
	case what == "compensate":
		if w.tell(id, machine.Compensate{}) {
			w.forced[id] = true
		}
	case stuck >= 0:
		if w.tell(id, machine.Skip{Step: s.Steps[stuck].Name}) {
			w.skipped[id+"/"+s.Steps[stuck].Name] = true
		}
	}
}

// settle lets all go well from now on. Every saga must come to its end.
func (w *world) settle() {
	w.chaotic = false
	w.trace = append(w.trace, "all goes well from now on")
	for round := range 600 {
		open := 0
		for _, id := range w.ids() {
			if !w.sagas[id].state.Status.Ended() {
				open++
			}
		}
		switch {
		case open == 0 && len(w.inflight) == 0:
			return
		case len(w.inflight) > 0:
			w.network(0)
			continue
		}
		for range w.jobs {
			w.job()
		}
		w.event("yes")
		for _, id := range w.ids() {
			if s := w.sagas[id].state; s.Status == machine.NeedsAttention && len(w.inflight) == 0 {
				if round < 200 {
					w.person(id, "retry")
				}
				if round >= 200 || len(w.inflight) == 0 && w.sagas[id].state.Status == machine.NeedsAttention {
					w.person(id, "skip") // such as a sub-saga that cannot be undone, or one that has too little time
				}
			}
		}
		if len(w.inflight) == 0 {
			w.time()
		}
	}
	w.fail("it does not come to an end")
}
