package reconcile_test

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/reconcile"
)

var epoch = time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC)

// world carries out plans as the daemon would, one thing at a time, with the
// clock and the services' behaviour in the test's hands.
type world struct {
	t       rapid.TB
	desired reconcile.Desired
	obs     *model.Observed
	now     time.Time
}

func newWorld(t rapid.TB, services ...*model.Service) *world {
	app := &model.App{Name: "test", Services: map[string]*model.Service{}}
	for _, s := range services {
		app.Services[s.Name] = s
	}
	return &world{t: t, now: epoch, desired: reconcile.Desired{App: app, Capacity: model.Capacity{CPU: 64, Memory: 1 << 40}},
		obs: &model.Observed{
			Instances: map[string]*model.Instance{}, Builds: map[string]*model.Build{},
			LastRun: map[string]time.Time{}, RunNow: map[string]bool{}, Numbers: map[string]int{},
		}}
}

func service(name string, replicas int) *model.Service {
	drain := appfile.Duration(30 * time.Second)
	return &model.Service{
		Name: name, Replicas: replicas, ConfigHash: "v1",
		Spec: &appfile.Service{
			Update: &appfile.Update{Strategy: appfile.Rolling}, Restart: appfile.RestartAlways,
			DrainTimeout: &drain, StartTimeout: appfile.Duration(time.Minute),
		},
	}
}

// step applies one plan and returns how many actions it had.
func (w *world) step() int {
	plan := reconcile.Compute(w.desired, w.obs, w.now)
	for _, a := range plan.Actions {
		w.apply(a)
	}
	return len(plan.Actions)
}

func (w *world) apply(a reconcile.Action) {
	switch a := a.(type) {
	case reconcile.Build:
		w.obs.Builds[a.Key] = &model.Build{Service: a.Service, Key: a.Key}
	case reconcile.Create:
		w.obs.Numbers[a.Service]++
		id := fmt.Sprintf("%s-%d", a.Service, w.obs.Numbers[a.Service])
		w.obs.Instances[id] = &model.Instance{ID: id, Service: a.Service, Revision: a.Revision, Phase: model.Starting, Created: w.now, Started: w.now, Of: w.desired.App.Services[a.Service]}
		w.obs.LastRun[a.Service] = w.now
		delete(w.obs.RunNow, a.Service)
	case reconcile.Start:
		w.obs.Instances[a.Instance].Phase = model.Starting
		w.obs.Instances[a.Instance].Started = w.now
	case reconcile.Retire:
		w.obs.Instances[a.Instance].Retiring = true
	case reconcile.Drain:
		w.obs.Instances[a.Instance].Phase = model.Draining
		w.obs.Instances[a.Instance].Deadline = a.Deadline
	case reconcile.Stop:
		if i := w.obs.Instances[a.Instance]; i.Phase == model.Draining && !i.Drained && w.now.Before(i.Deadline) && !w.desired.Force {
			w.t.Fatalf("%s is stopped with requests in flight before its deadline", i.ID)
		}
		w.obs.Instances[a.Instance].Phase = model.Stopping
		w.obs.Instances[a.Instance].Killed = w.obs.Instances[a.Instance].Killed || a.Kill
	case reconcile.Remove:
		if w.obs.Instances[a.Instance].Phase.Alive() {
			w.t.Fatalf("%s is forgotten while it lives", a.Instance)
		}
		delete(w.obs.Instances, a.Instance)
	}
}

// cooperate lets everything go well: what is being done succeeds.
func (w *world) cooperate() {
	for _, b := range w.obs.Builds {
		b.Done, b.Failed, b.Digest = true, false, "d-"+b.Key
	}
	for _, i := range w.obs.Instances {
		s := w.desired.App.Services[i.Service]
		switch i.Phase {
		case model.Starting:
			if s != nil && s.Job != nil {
				reconcile.AfterExit(i, s, reconcile.Ended{Success: true}, w.now)
				continue
			}
			i.Phase, i.ReadyAt = model.Ready, w.now
		case model.Unready:
			i.Phase = model.Ready
		case model.Draining:
			i.Drained, i.Unrouted = true, true
		case model.Stopping:
			reconcile.AfterExit(i, s, reconcile.Ended{Success: true}, w.now)
		}
	}
}

// settle runs plans in a world that cooperates until nothing is left to do.
func (w *world) settle() {
	for range 500 {
		n := w.step()
		before := fmt.Sprint(w.dump())
		w.cooperate()
		if n == 0 && fmt.Sprint(w.dump()) == before {
			plan := reconcile.Compute(w.desired, w.obs, w.now)
			switch {
			case len(plan.Actions) > 0:
			case plan.Wake.IsZero() || !w.pending():
				return
			default:
				w.now = plan.Wake
			}
		}
	}
	w.t.Fatalf("it does not converge: %v", w.dump())
}

func (w *world) pending() bool {
	for _, i := range w.obs.Instances {
		if i.Phase != model.Ready && i.Phase != model.Completed {
			return true
		}
	}
	return false
}

func (w *world) sorted() []*model.Instance {
	return slices.SortedFunc(maps.Values(w.obs.Instances), func(a, b *model.Instance) int { return cmp.Compare(a.ID, b.ID) })
}

