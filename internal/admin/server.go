package admin

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
)

// New returns the handler of the control API.
func New(engine Engine) banyanv1connect.ControlServiceHandler { return &handler{engine: engine} }

// Serve serves handlers of RPC services, by path, on the unix socket at path until
// ctx ends; streams that are open then are ended. The socket is 0600 and is removed
// at the end.
func Serve(ctx context.Context, path string, handlers map[string]http.Handler, log *slog.Logger) error {
	listener, err := listen(path)
	if err != nil {
		return err
	}
	mux := http.NewServeMux()
	for path, h := range handlers {
		mux.Handle(path, h)
	}
	var protocols http.Protocols
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Handler: mux, Protocols: &protocols, ReadHeaderTimeout: 10 * time.Second,
		BaseContext: func(net.Listener) context.Context { return ctx },
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err = <-failed:
		return fmt.Errorf("control API: %w", err)
	case <-ctx.Done():
	}
	// The reply to Down is still on its way; streams end with ctx.
	grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), 2*time.Second)
	defer cancel()
	if err := server.Shutdown(grace); err != nil {
		err = errors.Join(err, server.Close())
		log.Warn("control API", "error", err)
	}
	return ctx.Err()
}

// listen makes the socket. Whoever holds the state directory's lock may remove
// one that an earlier daemon left.
func listen(path string) (net.Listener, error) {
	if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
		return nil, fault.New(fault.Denied, "cannot replace the control socket: %w", err)
	}
	l, err := net.Listen("unix", path)
	if err != nil {
		return nil, fault.New(fault.Denied, "cannot make the control socket: %w", err)
	}
	if err := os.Chmod(path, 0o600); err != nil {
		return nil, errors.Join(fault.New(fault.Denied, "cannot protect the control socket: %w", err), l.Close())
	}
	return l, nil
}
