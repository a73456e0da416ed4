package journal

import (
	"sync/atomic"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/bus/engine"
	"github.com/banyanrun/banyan/internal/bus/enginetest"
	"github.com/banyanrun/banyan/internal/bus/journal/fsystest"
)

// clock is one that tests move.
type clock struct{ micro atomic.Int64 }

func newClock() *clock {
	c := &clock{}
	c.micro.Store(time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC).UnixMicro())
	return c
}

func (c *clock) now() time.Time          { return time.UnixMicro(c.micro.Load()) }
func (c *clock) advance(d time.Duration) { c.micro.Add(d.Microseconds()) }

// The contract, on a real disk and on one that loses power.
func TestConformance(t *testing.T) {
	t.Run("real disk", func(t *testing.T) {
		enginetest.Run(t, func(tb testing.TB) enginetest.Subject {
			tb.Helper()
			dir, c := tb.TempDir(), newClock()
			return enginetest.Subject{
				Topic: "order.placed", Advance: c.advance,
				Open: func(testing.TB) engine.Engine {
					return New(Config{Dir: dir, Now: c.now, SegmentFirst: 64 << 10, SegmentMost: 256 << 10})
				},
			}
		})
	})
	t.Run("power loss", func(t *testing.T) {
		enginetest.Run(t, func(testing.TB) enginetest.Subject {
			disk, c := fsystest.New(1), newClock()
			return enginetest.Subject{
				Topic: "order.placed", Advance: c.advance,
				Open: func(testing.TB) engine.Engine {
					return New(Config{Dir: "/bus", FS: disk, Now: c.now, SegmentFirst: 64 << 10, SegmentMost: 256 << 10})
				},
				Crash: func(e engine.Engine) {
					disk.Halt()
					e.Close()
					disk.PowerLoss()
				},
			}
		})
	})
}
