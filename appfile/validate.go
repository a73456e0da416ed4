package appfile

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Validate checks an App that a program made. It returns [Problems] without
// positions, or nil. It looks at no file. Load and Parse have done it.
func (a *App) Validate() error {
	r := &reporter{}
	v := &validator{reporter: r, app: a}
	v.rules()
	v.all()
	if len(r.problems) == 0 {
		return nil
	}
	return r.problems.sorted()
}

// validator checks an App. Without an index its problems have no positions.
type validator struct {
	*reporter
	app *App
	ix  *index
}

// at is where path stands: itself, or the nearest thing around it.
func (v *validator) at(path string) pos {
	if v.ix == nil {
		return pos{}
	}
	for {
		if p, ok := v.ix.places[path]; ok && p.src != nil {
			return p.pos
		}
		if path == "" {
			return pos{}
		}
		path = path[:max(0, strings.LastIndexByte(path, 0))]
	}
}

// inside is where text stands in the scalar at path.
func (v *validator) inside(path, text string) pos {
	at := v.at(path)
	if v.ix == nil {
		return at
	}
	p, ok := v.ix.places[path]
	if !ok || p.node == nil || p.node.kind != scalarKind {
		return at
	}
	from := 0
	if p.line == p.node.line && p.col > p.node.col {
		from = min(len(p.node.text), p.col-p.node.col) // a word of a command
	}
	if i := strings.Index(p.node.text[from:], text); i >= 0 {
		return p.node.at(from + i)
	}
	if i := strings.Index(p.node.text, text); i >= 0 {
		return p.node.at(i)
	}
	return at
}

// report reports a mistake at path, unless one there or around it is
// reported already: one mistake gets one message.
func (v *validator) report(path, message, fix string) { v.reportAt(path, v.at(path), message, fix) }

func (v *validator) reportAt(path string, at pos, message, fix string) {
	if v.ix != nil {
		for p := path; ; p = p[:max(0, strings.LastIndexByte(p, 0))] {
			if v.ix.places[p].bad {
				return
			}
			if p == "" {
				break
			}
		}
	}
	v.problem(at, message, fix)
}

// isBad says that a mistake at path or around it is already reported.
func (v *validator) isBad(path string) bool {
	return v.ix != nil && v.ix.places[path].bad
}

// all checks what concerns more than one field.
func (v *validator) all() {
	v.appNames()
	if g := v.app.Gateway; g != nil {
		v.gateway(g)
	}
	for _, name := range slices.Sorted(maps.Keys(v.app.Services)) {
		if s := v.app.Services[name]; s != nil {
			v.service(name, s)
		}
	}
	for _, name := range slices.Sorted(maps.Keys(v.app.Jobs)) {
		if j := v.app.Jobs[name]; j != nil {
			v.job(name, j)
		}
	}
	v.fixedPorts()
	v.cycles()
	v.resources()
	v.dashboard()
	v.bus()
	v.sagas()
	v.telemetry()
}

var (
	// serviceName leaves room for what is added to it in host names and units.
	serviceName = pattern(`^[a-z][a-z0-9-]{0,38}$`)
	profileName = pattern(`^[A-Za-z0-9][A-Za-z0-9_.-]*$`)

	// reservedNames would take a variable or a place that is Banyan's.
	reservedNames = map[string]string{
		"gateway":  "the gateway is the app's entrance, described by gateway:",
		"banyan":   "BANYAN_URL is the address of banyan itself",
		"database": "DATABASE_URL is the address of a service's own database",
		"cache":    "CACHE_URL is kept for caches",
		"daemon":   "daemon is the name of banyan's own log",
	}
)

const nameRule = "use lower-case letters, digits and -, a letter first, at most 39 characters"

func (v *validator) appNames() {
	a := v.app
	if !serviceName().MatchString(a.Name) && !v.isBad("name") {
		v.report("name", fmt.Sprintf("%s cannot be the name of an app", quote(a.Name)), nameFix(a.Name))
	}
	if len(a.Services) == 0 && !v.isBad("services") {
		v.report("services", "the app has no services", "declare at least one: services: {web: {command: ./web}}")
	}
	variables := map[string]string{}
	for _, name := range slices.Sorted(maps.Keys(a.Services)) {
		v.memberName("service", join("services", name), name, variables)
	}
	for _, name := range slices.Sorted(maps.Keys(a.Jobs)) {
		v.memberName("job", join("jobs", name), name, variables)
		if _, ok := a.Services[name]; ok {
			v.report(join("jobs", name), fmt.Sprintf("%s is the name of a service and of a job", name), "rename one of the two")
		}
	}
	for _, name := range slices.Sorted(maps.Keys(a.Secrets)) {
		v.secret(name, a.Secrets[name])
	}
}

