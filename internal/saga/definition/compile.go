package definition

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/saga/expr"
)

// compiler carries the compilation of one saga.
type compiler struct {
	src      Source
	def      *Definition
	problems []Problem
	env      *expr.Env // of the stage that is compiled
	later    map[string]string
}

func compile(src Source, text []byte) (*Definition, []Problem) {
	c := &compiler{src: src, def: &Definition{
		Name: src.Name, Digest: digest(text), Pivot: -1, source: text,
		Timeout: time.Duration(src.Saga.Timeout), Retention: time.Duration(src.Saga.Retention),
	}}
	at := []string{"sagas", src.Name}
	input, typ := c.schema(append(at, "input"), src.Saga.Input)
	c.def.input = input
	env, err := expr.NewEnv(expr.Var{Name: "input", Type: typ}, expr.Var{Name: "saga", Type: sagaType})
	if err != nil {
		return nil, []Problem{{Path: at, Message: err.Error()}}
	}
	c.env, c.later = env, c.names()
	for i, step := range src.Saga.Steps {
		if step != nil {
			c.stage(sub(at, "steps", strconv.Itoa(i)), i, step)
		}
	}
	if slices.ContainsFunc(c.problems, func(p Problem) bool { return !p.Warning }) {
		return nil, c.problems
	}
	return c.def, c.problems
}

var sagaType = expr.Object(map[string]*expr.Type{"id": expr.String, "name": expr.String, "created": expr.Time}, nil)

// each visits steps, and those in groups, in their order. Groups are not visited.
func each(at []string, steps []*appfile.SagaStep, visit func(at []string, s *appfile.SagaStep)) {
	for i, s := range steps {
		if s == nil {
			continue
		}
		at := sub(at, "steps", strconv.Itoa(i))
		if s.Parallel == nil {
			visit(at, s)
			continue
		}
		for j, in := range s.Parallel {
			if in != nil {
				visit(sub(at, "parallel", strconv.Itoa(j)), in)
			}
		}
	}
}

var failureType = expr.Object(map[string]*expr.Type{
	"step": expr.String, "kind": expr.String, "message": expr.String, "status": expr.Int, "body": expr.Open(),
}, nil)

// names says of each step why its output is not to be had yet.
func (c *compiler) names() map[string]string {
	why := map[string]string{}
	each(nil, c.src.Saga.Steps, func(_ []string, leaf *appfile.SagaStep) {
		why[leaf.Name] = "the output of " + leaf.Name + " is not known here: only what earlier steps put out is, not what the step itself, those beside it and later ones do"
	})
	why["response"] = "there is no response here: only output has one"
	why["error"] = "there is no error here: only undo has one"
	why["event"] = "there is no event here: only where and output of a wait have one"
	return why
}

func leaves(s *appfile.SagaStep) []*appfile.SagaStep {
	if s.Parallel != nil {
		return s.Parallel
	}
	return []*appfile.SagaStep{s}
}

// stage compiles a step, or a group of them.
func (c *compiler) stage(at []string, index int, s *appfile.SagaStep) {
	c.env = c.env.Unusable(c.later)
	var whens []*expr.Program
	var vars []expr.Var
	if s.Parallel != nil && s.When != "" {
		whens = c.when(append(at, "when"), s.When)
	}
	for i, leaf := range leaves(s) {
		if leaf == nil {
			continue
		}
		at := at
		if s.Parallel != nil {
			at = sub(at, "parallel", strconv.Itoa(i))
		}
		typ := c.leaf(at, index, leaf, whens)
		if leaf.When != "" || s.When != "" || leaf.Wait != nil && leaf.Wait.Else == "continue" {
			typ = typ.OrNull()
		}
		if leaf.Name != "" {
			vars = append(vars, expr.Var{Name: leaf.Name, Type: typ})
		}
	}
	env, err := c.env.With(vars...)
	if err != nil {
		c.report(append(at, "name"), 0, err.Error(), "rename the step")
		return
	}
	c.env, c.later = env, maps.Clone(c.later)
	for _, v := range vars {
		delete(c.later, v.Name)
	}
}

