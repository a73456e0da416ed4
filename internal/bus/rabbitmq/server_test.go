package rabbitmq

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	amqp "github.com/rabbitmq/amqp091-go"

	"github.com/banyanrun/banyan/internal/bus/brokertest"
	"github.com/banyanrun/banyan/internal/bus/engine"
)

// server is a RabbitMQ node, whose disk outlives it.
type server struct {
	testing.TB
	*brokertest.Process
	dir string
}

func newServer(tb testing.TB) *server {
	tb.Helper()
	if os.Getenv("BANYAN_BROKERS") == "" {
		tb.Skip("skipped: a real server takes a minute (make test-brokers)")
	}
	s := &server{TB: tb, dir: tb.TempDir()}
	var err error
	s.Process, err = brokertest.RabbitMQ(s.dir)
	if missing, ok := errors.AsType[brokertest.MissingError](err); ok {
		tb.Skip("skipped: " + missing)
	}
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() {
		s.Close()
		if tb.Failed() {
			tb.Logf("the server says:\n%s", s.Process.Log())
		}
	})
	return s
}

// start returns when the server takes connections.
func (s *server) start() {
	s.Helper()
	if err := s.Start(); err != nil {
		s.Fatal(err)
	}
}

// registered waits until the node has written down a queue's name: for some seconds
// after it made one it has that in memory only, and one that is killed then comes up
// with a queue that has no leader (3.10).
func (s *server) registered(queue string) {
	s.Helper()
	deadline := time.Now().Add(time.Minute)
	for {
		files, err := filepath.Glob(filepath.Join(s.dir, "mnesia", "*", "quorum", "*", "names.dets"))
		if err != nil || len(files) != 1 {
			s.Fatalf("names of queues are in %v, %v", files, err)
		}
		if text, err := os.ReadFile(files[0]); err != nil {
			s.Fatal(err)
		} else if bytes.Contains(text, []byte(queue)) {
			return
		}
		if time.Now().After(deadline) {
			s.Fatalf("the node does not write down queue %s", queue)
		}
		<-time.After(50 * time.Millisecond) // it tells nobody
	}
}

func (s *server) engine(tb testing.TB, change func(*Config)) *Engine {
	tb.Helper()
	c := Config{URL: "amqp://" + s.Addr, App: "shop", Logger: slog.New(slog.DiscardHandler)}
	if change != nil {
		change(&c)
	}
	e, err := Open(c)
	if err != nil {
		tb.Fatal(err)
	}
	tb.Cleanup(func() { e.Close() })
	return e
}

func (s *server) crash(e engine.Engine) {
	s.Kill()
	_ = e.Close()
	s.start()
}

// as calls f with a channel of somebody else.
func (s *server) as(tb testing.TB, f func(ctx context.Context, ch *amqp.Channel) error) {
	tb.Helper()
	conn, err := amqp.Dial("amqp://" + s.Addr)
	if err != nil {
		tb.Fatal(err)
	}
	defer conn.Close()
	ch, err := conn.Channel()
	if err == nil {
		err = f(tb.Context(), ch)
	}
	if err != nil {
		tb.Fatal(fmt.Errorf("somebody else: %w", err))
	}
}
