package reconcile_test

import (
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/reconcile"
)

func TestRecreateStopsBeforeItStarts(t *testing.T) {
	s := service("a", 1)
	s.Spec.Update.Strategy = appfile.Recreate
	w := newWorld(t, s)
	w.settle()
	s.ConfigHash = "v2"
	for range 50 {
		w.step()
		alive := 0
		for _, i := range w.obs.Instances {
			if i.Phase.Alive() {
				alive++
			}
		}
		if alive > 1 {
			t.Fatalf("two instances at once: %v", w.dump())
		}
		w.cooperate()
	}
	if w.serving("a") != 1 {
		t.Fatalf("not replaced: %v", w.dump())
	}
}

// A second Ctrl-C comes while instances have their grace period.
func TestForceKillsWhatIsBeingStopped(t *testing.T) {
	w := newWorld(t, service("a", 2))
	w.settle()
	w.desired.Down = true
	for range 20 {
		w.step() // nobody cooperates: they drain until their deadline and then take their time to stop
		w.now = w.now.Add(10 * time.Second)
	}
	w.desired.Force = true
	kills := 0
	for range 3 {
		plan := reconcile.Compute(w.desired, w.obs, w.now)
		for _, a := range plan.Actions {
			if s, ok := a.(reconcile.Stop); ok && s.Kill {
				kills++
			}
			w.apply(a)
		}
	}
	if kills != 2 {
		t.Fatalf("%d instances were killed, want both, once: %v", kills, w.dump())
	}
}

func TestDownStopsCallersFirst(t *testing.T) {
	store, api, web := service("store", 1), service("api", 2), service("web", 1)
	api.Spec.DependsOn = appfile.DependsOn{"store": {Condition: appfile.ServiceReady}}
	web.Spec.Calls = appfile.Calls{"api": {Policy: appfile.Policy{Fallback: &appfile.Fallback{Service: "spare"}}}}
	spare := service("spare", 1)
	spare.Spec.DependsOn = appfile.DependsOn{"api": {Condition: appfile.ServiceReady}}
	w := newWorld(t, store, api, web, spare)
	w.settle()
	w.desired.Down = true
	var order []string
	for range 100 {
		before := present(w)
		w.step()
		for name := range before {
			if !present(w)[name] {
				order = append(order, name)
			}
		}
		w.cooperate()
	}
	if want := []string{"web", "spare", "api", "store"}; !slices.Equal(order, want) {
		t.Fatalf("stopped in the order %v, want %v", order, want)
	}
}

func TestDownEndsThoughCallsGoRound(t *testing.T) {
	a, b := service("a", 1), service("b", 1)
	a.Spec.Calls, b.Spec.Calls = appfile.Calls{"b": {}}, appfile.Calls{"a": {}}
	w := newWorld(t, a, b)
	w.settle()
	w.desired.Down = true
	for range 50 {
		w.step()
		w.cooperate()
	}
	if len(w.obs.Instances) > 0 {
		t.Fatalf("left: %v", w.dump())
	}
}

func present(w *world) map[string]bool {
	m := map[string]bool{}
	for _, i := range w.obs.Instances {
		m[i.Service] = true
	}
	return m
}

func TestBackoffDoublesAndResets(t *testing.T) {
	s := service("a", 1)
	i := &model.Instance{ID: "a-1", Service: "a", Phase: model.Starting}
	now := epoch
	want := []int{100, 200, 400, 800, 1600, 3200, 6400, 12800, 25600, 30000, 30000}
	for n, ms := range want {
		reconcile.AfterExit(i, s, reconcile.Ended{Reason: "exit code 1"}, now)
		if got, want := i.RetryAt.Sub(now), time.Duration(ms)*time.Millisecond; got != want {
			t.Fatalf("crash %d: backoff %s, want %s", n+1, got, want)
		}
	}
	i.Phase, i.ReadyAt = model.Ready, now
	now = now.Add(time.Minute)
	reconcile.AfterExit(i, s, reconcile.Ended{Reason: "exit code 1"}, now)
	if got := i.RetryAt.Sub(now); got != 100*time.Millisecond {
		t.Fatalf("after a healthy minute: backoff %s, want 100ms", got)
	}
}

func TestWaitsForRoom(t *testing.T) {
	big, small := service("big", 1), service("small", 2)
	big.Spec.Resources = &appfile.Resources{CPU: 3}
	small.Spec.Resources = &appfile.Resources{CPU: 1}
	w := newWorld(t, big, small)
	w.desired.Capacity = model.Capacity{CPU: 4, Memory: 1 << 30}
	for range 20 {
		w.step()
		w.cooperate()
	}
	plan := reconcile.Compute(w.desired, w.obs, w.now)
	if w.serving("big") != 1 || w.serving("small") != 1 || !strings.Contains(plan.Waiting["small"], "does not fit on this machine: it needs 1 cores") {
		t.Fatalf("%v, waiting: %v", w.dump(), plan.Waiting)
	}
	big.Replicas = 0
	w.settle()
	if w.serving("small") != 2 {
		t.Fatalf("room was made and not used: %v", w.dump())
	}
}

func TestJobRunsOnceForEachRevision(t *testing.T) {
	j := service("migrate", 1)
	j.Job = &model.Job{}
	api := service("api", 1)
	api.Spec.DependsOn = appfile.DependsOn{"migrate": {Condition: appfile.JobCompleted}}
	w := newWorld(t, j, api)
	w.step()
	if w.wanted("api") != 0 || w.wanted("migrate") != 1 {
		t.Fatalf("api must wait for migrate: %v", w.dump())
	}
	w.settle()
	if w.obs.Numbers["migrate"] != 1 || w.serving("api") != 1 {
		t.Fatalf("%v", w.dump())
	}
	j.ConfigHash = "v2"
	w.settle()
	if w.obs.Numbers["migrate"] != 2 {
		t.Fatalf("a new revision must run: %v", w.dump())
	}
}

