package e2e

import (
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// A service waits for the job that it depends on, and starts when that is done.
func TestJobBeforeService(t *testing.T) {
	a := newApp(t, `
name: jobs
gateway: {listen: ":${port}", routes: [{path: /web, to: web}]}
services:
	web: {command: "${testapp}", depends_on: [migrate]}
jobs:
	migrate: {command: "${testapp} job 0", environment: {START_DELAY: 700ms}}
`)
	a.up()
	st := a.settled(10 * time.Second)
	if s := service(st, "migrate"); s.GetState() != banyanv1.State_STATE_COMPLETED || !s.GetJob() {
		t.Errorf("the job is %v", s)
	}
	web := service(st, "web").GetInstances()[0]
	if ran := a.runs("migrate"); len(ran) != 1 || web.GetStartedAt().AsTime().Before(ran[0]) {
		t.Errorf("the job ran at %v, the service was started at %s", ran, web.GetStartedAt().AsTime())
	}
	a.up()
	if ran := a.runs("migrate"); len(ran) != 1 {
		t.Errorf("up on a running app ran the job again: %v", ran)
	}
	a.must("run", "migrate")
	await(t, 10*time.Second, "the second run", func() error {
		if n := len(a.runs("migrate")); n != 2 {
			return fmt.Errorf("%d runs", n)
		}
		return nil
	})
	if now := a.one("web"); now.GetPid() != web.GetPid() {
		t.Error("a run of the job restarted the service")
	}
}

// A job that fails says why, and what depends on it does not start.
func TestJobFails(t *testing.T) {
	a := newApp(t, `
name: jobs
gateway: {listen: ":${port}", routes: [{path: /rest, to: rest}]}
services:
	web: {command: "${testapp}", depends_on: [migrate]}
	rest: {command: "${testapp}"}
jobs:
	migrate: {command: "${testapp} job 4", retries: 1}
`)
	r := a.banyan("up", "-d")
	if r.code != 1 {
		t.Errorf("want exit code 1: %s", r)
	}
	for _, want := range []string{"migrate", "exit code 4", "is cross about it", "web"} {
		if !strings.Contains(r.err, want) {
			t.Errorf("the message lacks %q: %s", want, r)
		}
	}
	a.inState(10*time.Second, "migrate", banyanv1.State_STATE_FAILED)
	web := a.inState(10*time.Second, "web", banyanv1.State_STATE_WAITING)
	if len(web.GetInstances()) != 0 || !strings.Contains(web.GetReason(), "migrate") {
		t.Errorf("web: %v", web)
	}
	if n := len(a.runs("migrate")); n != 2 {
		t.Errorf("the job ran %d times, want twice with retries: 1", n)
	}
	a.who("/rest")
	a.edit("job 4", "job 0")
	a.up()
}

// A scheduled job runs by its schedule, one run at a time, also after the
// daemon has died.
func TestJobOnSchedule(t *testing.T) {
	long(t)
	a := newApp(t, `
name: cron
services:
	idle: {command: "${testapp}"}
jobs:
	tick: {command: "${testapp} job 0", schedule: "@every 1s"}
`)
	a.up()
	s := a.inState(10*time.Second, "tick", banyanv1.State_STATE_SCHEDULED)
	if s.GetNextRun() == nil {
		t.Errorf("it does not say when it runs next: %v", s)
	}
	three := func(from int) {
		t.Helper()
		await(t, 15*time.Second, "three runs", func() error {
			if n := len(a.runs("tick")); n < from+3 {
				return fmt.Errorf("%d runs, %d at first", n, from)
			}
			return nil
		})
	}
	three(0)
	kill(t, a.pid("daemon"))
	a.must("ps")
	three(len(a.runs("tick")))
	runs := a.runs("tick")
	for n := 1; n < len(runs); n++ {
		if gap := runs[n].Sub(runs[n-1]); gap < 500*time.Millisecond {
			t.Errorf("runs %d and %d are %s apart", n-1, n, gap)
		}
	}
	t.Logf("%d runs", len(runs))
}

// runs are when a job ran, by its own output.
func (a *app) runs(job string) []time.Time {
	a.t.Helper()
	var list []time.Time
	for line := range strings.SplitSeq(a.must("logs", job).out, "\n") {
		_, nanos, ok := strings.Cut(line, "job "+job+" ran at ")
		if !ok {
			continue
		}
		n, err := strconv.ParseInt(strings.TrimSpace(nanos), 10, 64)
		if err != nil {
			a.t.Fatalf("%q: %v", line, err)
		}
		list = append(list, time.Unix(0, n))
	}
	return list
}
