package otlp

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
)

const (
	headerTimeout = 10 * time.Second
	readTimeout   = time.Minute
	idleTimeout   = 5 * time.Minute // longer than the pauses of exporters
	grace         = 2 * time.Second
)

// Listen serves h at an address (127.0.0.1:4317) until ctx ends, by HTTP/1.1 and by
// HTTP/2 without TLS, which gRPC speaks: both of OTLP's protocols are at each address.
// Requests in flight at the end have two seconds.
func Listen(ctx context.Context, addr string, h http.Handler, log *slog.Logger) error {
	var lc net.ListenConfig
	listener, err := lc.Listen(ctx, "tcp", addr)
	if err != nil {
		return fault.New(fault.Unavailable, "cannot listen for OTLP: %w", err).At("telemetry: otlp").
			Fix("is another collector running there? Choose another port, or leave the line out: services send to $BANYAN_URL")
	}
	return serve(ctx, listener, h, log)
}

func serve(ctx context.Context, listener net.Listener, h http.Handler, log *slog.Logger) error {
	protocols := new(http.Protocols)
	protocols.SetHTTP1(true)
	protocols.SetUnencryptedHTTP2(true)
	server := &http.Server{
		Handler: h, Protocols: protocols,
		ReadHeaderTimeout: headerTimeout, ReadTimeout: readTimeout, IdleTimeout: idleTimeout,
		BaseContext: func(net.Listener) context.Context { return context.WithoutCancel(ctx) },
		ErrorLog:    slog.NewLogLogger(log.Handler(), slog.LevelWarn),
	}
	failed := make(chan error, 1)
	go func() { failed <- server.Serve(listener) }()
	select {
	case err := <-failed:
		return fmt.Errorf("OTLP at %s: %w", listener.Addr(), err)
	case <-ctx.Done():
	}
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if err := server.Shutdown(end); err != nil {
		log.Warn("OTLP", "error", errors.Join(err, server.Close()))
	}
	if err := <-failed; !errors.Is(err, http.ErrServerClosed) {
		log.Warn("OTLP", "error", err)
	}
	return ctx.Err()
}
