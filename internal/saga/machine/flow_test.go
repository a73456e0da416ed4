package machine_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/saga/machine"
)

const parallel = `{"steps": [
	{"name": "first", "call": {"service": "a", "path": "/first"}, "undo": {"path": "/u"}},
	{"parallel": [
		{"name": "a", "call": {"service": "a", "path": "/a"}, "undo": {"path": "/u"}},
		{"name": "b", "call": {"service": "a", "path": "/b"}, "undo": {"path": "/u"}},
		{"name": "c", "when": "first.c", "call": {"service": "a", "path": "/c"}, "undo": "none"},
		{"name": "d", "delay": "10s"}
	]},
	{"name": "last", "call": {"service": "a", "path": "/last", "body": "[a, b, c, d]"}, "undo": "none"}
]}`

func TestParallelSteps(t *testing.T) {
	g := begin(t, define(t, parallel), ``)
	g.answer("first", done(`{"c": false}`))
	g.wants("a/do", "b/do")
	g.answer("b", done(`2`))
	g.answer("a", done(`1`))
	g.wants()
	g.pass()
	g.wants("last/do")
	if body := string(g.effects[0].(machine.Call).Request.Body); body != `[1,2,null,null]` {
		t.Fatalf("the body is %s", body)
	}
	g.answer("last", aborted)
	g.wants("a/undo", "b/undo")
	g.answer("a", done(``))
	g.wants()
	g.answer("b", done(``))
	g.wants("first/undo")
}

func TestAParallelStepThatIsRefusedWaitsForTheOthers(t *testing.T) {
	g := begin(t, define(t, parallel), ``)
	g.answer("first", done(`{"c": true}`))
	g.wants("a/do", "b/do", "c/do")
	g.answer("a", aborted)
	g.wants("a/undo")
	g.is(machine.Compensating)
	g.answer("c", done(``))
	g.wants()
	g.answer("a", done(``))
	g.wants()
	g.answer("b", unknown)
	g.wants("b/undo")
	g.answer("b", done(``))
	g.wants("first/undo")
}

func TestWaits(t *testing.T) {
	const text = `{"steps": [
		{"name": "paid", "wait": {"topic": "payment.settled", "where": "event.subject == input.order", "deadline": "15m", "else": "%s"}, "output": "event.data.amount"},
		{"name": "last", "call": {"service": "a", "path": "/last", "body": "paid"}, "undo": "none"}
	]}`
	g := begin(t, define(t, fmt.Sprintf(text, "abort")), `{"order": "o1"}`)
	want := []machine.Wait{{Step: "paid", Topic: "payment.settled", Since: start, On: "event.subject", Value: "so1"}}
	if waits := g.state.Waits(); !reflect.DeepEqual(waits, want) {
		t.Fatalf("it waits for %+v", waits)
	}
	for _, other := range []string{`{"subject": "o2", "data": {"amount": 1}}`, `{"data": {}}`, `not JSON`, ``} {
		g.tell(machine.Happened{Step: "paid", Event: json.RawMessage(other)})
		g.wants()
	}
	g.tell(machine.Happened{Step: "paid", Event: json.RawMessage(`{"subject": "o1", "data": {"amount": 12}}`)})
	g.wants("last/do")
	if body := string(g.effects[0].(machine.Call).Request.Body); body != `12` {
		t.Fatalf("the body is %s", body)
	}
	if len(g.state.Waits()) > 0 {
		t.Fatal("it still waits")
	}

	g = begin(t, define(t, fmt.Sprintf(text, "abort")), `{"order": "o1"}`)
	g.pass()
	g.is(machine.Compensated)
	if g.now.Sub(start) != 15*time.Minute {
		t.Fatalf("it waited %s", g.now.Sub(start))
	}
	g = begin(t, define(t, fmt.Sprintf(text, "continue")), `{"order": "o1"}`)
	g.pass()
	g.wants("last/do")
}

func TestAfterThePivotALateEventStillCounts(t *testing.T) {
	g := begin(t, define(t, `{"steps": [
		{"name": "a", "call": {"service": "a", "path": "/"}, "pivot": true},
		{"name": "b", "wait": {"topic": "t", "where": "true", "deadline": "1m"}}
	]}`), ``)
	g.answer("a", done(``))
	g.pass()
	g.is(machine.NeedsAttention)
	g.tell(machine.Happened{Step: "b", Event: json.RawMessage(`{}`)})
	g.is(machine.Succeeded)
}

const parent = `{"steps": [
	{"name": "first", "call": {"service": "a", "path": "/"}, "undo": {"path": "/u"}},
	{"name": "gift", "saga": "wrap", "input": "{'id': first.id}"},
	{"name": "last", "call": {"service": "a", "path": "/", "body": "gift.ribbon"}, "undo": "none"}
]}`

