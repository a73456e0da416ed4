package nats

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"strings"
	"sync"
	"time"

	client "github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/remote"
	"github.com/banyanrun/banyan/internal/fault"
)

const (
	// patience is how long the server may take to answer one request.
	patience = 5 * time.Second
	// storing is how long it may take to acknowledge a message.
	storing = 10 * time.Second
)

// Config says where the server is and whose the topics are.
type Config struct {
	// URL has one or more addresses of a cluster, with commas between them:
	// nats://user:password@host:4222, or tls://.
	URL string
	// App's name begins the names of streams (banyan_APP_TOPIC, with _ for the dots
	// of a topic) and of subjects (banyan.APP.TOPIC).
	App string
	// Dedup is the longest window of deduplication. The server keeps every id of
	// the topic's window in its memory, about 340 bytes each.
	Dedup  time.Duration
	Logger *slog.Logger
}

// Engine implements engine.Engine. Make it by Open.
type Engine struct {
	app    string
	dedup  time.Duration
	log    *slog.Logger
	conn   *client.Conn
	js     jetstream.JetStream
	life   context.Context // ends with Close
	end    context.CancelFunc
	writer sync.WaitGroup

	topics remote.Topics[*topic]

	mu     sync.Mutex    // guards broken
	broken chan struct{} // closed when the connection is lost
}

var _ engine.Engine = (*Engine)(nil)

// Open returns an engine whether or not the server can be reached: it is tried
// for ever, and calls answer fault.Unavailable until then. Errors: fault.Invalid
// where the URL cannot be read. They do not repeat it, since it may hold a password.
func Open(c Config) (*Engine, error) {
	if err := checkURL(c.URL); err != nil {
		return nil, err
	}
	e := &Engine{app: c.App, dedup: c.Dedup, log: c.Logger, broken: make(chan struct{})}
	e.life, e.end = context.WithCancel(context.Background())
	conn, err := client.Connect(c.URL, e.options()...)
	if err != nil {
		e.end()
		return nil, fault.New(fault.Invalid, "nats cannot be used: %v", err).At("bus.url")
	}
	e.conn = conn
	e.js, err = jetstream.New(conn,
		jetstream.WithDefaultTimeout(patience), jetstream.WithPublishAsyncTimeout(storing), jetstream.WithPublishAsyncMaxPending(1<<20))
	if err != nil {
		e.end()
		conn.Close()
		return nil, fault.New(fault.Internal, "nats cannot be used: %w", err)
	}
	return e, nil
}

func (e *Engine) options() []client.Option {
	return []client.Option{
		client.Name("banyan " + e.app),
		client.RetryOnFailedConnect(true), client.MaxReconnects(-1), client.IgnoreAuthErrorAbort(),
		client.ReconnectWait(250 * time.Millisecond), client.ReconnectJitter(250*time.Millisecond, 250*time.Millisecond),
		client.PingInterval(5 * time.Second), client.MaxPingsOutstanding(2),
		// What is published without a connection fails: it must not be sent later, out of order.
		client.ReconnectBufSize(-1),
		client.ConnectHandler(e.connected), client.ReconnectHandler(e.connected), client.DisconnectErrHandler(e.disconnected),
		client.ErrorHandler(func(_ *client.Conn, _ *client.Subscription, err error) {
			e.log.Warn("nats reports an error", "error", err)
		}),
	}
}

// checkURL says what is wrong without the URL itself.
func checkURL(urls string) error {
	for one := range strings.SplitSeq(urls, ",") {
		one = strings.TrimSpace(one)
		if !strings.Contains(one, "://") {
			one = "nats://" + one
		}
		u, err := url.Parse(one)
		if cause, ok := errors.AsType[*url.Error](err); ok {
			err = cause.Err
		}
		switch {
		case err != nil:
			return fault.New(fault.Invalid, "the address of nats cannot be read: %v", err).At("bus.url").
				Fix("write nats://HOST:4222; characters other than letters and digits in a password are written as %%XX")
		case u.Hostname() == "" || u.Scheme != "nats" && u.Scheme != "tls":
			return fault.New(fault.Invalid, "the address of nats has no host, or another scheme than nats and tls").At("bus.url").
				Fix("write nats://HOST:4222")
		}
	}
	return nil
}

func (e *Engine) connected(c *client.Conn) {
	e.log.Info("nats is connected", "server", c.ConnectedServerName(), "version", c.ConnectedServerVersion(), "cluster", c.ConnectedClusterName())
}

func (e *Engine) disconnected(_ *client.Conn, err error) {
	if e.life.Err() == nil {
		e.log.Warn("nats is disconnected, and tried again", "error", err)
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	close(e.broken)
	e.broken = make(chan struct{})
}

// connection returns what is closed when the present connection is lost, and
// with it all answers that are due.
func (e *Engine) connection() <-chan struct{} {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.broken
}

var errBroken = errors.New("the connection is lost")

// Can implements engine.Engine.
func (e *Engine) Can() engine.Abilities {
	return engine.Abilities{Dedup: e.dedup, Replay: true, Retention: true, Refuse: true}
}

func (e *Engine) within(ctx context.Context, d time.Duration) (context.Context, context.CancelFunc) {
	return remote.Within(ctx, e.life, d)
}

// Close implements engine.Engine.
func (e *Engine) Close() error {
	e.topics.Close()
	e.end()
	e.writer.Wait()
	e.conn.Close()
	return nil
}
