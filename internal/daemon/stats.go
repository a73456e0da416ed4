package daemon

import (
	"context"
	"slices"

	counted "github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/route"
)

// Stats implements admin.Engine.
func (d *daemon) Stats(ctx context.Context, service string) (counted.Snapshot, error) {
	if service != "" && service != route.GatewayCaller && d.current().app.Services[service] == nil {
		return counted.Snapshot{}, noService(service)
	}
	s, err := d.keeper.Stats(ctx)
	if err == nil && service != "" {
		s.Edges = slices.DeleteFunc(s.Edges, func(e counted.Edge) bool { return e.Caller != service && e.Callee != service })
		s.Refusals = nil // who is refused before there is a request belongs to no service
	}
	return s, err
}
