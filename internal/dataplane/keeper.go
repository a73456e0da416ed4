// Package dataplane is the daemon's keeper of the data plane: it holds every
// listening socket, starts the data plane's process, feeds it snapshots and
// starts it anew when it dies or hangs. Only package daemon uses it.
//
// It promises: a snapshot that was published is in force, or its data plane is
// dead, when Acked names its version or a later one; an instance that was in a
// published snapshot and then was not is named by Drained exactly when nothing
// can be in flight to it any more; no address that was bound is ever closed by
// the death of the data plane, so clients queue in the kernel and are not refused.
//
// Locks: Keeper.mu, then a plane's; never held while a callback runs or a message is sent.
package dataplane

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/link"
	"github.com/banyanrun/banyan/internal/proxy/account"
	"github.com/banyanrun/banyan/internal/route"
)

// Process is a running data plane.
type Process interface {
	// Done is closed when the process has ended.
	Done() <-chan struct{}
	// Kill ends it at once (SIGKILL), stopped or not. Killing a dead one is no error.
	Kill() error
}

// Config is what a keeper needs of its surroundings. The callbacks may be nil;
// they are called one after the other, and while one runs the data plane's
// messages wait: they must not block for long.
type Config struct {
	// Socket is the path of the link's unix socket.
	Socket string
	// Start starts `banyan proxy`; ctx bounds the start, not the process.
	Start func(ctx context.Context) (Process, error)
	// Running is a data plane that an earlier daemon left; nil if none is known.
	Running Process
	// Restart is the argv with which the data plane starts a daemon if this one dies.
	Restart []string
	Acked   func(route.Version)
	Drained func(ids []string)
	Event   func(link.Event)
	// Spans gets the spans of requests that have ended. Nil: none are asked for.
	Spans func([]account.Span)
	Log   *slog.Logger
}

// Keeper keeps one data plane. Methods are safe for concurrent use; Connect
// comes before Run, and Run is called once.
type Keeper struct {
	cfg Config
	log *slog.Logger

	wake    chan struct{} // there is a new snapshot
	stop    chan struct{} // Leave or Shutdown was called
	stopped sync.Once

	mu      sync.Mutex
	held    map[string]*heldSocket
	latest  *route.Snapshot
	current map[string]struct{}      // instances of latest
	removed map[string]route.Version // not in latest, not reported drained: gone since
	busy    map[string]struct{}      // removed, and the data plane says so: still in flight
	acked   route.Version
	known   bool     // what the data plane has in force came from this keeper
	plane   *plane   // nil: there is none
	peers   struct { // of the last plane, for people
		pid     int
		version string
	}
}

// New returns a keeper that holds nothing yet.
func New(cfg Config) *Keeper {
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Acked == nil {
		cfg.Acked = func(route.Version) {}
	}
	if cfg.Drained == nil {
		cfg.Drained = func([]string) {}
	}
	if cfg.Event == nil {
		cfg.Event = func(link.Event) {}
	}
	return &Keeper{
		cfg: cfg, log: cfg.Log, wake: make(chan struct{}, 1), stop: make(chan struct{}),
		held: map[string]*heldSocket{}, current: map[string]struct{}{},
		removed: map[string]route.Version{}, busy: map[string]struct{}{},
	}
}

// Publish makes s what the data plane shall have in force. It never blocks; of
// several that are published quickly only the latest is sent. s must not be
// changed afterwards.
func (k *Keeper) Publish(s *route.Snapshot) {
	now := make(map[string]struct{}, len(k.current))
	for _, svc := range s.Services {
		for i := range svc.Instances {
			now[svc.Instances[i].ID] = struct{}{}
		}
	}
	k.mu.Lock()
	for id := range k.current {
		if _, stays := now[id]; !stays {
			k.removed[id] = s.Version
		}
	}
	for id := range now {
		delete(k.removed, id)
	}
	k.latest, k.current = s, now
	k.mu.Unlock()
	select {
	case k.wake <- struct{}{}:
	default:
	}
}

// Version is that of the last snapshot that was acknowledged.
func (k *Keeper) Version() route.Version {
	k.mu.Lock()
	defer k.mu.Unlock()
	return k.acked
}

// Busy reports whether the data plane may send, or still has in flight,
// requests to the instance. A new daemon asks it about instances that the one
// before was about to stop: of these no Drained tells if they were done.
func (k *Keeper) Busy(instance string) bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	_, current := k.current[instance]
	_, removed := k.removed[instance]
	_, busy := k.busy[instance]
	return current || removed || busy || k.plane != nil && !k.known
}

// Process tells who the data plane is, for people: pid 0 if there is none.
func (k *Keeper) Process() (pid int, version string) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if k.plane == nil {
		return 0, ""
	}
	return k.peers.pid, k.peers.version
}

// ack notes that v is in force, with instances that still drain, and reports.
func (k *Keeper) ack(v route.Version, draining []string) {
	k.mu.Lock()
	k.acked, k.known = v, true
	k.busy = map[string]struct{}{}
	for _, id := range draining {
		k.busy[id] = struct{}{}
	}
	var drained []string
	for id, since := range k.removed {
		if _, busy := k.busy[id]; !busy && !v.Before(since) {
			drained = append(drained, id)
			delete(k.removed, id)
		}
	}
	k.mu.Unlock()
	k.cfg.Acked(v)
	k.reportDrained(drained)
}

// drained notes that instances have nothing in flight any more, and reports
// those that have not come back meanwhile.
func (k *Keeper) drained(ids []string) {
	k.mu.Lock()
	var gone []string
	for _, id := range ids {
		delete(k.busy, id)
		if _, back := k.current[id]; !back {
			delete(k.removed, id)
			gone = append(gone, id)
		}
	}
	k.mu.Unlock()
	k.reportDrained(gone)
}

// dead notes that no data plane lives: whatever was published counts as in
// force, and nothing is in flight.
func (k *Keeper) dead() {
	k.mu.Lock()
	k.known = true
	k.busy = map[string]struct{}{}
	var drained []string
	for id := range k.removed {
		drained = append(drained, id)
	}
	k.removed = map[string]route.Version{}
	var v route.Version
	news := k.latest != nil && k.acked.Before(k.latest.Version)
	if news {
		v = k.latest.Version
		k.acked = v
	}
	k.mu.Unlock()
	if news {
		k.cfg.Acked(v)
	}
	k.reportDrained(drained)
}

func (k *Keeper) reportDrained(ids []string) {
	if len(ids) > 0 {
		slices.Sort(ids)
		k.cfg.Drained(ids)
	}
}

// Timings of the watch over the data plane.
const (
	pingEvery    = time.Second
	silence      = 5 * time.Second // without an answer to a ping: it hangs
	startLimit   = 10 * time.Second
	backoffLeast = 50 * time.Millisecond
	backoffMost  = 2 * time.Second
	steadyAfter  = 5 * time.Second // a data plane that lived so long was no crash loop
)
