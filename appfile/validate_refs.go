package appfile

import (
	"fmt"
	"maps"
	"slices"
	"strconv"
	"strings"
)

// refScope is where a value stands, which decides what it may refer to.
type refScope struct {
	subject   string // "service order"
	name      string
	path      string
	key       string // command, build, migrate, environment, exec, jwks
	calls     Calls
	hasBuild  bool
	database  *Database
	isJob     bool
	isGateway bool
}

// references checks what the values of a program refer to.
func (v *validator) references(p program) {
	scope := refScope{
		subject: p.what + " " + p.name, name: p.name, path: p.path, calls: p.calls,
		hasBuild: len(p.build) > 0 || v.isBad(join(p.path, "build")), database: p.database, isJob: p.isJob,
	}
	words := func(key string, path string, c Command) {
		scope.key = key
		for i, w := range c {
			v.checkRefs(scope, w, join(path, strconv.Itoa(i)))
			v.hostNames(scope, w, join(path, strconv.Itoa(i)))
		}
	}
	words("command", join(p.path, "command"), p.command)
	words("build", join(p.path, "build"), p.build)
	if p.database != nil {
		words("migrate", join(p.path, "database", "migrate"), p.database.Migrate)
	}
	if s := v.app.Services[p.name]; s != nil && !p.isJob {
		for _, probe := range []string{"readiness", "liveness"} {
			target := s.Readiness
			if probe == "liveness" {
				target = s.Liveness
			}
			if target != nil {
				words("exec", join(p.path, probe, "exec"), target.Exec)
			}
		}
	}
	scope.key = "environment"
	for _, name := range slices.Sorted(maps.Keys(p.environment)) {
		v.checkRefs(scope, p.environment[name], join(p.path, "environment", name))
		v.hostNames(scope, p.environment[name], join(p.path, "environment", name))
	}
}

// serviceURL is a URL whose host is a bare name.
var serviceURL = pattern(`[a-z][a-z0-9+.-]*://(?:[^@/\s]*@)?([a-z][a-z0-9-]*)(?::[0-9]+)?(?:[/?#\s,]|$)`)

// hostNames warns of Compose's habit to reach services by their names.
func (v *validator) hostNames(scope refScope, text, path string) {
	for _, m := range serviceURL().FindAllStringSubmatch(text, -1) {
		s := v.app.Services[m[1]]
		if s == nil {
			continue
		}
		attr := "url"
		if s.Protocol == "tcp" || !strings.HasPrefix(m[0], "http://") {
			attr = "addr"
		}
		v.warn(v.inside(path, m[1]), fmt.Sprintf("%s is a service, and its name is no host name here", m[1]), fmt.Sprintf("write ${services.%s.%s}, and calls: [%s] in %s", m[1], attr, m[1], scope.subject))
	}
}

// checkRefs checks the references of one value. Malformed ones of a file were
// reported when they were read, and are gone.
func (v *validator) checkRefs(scope refScope, text, path string) {
	for _, p := range scan(text) {
		var message, fix string
		switch {
		case p.err != nil:
			message, fix = p.err.message, p.err.fix
		case p.isRef:
			message, fix = v.checkRef(scope, p.ref)
		}
		if message != "" {
			v.reportAt(path, v.inside(path, p.text), message, fix)
		}
	}
}

// checkRef returns what is wrong with one reference, or "".
func (v *validator) checkRef(s refScope, r Ref) (message, fix string) {
	if s.isGateway && r.Kind != "services" && r.Kind != "env" {
		return fmt.Sprintf("%s means nothing in the gateway", r), "jwks can use ${services.NAME.url} and ${env.NAME}"
	}
	if s.key == "build" && r.Kind != "out" && r.Kind != "env" && r.Kind != "secret" {
		return fmt.Sprintf("%s is not known yet when %s is built", r, s.subject), "a build can use ${out} and ${env.NAME}"
	}
	switch r.Kind {
	case "services":
		return v.checkServiceRef(s, r)
	case "secret":
		return v.checkSecretRef(s, r)
	case "out":
		if !s.hasBuild {
			return fmt.Sprintf("${out} is the directory that a build fills, and %s has no build", s.subject), "add build:, such as build: go build -o ${out}/app ., or write the program's own path"
		}
	case "port", "host":
		if s.isJob {
			return fmt.Sprintf("${%s} is where a service listens, and %s is a job", r.Kind, s.name), "remove it"
		}
		if s.key == "migrate" {
			return fmt.Sprintf("${%s} is where an instance listens, and there is none yet when the database is migrated", r.Kind), "remove it"
		}
	case "database":
		return v.databaseRef(s, r)
	}
	return "", ""
}

func (v *validator) checkServiceRef(s refScope, r Ref) (message, fix string) {
	target, ok := v.app.Services[r.Name]
	switch {
	case !ok && v.app.Jobs[r.Name] != nil:
		return fmt.Sprintf("%s is a job and has no address", r.Name), "name a service"
	case !ok:
		return fmt.Sprintf("%s names the service %s, which is not in this app", r, quote(r.Name)), suggestName(r.Name, v.serviceNames(), "services")
	case r.Name == s.name:
		return fmt.Sprintf("%s refers to its own address", s.subject), "write ${host}:${port}"
	case target != nil && target.Protocol == "tcp" && r.Attr == "url":
		return fmt.Sprintf("%s speaks tcp, which has no URL", r.Name), fmt.Sprintf("write ${services.%s.addr}, which is HOST:PORT", r.Name)
	case s.isGateway:
		return "", ""
	}
	if _, declared := s.calls[r.Name]; !declared && !v.isBad(join(s.path, "calls")) {
		return fmt.Sprintf("%s uses the address of %s and does not declare that it calls it", s.subject, r.Name), fmt.Sprintf("add calls: [%s] to %s", r.Name, s.subject)
	}
	return "", ""
}

func (v *validator) checkSecretRef(s refScope, r Ref) (message, fix string) {
	if s.key == "command" || s.key == "build" || s.key == "migrate" || s.key == "exec" {
		return fmt.Sprintf("a secret in %s could be read by every user of the machine", s.key), fmt.Sprintf("give it to the program as a variable: secrets: [%s]", r.Name)
	}
	if _, ok := v.app.Secrets[r.Name]; !ok {
		return fmt.Sprintf("%s names a secret that the app does not declare", r), v.secretFix(r.Name)
	}
	return "", ""
}
