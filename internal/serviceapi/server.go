package serviceapi

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/internal/socket"
)

// Config is what the API needs.
type Config struct {
	// Publisher takes events. Nil: publishing is refused.
	Publisher Publisher
	// Sagas runs them. Nil: there are none.
	Sagas Sagas
	// Telemetry takes traces, logs and metrics. Nil: there is nothing where they are sent to.
	Telemetry Telemetry
	// Authentic reports whether a token is the BANYAN_TOKEN of a service. Nil: none is.
	Authentic func(service, token string) bool
	Log       *slog.Logger
}

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = time.Minute // the data plane closes unused connections long before
	grace         = 2 * time.Second
)

// Serve serves the API on the unix socket at path, which only this user can
// open, until ctx ends. It listens only when it can answer: before, the data plane
// lets requests wait, and whatever comes is sent once. Requests in flight at the
// end have two seconds.
func Serve(ctx context.Context, path string, c Config) error {
	listener, err := socket.Listen(path)
	if err != nil {
		return fault.New(fault.Denied, "cannot make the socket for services: %w", err)
	}
	h := newHandler(c)
	h.ending = ctx.Done()
	server := &http.Server{
		Handler: h, ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ErrorLog:    slog.NewLogLogger(c.Log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err = <-failed:
		return fmt.Errorf("API for services: %w", err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(end); err != nil {
		c.Log.Warn("API for services", "error", errors.Join(err, server.Close()))
	}
	return ctx.Err()
}
