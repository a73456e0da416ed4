package machine_test

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

// one is a saga with a step before the one that is looked at.
const one = `{"steps": [
	{"name": "first", "call": {"service": "a", "path": "/first"}, "undo": {"path": "/first/undo"}},
	{"name": "step", "call": {"service": "a", "path": "/step"}, "undo": {"path": "/step/undo", "absent": "%s"}, "retry": {"first": "1s", "most": "4s", "for": "20s"}},
	{"name": "last", "call": {"service": "a", "path": "/last"}, "undo": "none"}
]}`

// beyond is a saga whose second step is after its pivot.
const beyond = `{"steps": [
	{"name": "first", "call": {"service": "a", "path": "/first"}, "pivot": true},
	{"name": "step", "call": {"service": "a", "path": "/step"}, "retry": {"first": "1s", "most": "4s", "for": "20s"}}
]}`

func atStep(t *testing.T, text string) *saga {
	t.Helper()
	g := begin(t, define(t, text), `{}`)
	g.answer("first", done(`{}`))
	g.wants("step/do")
	return g
}

func TestAnOutcomeThatStaysUnknownIsUndone(t *testing.T) {
	g := atStep(t, fmt.Sprintf(one, "attention"))
	tries := 0
	for ; tries < 100 && g.step("step").Phase != machine.Undoing; tries++ {
		g.answer("step", unknown)
		if g.step("step").Phase == machine.Unknown {
			g.pass()
			g.wants("step/do")
		}
	}
	if took := g.now.Sub(start); tries < 3 || took < 20*time.Second || took > 25*time.Second {
		t.Fatalf("%d tries in %s", tries, took)
	}
	g.wants("step/undo")
	g.is(machine.Compensating)
	g.answer("step", done(``))
	g.wants("first/undo")
	g.answer("first", done(``))
	g.is(machine.Compensated)
}

func TestARefusedStepIsUndoneToo(t *testing.T) {
	for name, before := range map[string][]machine.Outcome{"at once": nil, "after a while": {later}, "perhaps done": {unknown}, "worked on": {pending}} {
		t.Run(name, func(t *testing.T) {
			g := atStep(t, fmt.Sprintf(one, "attention"))
			for _, o := range before {
				g.answer("step", o)
				g.pass()
			}
			g.answer("step", aborted)
			g.wants("step/undo")
			g.is(machine.Compensating)
			if want := "the step step was refused: no money"; g.state.Reason != want {
				t.Errorf("the reason is %q", g.state.Reason)
			}
			g.answer("step", machine.Outcome{Kind: machine.OutcomeAttention, Status: 404}) // it has nothing to take back
			g.wants("first/undo")
			g.answer("first", done(``))
			g.is(machine.Compensated)
		})
	}
	t.Run("without an undo", func(t *testing.T) {
		g := atStep(t, fmt.Sprintf(one, "ok"))
		g.answer("step", done(``))
		g.answer("last", aborted)
		g.wants("step/undo")
	})
}

// An undo that needs what the call would have answered cannot be made of a step that
// was refused, and is left out.
func TestAnUndoThatNeedsAnAnswer(t *testing.T) {
	const text = `{"steps": [
		{"name": "first", "call": {"service": "a", "path": "/"}, "undo": {"path": "/u"}},
		{"name": "step", "call": {"service": "a", "path": "/"}, "undo": {"path": "/charges/{step.id}/refund"}}
	]}`
	start := func() *saga {
		g := begin(t, definePlain(t, text), `{}`)
		g.answer("first", done(`{}`))
		return g
	}
	g := start()
	g.answer("step", aborted)
	g.wants("first/undo")
	if st := g.step("step"); st.Phase != machine.Undone || g.logs[len(g.logs)-1].What != "left out" {
		t.Errorf("%+v, and the last line is %+v", st, g.logs[len(g.logs)-1])
	}
	g = start()
	g.answer("step", unknown)
	g.pass()
	g.answer("step", aborted)
	g.is(machine.NeedsAttention)
}

func TestAfterThePivotStepsAreRepeated(t *testing.T) {
	g := atStep(t, beyond)
	for g.state.Status == machine.Running {
		g.answer("step", unknown)
		g.pass()
	}
	g.is(machine.NeedsAttention)
	for range 5 {
		g.wants("step/do")
		g.answer("step", unknown)
		g.pass()
	}
	g.answer("step", done(``))
	g.is(machine.Succeeded)

	g = atStep(t, beyond)
	g.answer("step", aborted)
	g.is(machine.NeedsAttention)
	if err := g.try(machine.Compensate{}); !errors.Is(err, machine.ErrState) {
		t.Fatalf("compensate after the pivot: %v", err)
	}
	if err := g.try(machine.Cancel{}); !errors.Is(err, machine.ErrState) {
		t.Fatalf("cancel after the pivot: %v", err)
	}
	g.tell(machine.Retry{})
	g.wants("step/do")
	g.is(machine.Running)
}

