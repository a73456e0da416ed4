package e2e

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"testing"
	"time"
)

// The daemon is killed at any moment of a rolling deploy, under load. No request
// fails, and the next `up` ends with the declared instances, all of the new revision.
func TestKillDaemonDuringDeploy(t *testing.T) {
	random := chance(t)
	a := startTiny(t, 3, 2)
	l := startLoad(t, loadOptions{rate: 100, urls: []string{a.url("/s1"), a.url("/s2/sleep?d=10ms"), a.url("/s3")}})
	whole := 600 * time.Millisecond
	for n := range rounds(3, 30) {
		a.killedDeploy(t, n, fmt.Sprintf("v%d", n), time.Duration(random.Int64N(int64(whole))))
		if sent, _, failed := l.counts(); failed > 0 {
			t.Errorf("round %d: %d of %d requests failed:\n%s", n, failed, sent, l.describe(10))
		}
		if t.Failed() {
			return
		}
	}
	l.finish()
}

func (a *app) killedDeploy(t *testing.T, round int, version string, after time.Duration) {
	t.Helper()
	file := tinyFile(3, 2)
	for _, s := range []string{"s1", "s2"} {
		file = changed(file, s, "VERSION: one", "VERSION: "+version)
	}
	a.write("banyan.yaml", file)
	third := a.pidsNow()
	cmd := a.command("up", "-d")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	daemon := a.pid("daemon")
	pause(t, after)
	kill(t, daemon)
	_ = cmd.Wait() // either way: its daemon was killed
	if r := a.banyan("up", "-d"); r.code != 0 {
		t.Errorf("round %d: the daemon was killed after %s; the next up: %s", round, after, r)
		return
	}
	a.mustBeWhole(t)
	for _, path := range []string{"/s1", "/s2"} {
		if got := a.who(path).Version; got != version {
			t.Errorf("round %d: %s is of version %s, want %s", round, path, got, version)
		}
	}
	now := a.pidsNow()
	for _, id := range []string{"s3-1", "s3-2"} {
		if third[id] != now[id] {
			t.Errorf("round %d: instance %s was process %d and is %d now", round, id, third[id], now[id])
		}
	}
}

// Whatever is killed in whatever order, an app with work to do comes back whole.
func TestKillAnything(t *testing.T) {
	long(t)
	random := chance(t)
	a := startTiny(t, 4, 2)
	killed := map[string]int{} // by instance: each crash doubles its wait for the next start
	for round := range rounds(40, 40) {
		victims := a.processes()
		for range 1 + random.IntN(4) {
			p := victims[random.IntN(len(victims))]
			if p.instance != "" && killed[p.instance] >= 3 {
				p.pid = a.pid([]string{"daemon", "proxy"}[random.IntN(2)])
			}
			killed[p.instance]++
			if p.pid != 0 && alive(p.pid) {
				kill(t, p.pid)
			}
			pause(t, time.Duration(random.IntN(30))*time.Millisecond)
		}
		if random.IntN(3) == 0 {
			_ = a.command("scale", "s1", strconv.Itoa(1+random.IntN(3))).Start() // it may fail: its daemon is dead
		}
		if err := a.recovers(random); err != nil {
			t.Fatalf("round %d, killed %v: %v", round, victims, err)
		}
	}
}

// recovers waits until an app is whole again, after a command that starts what is missing.
func (a *app) recovers(random *rand.Rand) error {
	if random.IntN(2) == 0 {
		a.banyan("ps")
	} else {
		a.banyan("up", "-d") // it may say that something crashes again and again: so it did
	}
	return until(a.t.Context(), 30*time.Second, func() error {
		st, err := a.status()
		if err != nil {
			return err
		}
		if !st.GetSettled() {
			return fmt.Errorf("not settled: %v", st)
		}
		if err := a.whole(st); err != nil {
			return err
		}
		for _, path := range []string{"/s1", "/s2", "/s3", "/s4"} {
			if r, err := send("GET", a.url(path), nil); err != nil || r.status != 200 {
				return fmt.Errorf("%s: %s %w", path, r, err)
			}
		}
		return nil
	})
}
