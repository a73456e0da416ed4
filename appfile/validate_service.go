package appfile

import (
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strconv"
	"strings"
)

// program is what services and jobs have in common.
type program struct {
	name, what  string // what is service or job
	path        string
	command     Command
	build       Command
	environment Environment
	secrets     ServiceSecrets
	calls       Calls
	dependsOn   DependsOn
	requires    []string
	profiles    []string
	user        string
	optional    bool
	workingDir  string
	sources     []string
	envFile     StringList
	database    *Database
	isJob       bool
}

func (v *validator) service(name string, s *Service) {
	p := program{
		name: name, what: "service", path: join("services", name), command: s.Command, build: s.Build, environment: s.Environment,
		secrets: s.Secrets, calls: s.Calls, dependsOn: s.DependsOn, requires: s.Requires, profiles: s.Profiles, user: s.User,
		optional: s.Optional, database: s.Database, workingDir: s.WorkingDir, sources: s.Sources, envFile: s.EnvFile,
	}
	v.program(p)
	v.volumes(p, s.Volumes)
	if s.StopSignal != "" && signalName(s.StopSignal) != strings.ToUpper(s.StopSignal) || s.StopSignal != "" && !slices.Contains(signals, s.StopSignal) {
		v.stopSignal(p, s.StopSignal)
	}
	v.probe(p, "readiness", s.Readiness)
	v.probe(p, "liveness", s.Liveness)
	v.metrics(p, s)
	v.dataPlane(name, p.path, s)
	if port, ok := s.Environment["PORT"]; ok && port != "${port}" && port != strconv.Itoa(s.Port) {
		v.warn(v.at(join(p.path, "environment", "PORT")), fmt.Sprintf("service %s sets PORT itself, and banyan expects it on the port that it chooses", name), "remove PORT, or write port: "+portOr(port)+" to pin it")
	}
}

func portOr(s string) string {
	if validPort(s) {
		return s
	}
	return "N"
}

func (v *validator) job(name string, j *Job) {
	p := program{
		name: name, what: "job", path: join("jobs", name), command: j.Command, build: j.Build, environment: j.Environment,
		secrets: j.Secrets, calls: j.Calls, dependsOn: j.DependsOn, requires: j.Requires, profiles: j.Profiles, user: j.User,
		optional: j.Optional, isJob: true, workingDir: j.WorkingDir, sources: j.Sources, envFile: j.EnvFile,
	}
	v.program(p)
	if j.Schedule != "" {
		if _, err := ParseSchedule(j.Schedule); err != nil {
			v.formatProblem(join(p.path, "schedule"), err)
		}
	}
}

// formatProblem reports an error of one of the Parse functions.
func (v *validator) formatProblem(at string, err error) {
	if f, ok := errors.AsType[*formatError](err); ok {
		v.report(at, f.message, f.fix)
		return
	}
	v.report(at, err.Error(), "")
}

func (v *validator) program(p program) {
	v.environment(p)
	v.programSecrets(p)
	v.calls(p)
	v.dependencies(p)
	for i, r := range p.requires {
		if _, err := ParseRequirement(r); err != nil {
			v.formatProblem(join(p.path, "requires", strconv.Itoa(i)), err)
		}
	}
	if p.optional && len(p.requires) == 0 && !v.isBad(join(p.path, "requires")) {
		v.report(join(p.path, "optional"), fmt.Sprintf("%s %s is optional and has no requires: nothing could leave it out", p.what, p.name), "write requires: [node>=20], for example, or remove optional")
	}
	for i, name := range p.profiles {
		if !profileName().MatchString(name) {
			v.report(join(p.path, "profiles", strconv.Itoa(i)), fmt.Sprintf("%s cannot be the name of a profile", quote(name)), "use letters, digits, . - and _")
		}
	}
	v.user(p)
	v.homePath(join(p.path, "working_dir"), p.workingDir)
	for i, s := range p.sources {
		v.homePath(join(p.path, "sources", strconv.Itoa(i)), s)
	}
	for i, name := range p.envFile {
		v.homePath(join(p.path, "env_file", strconv.Itoa(i)), name)
	}
	v.database(p)
	v.references(p)
}

