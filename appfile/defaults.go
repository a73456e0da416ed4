package appfile

import (
	"path"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"time"
)

// ApplyDefaults fills in what is not set, as the comments of the fields say,
// so that nobody else needs to know the defaults. dir is the app file's
// directory, for App.Name. Load and Parse have done it already; call it on an
// App that a program made. Applying it twice changes nothing.
func (a *App) ApplyDefaults(dir string) {
	a.Name = orElse(a.Name, nameOf(dir))
	if a.Gateway != nil {
		a.Gateway.applyDefaults()
	}
	for name, s := range a.Services {
		if s == nil {
			s = &Service{}
			a.Services[name] = s
		}
		s.applyDefaults()
	}
	for name, j := range a.Jobs {
		if j == nil {
			j = &Job{}
			a.Jobs[name] = j
		}
		j.applyDefaults()
	}
	for name, s := range a.Secrets {
		if s == nil {
			a.Secrets[name] = &Secret{}
		}
	}
	for _, s := range a.Services {
		a.callDefaults(s.Calls)
		a.dependencyDefaults(s.DependsOn)
	}
	for _, j := range a.Jobs {
		a.callDefaults(j.Calls)
		a.dependencyDefaults(j.DependsOn)
	}
}

var notNameChars = regexp.MustCompile(`[^a-z0-9]+`)

// nameOf makes an app's name of its directory's.
func nameOf(dir string) string {
	base := filepath.Base(dir)
	if dir == "" {
		base = ""
	} else if abs, err := filepath.Abs(dir); err == nil {
		base = filepath.Base(abs)
	}
	name := strings.Trim(notNameChars.ReplaceAllString(strings.ToLower(base), "-"), "-")
	name = strings.TrimLeft(name, "0123456789-")
	if len(name) > 39 {
		name = strings.TrimRight(name[:39], "-")
	}
	return orElse(name, "app")
}

// setDefault sets *p where it is the zero value.
func setDefault[T comparable](p *T, to T) {
	var zero T
	if *p == zero {
		*p = to
	}
}

func (g *Gateway) applyDefaults() {
	setDefault(&g.Listen, ":8080")
	setDefault(&g.MaxHeader, 64<<10)
	setDefault(&g.MaxBody, 10<<20)
	setDefault(&g.HeaderTimeout, Duration(10*time.Second))
	setDefault(&g.IdleTimeout, Duration(2*time.Minute))
	if g.AccessLog == nil {
		g.AccessLog = new(true)
	}
	if j := g.JWT; j != nil {
		if len(j.Algorithms) == 0 {
			j.Algorithms = append([]string(nil), jwtAlgorithms...)
		}
		if len(j.Forward) == 0 {
			j.Forward = map[string]string{"sub": "X-User-Id"}
		}
		setDefault(&j.Leeway, Duration(30*time.Second))
	}
	for _, r := range g.Routes {
		if r != nil {
			r.applyDefaults()
		}
	}
}

func (r *Route) applyDefaults() {
	setDefault(&r.Auth, "none")
	if r.Timeout == nil {
		r.Timeout = new(Duration(30 * time.Second))
	}
	if r.Retries == nil {
		r.Retries = new(1)
	}
	if l := r.RateLimit; l != nil {
		setDefault(&l.Burst, l.Requests)
		setDefault(&l.By, "address")
	}
	if c := r.CORS; c != nil {
		if len(c.Methods) == 0 {
			c.Methods = []string{"GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"}
		}
		setDefault(&c.MaxAge, Duration(10*time.Minute))
	}
}

func (s *Service) applyDefaults() {
	setDefault(&s.Protocol, "http")
	setDefault(&s.Restart, "always")
	s.WorkingDir = cleanDir(s.WorkingDir)
	s.StopSignal = signalName(orElse(s.StopSignal, "SIGTERM"))
	if s.Replicas == nil {
		s.Replicas = new(1)
	}
	if s.StopGracePeriod == nil {
		s.StopGracePeriod = new(Duration(10 * time.Second))
	}
	if s.DrainTimeout == nil {
		s.DrainTimeout = new(Duration(30 * time.Second))
	}
	setDefault(&s.StartTimeout, Duration(60*time.Second))
	setDefault(&s.BuildTimeout, Duration(10*time.Minute))
	if s.Database != nil {
		setDefault(&s.Database.Engine, "sqlite")
	}
	if s.Update == nil {
		s.Update = &Update{}
	}
	if s.Port != 0 {
		setDefault(&s.Update.Strategy, "recreate")
	}
	setDefault(&s.Update.Strategy, "rolling")
	if s.Readiness == nil {
		s.Readiness = &Probe{TCP: true}
	}
	s.Readiness.applyDefaults()
	if s.Liveness != nil {
		s.Liveness.applyDefaults()
	}
}

func (p *Probe) applyDefaults() {
	setDefault(&p.Period, Duration(10*time.Second))
	setDefault(&p.Timeout, Duration(time.Second))
	setDefault(&p.SuccessThreshold, 1)
	setDefault(&p.FailureThreshold, 3)
}

func (j *Job) applyDefaults() {
	j.WorkingDir = cleanDir(j.WorkingDir)
	setDefault(&j.BuildTimeout, Duration(10*time.Minute))
}

func cleanDir(dir string) string { return path.Clean(orElse(dir, ".")) }

func (a *App) callDefaults(calls Calls) {
	for callee, c := range calls {
		if c == nil {
			c = &Call{}
			calls[callee] = c
		}
		timeout, retries := Duration(30*time.Second), 1
		if s := a.Services[callee]; s != nil && s.Protocol == "tcp" {
			timeout, retries = 0, 0 // a stream has neither header nor repeats
		}
		if c.Timeout == nil {
			c.Timeout = &timeout
		}
		if c.Retries == nil {
			c.Retries = &retries
		}
		if b := c.Breaker; b != nil {
			setDefault(&b.FailureRatio, 0.5)
			setDefault(&b.MinRequests, 20)
			setDefault(&b.Window, Duration(10*time.Second))
			setDefault(&b.OpenFor, Duration(5*time.Second))
		}
	}
}

func (a *App) dependencyDefaults(deps DependsOn) {
	for name, dep := range deps {
		if dep == nil {
			dep = &Dependency{}
			deps[name] = dep
		}
		switch dep.Condition {
		case "":
			dep.Condition = "service_ready"
			if _, isJob := a.Jobs[name]; isJob && a.Services[name] == nil {
				dep.Condition = "job_completed"
			}
		case "service_healthy":
			dep.Condition = "service_ready"
		case "service_completed_successfully":
			dep.Condition = "job_completed"
		}
	}
}

// Signals are what stop_signal accepts.
var signals = []string{"SIGTERM", "SIGINT", "SIGQUIT", "SIGHUP", "SIGUSR1", "SIGUSR2", "SIGWINCH", "SIGKILL"}

// signalName writes a signal as SIGTERM, where it is one.
func signalName(s string) string {
	up := strings.ToUpper(s)
	if !strings.HasPrefix(up, "SIG") {
		up = "SIG" + up
	}
	if slices.Contains(signals, up) {
		return up
	}
	return s
}
