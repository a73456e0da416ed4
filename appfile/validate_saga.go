package appfile

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strconv"
	"strings"
)

var (
	// stepName can be an identifier in CEL, and is put into idempotency keys.
	stepName = pattern(`^[a-z][a-z0-9_]{0,38}$`)
	// embedded is an expression within a path.
	embedded = pattern(`\{[^{}]*\}`)
)

const stepRule = "use lower-case letters, digits and _, a letter first, at most 39 characters"

// stepWords mean something in the expressions of a saga, or to CEL.
var stepWords = []string{
	"input", "saga", "event", "response", "steps", "step", "error",
	"true", "false", "null", "in", "as", "break", "const", "continue", "else", "for", "function", "if", "import", "let",
	"loop", "package", "namespace", "return", "var", "void", "while",
}

// sagas checks all of sagas but their expressions; those are Options.Check's.
func (v *validator) sagas() {
	if r := v.app.Resources; v.app.SagaStore == EnginePostgres && (r == nil || r.Postgres == nil) && !v.isBad("resources") {
		v.report("saga_store", "sagas are kept in PostgreSQL, and the app names no server for it",
			"write resources: {postgres: {url: ${secret.PG_URL}}} and secrets: {PG_URL: {}} at the top of the file")
	}
	names := slices.Sorted(maps.Keys(v.app.Sagas))
	for _, name := range names {
		if s := v.app.Sagas[name]; s != nil && !v.isBad(join("sagas", name)) {
			c := &sagaCheck{validator: v, name: name, path: join("sagas", name), steps: map[string]bool{}}
			c.saga(s)
		}
	}
	knots(names, v.subSagas, func(circle []string) {
		at := v.subSagaPath(circle[0], circle[1])
		if len(circle) == 2 {
			v.report(at, "the saga "+circle[0]+" runs itself as a step", "remove the step")
			return
		}
		v.report(at, "sagas run each other in a circle: "+strings.Join(circle, " → "), "remove one of these steps")
	})
}

// subSagas are the sagas that a saga runs, sorted.
func (v *validator) subSagas(name string) []string {
	var names []string
	if s := v.app.Sagas[name]; s != nil {
		eachStep(join("sagas", name), s.Steps, func(_ string, step *SagaStep) { names = append(names, step.Saga) })
	}
	slices.Sort(names)
	return slices.DeleteFunc(slices.Compact(names), func(n string) bool { return v.app.Sagas[n] == nil })
}

// subSagaPath is where a saga says that it runs another.
func (v *validator) subSagaPath(name, other string) (at string) {
	eachStep(join("sagas", name), v.app.Sagas[name].Steps, func(path string, step *SagaStep) {
		if at == "" && step.Saga == other {
			at = join(path, "saga")
		}
	})
	return at
}

// eachStep visits steps, and those in groups, in their order.
func eachStep(path string, steps []*SagaStep, visit func(path string, step *SagaStep)) {
	for i, s := range steps {
		if s == nil {
			continue
		}
		at := join(path, "steps", strconv.Itoa(i))
		visit(at, s)
		for j, in := range s.Parallel {
			if in != nil {
				visit(join(at, "parallel", strconv.Itoa(j)), in)
			}
		}
	}
}

// sagaCheck carries the check of one saga.
type sagaCheck struct {
	*validator
	name, path string
	steps      map[string]bool // by name
	pivot      string          // the name of the step, once it is passed
	hasPivot   bool
}

func (c *sagaCheck) saga(s *Saga) {
	if !serviceName().MatchString(c.name) {
		c.report(c.path, fmt.Sprintf("%s cannot be the name of a saga", quote(c.name)), nameFix(c.name))
	}
	for i, name := range s.StartedBy {
		if c.app.Services[name] == nil && c.app.Jobs[name] == nil {
			known := slices.Concat(c.serviceNames(), slices.Sorted(maps.Keys(c.app.Jobs)))
			c.report(join(c.path, "started_by", strconv.Itoa(i)), fmt.Sprintf("the saga %s may be started by %s, which is neither a service nor a job of this app", c.name, quote(name)), suggestName(name, known, "services and jobs"))
		}
	}
	c.homePath(join(c.path, "input"), s.Input)
	for i, step := range s.Steps {
		at := join(c.path, "steps", strconv.Itoa(i))
		if step == nil || c.isBad(at) {
			continue
		}
		c.step(at, step, false)
		for j, in := range step.Parallel {
			if at := join(at, "parallel", strconv.Itoa(j)); in != nil && !c.isBad(at) {
				c.step(at, in, true)
			}
		}
		if step.Pivot && !c.hasPivot {
			c.pivot, c.hasPivot = step.Name, true
		}
	}
}

