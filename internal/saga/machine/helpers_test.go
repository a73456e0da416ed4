package machine_test

import (
	"bytes"
	"encoding/json"
	"reflect"
	"testing"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/saga/definition"
	"github.com/banyanrun/banyan/internal/saga/machine"
)

var start = time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)

// define compiles a saga that is written as JSON, of the services of an app with
// inventory, payment and shipping.
func define(tb testing.TB, saga string) *definition.Definition {
	tb.Helper()
	def, problems := compile(tb, "checkout", saga)
	for _, p := range problems {
		tb.Fatalf("%v: %s; %s", p.Path, p.Message, p.Fix)
	}
	return def
}

// definePlain compiles one that may earn warnings.
func definePlain(tb testing.TB, saga string) *definition.Definition {
	tb.Helper()
	def, problems := compile(tb, "checkout", saga)
	if def == nil {
		tb.Fatal(problems)
	}
	return def
}

func compile(tb testing.TB, name, saga string) (*definition.Definition, []definition.Problem) {
	tb.Helper()
	app := &appfile.App{Sagas: map[string]*appfile.Saga{name: {}}}
	if err := json.Unmarshal([]byte(saga), app.Sagas[name]); err != nil {
		tb.Fatal(err)
	}
	app.ApplyDefaults("")
	return definition.Compile(definition.Source{Name: name, Saga: app.Sagas[name]})
}

// saga is driven by a test.
type saga struct {
	t       testing.TB
	def     *definition.Definition
	state   machine.State
	now     time.Time
	effects []machine.Effect // of the last event
	logs    []machine.Log
}

func begin(tb testing.TB, def *definition.Definition, input string) *saga {
	tb.Helper()
	g := &saga{t: tb, def: def, now: start}
	state, effects, err := machine.Start(def, "s1", json.RawMessage(input), g.now)
	if err != nil {
		tb.Fatal(err)
	}
	g.took(state, effects)
	return g
}

// took takes a state as one that was stored and read again.
func (g *saga) took(state machine.State, effects []machine.Effect) {
	g.t.Helper()
	text, err := json.Marshal(state)
	if err != nil {
		g.t.Fatal(err)
	}
	g.state = machine.State{}
	if err := json.Unmarshal(text, &g.state); err != nil {
		g.t.Fatal(err)
	}
	g.effects = nil
	for _, e := range effects {
		if l, ok := e.(machine.Log); ok {
			g.logs = append(g.logs, l)
			continue
		}
		g.effects = append(g.effects, e)
	}
}

func (g *saga) tell(e machine.Event) {
	g.t.Helper()
	if err := g.try(e); err != nil {
		g.t.Fatalf("%T: %v", e, err)
	}
}

func (g *saga) try(e machine.Event) error {
	g.t.Helper()
	before, _ := json.Marshal(g.state)
	state, effects, err := machine.Step(g.def, g.state, e, g.now)
	if after, _ := json.Marshal(g.state); !bytes.Equal(before, after) {
		g.t.Fatalf("%T changed the state it was given:\n%s\n%s", e, before, after)
	}
	if err != nil {
		if !reflect.DeepEqual(state, g.state) || effects != nil {
			g.t.Fatalf("%T: an error and a change: %v", e, err)
		}
		return err
	}
	g.took(state, effects)
	return nil
}

// answer answers the last call or poll of a step.
func (g *saga) answer(step string, o machine.Outcome) {
	g.t.Helper()
	st := g.step(step)
	op := machine.Do
	if st.Phase == machine.Undoing || st.Phase == machine.UndoPending {
		op = machine.Undo
	}
	g.tell(machine.Answered{Step: step, Op: op, Attempt: st.Attempts, Outcome: o})
}

func (g *saga) step(name string) machine.StepState {
	g.t.Helper()
	for _, st := range g.state.Steps {
		if st.Name == name {
			return st
		}
	}
	g.t.Fatalf("there is no step %s", name)
	return machine.StepState{}
}

// pass lets time pass until something is due, and says so.
func (g *saga) pass() {
	g.t.Helper()
	due, ok := g.state.Due()
	if !ok {
		g.t.Fatal("nothing is due")
	}
	if due.After(g.now) {
		g.now = due
	}
	g.tell(machine.Due{})
}

// brief says what an effect is, such as "reserve/do 1".
func brief(e machine.Effect) string {
	switch e := e.(type) {
	case machine.Call:
		return e.Step + "/" + string(e.Op)
	case machine.Poll:
		return e.Step + "/" + string(e.Op) + " poll " + e.URL
	case machine.StartChild:
		return "start " + e.ID + " " + string(e.Input)
	case machine.CancelChild:
		return "cancel " + e.ID
	case machine.Report:
		return "report " + string(e.Ended.Status)
	}
	return reflect.TypeOf(e).Name()
}

// wants fails unless these are the effects of the last event.
func (g *saga) wants(effects ...string) {
	g.t.Helper()
	got := []string{}
	for _, e := range g.effects {
		got = append(got, brief(e))
	}
	if len(got) != len(effects) || len(got) > 0 && !reflect.DeepEqual(got, effects) {
		g.t.Fatalf("the effects are %q, want %q\n%s", got, effects, g.dump())
	}
}

func (g *saga) is(status machine.Status) {
	g.t.Helper()
	if g.state.Status != status {
		g.t.Fatalf("it is %s, want %s\n%s", g.state.Status, status, g.dump())
	}
}

func (g *saga) dump() string {
	text, _ := json.MarshalIndent(g.state, "", " ")
	return string(text)
}

func done(body string) machine.Outcome {
	return machine.Outcome{Kind: machine.OutcomeDone, Status: 200, Body: json.RawMessage(body)}
}

var (
	unknown   = machine.Outcome{Kind: machine.OutcomeUnknown, Error: "connection reset"}
	aborted   = machine.Outcome{Kind: machine.OutcomeAborted, Status: 409, Error: "no money"}
	attention = machine.Outcome{Kind: machine.OutcomeAttention, Status: 422, Error: "bad request"}
	away      = machine.Outcome{Kind: machine.OutcomeAway, Status: 503}
	later     = machine.Outcome{Kind: machine.OutcomeLater, Status: 503}
	pending   = machine.Outcome{Kind: machine.OutcomePending, Status: 202, Location: "/jobs/1"}
)
