package e2e

import (
	"fmt"
	"os"
	"strings"
	"testing"
	"time"
)

// What an apply changes is replaced, and nothing else.
func TestApplyReplacesOnlyWhatChanged(t *testing.T) {
	a := startTiny(t, 3, 2)
	before := a.pidsNow()
	a.up() // nothing changed
	samePids(t, before, a.pidsNow())

	a.write("banyan.yaml", changed(tinyFile(3, 2), "s2", "VERSION: one", "VERSION: two"))
	a.up()
	for path, want := range map[string]string{"/s1": "one", "/s2": "two", "/s3": "one"} {
		if got := a.who(path).Version; got != want {
			t.Errorf("%s is of version %s, want %s", path, got, want)
		}
	}
	after := a.pidsNow()
	for id, pid := range after {
		if strings.HasPrefix(id, "s2-") == (before[id] == pid) {
			t.Errorf("instance %s is process %d, was %d", id, pid, before[id])
		}
	}
	a.mustBeWhole(t)

	// A route, an owner and a drain time are no reason to replace anything; a
	// service that is gone from the file stops; one that is new starts.
	before = after
	file := changed(tinyFile(3, 2), "s2", "VERSION: one", "VERSION: two")
	file = strings.Replace(file, "{path: /s1,", "{path: /first,", 1)
	file = strings.Replace(file, "\ts1:\n", "\ts1:\n\t\towner: team-one\n\t\tdrain_timeout: 5s\n", 1)
	file, _, _ = strings.Cut(file, "\ts3:")
	file += "\ts4: {command: \"${testapp}\"}\n"
	a.write("banyan.yaml", strings.Replace(file, "\t\t- {path: /s3, to: s3}\n", "\t\t- {path: /s4, to: s4}\n", 1))
	a.up()
	if got := a.who("/first").Service; got != "s1" {
		t.Errorf("/first leads to %s", got)
	}
	a.who("/s4")
	after = a.pidsNow()
	for id, pid := range before {
		if strings.HasPrefix(id, "s3-") != (after[id] == 0) || after[id] != 0 && after[id] != pid {
			t.Errorf("instance %s was process %d and is %d now", id, pid, after[id])
		}
	}
	a.mustBeWhole(t)
}

// changed is the file with one replacement within one service.
func changed(file, service, old, with string) string {
	head, tail, _ := strings.Cut(file, "\t"+service+":\n")
	return head + "\t" + service + ":\n" + strings.Replace(tail, old, with, 1)
}

// A file with mistakes changes nothing, and the mistakes are shown with their place.
func TestBrokenFileChangesNothing(t *testing.T) {
	a := startTiny(t, 2, 1)
	before, err := a.status()
	if err != nil {
		t.Fatal(err)
	}
	a.write("banyan.yaml", tinyFile(2, 1)+"\ts3:\n\t\tcomand: ${testapp}\n\t\tcalls: {nobody: {}}\n")
	r := a.banyan("up", "-d")
	if r.code != 2 {
		t.Errorf("want exit code 2: %s", r)
	}
	for _, want := range []string{"banyan.yaml:", "comand", "command", "nobody"} {
		if !strings.Contains(r.err, want) {
			t.Errorf("the message lacks %q: %s", want, r)
		}
	}
	after, err := a.status()
	if err != nil {
		t.Fatal(err)
	}
	samePids(t, pids(before), pids(after))
	if before.GetGeneration() != after.GetGeneration() || len(after.GetServices()) != 2 {
		t.Errorf("generation %d became %d", before.GetGeneration(), after.GetGeneration())
	}
	a.who("/s1")
}

// A service is deployed over and over under load; nobody notices.
func TestRollingDeploysUnderLoad(t *testing.T) {
	deploys := 20
	if full() {
		deploys = 100
	}
	a := startTiny(t, 2, 2)
	l := startLoad(t, loadOptions{rate: 150, urls: []string{a.url("/s1"), a.url("/s1/sleep?d=15ms"), a.url("/s2")}})
	other := a.pidsNow()
	began := time.Now()
	for n := range deploys {
		version := fmt.Sprintf("v%d", n)
		a.write("banyan.yaml", changed(tinyFile(2, 2), "s1", "VERSION: one", "VERSION: "+version))
		a.up()
		if got := a.who("/s1").Version; got != version {
			t.Fatalf("after deploy %d the version is %s", n, got)
		}
		if sent, _, failed := l.counts(); failed > 0 {
			t.Fatalf("%d of %d requests failed in %d deploys:\n%s", failed, sent, n+1, l.describe(10))
		}
	}
	took := time.Since(began)
	l.more(50)
	l.finish()
	figure(t, "%d deploys of 2 instances under %d requests/s: %d requests, %d failed, slowest %s, %s a deploy",
		deploys, l.rate, l.sent, len(l.failures), ms(l.slowest), ms(took/time.Duration(deploys)))
	after := a.pidsNow()
	for id, pid := range other {
		if strings.HasPrefix(id, "s2-") && after[id] != pid {
			t.Errorf("instance %s was process %d and is %d now", id, pid, after[id])
		}
	}
	a.mustBeWhole(t)
}

// Restart replaces each instance once, under load, without a failure.
func TestRestartUnderLoad(t *testing.T) {
	long(t)
	a := startTiny(t, 1, 3)
	l := startLoad(t, loadOptions{rate: 150, fresh: true, urls: []string{a.url("/s1")}})
	for range 3 {
		before := a.pidsNow()
		a.must("restart", "s1")
		for id, pid := range a.pidsNow() {
			for old, was := range before {
				if was == pid {
					t.Errorf("%s is still process %d, as %s was", id, pid, old)
				}
			}
		}
		a.mustBeWhole(t)
	}
	l.finish()
}

// A revision that does not become ready never takes the place of one that serves.
func TestBadRevisionLeavesTheOldServing(t *testing.T) {
	a := startTiny(t, 1, 2)
	before := a.pidsNow()
	l := startLoad(t, loadOptions{rate: 100, urls: []string{a.url("/s1")}})
	a.write("banyan.yaml", changed(tinyFile(1, 2), "s1", "{VERSION: one}", "{VERSION: two, CRASH: 7}"))
	r := a.banyan("up", "-d")
	if r.code != 1 {
		t.Errorf("want exit code 1: %s", r)
	}
	for _, want := range []string{"s1", "exit code 7", "the moon is in the wrong house"} {
		if !strings.Contains(r.err, want) {
			t.Errorf("the message lacks %q: %s", want, r)
		}
	}
	l.more(50)
	for id, pid := range before {
		if !alive(pid) {
			t.Errorf("instance %s of the old revision is gone", id)
		}
	}
	if got := a.who("/s1").Version; got != "one" {
		t.Errorf("version %s answers", got)
	}
	a.write("banyan.yaml", tinyFile(1, 2))
	a.up()
	l.finish()
	samePids(t, before, a.pidsNow())
	a.mustBeWhole(t)
}

// The state directory says what it is to version control, and needs no root.
func TestStateDirectoryIsIgnored(t *testing.T) {
	a := startTiny(t, 1, 1)
	data, err := os.ReadFile(a.layout.StateDir + "/.gitignore")
	if err != nil || string(data) != "*\n" {
		t.Errorf(".gitignore: %q, %v", data, err)
	}
}
