package daemon

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/build"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/postgres"
	"github.com/banyanrun/banyan/internal/route"
)

// draft makes the desired app of a loaded file, without what depends on this
// machine's addresses, sources and secrets.
func draft(file *appfile.File, environment string, profiles []string, variables map[string]string) (*model.App, error) {
	app := &model.App{
		Name: file.App.Name, Path: file.Path, Environment: environment, Profiles: profiles,
		Gateway: file.App.Gateway, Services: map[string]*model.Service{}, Secrets: file.App.Secrets,
		Bus: file.App.Bus, Topics: file.App.Topics,
		Resources: file.App.Resources, Dashboard: file.App.Dashboard,
		Telemetry: file.App.Telemetry, Alerts: file.App.Alerts, Recordings: file.App.Recordings,
	}
	for _, w := range file.Warnings {
		app.Warnings = append(app.Warnings, w.String())
	}
	inherited := maps.Clone(variables)
	for _, s := range file.App.Secrets {
		if s == nil {
			continue
		}
		delete(inherited, s.Environment)
		if s.File != "" && !filepath.IsAbs(s.File) {
			s.File = filepath.Join(file.Dir, s.File)
		}
	}
	for _, t := range app.Topics {
		if t.Schema != "" && !filepath.IsAbs(t.Schema) {
			t.Schema = filepath.Join(file.Dir, t.Schema)
		}
	}
	for name, spec := range file.App.Services {
		app.Services[name] = &model.Service{Name: name, Spec: spec, Replicas: *spec.Replicas, Declared: *spec.Replicas, Variables: inherited}
	}
	for name, job := range file.App.Jobs {
		app.Services[name] = &model.Service{Name: name, Spec: jobSpec(job), Job: jobOf(job), Replicas: 1, Declared: 1, Variables: inherited}
	}
	for _, name := range slices.Sorted(maps.Keys(app.Services)) {
		s := app.Services[name]
		if err := place(s, file.Dir); err != nil {
			return nil, err
		}
		if err := runtimes(s); err != nil {
			return nil, err
		}
		if s.LeftOut != "" {
			app.Warnings = append(app.Warnings, fmt.Sprintf("%s is left out: %s", name, s.LeftOut))
		}
		if job := migration(s); job != nil {
			app.Services[job.Name] = job
		}
	}
	return app, nil
}

// migration is the job that migrates a service's database, once for each of the
// service's revisions; nil: there is none. It is built as the service is, and has
// its environment and its data.
func migration(s *model.Service) *model.Service {
	name := s.Migration()
	if name == "" {
		return nil
	}
	spec := *s.Spec
	spec.Command, spec.Replicas, spec.Update = spec.Database.Migrate, new(1), &appfile.Update{Strategy: appfile.Rolling}
	spec.Port, spec.Publishes, spec.Subscribes, spec.Readiness, spec.Liveness = 0, nil, nil, nil, nil
	return &model.Service{
		Name: name, Of: s.Name, Spec: &spec, Job: &model.Job{}, Replicas: 1, Declared: 1, Variables: s.Variables, LeftOut: s.LeftOut,
	}
}

func jobSpec(j *appfile.Job) *appfile.Service {
	one := 1
	return &appfile.Service{
		Owner: j.Owner, Build: j.Build, Command: j.Command, WorkingDir: j.WorkingDir, Sources: j.Sources,
		Environment: j.Environment, EnvFile: j.EnvFile, Secrets: j.Secrets, Calls: j.Calls, DependsOn: j.DependsOn, Publishes: j.Publishes,
		Resources: j.Resources, User: j.User, Requires: j.Requires, Optional: j.Optional, Profiles: j.Profiles,
		BuildTimeout: j.BuildTimeout, Replicas: &one, Update: &appfile.Update{Strategy: appfile.Rolling},
		StopSignal: "SIGTERM",
	}
}

func jobOf(j *appfile.Job) *model.Job {
	return &model.Job{Schedule: j.Schedule, Timeout: time.Duration(j.Timeout), Retries: j.Retries}
}

// place makes paths absolute and takes the environment files' content in.
func place(s *model.Service, dir string) error {
	if !filepath.IsAbs(s.Spec.WorkingDir) {
		s.Spec.WorkingDir = filepath.Join(dir, s.Spec.WorkingDir)
	}
	merged := appfile.Environment{}
	for _, name := range s.Spec.EnvFile {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		data, err := os.ReadFile(name)
		if err != nil {
			return fault.New(fault.Invalid, "env_file of %s: %w", s.Name, err)
		}
		vars, err := appfile.ParseEnvFile(name, data)
		if err != nil {
			return fault.New(fault.Invalid, "env_file of %s: %w", s.Name, err)
		}
		for k, v := range vars {
			merged[k] = appfile.Escape(v)
		}
	}
	maps.Copy(merged, s.Spec.Environment)
	s.Spec.Environment, s.Spec.EnvFile = merged, nil
	return nil
}

