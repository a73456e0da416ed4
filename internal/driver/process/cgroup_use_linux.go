package process

import (
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"golang.org/x/sys/unix"
)

// tracking returns the v2 directory among an instance's cgroups: a process
// cannot leave it without rights, so it knows all that is left.
func tracking(dirs []string) string {
	for _, dir := range dirs {
		if exists(filepath.Join(dir, "cgroup.events")) {
			return dir
		}
	}
	return ""
}

func exists(path string) bool { return unix.Access(path, unix.F_OK) == nil }

// killCgroups kills all in the cgroups, in one step where the kernel can
// (cgroup.kill, Linux 5.14).
func killCgroups(dirs []string) {
	for _, dir := range dirs {
		if writeFile(filepath.Join(dir, "cgroup.kill"), "1") == nil {
			continue
		}
		for _, pid := range cgroupPIDs(dir) {
			h, err := openHandle(pid)
			if err != nil {
				continue
			}
			if inCgroup(pid, dir) {
				_ = h.signal(killSignal)
			}
			h.close()
		}
	}
}

// cgroupPIDs lists the living processes in a cgroup and those below it.
func cgroupPIDs(dir string) []int {
	pids := procs(dir)
	entries, _ := os.ReadDir(dir)
	for _, e := range entries {
		if e.IsDir() {
			pids = append(pids, cgroupPIDs(filepath.Join(dir, e.Name()))...)
		}
	}
	return pids
}

// procs lists the processes in one cgroup, zombies left out.
func procs(dir string) []int {
	b, err := os.ReadFile(filepath.Join(dir, "cgroup.procs"))
	if err != nil {
		return nil
	}
	var pids []int
	for s := range strings.FieldsSeq(string(b)) {
		pid, err := strconv.Atoi(s)
		if err != nil || pid == 0 {
			continue
		}
		if st, err := readStat(pid); err == nil && !st.zombie {
			pids = append(pids, pid)
		}
	}
	return pids
}

// inCgroup tells whether the process is in the cgroup or below it.
func inCgroup(pid int, dir string) bool {
	b, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/cgroup")
	if err != nil {
		return false
	}
	// Names end in a random nonce, so the last part of the path is enough to
	// tell whose it is, in whatever hierarchy and namespace.
	name := "/" + filepath.Base(dir)
	for line := range strings.Lines(string(b)) {
		line = strings.TrimSuffix(line, "\n")
		if strings.HasSuffix(line, name) || strings.Contains(line, name+"/") {
			return true
		}
	}
	return false
}

// oomKilled reads whether the kernel killed in the cgroups for lack of memory.
func oomKilled(dirs []string) bool {
	for _, dir := range dirs {
		for _, file := range []string{"memory.events", "memory.oom_control"} {
			if readKey(filepath.Join(dir, file), "oom_kill") > 0 {
				return true
			}
		}
	}
	return false
}

// readKey reads one number of a file of "key value" lines; 0 if it is not there.
func readKey(path, key string) int64 {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		if f := strings.Fields(line); len(f) == 2 && f[0] == key {
			n, _ := strconv.ParseInt(f[1], 10, 64)
			return n
		}
	}
	return 0
}

// cgroupCPU is the CPU time used in the tracking cgroup; every v2 cgroup counts
// it, controller or not.
func cgroupCPU(dir string) (time.Duration, bool) {
	if dir == "" {
		return 0, false
	}
	us := readKey(filepath.Join(dir, "cpu.stat"), "usage_usec")
	return time.Duration(us) * time.Microsecond, us > 0
}
