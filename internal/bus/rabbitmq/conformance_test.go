package rabbitmq

import (
	"fmt"
	"testing"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/enginetest"
)

// All with one server, since it takes seconds to start.
func TestRabbitMQ(t *testing.T) {
	s := newServer(t)
	t.Run("conformance", s.conformance)
	t.Run("groups", s.groups)
	t.Run("offsets", s.offsets)
	t.Run("partly", s.partly)
	t.Run("others", s.others)
	t.Run("late", s.late)
	t.Run("settings", s.settings)
	t.Run("removed", s.removed)
	t.Run("restart", s.restart)
	t.Run("away", s.away)
}

// The contract, with a server that is killed.
func (s *server) conformance(t *testing.T) {
	n := 0
	enginetest.Run(t, func(testing.TB) enginetest.Subject {
		n++
		topic := fmt.Sprintf("order.placed-%d", n)
		return enginetest.Subject{
			Topic: topic,
			Open: func(tb testing.TB) engine.Engine {
				tb.Helper()
				return s.engine(tb, nil)
			},
			Crash: func(e engine.Engine) {
				s.registered("banyan.shop." + topic + ":g")
				s.crash(e)
			},
		}
	})
}
