package reconcile_test

import (
	"strings"
	"testing"

	"github.com/banyanrun/banyan/appfile"
	"github.com/banyanrun/banyan/internal/model"
	"github.com/banyanrun/banyan/internal/reconcile"
)

// migrated is a service and the job that migrates its database.
func migrated(strategy string) (s, job *model.Service) {
	s = service("order", 2)
	s.Spec.Update.Strategy = strategy
	s.Spec.Database = &appfile.Database{Migrate: appfile.Command{"./migrate"}}
	job = service(s.Migration(), 1)
	job.Of, job.Job = s.Name, &model.Job{}
	return s, job
}

func (w *world) summary(name string) model.ServiceStatus {
	for _, s := range reconcile.Summarize(w.desired, w.obs, reconcile.Compute(w.desired, w.obs, w.now)) {
		if s.Service.Name == name {
			return s
		}
	}
	w.t.Fatalf("there is no %s", name)
	return model.ServiceStatus{}
}

// What serves goes on until the migration is done, and when it fails.
func TestMigrationComesFirst(t *testing.T) {
	for _, strategy := range []string{appfile.Rolling, appfile.Recreate} {
		t.Run(strategy, func(t *testing.T) {
			s, job := migrated(strategy)
			w := newWorld(t, s, job)
			w.step()
			if w.wanted("order") != 0 || w.wanted("order.migrate") != 1 {
				t.Fatalf("before the migration: %v", w.dump())
			}
			w.settle()
			if w.serving("order") != 2 || w.obs.Numbers["order.migrate"] != 1 {
				t.Fatalf("after it: %v", w.dump())
			}
			s.Replicas = 3 // no new revision
			w.settle()
			if w.serving("order") != 3 || w.obs.Numbers["order.migrate"] != 1 {
				t.Fatalf("scaled: %v", w.dump())
			}

			s.ConfigHash, job.ConfigHash = "v2", "v2"
			w.step()
			w.step()
			for _, i := range w.obs.Instances {
				if i.Service == job.Name && i.Phase == model.Starting {
					reconcile.AfterExit(i, job, reconcile.Ended{Reason: "exit code 1"}, w.now)
				}
			}
			for range 5 {
				w.step()
				w.cooperate()
			}
			st := w.summary("order")
			if w.serving("order") != 3 || w.obs.Numbers["order.migrate"] != 2 {
				t.Fatalf("the migration failed, and it did not stay as it was: %v", w.dump())
			}
			if st.State != model.StateWaiting || !strings.Contains(st.Reason, "could not be migrated: exit code 1") {
				t.Errorf("%s, %s", st.State, st.Reason)
			}
			w.obs.RunNow["order.migrate"] = true
			w.settle()
			if w.serving("order") != 3 || w.obs.Numbers["order"] != 6 {
				t.Fatalf("it was mended: %v", w.dump())
			}
		})
	}
}

// The service's build is the job's too, and is made once.
func TestMigrationSharesTheBuild(t *testing.T) {
	s, job := migrated(appfile.Rolling)
	s.BuildKey, job.BuildKey = "k", "k"
	w := newWorld(t, s, job)
	builds := 0
	for _, a := range reconcile.Compute(w.desired, w.obs, w.now).Actions {
		if b, ok := a.(reconcile.Build); ok {
			builds++
			if b.Service != "order" {
				t.Errorf("the build is %s's", b.Service)
			}
		}
	}
	w.settle()
	if builds != 1 || w.serving("order") != 2 {
		t.Fatalf("%d builds: %v", builds, w.dump())
	}
}

// While something is missing nothing is started, and what runs is left alone.
func TestNeed(t *testing.T) {
	s, job := migrated(appfile.Recreate)
	w := newWorld(t, s, job, service("other", 1))
	w.obs.Needs = map[string]model.Need{"order": {Reason: "its database is being made"}}
	w.step()
	if w.wanted("order")+w.wanted("order.migrate") != 0 || w.wanted("other") != 1 {
		t.Fatalf("%v", w.dump())
	}
	for _, name := range []string{"order", "order.migrate"} {
		if st := w.summary(name); st.State != model.State(model.Starting) || st.Reason != "its database is being made" {
			t.Errorf("%s: %s, %s", name, st.State, st.Reason)
		}
	}
	w.obs.Needs["order"] = model.Need{Reason: "has no database: it is away", Failed: true}
	if st := w.summary("order"); st.State != model.StateWaiting || st.Reason != "has no database: it is away" {
		t.Errorf("%s, %s", st.State, st.Reason)
	}
	clear(w.obs.Needs)
	w.settle()
	if w.serving("order") != 2 {
		t.Fatalf("%v", w.dump())
	}
	s.ConfigHash, job.ConfigHash = "v2", "v2"
	w.obs.Needs["order"] = model.Need{Reason: "has no database: it is away", Failed: true}
	w.step()
	w.cooperate()
	w.step()
	if w.serving("order") != 2 || w.obs.Numbers["order"] != 2 {
		t.Fatalf("the old revision went: %v", w.dump())
	}
}
