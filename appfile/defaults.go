package appfile

import (
	"path"
	"path/filepath"
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
	a.busDefaults()
	a.sagaDefaults()
	a.telemetryDefaults()
	a.dashboardDefaults()
	for _, s := range a.Services {
		a.callDefaults(s.Calls)
		a.dependencyDefaults(s.DependsOn)
	}
	for _, j := range a.Jobs {
		a.callDefaults(j.Calls)
		a.dependencyDefaults(j.DependsOn)
	}
}

var notNameChars = pattern(`[^a-z0-9]+`)

// nameOf makes an app's name of its directory's.
func nameOf(dir string) string {
	base := filepath.Base(dir)
	if dir == "" {
		base = ""
	} else if abs, err := filepath.Abs(dir); err == nil {
		base = filepath.Base(abs)
	}
	name := strings.Trim(notNameChars().ReplaceAllString(strings.ToLower(base), "-"), "-")
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
	if r.Connect {
		r.Policy.streamDefaults()
	} else {
		r.Policy.applyDefaults()
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
		setDefault(&s.Database.Engine, EngineSQLite)
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
	if s.Metrics != nil {
		setDefault(&s.Metrics.Path, "/metrics")
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
		if s := a.Services[callee]; s != nil && s.Protocol == "tcp" {
			c.streamDefaults()
			continue
		}
		c.applyDefaults()
	}
}

// streamDefaults are those of a call by tcp: a stream has neither header nor repeats.
func (p *Policy) streamDefaults() {
	if p.Timeout == nil {
		p.Timeout = new(Duration(0))
	}
	if p.Retries == nil {
		p.Retries = new(0)
	}
	p.partDefaults()
}

func (p *Policy) applyDefaults() {
	if p.Timeout == nil {
		p.Timeout = new(Duration(30 * time.Second))
	}
	if p.Retries == nil {
		p.Retries = new(1)
	}
	setDefault(&p.RetryBudget, 0.2)
	p.partDefaults()
}

// partDefaults fills in what is inside the parts that are there.
func (p *Policy) partDefaults() {
	if b := p.Breaker; b != nil {
		setDefault(&b.FailureRatio, 0.5)
		setDefault(&b.MinRequests, 20)
		setDefault(&b.Window, Duration(10*time.Second))
		setDefault(&b.OpenFor, Duration(5*time.Second))
	}
	if o := p.Outlier; o != nil {
		o.applyDefaults()
	}
	if b := p.Balance; b != nil {
		if b.keys() > 0 {
			setDefault(&b.By, balanceHash)
		}
		setDefault(&b.By, "p2c")
	}
	if h := p.Hedge; h != nil {
		setDefault(&h.Max, 1)
	}
	if f := p.Fallback; f != nil && f.Body != "" {
		setDefault(&f.Status, 200)
		setDefault(&f.Type, "text/plain; charset=utf-8")
	}
	if m := p.Mirror; m != nil {
		setDefault(&m.Percent, 100)
	}
	if c := p.Cache; c != nil {
		setDefault(&c.MaxBytes, 16<<20)
		setDefault(&c.MaxObject, min(1<<20, c.MaxBytes))
	}
	if f := p.Fault; f != nil {
		if f.Delay > 0 {
			setDefault(&f.DelayPercent, 100)
		}
		if f.Abort > 0 {
			setDefault(&f.AbortPercent, 100)
		}
	}
}

func (o *Outlier) applyDefaults() {
	if o.Errors == nil {
		o.Errors = new(5)
	}
	base, longest := Duration(30*time.Second), Duration(300*time.Second)
	if o.Max != 0 {
		base = min(base, o.Max)
	}
	setDefault(&o.Base, base)
	setDefault(&o.Max, max(longest, o.Base))
	setDefault(&o.MaxPercent, 10)
}

// keys counts what a hash would be made of.
func (b *Balance) keys() int {
	n := 0
	for _, set := range []bool{b.Header != "", b.Cookie != "", b.Source} {
		if set {
			n++
		}
	}
	return n
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
