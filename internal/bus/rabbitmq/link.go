package rabbitmq

import (
	"context"
	"errors"
	"net"
	"sync/atomic"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/banyanrun/banyan/internal/bus/engine"
)

const (
	// pause lies between two tries of a server that is not there.
	pause = 250 * time.Millisecond
	// heartbeat is how often each side says that it is there; after three times as
	// long without a word the connection is lost.
	heartbeat = 5 * time.Second
)

// link is a connection that is made when it is needed, and anew when it was lost.
type link struct {
	e       *Engine
	servers []string
	what    string
	blocked atomic.Pointer[string] // why the server takes no events; nil: it does

	making chan struct{} // cap 1: held by who makes the connection, and guards what follows
	conn   *amqp.Connection
	next   int // of servers
	failed error
	since  time.Time // of failed
}

func newLink(e *Engine, servers []string, what string) *link {
	return &link{e: e, servers: servers, what: what, making: make(chan struct{}, 1)}
}

// get returns a connection that was there a moment ago. It is for goroutines of
// Engine.work, so that Close waits for what it begins.
func (l *link) get(ctx context.Context) (*amqp.Connection, error) {
	select {
	case l.making <- struct{}{}:
	case <-ctx.Done():
		return nil, ctx.Err()
	}
	if l.conn != nil && !l.conn.IsClosed() {
		defer func() { <-l.making }()
		return l.conn, nil
	}
	made := make(chan error, 1)
	var conn *amqp.Connection
	l.e.work.Go(func() { // the client knows no contexts
		defer func() { <-l.making }()
		err := l.make()
		conn = l.conn
		made <- err
	})
	select {
	case err := <-made:
		return conn, err
	case <-ctx.Done():
		return nil, ctx.Err()
	}
}

// make tries each server once.
func (l *link) make() error {
	l.conn = nil
	if l.e.life.Err() != nil {
		return engine.ErrClosed
	}
	if l.failed != nil && time.Since(l.since) < pause {
		return l.failed
	}
	var errs []error
	for range l.servers {
		conn, err := amqp.DialConfig(l.servers[l.next], amqp.Config{
			Heartbeat: heartbeat, Dial: l.dial,
			Properties: amqp.Table{"connection_name": "banyan " + l.e.app + " " + l.what},
		})
		l.next = (l.next + 1) % len(l.servers)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		l.conn, l.failed = conn, nil
		l.watch(conn)
		return nil
	}
	l.failed, l.since = errors.Join(errs...), time.Now()
	return l.failed
}

// dial bounds the handshake, too; the client lifts the bound after it.
func (l *link) dial(network, address string) (net.Conn, error) {
	d := net.Dialer{Timeout: patience}
	conn, err := d.DialContext(l.e.life, network, address)
	if err != nil {
		return nil, err
	}
	return conn, conn.SetDeadline(time.Now().Add(patience))
}

// watch tells what becomes of a connection.
func (l *link) watch(conn *amqp.Connection) {
	l.blocked.Store(nil)
	blocked := conn.NotifyBlocked(make(chan amqp.Blocking, 8))
	lost := conn.NotifyClose(make(chan *amqp.Error, 1))
	version, _ := conn.Properties["version"].(string)
	l.e.log.Info("rabbitmq is connected", "connection", l.what, "server", conn.RemoteAddr().String(), "version", version)
	l.e.work.Go(func() {
		for b := range blocked {
			if !b.Active {
				l.blocked.Store(nil)
				continue
			}
			l.blocked.Store(&b.Reason)
			l.e.log.Warn("rabbitmq takes no events", "reason", b.Reason)
		}
		if err := <-lost; err != nil && l.e.life.Err() == nil {
			l.e.log.Warn("rabbitmq is disconnected, and tried again", "connection", l.what, "error", err)
		}
	})
}

// channel returns a new channel.
func (l *link) channel(ctx context.Context) (*amqp.Channel, error) {
	conn, err := l.get(ctx)
	if err != nil {
		return nil, err
	}
	return conn.Channel()
}

// close ends the connection, and with it whatever waits for it.
func (l *link) close() {
	l.making <- struct{}{}
	defer func() { <-l.making }()
	if l.conn != nil {
		_ = l.conn.CloseDeadline(time.Now().Add(time.Second))
	}
}