func TestScheduledJobDoesNotOverlap(t *testing.T) {
	j := service("report", 1)
	j.Job = &model.Job{Schedule: "* * * * *"}
	w := newWorld(t, j)
	w.obs.LastRun["report"] = epoch
	w.step()
	if w.wanted("report") != 0 {
		t.Fatal("it ran before its time")
	}
	w.now = epoch.Add(time.Minute)
	w.step()
	w.now = epoch.Add(3 * time.Minute)
	w.step()
	if w.obs.Numbers["report"] != 1 {
		t.Fatalf("runs overlap: %v", w.dump())
	}
	w.cooperate()
	w.step()
	if w.obs.Numbers["report"] != 2 {
		t.Fatalf("the next run did not begin: %v", w.dump())
	}
}

func TestFailedJobRetries(t *testing.T) {
	j := service("job", 1)
	j.Job = &model.Job{Retries: 1}
	i := &model.Instance{ID: "job-1", Service: "job", Phase: model.Ready}
	reconcile.AfterExit(i, j, reconcile.Ended{Reason: "exit code 1"}, epoch)
	if i.Phase != model.BackingOff {
		t.Fatalf("phase %s after the first failure", i.Phase)
	}
	reconcile.AfterExit(i, j, reconcile.Ended{Reason: "exit code 1"}, epoch)
	if i.Phase != model.Failed {
		t.Fatalf("phase %s after the last failure", i.Phase)
	}
}

func TestSlowStartIsStopped(t *testing.T) {
	w := newWorld(t, service("a", 1))
	w.step()
	w.now = epoch.Add(time.Minute)
	plan := reconcile.Compute(w.desired, w.obs, w.now)
	stop, ok := plan.Actions[0].(reconcile.Stop)
	if !ok || !strings.Contains(stop.Why, "start_timeout of 1m0s") {
		t.Fatalf("%#v", plan.Actions)
	}
}

func TestFailedBuildKeepsTheOldRevision(t *testing.T) {
	s := service("a", 1)
	s.BuildKey = "k1"
	w := newWorld(t, s)
	w.settle()
	s.BuildKey = "k2"
	w.step()
	w.obs.Builds["k2"].Failed, w.obs.Builds["k2"].Reason = true, "the build failed: exit code 1"
	w.step()
	list := reconcile.Summarize(w.desired, w.obs, reconcile.Compute(w.desired, w.obs, w.now))
	if w.serving("a") != 1 || list[0].State != model.State(model.Failed) || list[0].Reason == "" {
		t.Fatalf("%v, %+v", w.dump(), list[0])
	}
}

// TestScaledDownWhileTheBuildFails: fewer instances need no new revision.
func TestScaledDownWhileTheBuildFails(t *testing.T) {
	s := service("a", 3)
	w := newWorld(t, s)
	w.settle()
	s.BuildKey = "broken"
	w.obs.Builds["broken"] = &model.Build{Service: "a", Key: "broken", Failed: true}
	s.Replicas = 1
	for range 20 {
		w.step()
		for _, i := range w.obs.Instances {
			switch i.Phase {
			case model.Draining:
				i.Drained, i.Unrouted = true, true
			case model.Stopping:
				reconcile.AfterExit(i, s, reconcile.Ended{Success: true}, w.now)
			}
		}
	}
	if n := w.serving("a"); n != 1 || len(w.obs.Instances) != 1 {
		t.Fatalf("%d serve: %v", n, w.dump())
	}
}

// TestBadUpdateDoesNotCostTheOldInstance: while the new revision fails, an old
// instance that crashes is started again, not given up.
func TestBadUpdateDoesNotCostTheOldInstance(t *testing.T) {
	s := service("a", 1)
	w := newWorld(t, s)
	w.settle()
	s.ConfigHash = "bad"
	w.step()
	for _, i := range w.obs.Instances { // the new one crashes, and now the old one does too
		reconcile.AfterExit(i, s, reconcile.Ended{Reason: "exit code 1"}, w.now)
	}
	w.now = w.now.Add(time.Second)
	w.step()
	if old := w.obs.Instances["a-1"]; old == nil || old.Retiring || old.Phase != model.Starting {
		t.Fatalf("the old instance was given up: %v", w.dump())
	}
	s.ConfigHash = "good"
	w.settle()
	if len(w.obs.Instances) != 1 || w.serving("a") != 1 {
		t.Fatalf("a third revision did not replace both: %v", w.dump())
	}
}

// TestReplacementTakesTheRoomOfWhatItReplaces: a broken instance that holds all
// of the machine's memory must not keep its own mended revision from starting.
func TestReplacementTakesTheRoomOfWhatItReplaces(t *testing.T) {
	s := service("a", 1)
	s.Spec.Resources = &appfile.Resources{CPU: 3}
	w := newWorld(t, s)
	w.desired.Capacity = model.Capacity{CPU: 4}
	w.step()
	reconcile.AfterExit(w.obs.Instances["a-1"], s, reconcile.Ended{Reason: "exit code 1"}, w.now)
	s.ConfigHash = "mended"
	w.settle()
	if w.serving("a") != 1 || w.obs.Instances["a-1"] != nil {
		t.Fatalf("%v", w.dump())
	}
}