func TestAfterThePivotADeadlineNeedsAttention(t *testing.T) {
	g := atStep(t, beyond)
	g.answer("step", machine.Outcome{Kind: machine.OutcomePending})
	g.pass()
	g.is(machine.NeedsAttention)
	if _, ok := g.state.Due(); ok {
		t.Fatal("the deadline is due again")
	}
	g.tell(machine.Callback{Step: "step", Outcome: done(``)})
	g.is(machine.Succeeded)
}

func TestTheDeadlineTurnsBack(t *testing.T) {
	g := atStep(t, fmt.Sprintf(one, "ok"))
	g.answer("step", pending)
	g.now = g.state.Deadline
	g.tell(machine.Due{})
	g.wants("step/undo")
	g.is(machine.Compensating)
}

func TestAnAnswerAtTheDeadlineCounts(t *testing.T) {
	g := begin(t, define(t, `{"steps": [{"name": "a", "call": {"service": "a", "path": "/"}, "undo": {"path": "/u"}}]}`), ``)
	g.now = g.state.Deadline.Add(time.Second)
	g.answer("a", done(``))
	g.is(machine.Succeeded)
}

func TestWhatWasNotTakenIsNotAFailure(t *testing.T) {
	g := atStep(t, fmt.Sprintf(one, "ok"))
	for range 100 {
		before := g.now
		g.answer("step", machine.Outcome{Kind: machine.OutcomeLater, RetryAfter: 10 * time.Second})
		g.pass()
		if wait := g.now.Sub(before); wait < 10*time.Second || wait > 11*time.Second {
			t.Fatalf("it waited %s", wait)
		}
		g.wants("step/do")
	}
	g.is(machine.Running)
}

func TestPending(t *testing.T) {
	g := atStep(t, fmt.Sprintf(one, "ok"))
	g.answer("step", machine.Outcome{Kind: machine.OutcomePending, Location: "/jobs/1", RetryAfter: 7 * time.Second})
	before := g.now
	g.pass()
	if g.now.Sub(before) != 7*time.Second {
		t.Fatalf("it asked after %s", g.now.Sub(before))
	}
	g.wants("step/do poll /jobs/1")
	if p := g.effects[0].(machine.Poll); p.Service != "a" || p.Key != "s1/step/do" {
		t.Fatalf("it asks %+v", p)
	}
	g.answer("step", machine.Outcome{Kind: machine.OutcomePending})
	g.pass()
	g.answer("step", unknown)
	g.pass()
	g.wants("step/do poll /jobs/1")
	g.answer("step", done(`{}`))
	g.wants("last/do")
}

func TestCallbacks(t *testing.T) {
	g := atStep(t, fmt.Sprintf(one, "ok"))
	if err := g.try(machine.Callback{Step: "last", Outcome: done(``)}); !errors.Is(err, machine.ErrState) {
		t.Fatalf("a callback of a step that was not called: %v", err)
	}
	if err := g.try(machine.Callback{Step: "step", Outcome: unknown}); !errors.Is(err, machine.ErrState) {
		t.Fatalf("a callback without an outcome: %v", err)
	}
	// It may come before the answer that it is pending.
	g.tell(machine.Callback{Step: "step", Op: machine.Do, Outcome: done(`{"by": "callback"}`)})
	g.wants("last/do")
	g.tell(machine.Answered{Step: "step", Op: machine.Do, Attempt: 1, Outcome: pending})
	g.tell(machine.Callback{Step: "step", Op: machine.Do, Outcome: aborted})
	g.wants()
	if out := string(g.step("step").Output); out != `{"by":"callback"}` {
		t.Fatalf("the output is %s", out)
	}
}

func TestUndosAreRepeatedForEver(t *testing.T) {
	g := atStep(t, fmt.Sprintf(one, "attention"))
	g.answer("step", done(``))
	g.answer("last", aborted)
	for range 40 {
		g.wants("step/undo")
		g.answer("step", unknown)
		g.pass()
	}
	g.is(machine.NeedsAttention)
	g.answer("step", done(``))
	g.is(machine.Compensating)
	g.wants("first/undo")
}

func TestAnUndoThatFindsNothing(t *testing.T) {
	gone := machine.Outcome{Kind: machine.OutcomeAttention, Status: 410}
	for absent, want := range map[string]machine.Status{"ok": machine.Compensating, "attention": machine.NeedsAttention} {
		g := atStep(t, fmt.Sprintf(one, absent))
		g.answer("step", unknown)
		g.tell(machine.Cancel{Reason: "wanted"})
		g.wants("step/undo")
		g.answer("step", gone)
		g.is(want)
	}
}

