//go:build linux

package main

import (
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"runtime/pprof"
	"time"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/proxy"
	"github.com/banyanrun/banyan/internal/route"
	"golang.org/x/sys/unix"
)

// banyanConfig is what the process that is Banyan reads.
type banyanConfig struct {
	Snapshot route.Snapshot `json:"snapshot"`
	Log      string         `json:"log"` // path of the access log
	Spans    bool           `json:"spans"`
}

// callPolicy is what the app file's defaults make of a call.
var callPolicy = route.Policy{Timeout: 30 * time.Second, Retries: 1}

// banyanCommand is this program once more, or the same one of another tree.
func banyanCommand(other, dir string, j job) (*command, error) {
	return banyanAs(other, dir, j, true)
}

// untoldName is, among the peers, Banyan that makes no spans.
const untoldName = "untold"

func untoldCommand(_, dir string, j job) (*command, error) {
	return banyanAs("", dir, j, false)
}

func banyanAs(other, dir string, j job, spans bool) (*command, error) {
	svc := &route.Service{Name: "app", Protocol: route.HTTP1,
		Instances: []route.Instance{{ID: "app-1", Revision: "r1", Addr: j.backend.String()}}}
	if j.grpc() {
		svc.Protocol = route.H2C
	}
	l := route.Listener{ID: "gateway/" + j.listen.String(), Role: route.RoleGateway, Addr: j.listen.String()}
	c := banyanConfig{Log: filepath.Join(dir, "access.log"), Spans: spans, Snapshot: route.Snapshot{
		Version: route.Version{Epoch: 1, N: 1}, App: "bench", Services: map[string]*route.Service{"app": svc},
	}}
	if j.edge {
		l = route.Listener{ID: "edge/caller/app", Role: route.RoleEdge, Addr: j.listen.String(), Caller: "caller", Callee: "app"}
		c.Snapshot.Edges = []route.Edge{{Caller: "caller", Callee: "app", Policy: callPolicy}}
	} else {
		c.Snapshot.Gateway = banyanGateway(j)
	}
	c.Snapshot.Listeners = []route.Listener{l}
	text, err := json.Marshal(c)
	if err != nil {
		return nil, err
	}
	self, err := os.Executable()
	if err != nil {
		return nil, err
	}
	path := filepath.Join(dir, "banyan.json")
	return &command{argv: []string{cmp.Or(other, self), banyanArg, path}}, os.WriteFile(path, text, 0o600)
}

func banyanGateway(j job) *route.Gateway {
	g := &route.Gateway{AccessLog: true, MaxHeader: 64 << 10, HeaderTimeout: 10 * time.Second, IdleTimeout: 2 * time.Minute}
	if j.cert != nil {
		g.TLS = &route.TLS{Cert: j.cert.Chain, Key: j.cert.Key}
	}
	for _, t := range j.routes() {
		g.Routes = append(g.Routes, route.Route{Host: t.Host, Path: t.Path, To: "app", Auth: route.AuthNone, Policy: callPolicy})
	}
	return g
}

// serveBanyan is the data plane's engine alone, until it is told to end.
func serveBanyan(args []string) error {
	ctx, stop := signal.NotifyContext(context.Background(), unix.SIGTERM, unix.SIGINT)
	defer stop()
	text, err := os.ReadFile(args[0])
	if err != nil {
		return err
	}
	var c banyanConfig
	if err := json.Unmarshal(text, &c); err != nil {
		return err
	}
	p, err := newPlayback(&c.Snapshot) // before the load comes
	if err != nil {
		return err
	}
	access, err := os.Create(c.Log)
	if err != nil {
		return err
	}
	defer access.Close()
	o := proxy.Options{AccessLog: access, Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}
	if c.Spans {
		o.Spans = p.takeSpans
		go p.drain()
	}
	e := proxy.New(o)
	sockets := map[string]*link.Socket{}
	for _, l := range c.Snapshot.Listeners {
		if sockets[l.ID], err = listen(l.Addr); err != nil {
			return err
		}
	}
	if path := os.Getenv("BANYAN_BENCH_PROFILE"); path != "" {
		profile, err := os.Create(path)
		if err != nil {
			return err
		}
		defer profile.Close()
		if err := pprof.StartCPUProfile(profile); err != nil {
			return err
		}
		defer pprof.StopCPUProfile()
	}
	ended := make(chan error, 1)
	go func() { ended <- e.Run(ctx) }()
	if err := e.Apply(&c.Snapshot, sockets); err != nil {
		return fmt.Errorf("apply the snapshot: %w", err)
	}
	return swapping(e, p, ended)
}

// What a signal makes Banyan do: read the snapshot with another policy of one
// route and put it in force.
const (
	changeSignal = unix.SIGUSR1 // what has changed is read
	wholeSignal  = unix.SIGHUP  // all of it is
)

// swapping obeys the signals until the engine has ended.
func swapping(e *proxy.Engine, p *playback, ended <-chan error) error {
	again := make(chan os.Signal, 1)
	signal.Notify(again, changeSignal, wholeSignal)
	defer signal.Stop(again)
	for {
		select {
		case err := <-ended:
			return err
		case sig := <-again:
			s, err := p.next(sig == wholeSignal)
			if err != nil {
				return err
			}
			if err := e.Apply(s, nil); err != nil {
				return err
			}
		}
	}
}

// listen makes the socket that a daemon would hand over.
func listen(addr string) (*link.Socket, error) {
	var lc net.ListenConfig
	lc.SetMultipathTCP(false) // as the daemon
	l, err := lc.Listen(context.Background(), "tcp", addr)
	if err != nil {
		return nil, err
	}
	defer l.Close()
	return link.SocketOf(l)
}