var userForm = pattern(`^([A-Za-z_][A-Za-z0-9_.-]{0,31}\$?|[0-9]{1,10})$`)

func (v *validator) user(p program) {
	if p.user == "" || userForm().MatchString(p.user) {
		return
	}
	fix := "write a user's name or number"
	if name, _, ok := strings.Cut(p.user, ":"); ok && userForm().MatchString(name) {
		fix = "write " + name + "; the group is the user's own"
	}
	v.report(join(p.path, "user"), fmt.Sprintf("%s is not a user", quote(p.user)), fix)
}

func (v *validator) environment(p program) {
	for _, name := range slices.Sorted(maps.Keys(p.environment)) {
		at := join(p.path, "environment", name)
		if !envName().MatchString(name) {
			v.report(at, fmt.Sprintf("%s cannot be the name of a variable", quote(name)), variableNameFix(name))
		}
		if strings.ContainsRune(p.environment[name], 0) {
			v.report(at, fmt.Sprintf("the value of %s holds a zero byte, which no variable can", name), "remove it")
		}
		if _, ok := p.secrets[name]; ok {
			v.report(at, fmt.Sprintf("%s %s has the variable %s from environment and from secrets", p.what, p.name, name), "keep one of the two")
		}
	}
	for i, w := range slices.Concat(p.command, p.build) {
		if strings.ContainsRune(w, 0) {
			key, i := "command", i
			if i >= len(p.command) {
				key, i = "build", i-len(p.command)
			}
			v.report(join(p.path, key, strconv.Itoa(i)), "a word of "+key+" holds a zero byte, which no argument can", "remove it")
		}
	}
}

var notVariableChars = pattern(`[^A-Za-z0-9_]+`)

func variableNameFix(name string) string {
	good := strings.Trim(notVariableChars().ReplaceAllString(name, "_"), "_")
	if envName().MatchString(good) {
		return "write " + good + ": letters, digits and _ only"
	}
	return "use letters, digits and _, a letter or _ first"
}

func (v *validator) programSecrets(p program) {
	known := slices.Sorted(maps.Keys(v.app.Secrets))
	for _, variable := range slices.Sorted(maps.Keys(p.secrets)) {
		at := join(p.path, "secrets", variable)
		if !envName().MatchString(variable) {
			v.report(at, fmt.Sprintf("%s cannot be the name of a variable", quote(variable)), "write a mapping of VARIABLE: secret")
		}
		if name := p.secrets[variable]; !slices.Contains(known, name) {
			v.report(at, fmt.Sprintf("%s %s uses the secret %s, which the app does not declare", p.what, p.name, quote(name)), v.secretFix(name))
		}
	}
}

func (v *validator) secretFix(name string) string {
	known := slices.Sorted(maps.Keys(v.app.Secrets))
	if near := didYouMean(name, known, ""); near != "" {
		return near
	}
	return fmt.Sprintf("write secrets: {%s: {}} at the top of the file, and set it by: banyan secret set %s", name, name)
}

// calls checks the declared edges of a program.
func (v *validator) calls(p program) {
	for _, callee := range slices.Sorted(maps.Keys(p.calls)) {
		path := join(p.path, "calls", callee)
		_, ok := v.app.Services[callee]
		switch {
		case callee == p.name:
			v.report(path, fmt.Sprintf("%s %s calls itself", p.what, p.name), "remove it: a program reaches itself at ${host}:${port}")
			continue
		case v.app.Jobs[callee] != nil && !ok:
			v.report(path, fmt.Sprintf("%s calls %s, which is a job and takes no requests", p.name, callee), "name a service, or use depends_on: to wait for the job")
			continue
		case !ok:
			v.report(path, fmt.Sprintf("%s calls %s, which is not a service of this app", p.name, quote(callee)), v.unknownService(callee))
			continue
		}
		if call := p.calls[callee]; call != nil && !v.isBad(path) {
			v.policy(edge{path: path, caller: p.name, callee: callee}, &call.Policy)
		}
	}
}

