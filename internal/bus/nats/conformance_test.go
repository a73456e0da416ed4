package nats

import (
	"testing"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/enginetest"
)

// The contract, with a server that is killed.
func TestConformance(t *testing.T) {
	enginetest.Run(t, func(tb testing.TB) enginetest.Subject {
		tb.Helper()
		s := newServer(tb)
		return enginetest.Subject{
			Topic: "order.placed",
			Open:  func(testing.TB) engine.Engine { return s.engine() },
			Crash: s.crash,
		}
	})
}
