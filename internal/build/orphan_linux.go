package build

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// running is the name's end of the file that says which process makes a build.
const running = ".pid"

// remember keeps the identity of a build's process beside its log until forget
// is called. Where it cannot be kept the build is at worst not ended if the
// daemon is killed.
func remember(log string, pid int) (forget func()) {
	path := strings.TrimSuffix(log, ".log") + running
	_ = os.WriteFile(path, fmt.Appendf(nil, "%d %s", pid, startTime(pid)), 0o600)
	return func() { _ = os.Remove(path) }
}

// endOrphans kills the process groups of builds that nobody waits for any more.
func endOrphans(dir string) {
	files, _ := filepath.Glob(filepath.Join(dir, "*", "*"+running)) // the pattern is well-formed
	for _, file := range files {
		data, err := os.ReadFile(file)
		if err != nil {
			continue
		}
		word, started, _ := strings.Cut(string(data), " ")
		if pid, err := strconv.Atoi(word); err == nil && pid > 1 && started != "" && startTime(pid) == started {
			_ = syscall.Kill(-pid, syscall.SIGKILL) // it leads its group; gone is as good
		}
		_ = os.Remove(file) // a later start tries again
	}
}

// startTime tells a process from another one that has its pid later: the boot
// and the time since it. It is empty if there is no such process.
func startTime(pid int) string {
	stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	if err != nil {
		return ""
	}
	boot, err := os.ReadFile("/proc/sys/kernel/random/boot_id")
	if err != nil {
		return ""
	}
	// The name, in parentheses, may hold anything; the time is the 20th field after it.
	const field = 19
	fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
	if len(fields) <= field {
		return ""
	}
	return strings.TrimSpace(string(boot)) + "/" + fields[field]
}
