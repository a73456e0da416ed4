package e2e

import (
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	banyanv1 "github.com/banyanrun/banyan/proto/banyan/v1"
)

// A program that ignores SIGTERM is killed when its grace period is over.
func TestStubbornServiceIsKilledAfterItsGrace(t *testing.T) {
	long(t)
	a := newApp(t, `
name: stubborn
services:
	mule:
		command: ${testapp}
		stop_grace_period: 1s
		environment: {IGNORE_TERM: "1"}
	lamb: {command: "${testapp}"}
`)
	a.up()
	mule := int(a.one("mule").GetPid())
	began := time.Now()
	a.must("scale", "mule", "0")
	gone := dead(t, mule).Sub(began)
	figure(t, "with a grace of 1s it was gone after %s", ms(gone))
	if gone < 900*time.Millisecond || gone > 4*time.Second {
		t.Errorf("it was gone after %s, want about 1s", gone)
	}
	a.must("scale", "mule", "1")
	began = time.Now()
	a.must("down")
	if took := time.Since(began); took < 900*time.Millisecond || took > 6*time.Second {
		t.Errorf("down took %s, want a little more than 1s", took)
	}
	a.nothingLeft()
	a.up()
	began = time.Now()
	a.must("down", "--force")
	if took := time.Since(began); took > 3*time.Second {
		t.Errorf("down --force took %s", took)
	}
	a.nothingLeft()
}

// A service that crashes when it starts is tried again ever more slowly, and
// `up -d` says why and how.
func TestCrashLoop(t *testing.T) {
	a := newApp(t, `
name: crash
gateway: {listen: ":${port}", routes: [{path: /good, to: good}, {path: /bad, to: bad}]}
services:
	good: {command: "${testapp}"}
	bad: {command: "${testapp}", environment: {CRASH: "7"}}
`)
	r := a.banyan("up", "-d")
	if r.code != 1 {
		t.Errorf("want exit code 1: %s", r)
	}
	for _, want := range []string{"bad", "exit code 7", "cannot go on: the moon is in the wrong house"} {
		if !strings.Contains(r.err, want) {
			t.Errorf("the message lacks %q: %s", want, r)
		}
	}
	a.who("/good")
	ask(t, http.MethodGet, a.url("/bad"), nil).problem(t, http.StatusServiceUnavailable, "no-ready-instance")

	// The delays double: 100 ms, 200, 400, 800, 1600.
	var delays []time.Duration
	restarts := int32(0)
	a.when(30*time.Second, "four delays", func(st *appStatus) error {
		i := service(st, "bad").GetInstances()[0]
		if i.GetState() == banyanv1.State_STATE_BACKING_OFF && i.GetRestarts() != restarts {
			restarts = i.GetRestarts()
			delays = append(delays, time.Until(i.GetRetryAt().AsTime()))
		}
		if restarts < 5 {
			return fmt.Errorf("%d restarts", restarts)
		}
		return nil
	})
	t.Logf("time to the next start, seen at different restarts: %v", delays)
	if last := delays[len(delays)-1]; last < time.Second {
		t.Errorf("after %d restarts the next is in %s, want the delays to have doubled", restarts, last)
	}
	if text := a.must("ps").out; !strings.Contains(text, "exit code 7") {
		t.Errorf("ps does not say why: %s", text)
	}
	a.edit(`{CRASH: "7"}`, `{VERSION: mended}`)
	a.up()
	a.who("/bad")
}

// A service that does not fit on the machine waits and says why; the rest runs.
func TestServiceThatDoesNotFitWaits(t *testing.T) {
	a := newApp(t, `
name: crowded
gateway: {listen: ":${port}", routes: [{path: /small, to: small}]}
services:
	small: {command: "${testapp}"}
	giant: {command: "${testapp}", resources: {memory: 900Gi}}
`)
	r := a.banyan("up", "-d")
	if r.code != 1 || !strings.Contains(r.err, "giant") || !strings.Contains(r.err, "memory") {
		t.Errorf("want exit code 1 and the reason: %s", r)
	}
	s := a.inState(5*time.Second, "giant", banyanv1.State_STATE_WAITING)
	if !strings.Contains(s.GetReason(), "900Gi") || !strings.Contains(s.GetReason(), "memory") {
		t.Errorf("it waits because %q", s.GetReason())
	}
	t.Logf("it waits: %s", s.GetReason())
	a.who("/small")
	if len(s.GetInstances()) != 0 {
		t.Errorf("it has instances: %v", s.GetInstances())
	}
	a.edit("900Gi", "64Mi")
	a.up()
}

