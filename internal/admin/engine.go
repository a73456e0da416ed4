// Package admin serves the control API: Connect (gRPC, gRPC-Web and plain JSON
// over HTTP) on a unix socket that only its owner can open. It translates
// between the wire and the daemon's own types, and decides nothing.
package admin

import (
	"context"
	"iter"

	"github.com/banyanrun/banyan/internal/logs"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/proxy/account"
)

// Engine is what the API needs of the daemon. Its methods are safe for
// concurrent use; their errors are fault.Errors.
type Engine interface {
	Apply(ctx context.Context, r Apply) (Applied, error)
	// Status reads how the app is; usage asks for what processes use as well.
	Status(ctx context.Context, usage bool) (*model.Status, error)
	// Changes returns a channel that is closed when the status changes next.
	Changes() <-chan struct{}
	Logs(ctx context.Context, f logs.Filter, follow bool) (iter.Seq2[logs.Record, error], error)
	// Stats is what the data plane has counted, of the edges from and to service; "": of all.
	Stats(ctx context.Context, service string) (account.Snapshot, error)
	Restart(ctx context.Context, service string) error
	Scale(ctx context.Context, service string, replicas int) error
	RunJob(ctx context.Context, job string) error
	// Events returns the app's bus, or why it could not be opened.
	Events() (Events, error)
	// Sagas returns the app's sagas, or why they could not be opened.
	Sagas() (Sagas, error)
	Down(ctx context.Context, force bool) error
}

// Apply is a request to make an app file the desired state.
type Apply struct {
	Path        string
	Environment string
	Profiles    []string
	Variables   map[string]string
}

// Applied is what an apply came to.
type Applied struct {
	Generation uint64
	Changed    []string
	Warnings   []string
}