func (v *validator) unknownService(name string) string {
	switch {
	case strings.Contains(name, "://"), strings.Contains(name, ".") && !strings.Contains(name, " "):
		return "calls: is for services of this app; the address of another system goes into environment:"
	case strings.ContainsRune(name, ':'):
		host, _, _ := strings.Cut(name, ":")
		return "write the name alone: " + host
	}
	return suggestName(name, v.serviceNames(), "services")
}

func (v *validator) dependencies(p program) {
	for _, name := range slices.Sorted(maps.Keys(p.dependsOn)) {
		dep := p.dependsOn[name]
		if dep == nil {
			continue
		}
		path := join(p.path, "depends_on", name)
		condition := join(path, "condition")
		_, isService := v.app.Services[name]
		j, isJob := v.app.Jobs[name]
		completed := dep.Condition == "job_completed" || dep.Condition == "service_completed_successfully"
		switch {
		case !isService && !isJob:
			known := slices.Concat(v.serviceNames(), slices.Sorted(maps.Keys(v.app.Jobs)))
			v.report(path, fmt.Sprintf("%s depends on %s, which is neither a service nor a job of this app", p.name, quote(name)), suggestName(name, known, "services and jobs"))
		case isService && completed:
			v.report(condition, fmt.Sprintf("%s waits until %s has completed, but a service does not end", p.name, name), fmt.Sprintf("move %s below jobs:, or write condition: service_ready", name))
		case !isService && dep.Condition != "" && !completed && slices.Contains(conditions, dep.Condition):
			v.report(condition, fmt.Sprintf("%s waits until %s is ready, but a job is never ready: it ends", p.name, name), "write condition: job_completed, or leave it out")
		case !isService && j != nil && j.Schedule != "":
			v.report(path, fmt.Sprintf("%s depends on %s, which runs on a schedule and is never completed", p.name, name), "remove it, or remove the job's schedule")
		}
	}
}

var volumeName = pattern(`^[A-Za-z0-9][A-Za-z0-9_-]{0,62}$`)

func (v *validator) volumes(p program, volumes []Volume) {
	names, variables := map[string]bool{}, map[string]bool{}
	for i, vol := range volumes {
		path := join(p.path, "volumes", strconv.Itoa(i))
		if v.isBad(path) || vol == (Volume{}) {
			continue
		}
		if vol.Name != "" && !volumeName().MatchString(vol.Name) {
			v.report(path, fmt.Sprintf("%s cannot be the name of a volume", quote(vol.Name)), "use letters, digits, - and _")
		}
		if vol.Env != "" && !envName().MatchString(vol.Env) {
			v.report(path, fmt.Sprintf("%s cannot be the name of a variable", quote(vol.Env)), variableNameFix(vol.Env))
		}
		if names[vol.Name] {
			v.report(path, fmt.Sprintf("service %s has two volumes named %s", p.name, vol.Name), "rename one of the two")
		}
		_, inEnvironment := p.environment[vol.Env]
		_, inSecrets := p.secrets[vol.Env]
		if vol.Env != "" && (variables[vol.Env] || inEnvironment || inSecrets) {
			v.report(path, fmt.Sprintf("service %s has the variable %s from this volume and from elsewhere", p.name, vol.Env), "give the volume a variable of its own")
		}
		names[vol.Name], variables[vol.Env] = true, true
	}
}

func (v *validator) stopSignal(p program, signal string) {
	fix := didYouMean(signal, signals, "")
	if up := signalName(signal); slices.Contains(signals, up) {
		fix = "write " + up
		if up == signal {
			return
		}
	}
	if number, err := strconv.Atoi(signal); err == nil {
		if name := map[int]string{1: "SIGHUP", 2: "SIGINT", 3: "SIGQUIT", 9: "SIGKILL", 10: "SIGUSR1", 12: "SIGUSR2", 15: "SIGTERM"}[number]; name != "" {
			fix = "write " + name
		}
	}
	v.report(join(p.path, "stop_signal"), fmt.Sprintf("%s is not a signal that can stop a service", quote(signal)), orElse(fix, "signals are "+list(signals)))
}

