package policy

import (
	"iter"
	"sync"
	"sync/atomic"
	"time"

	"github.com/banyanrun/banyan/internal/route"
)

// Envoy's defaults of outlier detection by consecutive errors:
// https://www.envoyproxy.io/docs/envoy/latest/intro/arch_overview/upstream/outlier
var defaultOutlier = route.Outlier{Errors: 5, Base: 30 * time.Second, Max: 300 * time.Second, MaxPercent: 10}

// outlierInterval is how much time in service takes one earlier ejection off
// an instance's count: Envoy's interval of checks.
const outlierInterval = 10 * time.Second

// OutlierConfig is cfg, or Envoy's defaults for nil: 5 errors in a row; 30 s ×
// how often lately, 300 s at most; a tenth of the instances.
func OutlierConfig(cfg *route.Outlier) route.Outlier {
	if cfg == nil {
		return defaultOutlier
	}
	return *cfg
}

// Outlier watches one instance's answers. The zero value is ready. Whoever
// calls Fail asks the service's [Ejector] to eject the instance once it says so.
type Outlier struct {
	streak atomic.Int32
	until  atomic.Int64 // out of service until; 0: in service

	// Guarded by the Ejector's mu.
	times int   // ejections that still count
	ended int64 // when the last ends or ended
}

// OK notes a good answer.
func (o *Outlier) OK() {
	if o.streak.Load() != 0 {
		o.streak.Store(0)
	}
}

// Fail notes a 5xx answer or a failure and reports whether the streak asks for ejection.
func (o *Outlier) Fail(cfg *route.Outlier) bool {
	return cfg.Errors > 0 && int(o.streak.Add(1)) >= cfg.Errors
}

// Ejected reports whether the instance is out of service. Restored is true
// once after each ejection, for the first who looks after its end.
func (o *Outlier) Ejected(now int64) (out, restored bool) {
	until := o.until.Load()
	if until == 0 {
		return false, false
	}
	return now < until, now >= until && o.until.CompareAndSwap(until, 0)
}

// Reset takes the instance into service without a word: it drains, or is another by now.
func (o *Outlier) Reset() {
	o.until.Store(0)
	o.streak.Store(0)
}

// Ejector ejects instances of one service. The zero value is ready.
type Ejector struct{ mu sync.Mutex }

// Eject takes o out of service and returns for how long: Base × how often it
// was ejected lately, at most Max. It returns 0 and leaves o in service if too
// many of the service's instances (all of them, o among them) are out, or if o
// is out or was and nobody has seen it restored. O's streak begins anew in any case.
func (e *Ejector) Eject(now int64, cfg *route.Outlier, o *Outlier, all iter.Seq[*Outlier]) time.Duration {
	e.mu.Lock()
	defer e.mu.Unlock()
	o.streak.Store(0)
	if o.until.Load() != 0 {
		return 0
	}
	n, out := 0, 0
	for other := range all {
		n++
		if now < other.until.Load() {
			out++
		}
	}
	if !mayEject(n, out, cfg.MaxPercent) {
		return 0
	}
	if o.times > 0 {
		o.times = max(0, o.times-int(max(0, now-o.ended)/int64(outlierInterval)))
	}
	if time.Duration(o.times)*cfg.Base < cfg.Max { // no more than the maximum needs: then it is soon forgotten, too
		o.times++
	}
	d := max(1, min(time.Duration(o.times)*cfg.Base, cfg.Max))
	o.ended = now + int64(d)
	o.until.Store(o.ended)
	return d
}

// mayEject reports whether one more of n instances may be taken out while out
// of them are: at most percent, but one in any case, and never the last.
func mayEject(n, out, percent int) bool {
	return out < max(1, n*percent/100) && out+1 < n
}
