package proxy

import (
	"context"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"sync"
	"time"
)

// settings are what an http.Server cannot change while it runs.
type settings struct {
	gateway       bool
	headerTimeout time.Duration
	idleTimeout   time.Duration
	maxHeader     int64
	streams       int
}

// internalSettings suit callers that are services on this machine: a caller's
// idle connection is not closed under it.
var internalSettings = settings{
	headerTimeout: 30 * time.Second, idleTimeout: 15 * time.Minute, maxHeader: 1 << 20, streams: 1000,
}

// server is one http.Server for all listeners of a role; connections come by hand.
type server struct {
	settings
	http *http.Server
	in   *handed
}

func (e *Engine) newServer(set settings) *server {
	s := &server{settings: set, in: &handed{conns: make(chan net.Conn), done: make(chan struct{})}}
	p := new(http.Protocols)
	p.SetHTTP1(true)
	p.SetUnencryptedHTTP2(true)
	handler := e.serveInternal
	if set.gateway {
		handler = e.serveGatewayRequest
	}
	s.http = &http.Server{
		Handler:           http.HandlerFunc(handler),
		ReadHeaderTimeout: set.headerTimeout,
		IdleTimeout:       set.idleTimeout,
		MaxHeaderBytes:    int(2 * set.maxHeader), // the handler says 431 with our words before this does
		Protocols:         p,
		HTTP2:             &http.HTTP2Config{MaxConcurrentStreams: set.streams},
		ErrorLog:          slog.NewLogLogger(e.log.Handler(), slog.LevelDebug),
		ConnContext: func(ctx context.Context, c net.Conn) context.Context {
			return context.WithValue(ctx, connKey{}, c)
		},
	}
	e.tasks.Go(func() {
		if err := s.http.Serve(s.in); !errors.Is(err, http.ErrServerClosed) && !errors.Is(err, net.ErrClosed) {
			e.log.Error("http server ended", "error", err)
		}
	})
	return s
}

// hand gives the server a connection to serve, unless it takes none any more.
func (s *server) hand(c net.Conn) bool {
	select {
	case s.in.conns <- c:
		return true
	case <-s.in.done:
		return false
	}
}

// drain takes no more connections and waits for those there are.
func (s *server) drain(ctx context.Context) { _ = s.http.Shutdown(ctx) }

func (s *server) close() { _ = s.http.Close() }

// handed is a net.Listener of connections that somebody else accepted.
type handed struct {
	conns chan net.Conn
	done  chan struct{}
	once  sync.Once
}

func (h *handed) Accept() (net.Conn, error) {
	select {
	case c := <-h.conns:
		return c, nil
	case <-h.done:
		return nil, net.ErrClosed
	}
}

func (h *handed) Close() error {
	h.once.Do(func() { close(h.done) })
	return nil
}

func (h *handed) Addr() net.Addr { return &net.TCPAddr{} }
