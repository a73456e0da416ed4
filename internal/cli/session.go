package cli

import (
	"context"
	"errors"
	"net"
	"net/http"
	"os"
	"syscall"
	"time"

	"github.com/banyanrun/banyan/internal/daemon/launch"
	"github.com/banyanrun/banyan/internal/daemon/layout"
	"github.com/banyanrun/banyan/internal/fault"
	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
	"github.com/banyanrun/banyan/proto/banyan/v1/banyanv1connect"
)

// daemonURL is where a daemon's APIs are below its socket; the host is any.
const daemonURL = "http://banyan"

// session is a connection to an app's daemon.
type session struct {
	banyanv1connect.ControlServiceClient
	banyanv1connect.DashboardServiceClient
	banyanv1connect.TelemetryServiceClient
	client    *http.Client
	transport *http.Transport
}

func dial(socket string) *session {
	transport := &http.Transport{
		DialContext: func(ctx context.Context, _, _ string) (net.Conn, error) {
			return (&net.Dialer{Timeout: 5 * time.Second}).DialContext(ctx, "unix", socket)
		},
		DisableCompression: true,
	}
	client := &http.Client{Transport: transport}
	return &session{
		ControlServiceClient:   banyanv1connect.NewControlServiceClient(client, daemonURL),
		DashboardServiceClient: banyanv1connect.NewDashboardServiceClient(client, daemonURL),
		TelemetryServiceClient: banyanv1connect.NewTelemetryServiceClient(client, daemonURL),
		client:                 client, transport: transport,
	}
}

func (s *session) close() { s.transport.CloseIdleConnections() }

// statusMost is how long a daemon may take to say how things are: one that is
// stopped (SIGSTOP) accepts connections and never answers.
const statusMost = 15 * time.Second

// status asks once.
func (s *session) status(ctx context.Context) (*banyanv1.Status, error) {
	ctx, cancel := context.WithTimeout(ctx, statusMost)
	defer cancel()
	res, err := s.GetStatus(ctx, &banyanv1.GetStatusRequest{})
	if err != nil {
		return nil, err
	}
	return res.GetStatus(), nil
}

// start connects to the app's daemon and starts one where there is none; with
// adopt that one stays only if an app is up.
func (p *program) start(ctx context.Context, t target, adopt bool) (*session, error) {
	if err := p.ensure(ctx, t.Layout, adopt); err != nil {
		return nil, err
	}
	return dial(t.ControlSocket), nil
}

// attach connects to the daemon of an app that is up. Where the daemon died, a
// new one is started that adopts what runs; where nothing was left, it is an error.
func (p *program) attach(ctx context.Context, t target) (*session, error) {
	if !up(t.Layout) {
		return nil, notRunning(t)
	}
	s, err := p.start(ctx, t, true)
	if errors.Is(err, launch.ErrEnded) {
		return nil, notRunning(t)
	}
	return s, err
}

// errNotRunning is in the chain of the error for an app that is down.
var errNotRunning = errors.New("not running")

func notRunning(t target) error {
	err := fault.New(fault.NotFound, "no app is running for %s", t.Dir()).Fix("start it with `banyan up %s`", t.Dir())
	err.Err = errNotRunning
	return err
}

// reach attaches and asks for the status; a daemon that dies under the call is
// followed by another, which is asked then.
func (p *program) reach(ctx context.Context, t target) (*session, *banyanv1.Status, error) {
	const tries = 3
	for n := 1; ; n++ {
		s, err := p.attach(ctx, t)
		if err != nil {
			return nil, nil, err
		}
		st, err := s.status(ctx)
		if err == nil {
			return s, st, nil
		}
		s.close()
		if n == tries || !gone(err) {
			return nil, nil, err
		}
	}
}

// up reports whether the app is up, or was when its daemon or this machine's
// power went away: `down` removes the sockets, a crash does not. After a
// reboot the run directory is gone, and so are all instances.
func up(l layout.Layout) bool {
	return isSocket(l.ControlSocket) || isSocket(l.ProxySocket)
}

func isSocket(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.Mode()&os.ModeSocket != 0
}

// presence is what the control socket says of a daemon.
type presence int

const (
	absent    presence = iota // there is none, and it took its socket along
	answering                 // it accepts connections
	crashed                   // its socket is still there
)

func look(l layout.Layout) presence {
	conn, err := net.DialTimeout("unix", l.ControlSocket, time.Second)
	switch {
	case err == nil:
		_ = conn.Close() // nothing was written
		return answering
	case errors.Is(err, syscall.ECONNREFUSED):
		return crashed
	}
	return absent
}

// open is locate and attach, for commands about a running app.
func (p *program) open(ctx context.Context) (*session, target, error) {
	t, err := p.locate("")
	if err != nil {
		return nil, t, err
	}
	s, err := p.attach(ctx, t)
	return s, t, err
}