func TestSubSagas(t *testing.T) {
	atGift := func() *saga {
		g := begin(t, define(t, parent), ``)
		g.answer("first", done(`{"id": 5}`))
		g.wants(`start s1.gift {"id":5}`)
		return g
	}
	ended := func(g *saga, id string, status machine.Status) {
		g.tell(machine.ChildEnded{Step: "gift", ID: id, Status: status, Output: json.RawMessage(`{"ribbon": "red"}`)})
	}
	t.Run("output", func(t *testing.T) {
		g := atGift()
		ended(g, "another", machine.Succeeded)
		g.wants()
		ended(g, "s1.gift", machine.Succeeded)
		g.wants("last/do")
		if body := string(g.effects[0].(machine.Call).Request.Body); body != `"red"` {
			t.Fatalf("the body is %s", body)
		}
		g.answer("last", aborted)
		g.wants("cancel s1.gift")
		g.tell(machine.Resumed{})
		g.wants("cancel s1.gift")
		ended(g, "s1.gift", machine.Compensated)
		g.wants("first/undo")
	})
	t.Run("undone", func(t *testing.T) {
		g := atGift()
		g.tell(machine.Resumed{})
		g.wants(`start s1.gift {"id":5}`)
		ended(g, "s1.gift", machine.Compensated)
		g.wants("first/undo")
	})
	t.Run("cancelled", func(t *testing.T) {
		g := atGift()
		g.tell(machine.Cancel{})
		g.wants("cancel s1.gift")
		ended(g, "s1.gift", machine.Succeeded) // it was faster
		g.wants("cancel s1.gift")
		ended(g, "s1.gift", machine.Compensated)
		g.wants("first/undo")
	})
	t.Run("past its pivot", func(t *testing.T) {
		g := atGift()
		g.tell(machine.Cancel{})
		ended(g, "s1.gift", machine.Succeeded)
		ended(g, "s1.gift", machine.Succeeded)
		g.is(machine.NeedsAttention)
		g.tell(machine.Skip{})
		g.wants("first/undo")
	})
}

func TestAParentReopensASagaThatSucceeded(t *testing.T) {
	g := begin(t, define(t, `{"steps": [{"name": "a", "call": {"service": "a", "path": "/"}, "undo": {"path": "/u"}}]}`), ``)
	g.state.Parent = &machine.Parent{ID: "p", Step: "x"}
	g.answer("a", done(`1`))
	g.wants("report succeeded")
	if out := string(g.effects[0].(machine.Report).Ended.Output); out != `{"a":1}` {
		t.Fatalf("the output is %s", out)
	}
	g.tell(machine.Cancel{ByParent: true})
	g.wants("a/undo")
	g.answer("a", done(``))
	g.wants("report compensated")
	g.tell(machine.Cancel{ByParent: true})
	g.wants("report compensated")
	g.is(machine.Compensated)
}

func TestResumed(t *testing.T) {
	g := begin(t, define(t, parallel), ``)
	g.tell(machine.Resumed{})
	g.wants("first/do")
	if c := g.effects[0].(machine.Call); c.Attempt != 2 || c.Key != "s1/first/do" {
		t.Fatalf("it calls %+v", c)
	}
	g.tell(machine.Answered{Step: "first", Op: machine.Do, Attempt: 1, Outcome: aborted})
	g.wants()
	g.answer("first", done(`{"c": true}`))
	g.answer("a", done(`1`))
	g.answer("b", unknown)
	g.answer("c", pending)
	g.tell(machine.Resumed{})
	g.wants() // nothing was under way
	g.now = g.now.Add(5 * time.Second)
	g.tell(machine.Resumed{})
	g.wants("b/do", "c/do poll /jobs/1")
	g.tell(machine.Cancel{})
	g.wants("a/undo") // b is under way, and c has nothing to undo
	g.tell(machine.Resumed{})
	g.wants("a/undo", "b/undo")
	g.tell(machine.Resumed{})
	g.wants("a/undo", "b/undo")
}

func TestAnAnswerThatNeverComesIsUnknown(t *testing.T) {
	g := begin(t, define(t, checkout), order)
	g.pass()
	if st := g.step("reserve"); st.Phase != machine.Unknown || st.Error == "" {
		t.Fatalf("it is %+v", st)
	}
}

func TestClocksThatGoBackDoNoHarm(t *testing.T) {
	g := begin(t, define(t, checkout), order)
	g.now = start.Add(-1000 * time.Hour)
	g.answer("reserve", unknown)
	g.tell(machine.Due{})
	g.wants()
	g.is(machine.Running)
	g.pass()
	g.wants("reserve/do")
	g.answer("reserve", done(`{"id": "r"}`))
	g.wants("charge/do")
}

func TestTheWaitDoublesAndIsDrawn(t *testing.T) {
	def := define(t, `{"steps": [{"name": "a", "call": {"service": "a", "path": "/"}, "undo": "none", "retry": {"first": "1s", "most": "60s", "for": "10m"}}]}`)
	longest := make([]time.Duration, 10)
	for n := range 200 {
		state, effects, err := machine.Start(def, fmt.Sprint("s", n), nil, start)
		if err != nil {
			t.Fatal(err)
		}
		now := start
		for i := range longest {
			call := effects[len(effects)-1].(machine.Call)
			if state, _, err = machine.Step(def, state, machine.Answered{Step: "a", Op: machine.Do, Attempt: call.Attempt, Outcome: unknown}, now); err != nil {
				t.Fatal(err)
			}
			due, ok := state.Due()
			if wait, most := due.Sub(now), min(time.Second<<i, time.Minute); !ok || wait < 0 || wait >= most {
				t.Fatalf("after %d attempts it waits %s", i+1, wait)
			}
			longest[i] = max(longest[i], due.Sub(now))
			now = due
			if state, effects, err = machine.Step(def, state, machine.Due{}, now); err != nil {
				t.Fatal(err)
			}
		}
	}
	for i, got := range longest {
		if most := min(time.Second<<i, time.Minute); got < most*3/4 {
			t.Errorf("after %d attempts the longest of 200 waits is %s of %s", i+1, got, most)
		}
	}
}
