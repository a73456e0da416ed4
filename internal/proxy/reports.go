package proxy

import "sync"

// reports carries what loops have to tell to a goroutine of its own: who is told
// may wait for locks under which others wait for the loops.
type reports struct {
	mu     sync.Mutex
	queue  []func()
	closed bool
	wake   chan struct{}
}

// maxReports bounds events that wait to be told, against a receiver that hangs.
const maxReports = 10_000

func newReports() *reports { return &reports{wake: make(chan struct{}, 1)} }

// put queues fn, which must come through. Safe from any goroutine; it does not wait.
func (r *reports) put(fn func()) { r.add(fn, false) }

// offer is put for what may be lost when too much waits.
func (r *reports) offer(fn func()) { r.add(fn, true) }

func (r *reports) add(fn func(), optional bool) {
	r.mu.Lock()
	if !optional || len(r.queue) < maxReports {
		r.queue = append(r.queue, fn)
	}
	r.mu.Unlock()
	r.ring()
}

func (r *reports) ring() {
	select {
	case r.wake <- struct{}{}:
	default:
	}
}

// close lets run tell what is queued and return.
func (r *reports) close() {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	r.ring()
}

// run tells, in order, until close.
func (r *reports) run() {
	for {
		r.mu.Lock()
		queue, closed := r.queue, r.closed
		r.queue = nil
		r.mu.Unlock()
		for _, fn := range queue {
			fn()
		}
		switch {
		case len(queue) > 0:
		case closed:
			return
		default:
			<-r.wake
		}
	}
}
