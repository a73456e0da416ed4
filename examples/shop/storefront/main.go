// Command storefront serves the shop's web page: static files that are embedded in the binary.
//
// It keeps no data and calls no other service. The page's JavaScript calls the shop's API under /api on the
// same origin, so something in front of both (the gateway) has to share one address between them.
package main

import (
	"context"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/signal"
	"syscall"
	"time"
)

//go:embed static
var static embed.FS

// drainTime bounds how long a stop waits for the requests in flight.
const drainTime = 10 * time.Second

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGTERM, os.Interrupt)
	err := run(ctx, os.Getenv, os.Stdout)
	stop()
	if err != nil {
		fmt.Fprintln(os.Stderr, "storefront:", err)
		os.Exit(1)
	}
}

// run serves on $HOST:$PORT until ctx is done, then finishes what is in flight. Log records go to out.
func run(ctx context.Context, getenv func(string) string, out io.Writer) error {
	log := slog.New(slog.NewJSONHandler(out, nil)).With("service", "storefront")
	files, err := fs.Sub(static, "static")
	if err != nil {
		return err
	}
	site, err := loadSite(files)
	if err != nil {
		return fmt.Errorf("load the page: %w", err)
	}
	address := net.JoinHostPort(orElse(getenv("HOST"), "127.0.0.1"), orElse(getenv("PORT"), "8080"))
	listener, err := net.Listen("tcp", address)
	if err != nil {
		return err
	}
	server := &http.Server{
		Handler:           logged(log, newHandler(site)),
		ReadHeaderTimeout: 5 * time.Second,
		ReadTimeout:       10 * time.Second,
		WriteTimeout:      30 * time.Second,
		IdleTimeout:       2 * time.Minute,
		ErrorLog:          slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	log.Info("listening", "address", listener.Addr().String(), "version", site.version)
	return serve(ctx, log, server, listener)
}

func serve(ctx context.Context, log *slog.Logger, server *http.Server, listener net.Listener) error {
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
	}
	log.Info("stopping")
	drain, cancel := context.WithTimeout(context.WithoutCancel(ctx), drainTime)
	defer cancel()
	err := server.Shutdown(drain)
	if served := <-failed; !errors.Is(served, http.ErrServerClosed) {
		err = errors.Join(err, served)
	}
	return err
}

func orElse(value, fallback string) string {
	if value == "" {
		return fallback
	}
	return value
}
