package proxy

import (
	"sync"
	"sync/atomic"

	"github.com/banyanrun/banyan/internal/proxy/loop"
	"github.com/banyanrun/banyan/internal/proxy/policy"
	"github.com/banyanrun/banyan/internal/route"
)

// instanceKey tells instances apart: one that comes back at another address is another.
type instanceKey struct {
	id, addr string
	protocol route.Protocol
}

// instance is the state of one copy of a service, shared by all tables that
// name it and by the requests in flight.
//
// Picking and draining exclude each other without a lock: a picker raises
// inFlight and only then looks at draining; draining is set and only then
// inFlight looked at. Whoever is second sees the first, so a request is either
// counted before the drain looks, or is turned away.
type instance struct {
	instanceKey
	service, revision string
	address           loop.Address

	inFlight policy.Bulkhead
	draining atomic.Bool
	onIdle   func(*instance) // called once for a drain that found requests in flight

	mu       sync.Mutex // orders drain, revive and the end of the last request
	reported bool       // guarded by mu: this drain's end is known

	outlier policy.Outlier
	latency policy.Latency
	limit   *limit // of requests in flight, by the last snapshot; guarded by Engine.mu, see member.limit
	named   int    // how often the services of the table in force name it; guarded by Engine.mu

	workers []*worker
	pools   []upstreamPool // one a worker, each touched on its loop only
}

// acquire counts one request in, of at most limit (0: any number), and reports
// whether it may be sent.
func (i *instance) acquire(limit int) bool {
	if !i.inFlight.Acquire(limit) {
		return false
	}
	if i.draining.Load() {
		i.release()
		return false
	}
	return true
}

// release counts one request out.
func (i *instance) release() {
	if i.inFlight.Release() == 0 && i.draining.Load() {
		i.idle()
	}
}

// drain turns new requests away and reports whether some are in flight. If so,
// onIdle is called at the end of the last.
func (i *instance) drain() (busy bool) {
	i.mu.Lock()
	defer i.mu.Unlock()
	if i.draining.Swap(true) {
		return !i.reported
	}
	i.outlier.Reset()
	if i.inFlight.InFlight() > 0 {
		return true
	}
	i.reported = true
	i.closeIdle()
	return false
}

// busy reports whether the instance drains and its end is not known yet.
func (i *instance) busy() bool {
	i.mu.Lock()
	defer i.mu.Unlock()
	return i.draining.Load() && !i.reported
}

// revive takes the instance into service again.
func (i *instance) revive() {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.draining.Store(false)
	i.reported = false
}

func (i *instance) idle() {
	i.mu.Lock()
	ended := i.draining.Load() && !i.reported && i.inFlight.InFlight() == 0
	if ended {
		i.reported = true
	}
	i.mu.Unlock()
	if ended {
		i.closeIdle()
		i.onIdle(i)
	}
}

// closeIdle drops idle connections to the instance, soon.
func (i *instance) closeIdle() {
	for k, w := range i.workers {
		w.loop.Post(func() { i.pools[k].drop() })
	}
}
