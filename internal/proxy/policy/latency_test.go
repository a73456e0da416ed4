package policy

import (
	"math"
	"math/rand/v2"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

const ms = int64(time.Millisecond)

func near(a, b, part float64) bool { return math.Abs(a-b) <= part*math.Abs(b) }

func TestLatency(t *testing.T) {
	for _, now := range []int64{0, 7, 1 << 45, 1<<46 - 5*ms} { // the last: its clock comes round in between
		var l Latency
		if l.Cost(now) != 0 {
			t.Error("nothing was observed")
		}
		l.Observe(now, 10*ms)
		if c := l.Cost(now); !near(c, 1e7, 1e-5) {
			t.Errorf("the first: %v", c)
		}
		l.Observe(now, 100*ms)
		if c := l.Cost(now); !near(c, 1e8, 1e-5) {
			t.Errorf("a peak counts at once: %v", c)
		}
		now += int64(latencyFade)
		if c := l.Cost(now); !near(c, 1e8/math.E, 1e-4) {
			t.Errorf("it fades: %v", c)
		}
		l.Observe(now, 10*ms)
		if c := l.Cost(now); !near(c, 1e8/math.E+1e7*(1-1/math.E), 1e-4) {
			t.Errorf("short ones count by and by: %v", c)
		}
		for range 20_000 {
			now += ms
			l.Observe(now, 10*ms)
		}
		if c := l.Cost(now); !near(c, 1e7, 0.01) {
			t.Errorf("it is where they are: %v", c)
		}
		if c := l.Cost(now - ms); !near(c, 1e7, 0.01) {
			t.Errorf("to a clock that is behind: %v", c)
		}
	}
}

func TestLatencyShared(t *testing.T) {
	var l Latency
	var wg sync.WaitGroup
	for i := range int64(4) {
		wg.Go(func() {
			for k := range int64(1000) {
				l.Observe(k*ms+i, (i+1)*ms)
			}
		})
	}
	wg.Wait()
	if c := l.Cost(second); c < 1e6*0.9 || c > 4e6 {
		t.Errorf("%v", c)
	}
}

func TestSpoil(t *testing.T) {
	f := route.Fault{Delay: time.Second, DelayPercent: 10, Abort: 503, AbortPercent: 50}
	r := rand.New(rand.NewPCG(1, 2))
	delayed, aborted, both := 0, 0, 0
	for range 10_000 {
		d, a := Spoil(&f, r.Uint64())
		if d > 0 {
			delayed++
		}
		if a > 0 {
			aborted++
		}
		if d > 0 && a > 0 {
			both++
		}
	}
	if !near(float64(delayed), 1000, 0.15) || !near(float64(aborted), 5000, 0.05) || !near(float64(both), 500, 0.2) {
		t.Errorf("%d, %d, %d", delayed, aborted, both)
	}
	for r, want := range map[uint32]bool{0: true, math.MaxUint32: false} {
		if Chance(100, r) != true || Chance(0, r) || Chance(50, r) != want {
			t.Error(r)
		}
	}
}
