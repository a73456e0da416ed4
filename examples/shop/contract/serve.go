package contract

import (
	"cmp"
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

// stopGrace is how long a stopping service waits for the requests that it has begun.
const stopGrace = 20 * time.Second

// Main runs a service's run function until it returns, with a context that ends when the service is told to stop. It exits with 1
// if run fails.
func Main(run func(context.Context, *slog.Logger) error) {
	log := slog.New(slog.NewJSONHandler(os.Stdout, nil))
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, log)
	stop()
	if err != nil {
		log.Error("failed", "error", err.Error())
		os.Exit(1)
	}
}

// Serve answers on $HOST:$PORT until ctx ends; then it accepts nothing new and finishes what it has begun.
func Serve(ctx context.Context, log *slog.Logger, mux *http.ServeMux) error {
	address := net.JoinHostPort(cmp.Or(os.Getenv("HOST"), "127.0.0.1"), cmp.Or(os.Getenv("PORT"), "8080"))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	log.Info("listening", "address", listener.Addr().String())
	server := &http.Server{
		Handler:           Handle(log, mux),
		ReadHeaderTimeout: 5 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	stopped := make(chan error, 1)
	context.AfterFunc(ctx, func() {
		grace, cancel := context.WithTimeout(context.WithoutCancel(ctx), stopGrace)
		defer cancel()
		stopped <- server.Shutdown(grace)
	})
	if err := server.Serve(listener); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return <-stopped
}

// Handle adds to a service's own routes what all services have: access records, problems for unknown paths, and GET /healthz,
// which is not logged. Serve uses it; so do tests, which then see what callers see.
func Handle(log *slog.Logger, mux *http.ServeMux) http.Handler {
	all := http.NewServeMux()
	all.Handle("/", logged(log, problems(mux)))
	all.Handle("GET /healthz", Handler(func(w http.ResponseWriter, _ *http.Request) error {
		return WriteJSON(w, http.StatusOK, map[string]bool{"ready": true})
	}))
	return all
}