func (v *validator) memberName(what, path, name string, variables map[string]string) {
	variable := VariableName(name)
	if other, ok := variables[variable]; ok && what == "service" {
		v.report(path, fmt.Sprintf("%s and %s would both have their address in %s_URL", other, name, variable), "rename one of the two")
	}
	variables[variable] = name
	if why, ok := reservedNames[name]; ok {
		fix := "rename it, for example to " + name + "-service"
		if name == "gateway" {
			fix = "move it to the top of the file, without indentation, or rename it"
		}
		v.report(path, fmt.Sprintf("a %s cannot have the name %s: %s", what, name, why), fix)
		return
	}
	if !serviceName().MatchString(name) {
		v.report(path, fmt.Sprintf("%s cannot be the name of a %s", quote(name), what), nameFix(name))
	}
}

// nameFix offers a valid name.
func nameFix(name string) string {
	if good := nameOf("/" + name); good != name && serviceName().MatchString(good) && good != "app" {
		return "write " + good + ": " + nameRule
	}
	return nameRule
}

func (v *validator) secret(name string, s *Secret) {
	path := join("secrets", name)
	if !secretName().MatchString(name) {
		v.report(path, fmt.Sprintf("%s cannot be the name of a secret", quote(name)), "use letters, digits, - and _, a letter first")
	}
	if s == nil {
		return
	}
	if s.File != "" && s.Environment != "" {
		v.report(join(path, "environment"), fmt.Sprintf("the secret %s has two sources, a file and a variable", name), "keep one of file and environment")
	}
	v.homePath(join(path, "file"), s.File)
	if s.Environment != "" && !envName().MatchString(s.Environment) {
		v.report(join(path, "environment"), fmt.Sprintf("%s cannot be the name of a variable", quote(s.Environment)), "write the variable's name, without $")
	}
}

// homePath refuses ~, which only a shell replaces.
func (v *validator) homePath(path, file string) {
	if file == "~" || strings.HasPrefix(file, "~/") {
		v.report(path, fmt.Sprintf("%s: ~ is the home directory only to a shell, and no shell reads this", quote(file)), "write ${env.HOME}"+file[1:])
		v.ix.fail(path)
	}
}

// serviceNames are sorted.
func (v *validator) serviceNames() []string { return slices.Sorted(maps.Keys(v.app.Services)) }

// cycles reports each knot of depends_on once. Calls may be cyclic.
func (v *validator) cycles() {
	names := slices.Concat(v.serviceNames(), slices.Sorted(maps.Keys(v.app.Jobs)))
	knots(names, func(name string) []string { return slices.Sorted(maps.Keys(v.dependsOn(name))) }, v.cycle)
}

// knots finds circles in a graph: each as its names in order, the first again
// at its end.
func knots(names []string, next func(string) []string, found func(circle []string)) {
	const (
		unseen = iota
		open
		done
	)
	state := map[string]int{}
	var stack []string
	var visit func(name string)
	visit = func(name string) {
		state[name] = open
		stack = append(stack, name)
		for _, other := range next(name) {
			switch state[other] {
			case unseen:
				visit(other)
			case open:
				found(append(slices.Clone(stack[slices.Index(stack, other):]), other))
			}
		}
		stack = stack[:len(stack)-1]
		state[name] = done
	}
	for _, name := range names {
		if state[name] == unseen {
			visit(name)
		}
	}
}

func (v *validator) dependsOn(name string) DependsOn {
	if s := v.app.Services[name]; s != nil {
		return s.DependsOn
	}
	if j := v.app.Jobs[name]; j != nil {
		return j.DependsOn
	}
	return nil
}

func (v *validator) memberPath(name string) string {
	if v.app.Services[name] != nil {
		return join("services", name)
	}
	return join("jobs", name)
}

func (v *validator) cycle(names []string) {
	path := join(v.memberPath(names[0]), "depends_on", names[1])
	if len(names) == 2 {
		v.report(path, names[0]+" depends on itself", "remove it")
		return
	}
	v.report(path, "depends_on goes in a circle: "+strings.Join(names, " → "), "remove one of these; services that only call each other need calls:, which may go in a circle")
}
