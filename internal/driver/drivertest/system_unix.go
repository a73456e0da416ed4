//go:build linux || darwin

package drivertest

import (
	"bytes"
	"os"
	"os/exec"
	"strconv"
	"syscall"
	"time"

	"github.com/banyanrun/banyan/internal/driver"
)

// alive tells whether a process exists and is no zombie.
func alive(pid int) bool {
	if syscall.Kill(pid, 0) != nil {
		return false
	}
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return !os.IsNotExist(err)
	}
	rest := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	return len(rest) > 0 && rest[0][0] != 'Z'
}

func stopSelf() { _ = syscall.Kill(os.Getpid(), syscall.SIGSTOP) }

func killIfLeft(pid int) {
	if pid > 1 {
		_ = syscall.Kill(pid, syscall.SIGKILL)
	}
}

// zombie makes a process that ended and is not reaped until the test ends, and
// an identity for it.
func (h *harness) zombie() driver.Identity {
	h.Helper()
	s := h.spec("sleep")
	p := h.start(s)
	id := p.Identity()
	cmd := exec.Command(self(), programArg, "sleep")
	if err := cmd.Start(); err != nil {
		h.Fatal(err)
	}
	h.Cleanup(func() { _ = cmd.Wait() })
	id.PID, id.StartTime = cmd.Process.Pid, startTime(cmd.Process.Pid)
	id.Cgroup, id.Tag = "", id.Tag+"-zombie"
	_ = cmd.Process.Kill()
	for range h.until(5 * time.Second) {
		if !alive(id.PID) {
			return id
		}
	}
	h.Fatal("no zombie came to be")
	return id
}

// startTime is field 22 of the stat line.
func startTime(pid int) uint64 {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		return 0
	}
	f := bytes.Fields(b[bytes.LastIndexByte(b, ')')+1:])
	n, _ := strconv.ParseUint(string(f[19]), 10, 64)
	return n
}