// leaf compiles a step that does something and returns the type of its output.
func (c *compiler) leaf(at []string, stage int, s *appfile.SagaStep, whens []*expr.Program) *expr.Type {
	step := &Step{Name: s.Name, Stage: stage, Timeout: time.Duration(s.Timeout), whens: whens}
	if s.When != "" {
		step.whens = append(slices.Clone(whens), c.when(sub(at, "when"), s.When)...)
	}
	if r := s.Retry; r != nil {
		step.First, step.Most, step.For = time.Duration(r.First), time.Duration(r.Most), time.Duration(r.For)
	}
	if s.Pivot {
		c.def.Pivot = len(c.def.Steps)
	}
	c.def.Steps = append(c.def.Steps, step)
	var typ *expr.Type
	step.schema, typ = c.schema(sub(at, "schema"), s.Schema)
	switch {
	case s.Call != nil:
		c.call(at, step, s)
	case s.Wait != nil:
		c.wait(at, step, s, typ)
	case s.Saga != "":
		c.sub(at, step, s)
	default:
		step.Kind, step.Delay = Delay, time.Duration(s.Delay)
	}
	return typ
}

func (c *compiler) call(at []string, step *Step, s *appfile.SagaStep) {
	call := sub(at, "call")
	step.do = c.request(c.env, call, s.Call.Service, s.Call.Method, s.Call.Path, s.Call.Body)
	if u := s.Undo; u != nil && !u.None {
		step.HasUndo, step.AbsentOK = true, u.Absent == "ok"
		undo := sub(at, "undo")
		env := c.with(undo, c.env, expr.Var{Name: s.Name, Type: expr.Any}, expr.Var{Name: "error", Type: failureType})
		service := u.Service
		if service == "" {
			service = s.Call.Service
		}
		step.undo = c.request(env, undo, service, u.Method, u.Path, u.Body)
		c.ownOutput(undo, s.Name, step.undo, u)
	}
	if s.Output != "" && s.Output != "response.body" {
		env := c.with(sub(at, "output"), c.env, expr.Var{Name: "response", Type: expr.Object(map[string]*expr.Type{
			"status": expr.Int, "headers": expr.Map(expr.String), "body": expr.Open(),
		}, nil)})
		step.output = c.expression(env, sub(at, "output"), s.Output, expr.JSON)
	}
}

// ownOutput warns of an undo that cannot be made when the call was refused, or its answer lost.
func (c *compiler) ownOutput(at []string, name string, r *request, u *appfile.StepUndo) {
	guard, part := regexp.MustCompile(`\b`+name+`\s*[!=]=\s*null\b`), regexp.MustCompile(`\b`+name+`\s*[.[]`)
	warn := func(key, text string, uses bool) {
		if place := part.FindStringIndex(text); uses && place != nil && !guard.MatchString(text) {
			c.problems = append(c.problems, Problem{
				Path: sub(at, key), Offset: place[0], Warning: true,
				Message: fmt.Sprintf("the undo of %s uses its output, which is null when the call was refused or its answer lost", name),
				Fix:     fmt.Sprintf("name what the step makes by saga.id, or write %s == null ? … : …", name),
			})
		}
	}
	warn("path", u.Path, r.path != nil && r.path.Uses(name))
	warn("body", u.Body, r.body != nil && r.body.Uses(name))
}

func (c *compiler) request(env *expr.Env, at []string, service, method, path, body string) *request {
	r := &request{service: service, method: method}
	t, err := env.Template(path)
	if err != nil {
		c.mistake(sub(at, "path"), err)
	}
	r.path = t
	if body != "" {
		r.body = c.expression(env, sub(at, "body"), body, expr.JSON)
	}
	return r
}