// finisher computes what stands for a service's revision.
type finisher struct {
	sources *build.Sources
	secret  func(name string) ([]byte, error)
	addrs   map[string]string
	first   map[string]string // see addresses.first
	// database is how a service reaches its own on the app's server.
	database func(app *model.App, service string) (postgres.Address, error)
}

// finish fills in ConfigHash and BuildKey of every service that runs.
func (f *finisher) finish(app *model.App) error {
	for _, name := range slices.Sorted(maps.Keys(app.Services)) {
		s := app.Services[name]
		if s.LeftOut != "" || s.Of != "" {
			continue
		}
		if err := f.buildKey(s); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
		if err := f.configHash(app, s); err != nil {
			return fmt.Errorf("%s: %w", name, err)
		}
	}
	return nil
}

// buildKey stands for all that a build depends on: sources, command, place and environment.
func (f *finisher) buildKey(s *model.Service) error {
	if len(s.Spec.Build) == 0 {
		s.BuildKey = ""
		return nil
	}
	sources, err := f.sources.Hash(s.Spec.WorkingDir, s.Spec.Sources)
	if err != nil {
		return err
	}
	s.BuildKey = digest(sources, s.Spec.Build, s.Spec.WorkingDir, buildVariables(s))[:16]
	return nil
}

// buildVariables are the inherited variables that can change what a build makes.
func buildVariables(s *model.Service) map[string]string {
	vars := map[string]string{}
	for k, v := range s.Variables {
		switch {
		case k == "GOCACHE" || k == "GOMODCACHE" || k == "GOPROXY":
		case strings.HasPrefix(k, "GO") || strings.HasPrefix(k, "MAVEN_") || strings.HasPrefix(k, "RUST") || strings.HasPrefix(k, "NODE_"):
			vars[k] = v
		}
	}
	return vars
}

// configHash stands for all of a revision but its build. Inherited variables do
// not count: they differ from one terminal to the next, and an apply from
// another terminal must not replace what runs. A new revision takes them on.
//
// The job that migrates the service's database becomes a new revision with it.
func (f *finisher) configHash(app *model.App, s *model.Service) error {
	spec := *s.Spec
	spec.Build, spec.Sources, spec.BuildTimeout = nil, nil, 0
	spec.Owner, spec.Replicas, spec.Update, spec.DependsOn = "", nil, nil, nil
	spec.Requires, spec.Optional, spec.Profiles = nil, false, nil
	spec.Publishes, spec.Subscribes = nil, nil
	if spec.Database != nil && spec.Database.Outbox { // the platform reads it, and the service need not know
		database := *spec.Database
		database.Outbox = false
		spec.Database = &database
	}
	spec.DrainTimeout, spec.StopGracePeriod, spec.Calls, spec.Concurrency, spec.Metrics = nil, nil, nil, nil, nil
	edges := map[string]string{}
	for callee := range s.Spec.Calls {
		edges[callee] = f.addrs[route.EdgeID(s.Name, callee)]
	}
	// Where Banyan itself is every instance knows, used or not. It counts only
	// when it had to move: what runs knows the first address, or none.
	id := route.EdgeID(s.Name, route.Platform)
	if now, first := f.addrs[id], f.first[id]; now != "" && first != "" && now != first {
		edges[route.Platform] = now
	}
	secrets := map[string]string{}
	for _, name := range usedSecrets(s) {
		value, err := f.secret(name)
		if err != nil {
			return err
		}
		secrets[name] = digest(value)
	}
	if hasPostgres(s) {
		address, err := f.database(app, s.Name)
		if err != nil {
			return err
		}
		secrets[" DATABASE_URL"] = digest(address.URL) // no secret has this name
	}
	s.ConfigHash = digest(spec, edges, secrets, s.Job, s.Restarts)
	if job := app.Services[s.Migration()]; job != nil {
		follower := *job
		follower.BuildKey, follower.ConfigHash = s.BuildKey, digest(s.ConfigHash, job.Name)
		app.Services[job.Name] = &follower
	}
	return nil
}

// usedSecrets are the names of the secrets that a service's instances get.
func usedSecrets(s *model.Service) []string {
	var names []string
	for _, name := range s.Spec.Secrets {
		names = append(names, name)
	}
	for _, v := range s.Spec.Environment {
		for _, ref := range appfile.Refs(v) {
			if ref.Kind == "secret" {
				names = append(names, ref.Name)
			}
		}
	}
	slices.Sort(names)
	return slices.Compact(names)
}

// digest is the hash of values' JSON.
func digest(values ...any) string {
	h := sha256.New()
	for _, v := range values {
		data, err := json.Marshal(v)
		if err != nil {
			panic(fmt.Sprintf("daemon: %T cannot be hashed: %v", v, err)) // plain data always can
		}
		h.Write(data) // never fails
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil))
}