// probe checks readiness or liveness.
func (v *validator) probe(p program, key string, probe *Probe) {
	path := join(p.path, key)
	if probe == nil || v.isBad(path) {
		return
	}
	var kinds []string
	for _, k := range []struct {
		name string
		set  bool
	}{{"http", probe.HTTP != ""}, {"tcp", probe.TCP}, {"exec", len(probe.Exec) > 0}, {"log", probe.Log != ""}} {
		if k.set || v.isBad(join(path, k.name)) {
			kinds = append(kinds, k.name)
		}
	}
	switch {
	case len(kinds) == 0:
		v.report(path, fmt.Sprintf("%s of %s does not say what to ask", key, p.name), "add http: /healthz, tcp: true, exec: or log:")
	case len(kinds) > 1:
		v.report(join(path, kinds[1]), fmt.Sprintf("%s of %s has %s", key, p.name, strings.Join(kinds, " and ")), "keep one of them")
	}
	v.requestPath(join(path, "http"), "http", probe.HTTP)
	if probe.Log != "" {
		at := join(path, "log")
		if key == "liveness" {
			v.report(at, "liveness cannot ask for a log line: a line once written says nothing about now", "write http:, tcp: or exec:, or move log: to readiness")
		}
		if _, err := regexp.Compile(probe.Log); err != nil {
			v.report(at, "log is not a regular expression: "+strings.TrimPrefix(err.Error(), "error parsing regexp: "), `write \ before characters that stand for themselves, such as \[ and \(`)
		}
	}
	if key == "liveness" && probe.SuccessThreshold > 1 {
		v.report(join(path, "success_threshold"), "success_threshold of liveness can only be 1, as in Kubernetes", "remove it")
	}
}

// metrics checks where a service offers some.
func (v *validator) metrics(p program, s *Service) {
	path := join(p.path, "metrics")
	if s.Metrics == nil || v.isBad(path) {
		return
	}
	if s.Protocol == ProtocolTCP {
		v.report(path, fmt.Sprintf("service %s speaks tcp, and metrics are fetched by HTTP", p.name), "remove metrics")
		return
	}
	v.requestPath(join(path, "path"), "path", s.Metrics.Path)
}

// firstLeased and lastLeased bound the ports that banyan gives out.
const firstLeased, lastLeased = 20000, 29999

// fixedPorts checks the ports that services pin.
func (v *validator) fixedPorts() {
	owners := map[int]string{}
	_, gatewayPort, _ := v.listenPort()
	for _, name := range v.serviceNames() {
		s := v.app.Services[name]
		path := join("services", name, "port")
		if s == nil || s.Port < 1 || s.Port > 65535 {
			continue
		}
		at := path
		if other, ok := owners[s.Port]; ok {
			v.report(at, fmt.Sprintf("%s and %s both have port %d", other, name, s.Port), "give one of them another port, or remove port: from programs that can read $PORT")
		}
		owners[s.Port] = name
		if s.Port == gatewayPort {
			v.report(at, fmt.Sprintf("port %d is the gateway's", s.Port), "give the service another port, or remove port: if the program can read $PORT")
		}
		if s.Port >= firstLeased && s.Port <= lastLeased {
			v.report(at, fmt.Sprintf("port %d is among those that banyan gives out itself, %d to %d", s.Port, firstLeased, lastLeased), "choose one below or above")
		}
		if s.Replicas != nil && *s.Replicas > 1 {
			v.report(join("services", name, "replicas"), fmt.Sprintf("service %s pins port %d, which only one of its %d replicas could have", name, s.Port, *s.Replicas), "remove port: and let the program read $PORT, or write replicas: 1")
		}
		if s.Update != nil && s.Update.Strategy == "rolling" {
			v.report(join("services", name, "update", "strategy"), fmt.Sprintf("service %s pins port %d, so the new instance cannot start before the old one stops", name, s.Port), "write update: recreate, or remove port: and let the program read $PORT")
		}
	}
}
