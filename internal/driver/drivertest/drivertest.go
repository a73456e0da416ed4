// Package drivertest is the one harness that every driver passes. It is for the
// tests of driver implementations: their TestMain calls Main, and one test calls
// Run.
//
// It runs the test binary itself as the programs and the daemons that it needs,
// so it needs nothing installed; daemons are killed with SIGKILL for real.
package drivertest

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/banyanrun/banyan/internal/driver"
)

// Main is the body of TestMain. newDriver makes the driver for daemons that run
// in a process of their own; it must find what the drivers given to Run start.
func Main(m *testing.M, newDriver func() (driver.Driver, error)) {
	if len(os.Args) > 2 {
		switch os.Args[1] {
		case programArg:
			program(os.Args[2:])
			os.Exit(0)
		case daemonArg:
			runDaemon(newDriver, os.Args[2])
			os.Exit(0)
		}
	}
	os.Exit(m.Run())
}

// IsProgram tells whether this process is a program of the harness: TestMain must
// not change its environment before Main then.
func IsProgram() bool { return len(os.Args) > 1 && os.Args[1] == programArg }

// Run runs every case against drivers made by newDriver.
func Run(t *testing.T, newDriver func(t *testing.T) driver.Driver) {
	t.Helper()
	for _, c := range []struct {
		name string
		run  func(h *harness)
	}{
		{"exit code", exitCode},
		{"ended by a signal", endedBySignal},
		{"output goes to both files and is appended", output},
		{"environment is exact", environment},
		{"nothing secret in argv", secrets},
		{"command not found", notFound},
		{"directory missing", dirMissing},
		{"script without interpreter", badInterpreter},
		{"abort leaves nothing", abort},
		{"start after abort is refused", startAfterAbort},
		{"daemon dies between prepare and start", diesPrepared},
		{"daemon dies after start", diesStarted},
		{"adopted and nobody reaps", nobodyReaps},
		{"daemon dies and the program ends meanwhile", endsMeanwhile},
		{"a stranger with the same pid", stranger},
		{"another boot", otherBoot},
		{"a zombie is dead", zombie},
		{"stop gracefully", stopGracefully},
		{"stop kills after the grace", stopKills},
		{"stop gives up with its context", stopContext},
		{"a stopped process can be stopped", stopStopped},
		{"a grandchild in a session of its own is killed", grandchild},
		{"descendants die with the main process", orphans},
		{"a gone instance is cleaned up", goneCleaned},
		{"a daemon started by an instance outlives it", daemonInside},
		{"exec", execCommand},
		{"exec in an adopted instance", execAdopted},
		{"port owner", portOwner},
		{"usage", usage},
		{"memory limit", memoryLimit},
		{"cpu limit", cpuLimit},
		{"many at once", many},
		{"no descriptors leak", descriptors},
	} {
		t.Run(c.name, func(t *testing.T) {
			c.run(&harness{T: t, d: newDriver(t), dir: t.TempDir()})
		})
	}
}

// harness is one case's driver and directory.
type harness struct {
	*testing.T
	d   driver.Driver
	dir string
	n   int
}

// self is the test binary.
func self() string {
	exe, err := os.Executable()
	if err != nil {
		panic(err)
	}
	return exe
}

// spec is an instance of one of the programs in program.go.
func (h *harness) spec(args ...string) driver.Spec {
	h.n++
	id := strings.Map(func(r rune) rune {
		if r == '/' || r == ' ' {
			return '-'
		}
		return r
	}, h.Name()) + "-" + string(rune('a'+h.n-1))
	return driver.Spec{
		ID: id, Argv: append([]string{self(), programArg}, args...), Dir: h.dir,
		Env: []string{"PATH=/usr/local/bin:/usr/bin:/bin",
			"GORACE=atexit_sleep_ms=0"}, // the race detector holds exits back by a second
		Stdout: filepath.Join(h.dir, id+".out"), Stderr: filepath.Join(h.dir, id+".err"),
	}
}

func (h *harness) prepare(s driver.Spec) driver.Prepared {
	h.Helper()
	p, err := h.d.Prepare(h.Context(), s)
	if err != nil {
		h.Fatalf("Prepare: %v", err)
	}
	return p
}

func (h *harness) start(s driver.Spec) driver.Process {
	h.Helper()
	p, err := h.prepare(s).Start(h.Context())
	if err != nil {
		h.Fatalf("Start: %v", err)
	}
	h.stopLater(p)
	return p
}

func (h *harness) stopLater(p driver.Process) {
	h.Cleanup(func() {
		if err := p.Stop(context.Background(), "SIGKILL", 0); err != nil {
			h.Errorf("cleaning up: %v", err)
		}
	})
}

// wait waits for the end.
func (h *harness) wait(p driver.Process) driver.Exit {
	h.Helper()
	select {
	case <-p.Done():
		return p.Exit()
	case <-time.After(20 * time.Second):
		h.Fatal("the process did not end within 20 s")
		return driver.Exit{}
	}
}

// ready waits until the program has written a line with the prefix to stdout and
// returns the rest of it.
func (h *harness) ready(s driver.Spec, prefix string) string {
	h.Helper()
	for range h.until(20 * time.Second) {
		b, _ := os.ReadFile(s.Stdout)
		for line := range strings.Lines(string(b)) {
			if rest, ok := strings.CutPrefix(line, prefix); ok && strings.HasSuffix(rest, "\n") {
				return strings.TrimSpace(rest)
			}
		}
	}
	errOut, _ := os.ReadFile(s.Stderr)
	h.Fatalf("%s did not write %q; stderr: %s", s.ID, prefix, errOut)
	return ""
}

// until yields every 2 ms for d: for conditions that nothing announces.
func (h *harness) until(d time.Duration) func(yield func(int) bool) {
	return func(yield func(int) bool) {
		deadline := time.Now().Add(d)
		for i := 0; time.Now().Before(deadline); i++ {
			if !yield(i) {
				return
			}
			time.Sleep(2 * time.Millisecond)
		}
	}
}

// gone fails the test unless the process ends within a second.
func (h *harness) gone(what string, pid int) {
	h.Helper()
	for range h.until(time.Second) {
		if !alive(pid) {
			return
		}
	}
	h.Errorf("%s (pid %d) is left", what, pid)
}

// clean fails the test unless the identity's cgroups have been removed.
func (h *harness) clean(id driver.Identity) {
	h.Helper()
	if id.Cgroup == "" {
		return
	}
	for dir := range strings.SplitSeq(id.Cgroup, ":") {
		if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
			h.Errorf("the cgroup %s is left (%v)", dir, err)
		}
	}
}

func mustJSON(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return string(b)
}
