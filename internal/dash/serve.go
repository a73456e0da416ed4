package dash

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"time"

	"golang.org/x/net/netutil"

	"github.com/banyanrun/banyan/internal/dash/access"
	"github.com/banyanrun/banyan/internal/dash/signin"
	"github.com/banyanrun/banyan/internal/fault"
)

// Site is where a dashboard is served.
type Site struct {
	Listeners []net.Listener
	// Host is the one host name that is answered.
	Host string
	// URL is how browsers reach it: scheme, host and port.
	URL string
	// Secure: browsers reach it by HTTPS.
	Secure bool
	// SignIn lets people in who sign in by an identity provider. Nil: nobody does.
	SignIn *signin.Provider
	// Opened is called when it is served. Nil: nobody waits for that.
	Opened func()
}

const (
	headerTimeout = 10 * time.Second
	idleTimeout   = 2 * time.Minute
	grace         = time.Second
	mostHeader    = 32 << 10
	// mostConnections of a listener are open: more wait, and the daemon keeps files for
	// all else.
	mostConnections = 512
)

// keeps reports whether a session still counts: one that an identity provider let in
// does under the rules that did.
func (s *Site) keeps(one *access.Session) bool {
	return one.Subject == "" || s.SignIn != nil && one.Rules == s.SignIn.Rules()
}

// errClosed is why there is no dashboard until the daemon says more.
var errClosed = fault.New(fault.Unavailable, "the dashboard is not open now").Fix("try again")

// Serve serves the dashboard there until ctx ends, and closes the listeners.
func (d *Dash) Serve(ctx context.Context, s Site) error {
	d.Sessions.Keep(s.keeps)
	// What is under way goes on until the grace is over.
	base, cut := context.WithCancel(context.WithoutCancel(ctx))
	defer cut()
	server := &http.Server{
		Handler: d.handler(&s), ReadHeaderTimeout: headerTimeout, IdleTimeout: idleTimeout, MaxHeaderBytes: mostHeader,
		WriteTimeout: strangerMost, // visitors have more: see patient
		BaseContext:  func(net.Listener) context.Context { return base },
		ErrorLog:     slog.NewLogLogger(d.Log.Handler(), slog.LevelDebug), // what strangers send is no warning
	}
	failed := make(chan error, len(s.Listeners))
	for _, l := range s.Listeners {
		go func() { failed <- server.Serve(netutil.LimitListener(l, mostConnections)) }()
	}
	d.set(&s, nil)
	if s.Opened != nil {
		s.Opened()
	}
	left := len(s.Listeners)
	var err error
	select {
	case err = <-failed:
		left--
		err = fmt.Errorf("dashboard: %w", err)
	case <-ctx.Done():
		err = ctx.Err()
	}
	d.set(nil, errClosed)
	end, cancel := context.WithTimeout(context.WithoutCancel(ctx), grace)
	defer cancel()
	if server.Shutdown(end) != nil {
		cut()
		_ = server.Close() // nobody waits for what is still open
	}
	for range left {
		if other := <-failed; !errors.Is(other, http.ErrServerClosed) {
			err = errors.Join(err, other)
		}
	}
	return err
}
