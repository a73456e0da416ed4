package enginetest_test

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/enginetest"
)

// survivor is an engine of which Close is not the end, as if there were storage behind it.
type survivor struct{ *enginetest.Memory }

func TestQueue(t *testing.T) {
	enginetest.Run(t, func(testing.TB) enginetest.Subject {
		q := enginetest.NewQueue()
		return enginetest.Subject{Open: func(testing.TB) engine.Engine { return q }, Crash: func(engine.Engine) {}, Topic: "queue"}
	})
}

func TestMemory(t *testing.T) {
	enginetest.Run(t, func(testing.TB) enginetest.Subject {
		now := &atomic.Int64{}
		now.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixMicro())
		m := enginetest.NewMemory(func() time.Time { return time.UnixMicro(now.Load()) })
		return enginetest.Subject{
			Open:    func(testing.TB) engine.Engine { return survivor{m} },
			Crash:   func(engine.Engine) {},
			Advance: func(d time.Duration) { now.Add(d.Microseconds()) },
			Topic:   "memory",
		}
	})
}
