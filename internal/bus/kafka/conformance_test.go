package kafka

import (
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/enginetest"
)

// clock is the engine's; the broker's runs as it likes.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) time() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) advance(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

// All with one broker, since it takes seconds to start.
func TestKafka(t *testing.T) {
	b := newBroker(t)
	t.Run("conformance", b.conformance)
	t.Run("settings", b.settings)
	t.Run("login", b.logins)
	t.Run("others", b.others)
	t.Run("gap", b.gap)
	t.Run("anew", b.anew)
	t.Run("restart", b.restart)
	t.Run("away", b.away)
}

// The contract, with a broker that is killed.
func (b *broker) conformance(t *testing.T) {
	n := 0
	enginetest.Run(t, func(testing.TB) enginetest.Subject {
		n++
		c := &clock{now: time.Date(2026, 1, 2, 3, 10, 0, 0, time.UTC)}
		return enginetest.Subject{
			Topic: fmt.Sprintf("order.placed-%d", n),
			Open: func(tb testing.TB) engine.Engine {
				tb.Helper()
				return b.engine(tb, func(to *Config) { to.Now = c.time })
			},
			Crash:   b.crash,
			Advance: c.advance,
		}
	})
}
