package machine_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"

	"pgregory.net/rapid"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/saga/definition"
)

// plan is a saga that was drawn, and what an oracle must know of it.
type plan struct {
	def   *definition.Definition
	steps map[string]*planned
	pivot string
}

type planned struct {
	name           string
	stage          int
	kind           string // call, wait, delay, saga
	undo           bool
	beyond, always bool // after the pivot; without a condition
}

// drawPlan draws a saga. inner are those that it may run.
func drawPlan(t *rapid.T, name string, inner map[string]*plan, pivots bool) *plan {
	p := &plan{steps: map[string]*planned{}}
	stages := rapid.IntRange(1, 4).Draw(t, "stages")
	pivot := -1
	if pivots {
		pivot = rapid.IntRange(-1, stages-1).Draw(t, "pivot")
	}
	d := &drawing{t: t, plan: p, inner: inner}
	s := &appfile.Saga{Timeout: appfile.Duration(rapid.SampledFrom([]int64{2e9, 60e9, 3600e9}).Draw(t, "timeout"))}
	for i := range stages {
		d.stage, d.beyond = i, pivot >= 0 && i > pivot
		if i == pivot {
			s.Steps = append(s.Steps, d.step("pivot"))
			continue
		}
		if rapid.IntRange(0, 2).Draw(t, "parallel") > 0 {
			s.Steps = append(s.Steps, d.step(""))
			continue
		}
		group := &appfile.SagaStep{}
		for range rapid.IntRange(2, 3).Draw(t, "width") {
			group.Parallel = append(group.Parallel, d.step(""))
		}
		s.Steps = append(s.Steps, group)
	}
	app := &appfile.App{Sagas: map[string]*appfile.Saga{name: s}}
	app.ApplyDefaults("")
	src := definition.Source{Name: name, Saga: s, Subs: map[string]definition.SubSource{}}
	for name, in := range inner {
		src.Subs[name] = definition.SubSource{Pivot: in.pivot != ""}
	}
	def, problems := definition.Compile(src)
	if def == nil {
		text, _ := json.Marshal(s)
		t.Fatalf("%v\n%s", problems, text)
	}
	p.def = def
	return p
}

type drawing struct {
	t      *rapid.T
	plan   *plan
	inner  map[string]*plan
	stage  int
	beyond bool
	n      int
}

// step draws a step; role is "pivot" for the point of no return.
func (d *drawing) step(role string) *appfile.SagaStep {
	d.n++
	s := &appfile.SagaStep{Name: fmt.Sprintf("s%d", d.n)}
	in := &planned{name: s.Name, stage: d.stage, beyond: d.beyond, kind: "call", always: true}
	d.plan.steps[s.Name] = in
	if role == "pivot" {
		s.Pivot, d.plan.pivot = true, s.Name
	}
	kinds := []string{"call", "call", "call", "wait", "delay"}
	if role == "pivot" {
		kinds = kinds[:1]
	}
	for _, name := range slices.Sorted(maps.Keys(d.inner)) {
		if d.inner[name].pivot == "" || d.beyond || role == "pivot" {
			kinds = append(kinds, name)
		}
	}
	switch kind := rapid.SampledFrom(kinds).Draw(d.t, "kind"); kind {
	case "call":
		d.call(s, in, role)
	case "wait":
		in.kind = kind
		s.Wait = &appfile.StepWait{Topic: "t", Where: "event.subject == 'yes'", Deadline: 5e9, Else: rapid.SampledFrom([]string{"abort", "continue"}).Draw(d.t, "else")}
	case "delay":
		in.kind, s.Delay = kind, 3e9
	default:
		in.kind, s.Saga = "saga", kind
		in.undo = !d.beyond && role != "pivot"
	}
	if role != "pivot" && rapid.IntRange(0, 5).Draw(d.t, "when") == 0 {
		in.always = false
		s.When = rapid.SampledFrom([]string{"true", "false", "input.x"}).Draw(d.t, "condition")
	}
	return s
}

func (d *drawing) call(s *appfile.SagaStep, in *planned, role string) {
	s.Call = &appfile.StepCall{Service: "svc", Path: "/" + s.Name}
	s.Retry = &appfile.StepRetry{First: 100e6, Most: 2e9, For: appfile.Duration(rapid.SampledFrom([]int64{1, 5e9, 600e9}).Draw(d.t, "for"))}
	if d.beyond {
		return
	}
	in.undo = rapid.IntRange(0, 3).Draw(d.t, "undo") > 0
	if role == "pivot" {
		in.undo = rapid.Bool().Draw(d.t, "pivot undo")
	}
	s.Undo = &appfile.StepUndo{None: true}
	if in.undo {
		s.Undo = &appfile.StepUndo{Path: "/" + s.Name + "/undo"}
	}
}
