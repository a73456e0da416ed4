package process

import (
	"errors"
	"fmt"
	"math"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/banyanrun/banyan/internal/driver"
)

// cgroups makes and removes the instances' cgroups. An instance gets one of v2
// wherever possible, limits or not: it holds all of its descendants, so that
// they can be found and killed. On a v1 or hybrid machine limits need one more
// in the controller's own hierarchy.
type cgroups struct {
	// base directories, in which each instance has one; empty: not available.
	unified, cpu, memory string
	// which limits the unified base enforces
	unifiedCPU, unifiedMemory bool
	// why a limit cannot be enforced
	noCPU, noMemory string
}

// cpuPeriod is the quota's period in µs, the kernel's default.
const cpuPeriod = 100_000

func findCgroups(parent, name string) *cgroups {
	m := readMounts()
	if leaveInstance(m, name) {
		m = readMounts()
	}
	return setUp(m, parent, name)
}

func setUp(m cgroupMounts, parent, name string) *cgroups {
	c := &cgroups{}
	c.setUpUnified(m.unified, parent, name)
	if !c.unifiedCPU && m.cpu.mount != "" {
		c.cpu, c.noCPU = legacy(m.cpu, parent, name)
	}
	if !c.unifiedMemory && m.memory.mount != "" {
		c.memory, c.noMemory = legacy(m.memory, parent, name)
	}
	for _, base := range c.bases() {
		removeChildren(base)
	}
	return c
}

func (c *cgroups) bases() []string {
	var out []string
	for _, b := range []string{c.unified, c.cpu, c.memory} {
		if b != "" && !slices.Contains(out, b) {
			out = append(out, b)
		}
	}
	return out
}

func (c *cgroups) setUpUnified(h hierarchy, parent, name string) {
	c.noCPU, c.noMemory = "this machine has no cgroup controllers mounted", "this machine has no cgroup controllers mounted"
	top := unifiedBase(h, parent)
	if top == "" {
		return
	}
	base := filepath.Join(top, name)
	if err := os.Mkdir(base, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		c.noCPU = fmt.Sprintf("no cgroup can be made in %s: %s", top, reason(err))
		c.noMemory = c.noCPU
		return
	}
	c.unified = base
	c.unifiedCPU, c.noCPU = enable(top, base, "cpu")
	c.unifiedMemory, c.noMemory = enable(top, base, "memory")
}

// enable hands a controller down from top to the instances below base.
func enable(top, base, controller string) (bool, string) {
	have, _ := os.ReadFile(filepath.Join(top, "cgroup.controllers"))
	if !slices.Contains(strings.Fields(string(have)), controller) {
		return false, fmt.Sprintf("the %s controller is not available in %s", controller, top)
	}
	err := handDown(top, controller)
	if errors.Is(err, syscall.EBUSY) {
		// v2 wants no processes beside groups with controllers: make room.
		if err = evacuate(top); err == nil {
			err = handDown(top, controller)
		}
	}
	if err == nil {
		err = handDown(base, controller)
	}
	if err != nil {
		return false, fmt.Sprintf("the %s controller cannot be enabled in %s: %s", controller, top, reason(err))
	}
	return true, ""
}

func handDown(dir, controller string) error {
	return writeFile(filepath.Join(dir, "cgroup.subtree_control"), "+"+controller)
}

// evacuate moves this process, and those it started, out of dir into a leaf
// below it. Others' processes are not moved: the cgroup is not ours alone then.
func evacuate(dir string) error {
	leaf := filepath.Join(dir, daemonLeaf)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	self := os.Getpid()
	for _, pid := range procs(dir) {
		if pid != self && !descends(pid, self) {
			return fmt.Errorf("it holds other processes, such as %s (pid %d)", command(pid), pid)
		}
		if err := writeFile(filepath.Join(leaf, "cgroup.procs"), strconv.Itoa(pid)); err != nil &&
			!errors.Is(err, syscall.ESRCH) {
			return err
		}
	}
	return nil
}

func descends(pid, from int) bool {
	for range 64 {
		st, err := readStat(pid)
		if err != nil || st.ppid <= 1 {
			return false
		}
		if st.ppid == from {
			return true
		}
		pid = st.ppid
	}
	return false
}

// legacy makes the base in a v1 hierarchy, below this process's own cgroup so
// that what bounds this process bounds the instances too.
func legacy(h hierarchy, parent, name string) (base, problem string) {
	top := h.dir(h.own)
	if parent != "" {
		top = h.dir(parent)
	}
	base = filepath.Join(top, name)
	if err := os.Mkdir(base, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return "", fmt.Sprintf("no cgroup can be made in %s: %s", top, reason(err))
	}
	return base, ""
}

