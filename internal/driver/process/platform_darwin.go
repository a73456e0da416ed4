package process

import (
	"os"
	"slices"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/banyanrun/banyan/internal/driver"
	"github.com/banyanrun/banyan/internal/driver/process/launch"
	"github.com/banyanrun/banyan/internal/fault"
)

// handle is a pid and a kqueue that tells its end. macOS has nothing that pins
// a process, so every signal to an adopted one checks the start time first.
type handle struct {
	pid   int
	start uint64
	kq    *os.File
}

func supported() error { return nil }

// bootID is the time of the boot: macOS names its boots by nothing else that a
// plain user may read.
func bootID() (string, error) {
	tv, err := unix.SysctlTimeval("kern.boottime")
	if err != nil {
		return "", err
	}
	return time.Unix(tv.Unix()).UTC().Format(time.RFC3339), nil
}

func openHandle(pid int) (*handle, error) {
	st, err := readStat(pid)
	if err != nil {
		return nil, gonef("pid %d has ended", pid)
	}
	fd, err := unix.Kqueue()
	if err != nil {
		return nil, os.NewSyscallError("kqueue", err)
	}
	unix.CloseOnExec(fd)
	ev := []unix.Kevent_t{{Ident: uint64(pid), Filter: unix.EVFILT_PROC,
		Flags: unix.EV_ADD | unix.EV_ONESHOT, Fflags: unix.NOTE_EXIT}}
	if _, err := unix.Kevent(fd, ev, nil, nil); err != nil {
		_ = unix.Close(fd)
		return nil, gonef("pid %d has ended", pid)
	}
	return &handle{pid: pid, start: st.start, kq: os.NewFile(uintptr(fd), "kqueue")}, nil
}

func forkHandle(argv []string, attr *syscall.ProcAttr) (*handle, error) {
	pid, err := syscall.ForkExec(argv[0], argv, attr)
	if err != nil {
		return nil, err
	}
	h, err := openHandle(pid)
	if err != nil {
		_ = unix.Kill(-pid, unix.SIGKILL)
		var ws syscall.WaitStatus
		_, _ = syscall.Wait4(pid, &ws, 0, nil)
	}
	return h, err
}

func (h *handle) close() { _ = h.kq.Close() }

func (h *handle) same() bool {
	st, err := readStat(h.pid)
	return err == nil && st.start == h.start
}

func (h *handle) signal(sig unix.Signal) error {
	if !h.same() {
		return unix.ESRCH
	}
	return unix.Kill(h.pid, sig)
}

func (h *handle) signalGroup(sig unix.Signal) error {
	if !h.same() {
		return unix.ESRCH
	}
	return unix.Kill(-h.pid, sig)
}

func (h *handle) ended() bool {
	st, err := readStat(h.pid)
	return err != nil || st.start != h.start || st.zombie
}

func (h *handle) wait() {
	ev := make([]unix.Kevent_t, 1)
	for {
		n, err := unix.Kevent(int(h.kq.Fd()), nil, ev, nil)
		if n > 0 || err != nil && err != unix.EINTR {
			return
		}
	}
}

func waitAny(hs []*handle, d time.Duration) { time.Sleep(min(d, 5*time.Millisecond)) }

func (h *handle) reap(child bool) driver.Exit {
	if child {
		var ws syscall.WaitStatus
		for {
			_, err := syscall.Wait4(h.pid, &ws, 0, nil)
			if err == syscall.EINTR {
				continue
			}
			if err == nil && ws.Signaled() {
				return driver.Exit{Code: -1, Signal: unix.SignalName(ws.Signal())}
			}
			if err == nil {
				return driver.Exit{Code: ws.ExitStatus()}
			}
			break
		}
	}
	return driver.Exit{Code: -1, Unknown: true}
}

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	for _, fd := range fds {
		unix.CloseOnExec(fd)
	}
	_ = unix.SetNonblock(fds[0], true)
	return os.NewFile(uintptr(fds[0]), "exec"), os.NewFile(uintptr(fds[1]), "exec"), nil
}

// stat is what the kernel tells of a process.
type stat struct {
	zombie     bool
	ppid, pgrp int
	start      uint64 // µs since 1970
	comm       string
}

func readStat(pid int) (stat, error) {
	k, err := unix.SysctlKinfoProc("kern.proc.pid", pid)
	if err != nil {
		return stat{}, err
	}
	return statOf(k), nil
}

func statOf(k *unix.KinfoProc) stat {
	const zombie = 5 // SZOMB of sys/proc.h
	tv := k.Proc.P_starttime
	return stat{zombie: k.Proc.P_stat == zombie, ppid: int(k.Eproc.Ppid), pgrp: int(k.Eproc.Pgid),
		start: uint64(tv.Sec)*1e6 + uint64(tv.Usec), comm: unix.ByteSliceToString(k.Proc.P_comm[:])}
}

func command(pid int) string {
	st, err := readStat(pid)
	if err != nil {
		return "a process"
	}
	return st.comm
}

// scanner and portTable have nothing to share here.
type (
	scanner   struct{}
	portTable struct{}
)

// survivors are the members of the process group while its leader is there, be it
// as a zombie. Those that left it are not found: macOS shows no environments.
func (in *instance) survivors() []int {
	if in.h == nil || !in.h.same() {
		return nil // the group's number may have passed on
	}
	ks, err := unix.SysctlKinfoProcSlice("kern.proc.pgrp", in.id.PID)
	if err != nil {
		return nil
	}
	var pids []int
	for i := range ks {
		if !statOf(&ks[i]).zombie {
			pids = append(pids, int(ks[i].Proc.P_pid))
		}
	}
	return pids
}

func (in *instance) owns(pid int) bool { return slices.Contains(in.survivors(), pid) }

// environ cannot be read.
func environ(int) []string { return nil }

func adoptedRequest(int) (launch.Request, error) {
	return launch.Request{}, fault.New(fault.Unavailable, "macOS does not show how another process was started")
}

// Usage implements driver.Process; macOS does not tell.
func (p *process) Usage() (driver.Usage, error) {
	return driver.Usage{}, fault.New(fault.Unavailable, "usage cannot be read on macOS")
}

// Owns implements driver.Process; macOS does not tell without root.
func (p *process) Owns(int) (listening, owner bool, addr string, ok bool) { return }

// cgroups do not exist here.
type cgroups struct{}

func findCgroups(string, string) *cgroups { return &cgroups{} }

func (c *cgroups) make(_ string, lim driver.Limits) ([]string, string) {
	if lim == (driver.Limits{}) {
		return nil, ""
	}
	return nil, "macOS has no limits for groups of processes"
}

func (c *cgroups) limits(string) bool { return false }
func (c *cgroups) remove([]string)    {}
func (c *cgroups) close()             {}
func killCgroups([]string)            {}
func oomKilled([]string) bool         { return false }