func (c *compiler) wait(at []string, step *Step, s *appfile.SagaStep, _ *expr.Type) {
	step.Kind, step.Topic, step.Delay, step.GoOn = Wait, s.Wait.Topic, time.Duration(s.Wait.Deadline), s.Wait.Else == "continue"
	where := sub(at, "wait", "where")
	_, data := c.schemaText(sub(at, "wait", "topic"), c.src.Topics[s.Wait.Topic])
	env := c.with(where, c.env, expr.Var{Name: "event", Type: eventType(data)})
	if step.where = c.expression(env, where, s.Wait.Where, expr.Bool); step.where != nil {
		step.on, step.value = step.where.Correlate("event")
	}
	if s.Output != "" && s.Output != "event.data" {
		step.output = c.expression(env, sub(at, "output"), s.Output, expr.JSON)
	}
}

// eventType is CloudEvents as JSON, with any extension attributes.
func eventType(data *expr.Type) *expr.Type {
	fields := map[string]*expr.Type{"data": data}
	for _, name := range []string{"id", "source", "specversion", "type", "subject", "time", "datacontenttype", "dataschema"} {
		fields[name] = expr.String
	}
	if data == nil {
		fields["data"] = expr.Open()
	}
	return expr.Object(fields, expr.Open())
}

func (c *compiler) sub(at []string, step *Step, s *appfile.SagaStep) {
	step.Kind, step.Saga, step.HasUndo = Sub, s.Saga, true
	if s.Input != "" {
		step.input = c.expression(c.env, sub(at, "input"), s.Input, expr.JSON)
	}
	past := c.def.Pivot >= 0
	if past {
		step.HasUndo = false
	}
	if c.src.Subs[s.Saga].Pivot && !past {
		c.report(sub(at, "saga"), 0, fmt.Sprintf("the saga %s has a point of no return, so %s cannot be undone", s.Saga, s.Name),
			"write pivot: true for this step, or move it after the pivot")
	}
}

func (c *compiler) when(at []string, text string) []*expr.Program {
	if p := c.expression(c.env, at, text, expr.Bool); p != nil {
		return []*expr.Program{p}
	}
	return nil
}

func (c *compiler) expression(env *expr.Env, at []string, text string, want expr.Want) *expr.Program {
	p, err := env.Compile(text, want)
	if err != nil {
		c.mistake(at, err)
		return nil
	}
	return p
}

func (c *compiler) with(at []string, env *expr.Env, vars ...expr.Var) *expr.Env {
	more, err := env.With(vars...)
	if err != nil {
		c.report(at, 0, err.Error(), "")
		return env
	}
	return more
}

// schema compiles the schema in a file; no file accepts all.
func (c *compiler) schema(at []string, file string) (*schema, *expr.Type) {
	if file == "" {
		return nil, expr.Any
	}
	return c.schemaText(at, c.src.Schemas[file])
}

func (c *compiler) schemaText(at []string, text string) (*schema, *expr.Type) {
	s, err := compileSchema(text)
	if err != nil {
		c.report(at, 0, "the schema cannot be used: "+err.Error(), "")
		return nil, expr.Any
	}
	t, err := expr.TypeOf([]byte(text))
	if err != nil {
		c.report(at, 0, err.Error(), "")
	}
	return s, t
}

func (c *compiler) mistake(at []string, err error) {
	if e, ok := errors.AsType[*expr.Error](err); ok {
		c.report(at, e.Offset, e.Message, e.Fix)
		return
	}
	c.report(at, 0, err.Error(), "")
}

func (c *compiler) report(at []string, offset int, message, fix string) {
	c.problems = append(c.problems, Problem{Path: slices.Clone(at), Offset: offset, Message: strings.TrimSpace(message), Fix: fix})
}

func sub(at []string, keys ...string) []string { return append(slices.Clone(at), keys...) }