// make makes the cgroups of one instance and sets its limits. It returns the
// directories to join and why a limit is not enforced.
func (c *cgroups) make(name string, lim driver.Limits) (dirs []string, unenforced string) {
	if c.unified != "" {
		if err := os.Mkdir(filepath.Join(c.unified, name), 0o755); err == nil {
			dirs = append(dirs, filepath.Join(c.unified, name))
		}
	}
	var missing []string
	limit := func(kind string, want bool, unified bool, base, why string, set func(dir string, unified bool) error) {
		if !want {
			return
		}
		switch {
		case unified && len(dirs) > 0:
			base = c.unified
		case base == "":
			missing = append(missing, kind+" limit: "+why)
			return
		default:
			unified = false
		}
		dir := filepath.Join(base, name)
		err := os.Mkdir(dir, 0o755)
		if err == nil || errors.Is(err, os.ErrExist) {
			err = set(dir, unified)
		}
		if err != nil {
			missing = append(missing, kind+" limit: "+reason(err))
		}
		if !slices.Contains(dirs, dir) {
			dirs = append(dirs, dir)
		}
	}
	limit("memory", lim.Memory > 0, c.unifiedMemory, c.memory, c.noMemory,
		func(dir string, v2 bool) error { return setMemory(dir, v2, lim.Memory) })
	limit("cpu", lim.CPU > 0, c.unifiedCPU, c.cpu, c.noCPU,
		func(dir string, v2 bool) error { return setCPU(dir, v2, lim.CPU) })
	if len(missing) > 0 {
		unenforced = strings.Join(missing, "; ")
	}
	return dirs, unenforced
}

func setMemory(dir string, v2 bool, bytes int64) error {
	n := strconv.FormatInt(bytes, 10)
	if v2 {
		_ = writeFile(filepath.Join(dir, "memory.swap.max"), "0") // absent without swap accounting
		return writeFile(filepath.Join(dir, "memory.max"), n)
	}
	if err := writeFile(filepath.Join(dir, "memory.limit_in_bytes"), n); err != nil {
		return err
	}
	_ = writeFile(filepath.Join(dir, "memory.memsw.limit_in_bytes"), n) // memory and swap together
	return nil
}

func setCPU(dir string, v2 bool, cores float64) error {
	quota := strconv.Itoa(max(1000, int(math.Round(cores*cpuPeriod)))) // the kernel's least is 1 ms
	if v2 {
		return writeFile(filepath.Join(dir, "cpu.max"), quota+" "+strconv.Itoa(cpuPeriod))
	}
	if err := writeFile(filepath.Join(dir, "cpu.cfs_period_us"), strconv.Itoa(cpuPeriod)); err != nil {
		return err
	}
	return writeFile(filepath.Join(dir, "cpu.cfs_quota_us"), quota)
}

// limits tells whether the directory is there for a limit rather than for
// tracking alone.
func (c *cgroups) limits(dir string) bool {
	return filepath.Dir(dir) != c.unified || c.unifiedCPU || c.unifiedMemory
}

// remove removes cgroups whose processes have ended. The last of them may take
// the kernel a moment more.
func (c *cgroups) remove(dirs []string) {
	for _, dir := range dirs {
		for try := range 8 {
			if removeTree(dir) {
				break
			}
			time.Sleep(time.Millisecond << try) //nolint:forbidigo // v1 has no event for it
		}
	}
}

func (c *cgroups) close() {
	for _, base := range c.bases() {
		removeChildren(base)
		_ = syscall.Rmdir(base)
	}
}

// removeChildren removes the empty cgroups in base: what a daemon left that
// died at the wrong moment. Those in use refuse.
func removeChildren(base string) {
	entries, _ := os.ReadDir(base)
	for _, e := range entries {
		if e.IsDir() {
			removeTree(filepath.Join(base, e.Name()))
		}
	}
}

// removeTree removes a cgroup and those the program made in it.
func removeTree(dir string) bool {
	err := syscall.Rmdir(dir)
	if err == nil || err == syscall.ENOENT {
		return true
	}
	removeChildren(dir)
	err = syscall.Rmdir(dir)
	return err == nil || err == syscall.ENOENT
}

// writeFile writes without creating: the kernel made the files.
func writeFile(path, s string) error {
	fd, err := syscall.Open(path, syscall.O_WRONLY|syscall.O_CLOEXEC, 0)
	if err != nil {
		return &os.PathError{Op: "open", Path: path, Err: err}
	}
	defer syscall.Close(fd)
	if _, err := syscall.Write(fd, []byte(s)); err != nil {
		return &os.PathError{Op: "write", Path: path, Err: err}
	}
	return nil
}

// reason is an error in the words of the user interface.
func reason(err error) string {
	switch {
	case errors.Is(err, os.ErrPermission):
		return "not permitted for this user (run as root, or under systemd with Delegate=yes)"
	case errors.Is(err, syscall.EROFS):
		return "it is mounted read-only"
	}
	return err.Error()
}