func TestAttention(t *testing.T) {
	stuck := func() *saga {
		g := atStep(t, fmt.Sprintf(one, "ok"))
		g.answer("step", attention)
		g.is(machine.NeedsAttention)
		if g.state.Trouble() != "the step step: bad request" {
			t.Fatal(g.state.Trouble())
		}
		return g
	}
	g := stuck()
	g.tell(machine.Retry{Step: "step"})
	g.wants("step/do")
	if c := g.effects[0].(machine.Call); c.Attempt != 2 || c.Key != "s1/step/do" {
		t.Fatalf("it calls %+v", c)
	}
	g = stuck()
	g.tell(machine.Skip{})
	g.wants("last/do")
	if st := g.step("step"); st.Phase != machine.Skipped || !st.Undo {
		t.Fatalf("it is %+v", st)
	}
	g = stuck()
	g.tell(machine.Compensate{})
	g.wants("step/undo")
	g.answer("step", attention)
	g.is(machine.NeedsAttention)
	g.tell(machine.Skip{Step: "step"})
	g.wants("first/undo")
	for _, e := range []machine.Event{machine.Retry{}, machine.Skip{}, machine.Compensate{}, machine.Retry{Step: "nope"}} {
		if err := g.try(e); !errors.Is(err, machine.ErrState) {
			t.Errorf("%T: %v", e, err)
		}
	}
}

func TestCancelWaitsForAnswers(t *testing.T) {
	g := atStep(t, fmt.Sprintf(one, "ok"))
	g.tell(machine.Cancel{Reason: "wanted"})
	g.wants()
	g.is(machine.Compensating)
	g.answer("step", done(``))
	g.wants("step/undo")
}

func TestCancelWaitsForThePivot(t *testing.T) {
	const text = `{"steps": [
		{"name": "first", "call": {"service": "a", "path": "/"}, "undo": {"path": "/u"}},
		{"name": "step", "call": {"service": "a", "path": "/"}, "undo": "none", "pivot": true, "retry": {"for": "10s"}},
		{"name": "last", "call": {"service": "a", "path": "/"}}
	]}`
	for name, tc := range map[string]struct {
		answers []machine.Outcome
		want    string
	}{
		"done":                 {[]machine.Outcome{done(``)}, "last/do"},
		"refused":              {[]machine.Outcome{aborted}, "first/undo"},
		"not taken":            {[]machine.Outcome{later}, "first/undo"},
		"cannot be done":       {[]machine.Outcome{attention}, "first/undo"},
		"unknown, then done":   {[]machine.Outcome{unknown, done(``)}, "last/do"},
		"unknown, then later":  {[]machine.Outcome{unknown, later, done(``)}, "last/do"},
		"pending, then done":   {[]machine.Outcome{pending, done(``)}, "last/do"},
		"pending, then broken": {[]machine.Outcome{pending, attention}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			g := atStep(t, text)
			g.tell(machine.Cancel{Reason: "wanted"})
			for i, o := range tc.answers {
				if i > 0 {
					g.pass()
				}
				g.answer("step", o)
			}
			if tc.want == "" {
				g.is(machine.NeedsAttention) // since it may be done
				return
			}
			g.wants(tc.want)
		})
	}
}

func TestAPivotThatStaysUnknownNeedsAPerson(t *testing.T) {
	const text = `{"steps": [
		{"name": "first", "call": {"service": "a", "path": "/"}, "undo": {"path": "/u"}},
		{"name": "step", "call": {"service": "a", "path": "/"}, "undo": %s, "pivot": true, "retry": {"for": "10s"}}
	]}`
	g := atStep(t, fmt.Sprintf(text, `"none"`))
	for g.state.Status == machine.Running {
		g.answer("step", unknown)
		g.pass()
	}
	g.is(machine.NeedsAttention)
	g.wants("step/do")
	if err := g.try(machine.Compensate{}); !errors.Is(err, machine.ErrState) {
		t.Fatalf("compensate while it is tried: %v", err)
	}
	g.answer("step", unknown)
	g.tell(machine.Compensate{})
	g.wants("first/undo")

	g = atStep(t, fmt.Sprintf(text, `{"path": "/undo"}`))
	for range 100 {
		if g.step("step").Phase == machine.Undoing {
			break
		}
		g.answer("step", unknown)
		if g.step("step").Phase == machine.Unknown {
			g.pass()
		}
	}
	g.wants("step/undo")
}

func TestWhatAServiceWorksOnIsUndoneToo(t *testing.T) {
	for name, o := range map[string]machine.Outcome{"unknown": unknown, "away": away} {
		g := atStep(t, fmt.Sprintf(one, "ok"))
		g.answer("step", pending)
		for range 100 {
			if g.step("step").Phase != machine.Pending {
				break
			}
			g.pass()
			g.answer("step", o)
		}
		if g.wants("step/undo"); g.state.Failure.Kind != "unknown" {
			t.Errorf("%s: it failed by %+v", name, g.state.Failure)
		}
	}
}
