package e2e

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"
)

// process is one of an app's processes.
type process struct {
	pid      int
	argv     []string
	instance string // of a service; empty for Banyan's own
	what     string // "daemon", "proxy" (the data plane), "instance" or "other"
}

func (p process) String() string {
	return fmt.Sprintf("  %d %s %s: %s", p.pid, p.what, p.instance, strings.Join(p.argv, " "))
}

func listed(list []process) string {
	var b strings.Builder
	for _, p := range list {
		fmt.Fprintln(&b, p)
	}
	return b.String()
}

// processes finds the app's processes by what their environment and arguments
// say; zombies have neither.
func (a *app) processes() []process {
	a.t.Helper()
	entries, err := os.ReadDir("/proc")
	if err != nil {
		a.t.Fatal(err)
	}
	var list []process
	for _, e := range entries {
		pid, err := strconv.Atoi(e.Name())
		if err != nil || pid == os.Getpid() {
			continue
		}
		if p, ok := a.process(pid); ok {
			list = append(list, p)
		}
	}
	return list
}

func (a *app) process(pid int) (process, bool) {
	p := process{pid: pid, what: "other"}
	p.argv = words(pid, "cmdline")
	environ := words(pid, "environ")
	ours := false
	for _, kv := range environ {
		name, value, _ := strings.Cut(kv, "=")
		switch name {
		case "DATA_DIR":
			ours = ours || strings.HasPrefix(value, a.layout.Data+"/")
		case "BANYAN_INSTANCE":
			p.instance, p.what = value, "instance"
		}
	}
	for n, word := range p.argv {
		if word == a.layout.StateDir || strings.HasPrefix(word, a.layout.StateDir+"/") {
			ours = true
		}
		if n == 1 && (word == "daemon" || word == "proxy") && p.instance == "" {
			p.what = word
		}
	}
	return p, ours
}

func words(pid int, file string) []string {
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), file))
	if err != nil || len(data) == 0 {
		return nil
	}
	return strings.Split(strings.TrimRight(string(data), "\x00"), "\x00")
}

// pid of Banyan's own process of that kind; 0 if there is none.
func (a *app) pid(what string) int {
	for _, p := range a.processes() {
		if p.what == what {
			return p.pid
		}
	}
	return 0
}

// instanceProcesses are the app's processes that belong to instances.
func (a *app) instanceProcesses() map[string][]int {
	m := map[string][]int{}
	for _, p := range a.processes() {
		if p.what == "instance" {
			m[p.instance] = append(m[p.instance], p.pid)
		}
	}
	return m
}

// kill sends SIGKILL and returns when it was sent.
func kill(t *testing.T, pid int) time.Time {
	t.Helper()
	signal(t, pid, syscall.SIGKILL)
	return time.Now()
}

func signal(t *testing.T, pid int, sig syscall.Signal) {
	t.Helper()
	if pid <= 0 {
		t.Fatalf("there is no process to send %s", sig)
	}
	if err := syscall.Kill(pid, sig); err != nil {
		t.Fatalf("%s to %d: %v", sig, pid, err)
	}
}

// alive reports whether the process runs; a zombie does not.
func alive(pid int) bool {
	if err := syscall.Kill(pid, 0); errors.Is(err, syscall.ESRCH) {
		return false
	}
	data, err := os.ReadFile(filepath.Join("/proc", strconv.Itoa(pid), "stat"))
	if err != nil {
		return false
	}
	_, rest, _ := strings.Cut(string(data), ") ")
	return rest != "" && rest[0] != 'Z' && rest[0] != 'X'
}

// dead waits until the process is gone and returns when that was seen.
func dead(t *testing.T, pid int) time.Time {
	t.Helper()
	await(t, 5*time.Second, "the end of a process", func() error {
		if alive(pid) {
			return fmt.Errorf("%d lives", pid)
		}
		return nil
	})
	return time.Now()
}
