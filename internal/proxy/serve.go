package proxy

import (
	"context"
	"io"
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
	"time"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/route"
	"github.com/banyanrun/banyan/internal/slim"
)

// ServeConfig is what the data plane's process is told at its start.
type ServeConfig struct {
	// Socket is the path of the link's unix socket; its directory exists and is the user's alone.
	Socket string
	// Version of the program, for the Welcome.
	Version string
	// Log gets what goes wrong. Nil: nothing is logged.
	Log *slog.Logger
	// AccessLog gets the gateway's access log. Nil: os.Stdout.
	AccessLog io.Writer
}

// dataPlane is what Serve needs of an engine; see Engine for what each promises.
type dataPlane interface {
	Apply(s *route.Snapshot, sockets map[string]*link.Socket) error
	Version() route.Version
	Sockets() map[string]*link.Socket
	Draining() []string
	InFlight() int
	Stats() account.Snapshot
	Run(ctx context.Context) error
	Drain(ctx context.Context)
}

var _ dataPlane = (*Engine)(nil)

const (
	// defaultDrain bounds the drain after SIGTERM.
	defaultDrain = 30 * time.Second
	// firstHello is how long a data plane waits for its first daemon before it
	// exits: the one that started it died.
	firstHello = time.Minute
)

// Serve is the data plane's process: it listens on the link's socket, applies
// what the daemon sends, and starts a daemon when its own goes away without
// Bye. It returns when ctx ends, after a Bye with Shutdown, and after SIGTERM;
// the latter two once what was in flight is done or its time is over. SIGINT
// and SIGHUP are ignored: the daemon decides.
func Serve(ctx context.Context, cfg ServeConfig) error {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.AccessLog == nil {
		cfg.AccessLog = os.Stdout
	}
	l, err := link.Listen(cfg.Socket)
	if err != nil {
		return err
	}
	s := &serving{cfg: cfg, log: cfg.Log, shutdown: make(chan time.Duration, 1), hello: make(chan struct{}), applied: make(chan struct{}, 1)}
	s.restart = newRestarter(cfg.Log)
	s.spans.wake = make(chan struct{}, 1)
	s.engine = New(Options{Log: cfg.Log, AccessLog: cfg.AccessLog, Drained: s.drained, Event: s.event, Spans: s.spans.send})
	return s.run(ctx, l)
}

// serving is the state of Serve.
type serving struct {
	cfg      ServeConfig
	log      *slog.Logger
	engine   dataPlane
	restart  *restarter
	applied  chan struct{}      // receives when a snapshot was
	shutdown chan time.Duration // a daemon asked for it
	hello    chan struct{}      // closed at the first Hello
	helloed  sync.Once
	spans    spanDoor

	// order is held while a snapshot is applied and its Ack queued, so that no
	// Drained overtakes it; and while the session changes.
	order   sync.Mutex
	session *session // nil: no daemon is connected
}

func (s *serving) run(ctx context.Context, l *link.Listener) error {
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	signals := make(chan os.Signal, 4)
	// Caught rather than ignored: a daemon that is started here must not inherit that.
	// SIGPIPE: where stdout or stderr is a pipe, its reader may die before us.
	signal.Notify(signals, syscall.SIGTERM, syscall.SIGINT, syscall.SIGHUP, syscall.SIGPIPE)
	defer signal.Stop(signals)

	s.spans.ended = ctx.Done()
	var tasks sync.WaitGroup
	tasks.Go(func() { _ = s.engine.Run(ctx) })
	tasks.Go(func() { s.restart.run(ctx) })
	tasks.Go(func() { s.accept(ctx, l) })
	tasks.Go(func() { slim.AfterChanges(ctx, func() <-chan struct{} { return s.applied }) })
	s.drain(ctx, s.wait(ctx, signals))
	cancel()
	err := l.Close()
	s.replace(nil)
	tasks.Wait()
	return err
}

// wait returns when it is time to leave, with the time to drain in.
func (s *serving) wait(ctx context.Context, signals <-chan os.Signal) time.Duration {
	orphan := time.NewTimer(firstHello)
	defer orphan.Stop()
	hello := s.hello
	for {
		select {
		case <-ctx.Done():
			return 0
		case d := <-s.shutdown:
			return d
		case sig := <-signals:
			if sig == syscall.SIGTERM {
				return defaultDrain
			}
		case <-hello:
			orphan.Stop()
			hello = nil
		case <-orphan.C:
			s.log.Warn("no daemon came; leaving")
			return 0
		}
	}
}

func (s *serving) drain(ctx context.Context, d time.Duration) {
	s.restart.disarm()
	if d <= 0 {
		return
	}
	ctx, cancel := context.WithTimeout(ctx, d)
	defer cancel()
	s.engine.Drain(ctx)
}

// accept takes links; a new one replaces the one before.
func (s *serving) accept(ctx context.Context, l *link.Listener) {
	var sessions sync.WaitGroup
	defer sessions.Wait()
	for {
		c, err := l.Accept()
		if err != nil {
			if ctx.Err() == nil {
				s.log.Error("link", "error", err)
			}
			return
		}
		n := newSession(s, c)
		s.replace(n)
		sessions.Go(n.run)
	}
}

// replace makes n the session that daemons' messages come from; nil: none.
func (s *serving) replace(n *session) {
	s.order.Lock()
	old := s.session
	s.session = n
	if n != nil {
		n.welcome()
	}
	s.order.Unlock()
	if old != nil {
		old.close()
	}
}

// drained is the engine's report.
func (s *serving) drained(ids []string) {
	s.order.Lock()
	defer s.order.Unlock()
	if s.session != nil {
		s.session.queue(&link.Message{Drained: &link.Drained{Instances: ids}})
	}
}

// event is the engine's report; events are lost while no daemon is there.
func (s *serving) event(ev link.Event) {
	s.order.Lock()
	defer s.order.Unlock()
	if s.session != nil && s.session.waiting() < maxQueuedEvents {
		s.session.queue(&link.Message{Event: &ev})
	}
}
