package daemon

import (
	"bytes"
	"context"
	"errors"
	"os"

	"github.com/goccy/go-yaml"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/admin"
	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/model"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// appFile reads the app file as it is on disk and as it is in force, for the dashboard.
func (d *daemon) appFile(context.Context) (*banyanv1.GetAppFileResponse, error) {
	now := d.current().app
	if now.Path == "" {
		return nil, fault.New(fault.NotFound, "no app is in force yet").Fix("start it with `banyan up`")
	}
	to := &banyanv1.GetAppFileResponse{Path: now.Path, Environment: now.Environment}
	text, err := os.ReadFile(now.Path)
	if err != nil {
		to.Problems = append(to.Problems, &banyanv1.FileProblem{File: now.Path, Message: err.Error()})
	}
	to.Text = hideText(string(d.secrets.redact("", text)))
	rendered, err := render(now)
	if err != nil {
		return nil, err
	}
	to.Rendered = string(d.secrets.redact("", rendered))
	onDisk, err := load(admin.Apply{Path: now.Path, Environment: now.Environment, Profiles: now.Profiles, Variables: variablesOf(now)})
	if err != nil {
		to.Problems = append(to.Problems, d.problemsOf(err)...)
		to.Changed = true
		return to, nil
	}
	again, err := render(onDisk)
	to.Changed = err == nil && !bytes.Equal(again, rendered)
	return to, nil
}

// variablesOf are those that an app was applied with.
func variablesOf(app *model.App) map[string]string {
	for _, s := range app.Services {
		return s.Variables // all have the same
	}
	return nil
}

func (d *daemon) problemsOf(err error) []*banyanv1.FileProblem {
	hide := func(text string) string { return hideURL(string(d.secrets.redact("", []byte(text)))) }
	problems, ok := errors.AsType[appfile.Problems](err)
	if !ok {
		return []*banyanv1.FileProblem{{Message: hide(err.Error())}}
	}
	var all []*banyanv1.FileProblem
	for _, p := range problems {
		all = append(all, &banyanv1.FileProblem{File: p.File, Line: int32(p.Line), Column: int32(p.Column), Message: hide(p.Message), Fix: hide(p.Fix)})
	}
	return all
}

// render writes an app as an app file, without values that look secret: those that
// came from the environment are in it.
func render(app *model.App) ([]byte, error) {
	file := appfile.App{
		Name: app.Name, Gateway: app.Gateway, Bus: app.Bus, Topics: app.Topics, Resources: app.Resources, SagaStore: app.SagaStore,
		Dashboard: app.Dashboard, Secrets: app.Secrets, Services: map[string]*appfile.Service{}, Jobs: map[string]*appfile.Job{},
	}
	for name, s := range app.Services {
		switch {
		case s.Of != "":
		case s.Job != nil:
			file.Jobs[name] = &appfile.Job{
				Command: s.Spec.Command, Build: s.Spec.Build, WorkingDir: s.Spec.WorkingDir, Environment: hideVariables(s.Spec.Environment),
				Secrets: s.Spec.Secrets, Calls: s.Spec.Calls, Publishes: s.Spec.Publishes, DependsOn: s.Spec.DependsOn, Resources: s.Spec.Resources,
				Schedule: s.Job.Schedule, Timeout: appfile.Duration(s.Job.Timeout), Retries: s.Job.Retries, Owner: s.Spec.Owner,
			}
		default:
			spec := *s.Spec
			spec.Environment = hideVariables(spec.Environment)
			file.Services[name] = &spec
		}
	}
	data, err := yaml.MarshalWithOptions(file, yaml.IndentSequence(true))
	return []byte(hideURL(string(data))), err
}
