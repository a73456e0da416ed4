package process

import (
	"bufio"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// cgroupMounts says where this machine's hierarchies are mounted and where in
// them this process is. Empty: not there.
type cgroupMounts struct {
	unified, cpu, memory hierarchy
}

type hierarchy struct {
	mount string // mount point
	root  string // the part of the hierarchy that is mounted
	own   string // this process's cgroup in it
}

// dir is the file-system path of a cgroup, the mount point where it is outside.
func (h hierarchy) dir(path string) string {
	if rel, ok := strings.CutPrefix(path, strings.TrimSuffix(h.root, "/")); ok {
		dir := filepath.Join(h.mount, rel)
		if fi, err := os.Stat(dir); err == nil && fi.IsDir() {
			return dir
		}
	}
	return h.mount
}

func readMounts() cgroupMounts {
	mounts, _ := os.ReadFile("/proc/self/mountinfo")
	own, _ := os.ReadFile("/proc/self/cgroup")
	return parseMounts(string(mounts), string(own))
}

// parseMounts reads /proc/self/mountinfo and /proc/self/cgroup (cgroups(7)).
func parseMounts(mountinfo, cgroup string) cgroupMounts {
	var m cgroupMounts
	for line := range strings.Lines(mountinfo) {
		m.mounted(line)
	}
	sc := bufio.NewScanner(strings.NewReader(cgroup))
	for sc.Scan() {
		f := strings.SplitN(sc.Text(), ":", 3)
		if len(f) != 3 {
			continue
		}
		if f[0] == "0" {
			m.unified.own = f[2]
		}
		for c := range strings.SplitSeq(f[1], ",") {
			switch c {
			case "cpu":
				m.cpu.own = f[2]
			case "memory":
				m.memory.own = f[2]
			}
		}
	}
	return m
}

// mounted takes one line: id parent dev root mountpoint options… - type source super.
func (m *cgroupMounts) mounted(line string) {
	before, after, ok := strings.Cut(line, " - ")
	f, g := strings.Fields(before), strings.Fields(after)
	if !ok || len(f) < 5 || len(g) < 3 {
		return
	}
	h := hierarchy{root: f[3], mount: unescape(f[4])}
	switch g[0] {
	case "cgroup2":
		m.unified = h
	case "cgroup":
		for opt := range strings.SplitSeq(g[2], ",") {
			switch opt {
			case "cpu":
				m.cpu = h
			case "memory":
				m.memory = h
			}
		}
	}
}

// unescape undoes mountinfo's octal escapes of blanks.
func unescape(s string) string {
	return strings.NewReplacer(`\040`, " ", `\011`, "\t", `\134`, `\`).Replace(s)
}

// daemonLeaf is the cgroup that the daemon moves into where v2's rule of no
// inner processes demands it.
const daemonLeaf = "banyan-daemon"

// unifiedBase picks the cgroup of v2 to work below: the given one; else the own
// one if it was delegated; else the highest one above that this user may
// write. Root without delegation works at the top, as container engines do.
func unifiedBase(h hierarchy, parent string) string {
	if h.mount == "" {
		return ""
	}
	if parent != "" {
		return h.dir(parent)
	}
	own := h.dir(h.own)
	if filepath.Base(own) == daemonLeaf {
		own = filepath.Dir(own)
	}
	if os.Geteuid() == 0 {
		if delegated(own) {
			return own
		}
		return h.mount
	}
	best := own
	for dir := own; writableCgroup(dir); dir = filepath.Dir(dir) {
		best = dir
		if dir == h.mount {
			break
		}
	}
	return best
}

// delegated tells whether systemd handed the cgroup to its service (Delegate=).
func delegated(dir string) bool {
	var b [8]byte
	for _, attr := range []string{"user.delegate", "trusted.delegate"} {
		if n, err := unix.Getxattr(dir, attr, b[:]); err == nil && string(b[:n]) == "1" {
			return true
		}
	}
	return false
}

func writableCgroup(dir string) bool {
	return unix.Access(dir, unix.W_OK) == nil &&
		unix.Access(filepath.Join(dir, "cgroup.procs"), unix.W_OK) == nil
}
