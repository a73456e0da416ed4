package drivertest

import (
	"encoding/json"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"time"

	"github.com/banyanrun/banyan/internal/driver"
)

func diesPrepared(h *harness) {
	mark := filepath.Join(h.dir, "ran")
	id, kill := h.daemon(order{Spec: h.spec("touch", mark)})
	if !alive(id.PID) {
		h.Fatal("nothing waits")
	}
	kill()
	h.gone("the stand-in", id.PID)
	if _, err := h.d.Adopt(h.Context(), id); !errors.Is(err, driver.ErrGone) {
		h.Errorf("Adopt returned %v", err)
	}
	h.clean(id)
	h.neverRan(mark)
}

func diesStarted(h *harness) {
	end := filepath.Join(h.dir, "end")
	s := h.spec("sleep-exit", end, "9")
	id, kill := h.daemon(order{Spec: s, Start: true})
	h.Cleanup(func() { killIfLeft(id.PID) })
	h.ready(s, "pid ")
	kill()
	if !alive(id.PID) {
		h.Fatal("the program died with its daemon")
	}
	p, err := h.d.Adopt(h.Context(), id)
	if err != nil {
		h.Fatal(err)
	}
	h.stopLater(p)
	if p.Identity() != id {
		h.Errorf("the identity changed from %+v to %+v", id, p.Identity())
	}
	begin := time.Now()
	if err := os.WriteFile(end, nil, 0o600); err != nil {
		h.Fatal(err)
	}
	e := h.wait(p)
	h.Logf("the exit was noticed %s after its cause: %+v", e.At.Sub(begin), e)
	if d := time.Since(begin); d > 100*time.Millisecond+slack {
		h.Errorf("the exit was noticed after %s", d)
	}
	if !e.Unknown && e.Code != 9 {
		h.Errorf("exit code 9 is told as %+v", e)
	}
	if err := p.Stop(h.Context(), "SIGTERM", 0); err != nil {
		h.Error(err)
	}
	h.clean(id)
}

// nobodyReaps: the parent of the adopted process lives and never waits, as the
// first process of many a container.
func nobodyReaps(h *harness) {
	end := filepath.Join(h.dir, "end")
	s := h.spec("sleep-exit", end, "9")
	id, kill := h.daemon(order{Spec: s, Start: true, Deaf: true})
	h.Cleanup(kill)
	h.ready(s, "pid ")
	p, err := h.d.Adopt(h.Context(), id)
	if err != nil {
		h.Fatal(err)
	}
	h.stopLater(p)
	if err := os.WriteFile(end, nil, 0o600); err != nil {
		h.Fatal(err)
	}
	if e := h.wait(p); !e.Unknown && e.Code != 9 {
		h.Errorf("exit code 9 is told as %+v", e)
	}
	if err := p.Stop(h.Context(), "SIGTERM", 0); err != nil {
		h.Error(err)
	}
}

// daemonInside: the data plane is an instance, and starts a daemon again that has
// died. The new daemon and what it starts do not go down with the data plane.
func daemonInside(h *harness) {
	inner := h.spec("sleep")
	s := h.spec("daemon", mustJSON(order{Spec: inner, Start: true}))
	s.Env = os.Environ() // what newDriver of Main may need
	p := h.start(s)
	pid, _ := strconv.Atoi(h.ready(s, "pid "))
	h.Cleanup(func() { killIfLeft(pid) })
	var id driver.Identity
	if err := json.Unmarshal([]byte(h.ready(s, "identity ")), &id); err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { killIfLeft(id.PID) })
	if err := p.Stop(h.Context(), "SIGTERM", 10*time.Second); err != nil {
		h.Fatal(err)
	}
	if !alive(pid) || !alive(id.PID) {
		h.Errorf("alive: daemon %v, its instance %v", alive(pid), alive(id.PID))
	}
	killIfLeft(pid)
	adopted, err := h.d.Adopt(h.Context(), id)
	if err != nil {
		h.Fatal(err)
	}
	h.stopLater(adopted)
}

// slack is what a loaded machine may add to a time that is checked.
const slack = 400 * time.Millisecond

func endsMeanwhile(h *harness) {
	s := h.spec("fork", "away", "stay")
	id, kill := h.daemon(order{Spec: s, Start: true})
	h.Cleanup(func() { killIfLeft(id.PID) })
	pid, _ := strconv.Atoi(h.ready(s, "pid "))
	h.Cleanup(func() { killIfLeft(pid) })
	h.ready(s, "forked ")
	kill()
	killIfLeft(id.PID)
	h.gone("the program", id.PID)
	if _, err := h.d.Adopt(h.Context(), id); !errors.Is(err, driver.ErrGone) {
		h.Errorf("Adopt returned %v", err)
	}
	h.gone("the grandchild", pid)
	h.clean(id)
}

// stranger has the pid of the identity but not its start time.
func stranger(h *harness) {
	other := exec.Command(self(), programArg, "sleep")
	if err := other.Start(); err != nil {
		h.Fatal(err)
	}
	defer func() { _ = other.Process.Kill(); _ = other.Wait() }()
	s := h.spec("exit", "0")
	p := h.start(s)
	h.wait(p)
	id := p.Identity()
	id.PID, id.StartTime = other.Process.Pid, id.StartTime+1_000_000
	if _, err := h.d.Adopt(h.Context(), id); !errors.Is(err, driver.ErrGone) {
		h.Errorf("Adopt returned %v", err)
	}
	if !alive(other.Process.Pid) {
		h.Error("the stranger was killed")
	}
}

func otherBoot(h *harness) {
	s := h.spec("sleep")
	p := h.start(s)
	id := p.Identity()
	id.BootID = "00000000-0000-0000-0000-000000000000"
	if _, err := h.d.Adopt(h.Context(), id); !errors.Is(err, driver.ErrGone) {
		h.Errorf("Adopt returned %v", err)
	}
	if !alive(p.Identity().PID) {
		h.Error("a process of this boot was killed for one of another")
	}
}

// zombie: a process that has ended, whose parent does not reap it. Here the
// parent is another daemon process that never waits.
func zombie(h *harness) {
	id := h.zombie()
	if _, err := h.d.Adopt(h.Context(), id); !errors.Is(err, driver.ErrGone) {
		h.Errorf("Adopt returned %v", err)
	}
}

func goneCleaned(h *harness) {
	s := h.spec("sleep")
	p := h.start(s)
	h.ready(s, "pid ")
	if err := p.Stop(h.Context(), "SIGKILL", 0); err != nil {
		h.Fatal(err)
	}
	id := p.Identity()
	if id.Cgroup != "" { // as if the daemon had died before it removed it
		_ = os.Mkdir(id.Cgroup, 0o755)
	}
	if _, err := h.d.Adopt(h.Context(), id); !errors.Is(err, driver.ErrGone) {
		h.Errorf("Adopt returned %v", err)
	}
	h.clean(id)
}