// stepKinds are what a step can be, with the keys that go with each besides name and when.
var stepKinds = map[string][]string{
	"call":     {"undo", "pivot", "timeout", "retry", "output", "schema"},
	"wait":     {"output", "schema"},
	"saga":     {"input", "pivot"},
	"delay":    nil,
	"parallel": nil,
}

const oneKind = "write one of call, parallel, wait, delay and saga"

func (c *sagaCheck) step(at string, s *SagaStep, inGroup bool) {
	c.stepName(at, s)
	kind := c.stepKind(at, s)
	if kind == "" {
		return
	}
	if inGroup && kind == "parallel" {
		c.report(join(at, "parallel"), "a group of parallel steps is in a group", "move its steps into the outer group")
	}
	if s.Pivot && (kind == "call" || kind == "saga") {
		c.checkPivot(join(at, "pivot"), inGroup)
	}
	switch kind {
	case "call":
		c.call(at, s)
	case "wait":
		c.wait(join(at, "wait"), s.Wait)
	case "saga":
		if c.app.Sagas[s.Saga] == nil {
			c.report(join(at, "saga"), fmt.Sprintf("there is no saga %s", quote(s.Saga)), suggestName(s.Saga, slices.Sorted(maps.Keys(c.app.Sagas)), "sagas"))
		}
	}
	c.homePath(join(at, "schema"), s.Schema)
}

func (c *sagaCheck) stepName(at string, s *SagaStep) {
	name := join(at, "name")
	switch {
	case s.Name == "" && s.Parallel != nil || c.isBad(name):
	case s.Name == "":
		c.report(at, "a step has no name", "write name: reserve, for example")
	case slices.Contains(stepWords, s.Name):
		c.report(name, fmt.Sprintf("a step cannot have the name %s, which means something in expressions", s.Name), "rename it")
	case !stepName().MatchString(s.Name):
		fix := stepRule
		if good := strings.Trim(strings.ReplaceAll(topicNameOf(s.Name), "-", "_"), "_"); stepName().MatchString(good) {
			fix = "write " + good + ": " + stepRule
		}
		c.report(name, fmt.Sprintf("%s cannot be the name of a step", quote(s.Name)), fix)
	case c.steps[s.Name]:
		c.report(name, fmt.Sprintf("the saga %s has two steps named %s", c.name, s.Name), "rename one of the two")
	}
	c.steps[s.Name] = true
}

// stepKind is the one key that says what a step does, or "" and a report.
func (c *sagaCheck) stepKind(at string, s *SagaStep) string {
	var kinds, others []string
	v := reflect.ValueOf(s).Elem()
	for _, f := range fieldsOf(v.Type()) {
		_, isKind := stepKinds[f.key]
		_, written := c.ix.find(join(at, f.key))
		switch given := !isEmpty(v.FieldByIndex(f.index)); {
		case isKind && (given || written):
			kinds = append(kinds, f.key)
		case given && f.key != "name" && f.key != "when":
			others = append(others, f.key)
		}
	}
	switch len(kinds) {
	case 0:
		c.report(at, fmt.Sprintf("%s does not say what it does", subjectOf(s)), oneKind)
		return ""
	case 1:
	default:
		c.report(join(at, kinds[1]), fmt.Sprintf("%s has %s", subjectOf(s), strings.Join(kinds, " and ")), "make a step of each")
		return ""
	}
	for _, key := range others {
		if !slices.Contains(stepKinds[kinds[0]], key) {
			c.report(join(at, key), fmt.Sprintf("%s means nothing in a step with %s", key, kinds[0]), "remove it")
		}
	}
	return kinds[0]
}

