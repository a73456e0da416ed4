//go:build linux || darwin

package process

import (
	"context"
	"fmt"
	"os"
	"slices"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/driver"
	"github.com/banyanrun/banyan/internal/driver/process/launch"
	"github.com/banyanrun/banyan/internal/fault"
)

// instance is what the driver knows about one start of a program: enough to
// find all of its processes and kill them.
type instance struct {
	d  *Driver
	id driver.Identity
	h  *handle // nil when the main process was gone before it could be opened
	// about is what the program was started with; zero for an adopted one.
	about launch.Request
}

// verify tells whether the opened process is the one of the identity. The
// handle pins the process, so the answer stays true while it is open.
func (in *instance) verify(h *handle) error {
	st, err := readStat(in.id.PID)
	if err != nil {
		return gonef("pid %d has ended", in.id.PID)
	}
	if st.start != in.id.StartTime {
		return gonef("pid %d belongs to another process now", in.id.PID)
	}
	if st.zombie { // its other threads are dying, or live on without the first
		waitAny([]*handle{h}, 100*time.Millisecond)
	}
	if h.ended() {
		return gonef("pid %d has ended and nobody reaped it", in.id.PID)
	}
	// The stand-in of a daemon that died: it would exit by itself in a moment.
	if slices.Contains(environ(in.id.PID), launch.Marker+"=1") {
		_ = h.signal(killSignal)
		return gonef("pid %d never got to run the program", in.id.PID)
	}
	return nil
}

func gonef(format string, args ...any) error {
	return fmt.Errorf(format+": %w", append(args, driver.ErrGone)...)
}

// unjoined takes the cgroups that refused the helper out of the identity.
func (in *instance) unjoined(refused map[string]string) {
	if len(refused) == 0 {
		return
	}
	var keep []string
	for _, dir := range in.about.Cgroups {
		reason, bad := refused[dir]
		if !bad {
			keep = append(keep, dir)
			continue
		}
		in.d.groups.remove([]string{dir})
		if in.d.groups.limits(dir) && in.id.Unenforced == "" {
			in.id.Unenforced = "limits are not enforced: cannot join " + dir + ": " + reason
		}
	}
	in.about.Cgroups = keep
	in.id.Cgroup = joinDirs(keep)
}

// discard ends an instance whose program never ran.
func (in *instance) discard() {
	_ = in.h.signalGroup(killSignal)
	in.h.reap(true)
	in.h.close()
	in.d.groups.remove(splitDirs(in.id.Cgroup))
}

// kill sends SIGKILL to everything of the instance that is easily found.
func (in *instance) kill() {
	if in.h != nil {
		_ = in.h.signalGroup(killSignal)
	}
	killCgroups(splitDirs(in.id.Cgroup))
}

// sweep kills until nothing of the instance is left, then removes its cgroups.
// The main process, if there was one, has been reaped or is being killed.
func (in *instance) sweep(ctx context.Context) error {
	for {
		in.kill()
		left := in.survivors()
		if len(left) == 0 {
			in.d.groups.remove(splitDirs(in.id.Cgroup))
			return nil
		}
		in.killEach(left)
		if err := ctx.Err(); err != nil {
			return fault.New(fault.Unavailable, "cannot kill %s", describe(left)).
				Fix("they are stuck in the kernel or run as another user; see `ps` for their state")
		}
	}
}

// killEach kills processes one by one and waits a moment for them to end. Each
// is opened first and checked again then: a pid may have passed on to somebody
// else since it was listed.
func (in *instance) killEach(pids []int) {
	var open []*handle
	for _, pid := range pids {
		h, err := openHandle(pid)
		if err != nil {
			continue
		}
		if in.owns(pid) {
			_ = h.signal(killSignal)
		}
		open = append(open, h)
	}
	waitAny(open, 20*time.Millisecond)
	for _, h := range open {
		h.close()
	}
}

func describe(pids []int) string {
	var names []string
	for _, pid := range pids {
		names = append(names, fmt.Sprintf("%s (pid %d)", command(pid), pid))
	}
	if len(names) > 5 {
		names = append(names[:5], fmt.Sprintf("and %d more", len(names)-5))
	}
	return strings.Join(names, ", ")
}

// isChild tells whether this very process is the parent, as when a driver
// adopts what another driver of the same process started.
func isChild(pid int) bool {
	st, err := readStat(pid)
	return err == nil && st.ppid == os.Getpid()
}
