package red

import (
	"maps"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/telemetry/metrics"
)

// Exemplars keep, for each edge and revision, a request that stands for those since
// the last look: one that failed, or else the slowest. The zero value is ready. Its
// methods are safe for concurrent use.
type Exemplars struct {
	mu sync.Mutex
	of map[hop]example
}

// hop is what a histogram is of.
type hop struct{ caller, callee, route, revision string }

type example struct {
	trace    [16]byte
	span     [8]byte
	end      int64
	duration time.Duration
	failed   bool
}

// Add looks at spans.
func (x *Exemplars) Add(spans []account.Span) {
	x.mu.Lock()
	defer x.mu.Unlock()
	if x.of == nil {
		x.of = map[hop]example{}
	}
	for i := range spans {
		s := &spans[i]
		h := hop{s.Caller, s.Callee, s.Route, s.Revision}
		was, known := x.of[h]
		if !known && len(x.of) >= cacheMost {
			continue
		}
		was.see(example{trace: s.Trace, span: s.ID, end: s.Start + int64(s.Duration), duration: s.Duration, failed: s.Failed})
		x.of[h] = was
	}
}

// exampleAge is how long an example waits for its hop to be looked at.
const exampleAge = time.Minute

// forget drops those that nobody took, such as of a route that is gone: they would be in
// the way of others.
func (x *Exemplars) forget(now time.Time) {
	if x == nil {
		return
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	before := now.Add(-exampleAge).UnixNano()
	maps.DeleteFunc(x.of, func(_ hop, e example) bool { return e.end < before })
}

// take returns a hop's and forgets it; nil: there is none.
func (x *Exemplars) take(h hop) *metrics.Exemplar {
	if x == nil {
		return nil
	}
	x.mu.Lock()
	defer x.mu.Unlock()
	e, ok := x.of[h]
	if !ok {
		return nil
	}
	delete(x.of, h)
	return e.exemplar()
}
