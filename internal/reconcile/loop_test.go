package reconcile_test

import (
	"context"
	"log/slog"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/reconcile"
)

// puppet carries out nothing; the test says what comes of it.
type puppet struct {
	mu        sync.Mutex
	published uint64
	stopped   []string
	forgotten []string
	busy      map[string]bool
}

func (p *puppet) Build(*model.Service) {}
func (p *puppet) Start(model.Instance) {}
func (p *puppet) Stop(i model.Instance, _ *model.Service, _ bool) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.stopped = append(p.stopped, i.ID)
}

func (p *puppet) Publish([]model.Instance) uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.published++
	return p.published
}

func (p *puppet) Busy(id string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.busy[id]
}

func (p *puppet) ForgetBuild(b model.Build) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.forgotten = append(p.forgotten, b.Key)
}
func (p *puppet) Save(model.Instance)                 {}
func (p *puppet) Forget(model.Instance)               {}
func (p *puppet) SaveCounters(string, int, time.Time) {}
func (p *puppet) Changed()                            {}
func (p *puppet) locked(f func())                     { p.mu.Lock(); defer p.mu.Unlock(); f() }
func (p *puppet) hasStopped(id string) (stopped bool) {
	p.locked(func() { stopped = slices.Contains(p.stopped, id) })
	return stopped
}

// stage is a loop with a puppet, and an app of one service that has a build.
type stage struct {
	*testing.T
	*puppet
	loop *reconcile.Loop
	s    *model.Service
}

func newStage(t *testing.T, s *model.Service, obs *model.Observed) *stage {
	t.Helper()
	p := &puppet{busy: map[string]bool{}}
	app := &model.App{Name: "app", Services: map[string]*model.Service{s.Name: s}}
	st := &stage{T: t, puppet: p, s: s, loop: reconcile.NewLoop(p, slog.New(slog.DiscardHandler), reconcile.Desired{App: app}, obs)}
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() { defer close(ended); _ = st.loop.Run(ctx) }()
	t.Cleanup(func() { cancel(); <-ended })
	return st
}

// look waits until what was posted is carried out.
func (st *stage) look(f func(*model.Observed)) {
	st.Helper()
	if err := st.loop.Read(st.Context(), func(_ reconcile.Desired, obs *model.Observed, _ reconcile.Plan) { f(obs) }); err != nil {
		st.Fatal(err)
	}
}

func (st *stage) ack() {
	st.Helper()
	var n uint64
	st.look(func(*model.Observed) { st.locked(func() { n = st.published }) })
	st.loop.Acked(n)
	st.look(func(*model.Observed) {})
}

func observed(instances ...*model.Instance) *model.Observed {
	obs := &model.Observed{
		Instances: map[string]*model.Instance{}, Builds: map[string]*model.Build{}, LastRun: map[string]time.Time{},
		RunNow: map[string]bool{}, Numbers: map[string]int{},
	}
	for _, i := range instances {
		obs.Instances[i.ID] = i
	}
	return obs
}

// TestUnreadyIsReplaced: an instance that is in no routes is not waited for as
// if the data plane had yet to tell of it.
func TestUnreadyIsReplaced(t *testing.T) {
	for _, busy := range []bool{false, true} {
		now := time.Now()
		s := service("a", 1)
		s.Spec.Update.Strategy, s.BuildKey = appfile.Recreate, "new"
		st := newStage(t, s, observed(&model.Instance{
			ID: "a-1", Service: "a", Revision: "old", Phase: model.Ready, Run: 1, Created: now, Started: now, ReadyAt: now,
		}))
		st.busy["a-1"] = busy
		st.ack()
		st.loop.Unready("a-1", 1, "503")
		st.ack()
		st.loop.Built(model.Build{Service: "a", Key: "new", Done: true, Digest: "d"}) // retires a-1, changes no routes
		st.look(func(*model.Observed) {})
		if st.hasStopped("a-1") == busy {
			t.Errorf("busy %v: stopped %v", busy, !busy)
		}
		st.loop.Drained([]string{"a-1"})
		st.look(func(*model.Observed) {})
		if !st.hasStopped("a-1") {
			t.Error("it is drained and not stopped")
		}
	}
}

// TestAdoptedDrains: what an earlier daemon was draining is stopped with the
// first routes that the data plane acknowledges, and not before.
func TestAdoptedDrains(t *testing.T) {
	now := time.Now()
	st := newStage(t, service("a", 0), observed(&model.Instance{
		ID: "a-1", Service: "a", Revision: "old", Phase: model.Ready, Run: 1, Created: now, Started: now, ReadyAt: now, Retiring: true,
	}))
	st.look(func(*model.Observed) {})
	if st.hasStopped("a-1") {
		t.Fatal("stopped before the routes were acknowledged")
	}
	st.ack()
	if !st.hasStopped("a-1") {
		t.Fatal("nothing is in flight, and it is not stopped")
	}
}

// TestSharedBuildStays: services with one build share its output; it stays until
// none of them uses it.
func TestSharedBuildStays(t *testing.T) {
	for replicas := range 2 {
		now := time.Now()
		s := service("a", replicas)
		s.BuildKey = "k"
		obs := observed(&model.Instance{ID: "b-1", Service: "b", Phase: model.Stopped, Retiring: true, Run: 1, Created: now, OutDir: "/out/b/k"})
		obs.Builds["k"] = &model.Build{Service: "b", Key: "k", Done: true, Digest: "d", Dir: "/out/b/k"}
		st := newStage(t, s, obs)
		st.look(func(*model.Observed) {}) // b-1 is removed
		st.loop.Built(model.Build{Service: "c", Key: "other", Failed: true})
		st.look(func(obs *model.Observed) {
			if obs.Builds["k"] == nil || slices.Contains(st.forgotten, "k") {
				t.Errorf("the build that a wants is gone: %v", st.forgotten)
			}
			if len(obs.Instances) != replicas || obs.Instances["b-1"] != nil {
				t.Errorf("%v", obs.Instances)
			}
		})
	}
}
