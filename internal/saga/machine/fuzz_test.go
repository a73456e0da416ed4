package machine_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

// everything is a saga with all that there is.
const everything = `{"timeout": "10m", "steps": [
	{"name": "a", "when": "input == null || has(input.x)", "call": {"service": "a", "path": "/{saga.id}", "body": "input"}, "undo": {"path": "/{saga.id}/undo", "absent": "ok"}},
	{"parallel": [
		{"name": "b", "call": {"service": "a", "path": "/"}, "undo": "none", "output": "response.body.b"},
		{"name": "c", "saga": "other"},
		{"name": "d", "wait": {"topic": "t", "where": "event.subject == a", "deadline": "1m", "else": "continue"}}
	]},
	{"name": "e", "call": {"service": "a", "path": "/"}, "undo": "none", "pivot": true},
	{"name": "f", "delay": "3s"},
	{"name": "g", "call": {"service": "a", "path": "/", "body": "b"}}
]}`

// eventOf makes an event of three bytes.
func eventOf(s machine.State, kind, step, more byte) machine.Event {
	steps := []string{"a", "b", "c", "d", "e", "f", "g", "nope"}
	name := steps[int(step)%len(steps)]
	op := []machine.Op{machine.Do, machine.Undo, ""}[int(more>>4)%3]
	kinds := []machine.OutcomeKind{
		machine.OutcomeDone, machine.OutcomePending, machine.OutcomeAborted, machine.OutcomeLater,
		machine.OutcomeAttention, machine.OutcomeUnknown, machine.OutcomeAway, "",
	}
	bodies := []string{``, `{"b": 1}`, `{`, `[null]`}
	o := machine.Outcome{Kind: kinds[int(more)%len(kinds)], Status: 200 + int(more), Body: json.RawMessage(bodies[int(kind)%len(bodies)]), Location: bodies[int(step)%2]}
	attempt, child := int(more%5), ""
	for _, st := range s.Steps {
		if st.Name == name {
			attempt, child = st.Attempts-int(more)/200, st.Child
		}
	}
	switch kind % 12 {
	case 0, 1, 2, 3:
		return machine.Answered{Step: name, Op: op, Attempt: attempt, Outcome: o}
	case 4:
		return machine.Callback{Step: name, Op: op, Outcome: o}
	case 5:
		return machine.Happened{Step: name, Event: json.RawMessage(bodies[int(more)%len(bodies)])}
	case 6:
		return machine.ChildEnded{Step: name, ID: child, Status: []machine.Status{machine.Succeeded, machine.Compensated, machine.Running}[int(more)%3]}
	case 7:
		return machine.Cancel{ByParent: more%2 == 0}
	case 8:
		return machine.Retry{Step: name}
	case 9:
		return machine.Skip{Step: name}
	case 10:
		return machine.Compensate{}
	case 11:
		if more%3 == 0 {
			return machine.Resumed{}
		}
	}
	return machine.Due{}
}

// FuzzStep tells a saga events that make no sense. It keeps its word all the same.
func FuzzStep(f *testing.F) {
	def := define(f, everything)
	f.Add([]byte{0, 0, 1, 0, 1, 1, 6, 2, 0, 5, 3, 1, 0, 4, 0, 11, 0, 1, 0, 6, 0})
	f.Add([]byte{0, 0, 5, 11, 0, 1, 0, 0, 5, 7, 0, 1, 0, 0, 0x10})
	f.Add([]byte{0, 0, 2, 0, 0, 0x10}) // refused, and undone
	f.Fuzz(func(t *testing.T, script []byte) {
		now := start
		s, _, err := machine.Start(def, "s", json.RawMessage(`{"x": 1}`), now)
		if err != nil {
			t.Fatal(err)
		}
		for len(script) >= 3 {
			e := eventOf(s, script[0], script[1], script[2])
			if due, ok := s.Due(); ok && script[0]%2 == 1 {
				now = due
			}
			script = script[3:]
			next, effects, err := machine.Step(def, s, e, now)
			if err != nil && len(effects) > 0 {
				t.Fatalf("%T: effects with the error %v", e, err)
			}
			text, err := json.Marshal(next)
			if err != nil {
				t.Fatalf("%T makes a state that cannot be written: %v", e, err)
			}
			s = machine.State{}
			if err := json.Unmarshal(text, &s); err != nil {
				t.Fatalf("%T makes a state that cannot be read: %v\n%s", e, err, text)
			}
			if s.Status == machine.Compensated && slices.ContainsFunc(s.Steps, func(st machine.StepState) bool { return st.Undo }) {
				t.Fatalf("%T ends it before all is undone\n%s", e, text)
			}
		}
	})
}

// FuzzState reads what may be damaged. What is read can be written again and told
// anything.
func FuzzState(f *testing.F) {
	def := define(f, everything)
	s, _, err := machine.Start(def, "s", nil, start)
	if err != nil {
		f.Fatal(err)
	}
	text, err := json.Marshal(s)
	if err != nil {
		f.Fatal(err)
	}
	f.Add(text)
	f.Add([]byte(`{"status": "done"}`))
	f.Add([]byte(`{"status": "running", "steps": [{"n": "a", "p": "called", "x": {}}]}`))
	f.Fuzz(func(t *testing.T, text []byte) {
		var s machine.State
		if json.Unmarshal(text, &s) != nil {
			return
		}
		s.Due()
		s.Waits()
		s.Trouble()
		s.Output()
		s.Digest = def.Digest
		for kind := range byte(12) {
			for step := range byte(8) {
				next, _, err := machine.Step(def, s, eventOf(s, kind, step, 0), start.Add(time.Hour))
				if err != nil {
					continue
				}
				if _, err := json.Marshal(next); err != nil && json.Valid(text) {
					t.Fatalf("the state cannot be written: %v", err)
				}
			}
		}
	})
}

func TestStatesThatAreNotUnderstoodAreRefused(t *testing.T) {
	for _, text := range []string{
		`{"status": "run"}`, `{}`, `{"status": "running", "steps": [{"n": "a", "p": "gone"}]}`,
		`{"status": "running", "steps": [{"n": "a"}]}`, `[]`, `{"status": "running", "created": "yesterday"}`,
	} {
		var s machine.State
		if err := json.Unmarshal([]byte(text), &s); err == nil {
			t.Errorf("%s is taken for %+v", text, s)
		}
	}
	def := define(t, everything)
	s, _, err := machine.Start(def, "s", nil, start)
	if err != nil {
		t.Fatal(err)
	}
	for name, spoil := range map[string]func(*machine.State){
		"definition": func(s *machine.State) { s.Digest = "another" },
		"steps":      func(s *machine.State) { s.Steps = s.Steps[1:] },
		"name":       func(s *machine.State) { s.Steps[1].Name = "z" },
		"phase":      func(s *machine.State) { s.Steps[1].Phase = "z" },
	} {
		bad := s
		bad.Steps = append([]machine.StepState(nil), s.Steps...)
		spoil(&bad)
		if _, _, err := machine.Step(def, bad, machine.Due{}, start); err == nil {
			t.Errorf("a state with another %s is taken", name)
		}
	}
}