func subjectOf(s *SagaStep) string {
	if s.Name == "" {
		return "a step"
	}
	return "the step " + s.Name
}

func (c *sagaCheck) checkPivot(at string, inGroup bool) {
	switch {
	case inGroup:
		c.report(at, "the point of no return cannot be one of several steps at the same time", "make it a step of its own, after the group")
	case c.hasPivot:
		c.report(at, fmt.Sprintf("the saga %s has a second pivot; the first is the step %s", c.name, c.pivot), "keep one of the two")
	}
}

// call checks a step that calls a service, and how it is undone.
func (c *sagaCheck) call(at string, s *SagaStep) {
	if call := join(at, "call"); !c.isBad(call) {
		c.callee(join(call, "service"), s.Call.Service)
		c.template(join(call, "path"), s.Call.Path)
	}
	if r := s.Retry; r != nil && r.Most > 0 && r.First > r.Most {
		c.report(join(at, "retry", "most"), fmt.Sprintf("the longest wait, most, is %s and the first one is %s", r.Most, r.First), "exchange the two")
	}
	undo := join(at, "undo")
	switch u := s.Undo; {
	case c.isBad(undo):
	case u == nil && !c.hasPivot && !s.Pivot:
		c.report(at, fmt.Sprintf("%s does not say how it is undone", subjectOf(s)), "write undo: {path: …}, or undo: none where there is nothing to take back")
	case u == nil:
	case c.hasPivot:
		c.report(undo, fmt.Sprintf("%s is after the pivot %s, and is never undone", subjectOf(s), c.pivot), "remove undo, or move the step before the pivot")
	case u.None:
		if *u != (StepUndo{None: true}) {
			c.report(undo, "undo says none, and also what to call", "keep one of the two")
		}
	default:
		c.undo(undo, s, u)
	}
}

func (c *sagaCheck) undo(at string, s *SagaStep, u *StepUndo) {
	if u.Service != "" && u.Service != s.Call.Service {
		c.callee(join(at, "service"), u.Service)
	}
	if u.Path == "" && !c.isBad(join(at, "path")) {
		c.report(at, "undo has no path", "write path: /reservations/{saga.id}/release, for example, or undo: none")
	}
	c.template(join(at, "path"), u.Path)
}

// callee checks that a step can call a service.
func (c *sagaCheck) callee(at, name string) {
	s, ok := c.app.Services[name]
	switch {
	case name == "":
	case !ok && c.app.Jobs[name] != nil:
		c.report(at, fmt.Sprintf("the saga %s calls %s, which is a job and takes no requests", c.name, name), "name a service")
	case !ok:
		c.report(at, fmt.Sprintf("the saga %s calls %s, which is not a service of this app", c.name, quote(name)), suggestName(name, c.serviceNames(), "services"))
	case s != nil && s.Protocol == ProtocolTCP:
		c.report(at, fmt.Sprintf("the saga %s calls %s, which speaks tcp", c.name, name), "write protocol: http or h2c in the service")
	}
}

// template checks a path, less the expressions in it.
func (c *sagaCheck) template(at, path string) {
	if plain := embedded().ReplaceAllString(path, "x"); plain == path {
		c.requestPath(at, "path", path)
	} else if !isPath(plain) {
		c.report(at, fmt.Sprintf("path must be a path, not %s", quote(path)), "write a path such as /reservations/{saga.id}")
	}
}

func (c *sagaCheck) wait(at string, w *StepWait) {
	if w.Topic == "" || c.isBad(at) || c.app.Topics[w.Topic] != nil {
		return
	}
	topics := slices.Sorted(maps.Keys(c.app.Topics))
	fix := orElse(didYouMean(w.Topic, topics, ""), fmt.Sprintf("write publishes: [%s] in the service that publishes it", w.Topic))
	c.report(join(at, "topic"), fmt.Sprintf("the saga %s waits for an event of %s, which is no topic of this app", c.name, quote(w.Topic)), fix)
}
