package e2e

import (
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"
)

// All of an app dies at once, as when the power fails: the next `up` starts
// everything again, and what was kept is there.
func TestEverythingKilledAtOnce(t *testing.T) {
	for _, c := range []struct {
		name   string
		reboot bool
	}{{"the machine goes on", false}, {"the machine boots again", true}} {
		t.Run(c.name, func(t *testing.T) {
			a := startTiny(t, 3, 2)
			// Stopped first, so that none sees another's end and acts on it.
			all := a.processes()
			for _, p := range all {
				signal(t, p.pid, syscall.SIGSTOP)
			}
			for _, p := range all {
				kill(t, p.pid)
			}
			for _, p := range all {
				dead(t, p.pid)
			}
			if c.reboot { // sockets and leases are in directories that a boot clears
				if err := os.RemoveAll(a.layout.RunDir); err != nil {
					t.Fatal(err)
				}
			}
			a.up()
			a.mustBeWhole(t)
			for _, path := range []string{"/s1", "/s2", "/s3"} {
				a.who(path)
			}
		})
	}
}

// Several people say `up` at once: one daemon, one set of instances.
func TestConcurrentUps(t *testing.T) {
	a := newApp(t, tinyFile(3, 2))
	var wg sync.WaitGroup
	results := make([]result, 4)
	for n := range results {
		wg.Go(func() { results[n] = a.banyan("up", "-d") })
	}
	wg.Wait()
	for _, r := range results {
		if r.code != 0 {
			t.Error(r)
		}
	}
	daemons := 0
	for _, p := range a.processes() {
		if p.what == "daemon" {
			daemons++
		}
	}
	if daemons != 1 {
		t.Errorf("%d daemons", daemons)
	}
	a.mustBeWhole(t)
}

// The daemon is killed at any moment of `down`: the next `down` ends the rest.
func TestKillDaemonDuringDown(t *testing.T) {
	random := chance(t)
	a := newApp(t, tinyFile(4, 2))
	for n := range rounds(2, 15) {
		a.up()
		cmd := a.command("down")
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		daemon := a.pid("daemon")
		after := time.Duration(random.IntN(150)) * time.Millisecond
		pause(t, after)
		if daemon != 0 {
			_ = syscall.Kill(daemon, syscall.SIGKILL) // it may have ended
		}
		_ = cmd.Wait() // either way: its daemon was killed
		if r := a.banyan("down"); r.code != 0 && !strings.Contains(r.err, "no app is running") {
			t.Errorf("round %d: killed after %s: %s", n, after, r)
		}
		a.nothingLeft()
		if t.Failed() {
			return
		}
	}
}

// A directory whose name needs quoting, reached by another name as well.
func TestOddDirectory(t *testing.T) {
	a := startTiny(t, 1, 1)
	a.must("down")
	odd := filepath.Join(a.dir, "Ärger's $HOME & more {x}")
	if err := os.Mkdir(odd, 0o755); err != nil {
		t.Fatal(err)
	}
	b := newApp(t, "name: none")
	b.dir = odd
	b.port = a.port
	b.write("banyan.yaml", strings.ReplaceAll(tinyFile(1, 1), "command: ${testapp}", `command: ${testapp}
		working_dir: .`))
	other := filepath.Join(a.dir, "link")
	if err := os.Symlink(odd, other); err != nil {
		t.Fatal(err)
	}
	b.locate()
	b.up()
	b.who("/s1")
	r := b.banyan("ps", "-C", other)
	if r.code != 0 || !strings.Contains(r.out, "s1") {
		t.Errorf("by its other name: %s", r)
	}
	b.must("down", "-C", filepath.Join(other, "banyan.yaml"))
	b.nothingLeft()
}

// Somebody removes the state directory under a running app. Nothing that ran is
// lost track of: `down` still ends all of it.
func TestStateDirectoryRemoved(t *testing.T) {
	a := startTiny(t, 2, 2)
	if err := os.RemoveAll(a.layout.StateDir); err != nil {
		t.Fatal(err)
	}
	a.who("/s1")
	r := a.banyan("down")
	t.Log(r)
	a.nothingLeft()
	a.up()
	a.mustBeWhole(t)
	a.who("/s2")
}

// An app that nobody uses takes little memory and next to no time.
func TestIdle(t *testing.T) {
	long(t)
	s := startShop(t)
	s.signUp().buy()
	before := s.ps()
	pause(t, 10*time.Second) // what is measured is this time
	after := s.ps()
	memory := after.GetDaemon().GetMemoryBytes() + after.GetDataPlane().GetMemoryBytes()
	daemon := after.GetDaemon().GetCpuTime().AsDuration() - before.GetDaemon().GetCpuTime().AsDuration()
	plane := after.GetDataPlane().GetCpuTime().AsDuration() - before.GetDataPlane().GetCpuTime().AsDuration()
	figure(t, "idle shop: daemon %d MiB and %s of CPU in 10s, data plane %d MiB and %s",
		after.GetDaemon().GetMemoryBytes()>>20, ms(daemon), after.GetDataPlane().GetMemoryBytes()>>20, ms(plane))
	if memory > 66e6 {
		t.Errorf("daemon and data plane use %d MB, want 66 at most", memory/1e6)
	}
	if daemon+plane > 500*time.Millisecond {
		t.Errorf("they use %s of CPU in 10s of nothing to do", daemon+plane)
	}
}