func (w *world) dump() []string {
	var list []string
	for _, i := range w.sorted() {
		list = append(list, fmt.Sprintf("%s %s %s retiring=%v", i.ID, i.Revision, i.Phase, i.Retiring))
	}
	return list
}

func (w *world) serving(name string) int {
	n := 0
	for _, i := range w.obs.Instances {
		if i.Service == name && i.Phase == model.Ready && !i.Retiring {
			n++
		}
	}
	return n
}

func (w *world) wanted(name string) int {
	n := 0
	for _, i := range w.obs.Instances {
		if i.Service == name && !i.Retiring {
			n++
		}
	}
	return n
}

// TestConverges drives services through random events and checks, at every
// step, that none has more instances than it may, that none loses an instance
// that serves to an update; and that it settles once the world cooperates.
func TestConverges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld(t, service("a", 1), service("b", 3), service("c", 2))
		w.desired.App.Services["b"].BuildKey = "b1"
		w.desired.App.Services["c"].Spec.DependsOn = appfile.DependsOn{"a": {Condition: appfile.ServiceReady}}
		versions := 1
		for range rapid.IntRange(1, 60).Draw(t, "steps") {
			name := rapid.SampledFrom([]string{"a", "b", "c"}).Draw(t, "service")
			s := w.desired.App.Services[name]
			switch rapid.IntRange(0, 7).Draw(t, "event") {
			case 0:
				versions++
				s.ConfigHash = fmt.Sprint("v", versions)
			case 1:
				least := 0
				if name == "a" {
					least = 1 // c depends on it
				}
				s.Replicas = rapid.IntRange(least, 5).Draw(t, "replicas")
			case 2:
				w.disturb(t)
			case 3:
				w.cooperateOnce(t)
			case 4:
				w.now = w.now.Add(time.Duration(rapid.IntRange(1, 40_000).Draw(t, "ms")) * time.Millisecond)
			case 5:
				versions++
				if s.BuildKey != "" {
					s.BuildKey = fmt.Sprint("b", versions)
				}
			default:
				w.checkedStep(t)
			}
		}
		w.settle()
		for name, s := range w.desired.App.Services {
			if got := w.serving(name); got != s.Replicas {
				t.Fatalf("%s: %d serve after settling, want %d: %v", name, got, s.Replicas, w.dump())
			}
			if got := w.wanted(name); got != s.Replicas {
				t.Fatalf("%s: %d instances after settling, want %d: %v", name, got, s.Replicas, w.dump())
			}
		}
		if len(w.obs.Instances) != w.wanted("a")+w.wanted("b")+w.wanted("c") {
			t.Fatalf("retired instances are left: %v", w.dump())
		}
	})
}

func (w *world) checkedStep(t *rapid.T) {
	before := map[string]int{}
	total := map[string]int{}
	for name := range w.desired.App.Services {
		before[name], total[name] = w.serving(name), w.wanted(name)
	}
	w.step()
	for name, s := range w.desired.App.Services {
		if got, floor := w.serving(name), min(before[name], s.Replicas); got < floor {
			t.Fatalf("%s: an update took serving instances: %d before, %d after, %d wanted: %v", name, before[name], got, s.Replicas, w.dump())
		}
		if got, most := w.wanted(name), s.Replicas+max(1, s.Replicas/4); got > max(most, total[name]) {
			t.Fatalf("%s: %d instances, at most %d allowed: %v", name, got, most, w.dump())
		}
	}
}

// disturb makes something go wrong with one instance or build.
func (w *world) disturb(t *rapid.T) {
	for _, key := range slices.Sorted(maps.Keys(w.obs.Builds)) {
		b := w.obs.Builds[key]
		if !b.Done && rapid.Bool().Draw(t, "build fails") {
			b.Failed = true
		}
	}
	for _, i := range w.sorted() {
		s := w.desired.App.Services[i.Service]
		if !i.Phase.Alive() {
			continue
		}
		switch rapid.IntRange(0, 3).Draw(t, "harm") {
		case 0:
			reconcile.AfterExit(i, s, reconcile.Ended{Reason: "crashed"}, w.now)
		case 1:
			if i.Phase == model.Ready {
				i.Phase = model.Unready
			}
		}
	}
	for key, b := range w.obs.Builds {
		if b.Failed {
			delete(w.obs.Builds, key)
		}
	}
}

// cooperateOnce lets some things go well.
func (w *world) cooperateOnce(t *rapid.T) {
	for _, b := range w.obs.Builds {
		b.Done, b.Digest = true, "d-"+b.Key
	}
	for _, i := range w.sorted() {
		if !rapid.Bool().Draw(t, "moves on") {
			continue
		}
		switch i.Phase {
		case model.Starting, model.Unready:
			i.Phase, i.ReadyAt = model.Ready, w.now
		case model.Draining:
			i.Drained, i.Unrouted = true, true
		case model.Stopping:
			reconcile.AfterExit(i, w.desired.App.Services[i.Service], reconcile.Ended{}, w.now)
		}
	}
}
