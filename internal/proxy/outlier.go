package proxy

import (
	"sync"
	"sync/atomic"
	"time"
)

// Envoy's outlier detection by consecutive errors, with its defaults:
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier
const (
	outlierErrors  = 5                // consecutive 5xx answers or failures
	outlierBase    = 30 * time.Second // × how often it was ejected lately
	outlierMax     = 300 * time.Second
	outlierPercent = 10 // of a service's instances, at least 1
)

// outlier watches one instance's answers.
type outlier struct {
	streak  atomic.Int32
	ejected atomic.Bool

	mu      sync.Mutex
	times   int       // ejections that still count
	restore time.Time // when the last ended
	timer   *time.Timer
}

// fail notes an error and reports whether the streak asks for ejection.
func (o *outlier) fail() bool { return o.streak.Add(1) >= outlierErrors }

// ok notes a good answer.
func (o *outlier) ok() {
	if o.streak.Load() != 0 {
		o.streak.Store(0)
	}
}

// eject takes the instance out and calls restored when it is back. It returns
// for how long; 0 if it is out already. Each base time that passed in service
// takes one earlier ejection off the count.
func (o *outlier) eject(now time.Time, restored func()) time.Duration {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.ejected.Load() {
		return 0
	}
	if o.times > 0 {
		o.times = max(0, o.times-int(now.Sub(o.restore)/outlierBase))
	}
	o.times++
	d := min(time.Duration(o.times)*outlierBase, outlierMax)
	o.restore = now.Add(d)
	o.streak.Store(0)
	o.ejected.Store(true)
	o.timer = time.AfterFunc(d, func() {
		if o.ejected.CompareAndSwap(true, false) {
			restored()
		}
	})
	return d
}

// stop ends an ejection without a word: the instance is gone.
func (o *outlier) stop() {
	o.mu.Lock()
	defer o.mu.Unlock()
	if o.timer != nil {
		o.timer.Stop()
	}
	o.ejected.Store(false)
	o.streak.Store(0)
}

// mayEject reports whether one more of n instances may be taken out while out
// of them are: at most a tenth, but one in any case, and never the last.
func mayEject(n, out int) bool {
	return out < max(1, n*outlierPercent/100) && out+1 < n
}
