package graph

import (
	"cmp"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/route"
)

// declared draws what the app file has, and how its services are.
func (d *drawing) declared(app *model.App, services []model.ServiceStatus) {
	if app == nil {
		return
	}
	for name := range app.Topics {
		d.node(Topic, name)
	}
	for name, s := range app.Services {
		if s.Of == "" && s.Spec != nil {
			d.service(app, name, s)
		}
	}
	if g := app.Gateway; g != nil {
		gateway := d.node(Gateway, route.GatewayCaller)
		for _, r := range g.Routes {
			d.calls(app, gateway, r.To, &r.Policy)
		}
	}
	for i := range services {
		s := &services[i]
		if n := d.nodes[kindOf(s.Service)+":"+s.Service.Name]; n != nil {
			n.State = string(s.State)
		}
	}
}

func kindOf(s *model.Service) string {
	if s.Job != nil {
		return Job
	}
	return Service
}

func (d *drawing) service(app *model.App, name string, s *model.Service) {
	n := d.node(kindOf(s), name)
	n.Owner = s.Spec.Owner
	for callee, call := range s.Spec.Calls {
		var policy *appfile.Policy
		if call != nil {
			policy = &call.Policy
		}
		d.calls(app, n, callee, policy)
	}
	for _, topic := range s.Spec.Publishes {
		d.declare(n, d.node(Topic, topic), Publish)
	}
	for topic := range s.Spec.Subscribes {
		d.declare(d.node(Topic, topic), n, Deliver)
	}
	if db := s.Spec.Database; db != nil {
		d.declare(n, d.node(Database, databaseName(name, db.Engine)), Database)
	}
}

// calls draws a call, and those that its policy makes in its place or beside it.
func (d *drawing) calls(app *model.App, from *drawnNode, callee string, p *appfile.Policy) {
	d.declare(from, d.callee(app, callee), Call)
	if p == nil {
		return
	}
	if p.Fallback != nil && p.Fallback.Service != "" {
		d.declare(from, d.callee(app, p.Fallback.Service), Call)
	}
	if p.Mirror != nil && p.Mirror.To != "" {
		d.declare(from, d.callee(app, p.Mirror.To), Call)
	}
}

// callee is the node of a name as callers know it.
func (d *drawing) callee(app *model.App, name string) *drawnNode {
	switch {
	case name == route.GatewayCaller:
		return d.node(Gateway, name)
	case app != nil && app.Services[name] != nil:
		return d.node(kindOf(app.Services[name]), name)
	}
	return d.node(Service, name)
}

// databaseName is the name of a service's own database.
func databaseName(service, engine string) string {
	if engine == appfile.EnginePostgres {
		engine = "postgresql" // as OpenTelemetry calls it
	}
	return service + "/" + cmp.Or(engine, appfile.EngineSQLite)
}