// What an instance leaves behind in other sessions and process groups goes with it.
func TestNoOrphans(t *testing.T) {
	a := newApp(t, `
name: orphans
gateway: {listen: ":${port}", routes: [{path: /parent, to: parent}]}
services:
	parent: {command: "${testapp}", stop_grace_period: 2s}
`)
	a.up()
	spawn := func() string { return string(get(t, a.url("/parent/spawn")).body) }

	t.Run("when it crashes", func(t *testing.T) {
		child := spawn()
		a.crash(t, "parent")
		await(t, 5*time.Second, "the child's end", func() error { return gone(child) })
	})
	t.Run("when it is scaled down", func(t *testing.T) {
		child := spawn()
		a.must("scale", "parent", "0")
		await(t, 5*time.Second, "the child's end", func() error { return gone(child) })
		a.must("scale", "parent", "1")
	})
	t.Run("when it was adopted", func(t *testing.T) {
		child := spawn()
		kill(t, a.pid("daemon"))
		a.settled(10 * time.Second)
		a.must("restart", "parent")
		await(t, 5*time.Second, "the child's end", func() error { return gone(child) })
	})
	t.Run("when it crashed without a daemon", func(t *testing.T) {
		child := spawn()
		parent := int(a.one("parent").GetPid())
		kill(t, a.pid("daemon"))
		kill(t, a.pid("proxy"))
		kill(t, parent)
		dead(t, parent)
		a.must("ps")
		a.settled(20 * time.Second)
		await(t, 5*time.Second, "the child's end", func() error { return gone(child) })
	})
	t.Run("when the app goes down", func(t *testing.T) {
		child := spawn()
		a.must("down")
		await(t, 5*time.Second, "the child's end", func() error { return gone(child) })
		a.nothingLeft()
	})
}

func gone(pid string) error {
	if _, err := os.Stat("/proc/" + pid); err == nil && len(words(atoi(pid), "cmdline")) > 0 {
		return fmt.Errorf("%s lives", pid)
	}
	return nil
}

func atoi(s string) int {
	n := 0
	_, _ = fmt.Sscan(s, &n) // 0 is no process
	return n
}

// Services stop in the reverse order of their dependencies.
func TestDownInReverseOrder(t *testing.T) {
	a := newApp(t, "name: order")
	stops := a.dir + "/stops"
	if err := os.WriteFile(stops, nil, 0o666); err != nil {
		t.Fatal(err)
	}
	if err := os.Chmod(stops, 0o666); err != nil {
		t.Fatal(err)
	}
	a.write("banyan.yaml", strings.ReplaceAll(`
name: order
services:
	cellar: {command: "${testapp}", environment: {STOP_FILE: "=stops="}}
	back: {command: "${testapp}", depends_on: [cellar], environment: {STOP_FILE: "=stops="}}
	middle: {command: "${testapp}", calls: {back: {}}, environment: {STOP_FILE: "=stops="}}
	front: {command: "${testapp}", calls: {middle: {}}, depends_on: [middle], environment: {STOP_FILE: "=stops="}}
`, "=stops=", stops))
	a.up()
	st := a.settled(10 * time.Second)
	for _, pair := range [][2]string{{"cellar", "back"}, {"middle", "front"}} {
		before, after := service(st, pair[0]).GetInstances()[0], service(st, pair[1]).GetInstances()[0]
		if after.GetStartedAt().AsTime().Before(before.GetReadyAt().AsTime()) {
			t.Errorf("%s was started at %s, before %s was ready at %s", pair[1], after.GetStartedAt().AsTime(), pair[0], before.GetReadyAt().AsTime())
		}
	}
	a.must("down")
	data, err := os.ReadFile(stops)
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for line := range strings.SplitSeq(strings.TrimSpace(string(data)), "\n") {
		name, _, _ := strings.Cut(line, " ")
		order = append(order, name)
	}
	if got := strings.Join(order, " "); got != "front middle back cellar" {
		t.Errorf("they stopped as %s", got)
	}
}
