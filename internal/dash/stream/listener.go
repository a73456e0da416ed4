package stream

import (
	"slices"
	"sync"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

const (
	// mostQueued and mostQueuedBytes bound what waits for a listener.
	mostQueued      = 256
	mostQueuedBytes = 1 << 20
	// mostEntries of logs go into one event, and wait for a listener at most.
	mostEntries = 500
	queuedLogs  = 4 * mostEntries
)

// listener is one browser's stream. Its queue has a lock of its own, which is
// taken after the hub's.
type listener struct {
	id, session string
	kinds       map[string]bool // the hub's lock guards it
	stopTail    func()          // nil: no logs are sent; the same
	changing    chan struct{}   // a place for one change, in the order in which they came

	mu     sync.Mutex
	queue  []event
	size   int
	logs   []*banyanv1.LogEntry
	lost   int64          // of logs, before those
	missed map[string]int // by kind
	wake   chan struct{}
}

func newListener(id, session string) *listener {
	return &listener{id: id, session: session, kinds: map[string]bool{}, missed: map[string]int{}, wake: make(chan struct{}, 1), changing: make(chan struct{}, 1)}
}

func (l *listener) rouse() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

// push queues an event. A state takes the place of the one that still waits; of
// others the oldest give way where there are too many.
func (l *listener) push(e event) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if e.state {
		l.drop(func(q event) bool { return q.kind == e.kind })
	}
	l.queue = append(l.queue, e)
	l.size += len(e.data)
	for (len(l.queue) > mostQueued || l.size > mostQueuedBytes) && len(l.queue) > 1 {
		i := max(0, slices.IndexFunc(l.queue, func(q event) bool { return !q.state }))
		l.missed[l.queue[i].kind]++
		l.size -= len(l.queue[i].data)
		l.queue = slices.Delete(l.queue, i, i+1)
	}
	l.rouse()
}

func (l *listener) drop(which func(event) bool) {
	l.queue = slices.DeleteFunc(l.queue, func(q event) bool {
		if which(q) {
			l.size -= len(q.data)
			return true
		}
		return false
	})
}

// pushLogs queues log records.
func (l *listener) pushLogs(r *banyanv1.TailLogsResponse) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.lost += r.GetMissed()
	l.logs = append(l.logs, r.GetLogs()...)
	if over := len(l.logs) - queuedLogs; over > 0 {
		l.lost += int64(over)
		l.logs = slices.Clone(l.logs[over:])
	}
	l.rouse()
}

// parcel is what is sent at once.
type parcel struct {
	missed map[string]int
	events []event
	logs   []*banyanv1.LogEntry
	lost   int64
}

// take empties the queue, up to mostEntries log records.
func (l *listener) take() parcel {
	l.mu.Lock()
	defer l.mu.Unlock()
	p := parcel{events: l.queue, lost: l.lost, logs: l.logs}
	if len(l.missed) > 0 {
		p.missed, l.missed = l.missed, map[string]int{}
	}
	l.queue, l.size, l.lost, l.logs = nil, 0, 0, nil
	if len(p.logs) > mostEntries {
		p.logs, l.logs = p.logs[:mostEntries], slices.Clone(p.logs[mostEntries:])
		l.rouse()
	}
	return p
}

// forget drops the log records that wait: they are of another filter.
func (l *listener) forget() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.logs, l.lost = nil, 0
}
