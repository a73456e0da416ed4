package process

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
)

// leaveInstance takes this process out of an instance's cgroups if it is in one
// of its own tag. A data plane that runs as an instance starts a dead daemon
// again: the daemon must not go down with it. (Whoever starts it also drops
// BANYAN_TAG from its environment.) It returns whether it moved.
func leaveInstance(m cgroupMounts, name string) (moved bool) {
	for _, h := range []hierarchy{m.unified, m.cpu, m.memory} {
		if h.mount == "" {
			continue
		}
		above, _, inside := strings.Cut(h.own+"/", "/"+name+"/")
		if !inside {
			continue
		}
		if enter(h.dir(above+"/")) == nil {
			moved = true
		}
	}
	return moved
}

// enter moves this process into a cgroup, or into the daemon's leaf below it
// where v2 wants the cgroup itself to be empty.
func enter(dir string) error {
	self := strconv.Itoa(os.Getpid())
	err := writeFile(filepath.Join(dir, "cgroup.procs"), self)
	if !errors.Is(err, syscall.EBUSY) {
		return err
	}
	leaf := filepath.Join(dir, daemonLeaf)
	if err := os.Mkdir(leaf, 0o755); err != nil && !errors.Is(err, os.ErrExist) {
		return err
	}
	return writeFile(filepath.Join(leaf, "cgroup.procs"), self)
}
