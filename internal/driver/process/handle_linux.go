package process

import (
	"errors"
	"os"
	"syscall"
	"time"
	"unsafe"

	"golang.org/x/sys/unix"

	"github.com/banyanrun/banyan/internal/driver"
	"github.com/banyanrun/banyan/internal/fault"
)

// handle is a pidfd: it means one process for good, even after its pid went to
// another one. It waits in the runtime's poller: no thread a process.
type handle struct {
	pid int
	f   *os.File
}

// supported checks for pidfd_open.
func supported() error {
	h, err := openHandle(os.Getpid())
	if err != nil {
		return fault.New(fault.Unavailable, "this kernel has no pidfd: %w", err).Fix("use Linux 5.4 or later")
	}
	h.close()
	return nil
}

// openHandle opens the process; ErrGone (wrapped) when there is none.
func openHandle(pid int) (*handle, error) {
	fd, err := unix.PidfdOpen(pid, unix.PIDFD_NONBLOCK)
	if err == unix.EINVAL { // before Linux 5.10
		fd, err = unix.PidfdOpen(pid, 0)
	}
	if err == unix.ESRCH || err == unix.EINVAL {
		return nil, gonef("pid %d has ended", pid)
	}
	if err != nil {
		return nil, os.NewSyscallError("pidfd_open", err)
	}
	return newHandle(pid, fd), nil
}

func newHandle(pid, fd int) *handle {
	_ = unix.SetNonblock(fd, true) // os.NewFile polls descriptors that are non-blocking
	return &handle{pid: pid, f: os.NewFile(uintptr(fd), "pidfd")}
}

// forkHandle starts a program and opens it in one step.
func forkHandle(argv []string, attr *syscall.ProcAttr) (*handle, error) {
	fd := -1
	attr.Sys.PidFD = &fd
	pid, err := syscall.ForkExec(argv[0], argv, attr)
	if err != nil {
		return nil, err
	}
	if fd < 0 {
		return openHandle(pid)
	}
	return newHandle(pid, fd), nil
}

func (h *handle) close() { _ = h.f.Close() }

// with runs fn on the descriptor, which stays open meanwhile.
func (h *handle) with(fn func(fd int) error) error {
	rc, err := h.f.SyscallConn()
	if err != nil {
		return err
	}
	var inner error
	if err := rc.Control(func(fd uintptr) { inner = fn(int(fd)) }); err != nil {
		return unix.ESRCH // closed: it has ended
	}
	return inner
}

// signal sends a signal to this process alone.
func (h *handle) signal(sig unix.Signal) error {
	return h.with(func(fd int) error { return unix.PidfdSendSignal(fd, sig, nil, 0) })
}

// pidfdSignalGroup is PIDFD_SIGNAL_PROCESS_GROUP, Linux 6.9.
const pidfdSignalGroup = 4

// signalGroup sends a signal to the group that the process leads. It reaches
// the group's other processes even after the leader was reaped.
func (h *handle) signalGroup(sig unix.Signal) error {
	return h.with(func(fd int) error {
		err := unix.PidfdSendSignal(fd, sig, nil, pidfdSignalGroup)
		if err != unix.EINVAL {
			return err
		}
		// An older kernel. While the leader exists, be it as a zombie, nobody
		// else's group has its number.
		if err := unix.PidfdSendSignal(fd, 0, nil, 0); err != nil {
			return err
		}
		return unix.Kill(-h.pid, sig)
	})
}

// wait returns when the process has ended: when it is a zombie or reaped.
func (h *handle) wait() {
	rc, err := h.f.SyscallConn()
	if err == nil {
		err = rc.Read(func(fd uintptr) bool { return readable(int(fd), 0) })
	}
	if err != nil { // not pollable: an old kernel
		_ = h.with(func(fd int) error { readable(fd, -1); return nil })
	}
}

// ended tells whether the process has ended: all of its threads, which a 'Z' in
// its stat line does not say.
func (h *handle) ended() bool {
	end := false
	_ = h.with(func(fd int) error { end = readable(fd, 0); return nil })
	return end
}

// readable polls one descriptor; timeout in ms, negative without end.
func readable(fd, timeout int) bool {
	for {
		fds := []unix.PollFd{{Fd: int32(fd), Events: unix.POLLIN}}
		n, err := unix.Poll(fds, timeout)
		if err != unix.EINTR {
			return n > 0
		}
	}
}

// waitAny waits until one of the processes has ended, at most d.
func waitAny(hs []*handle, d time.Duration) {
	fds := make([]unix.PollFd, 0, len(hs))
	for _, h := range hs {
		_ = h.with(func(fd int) error {
			fds = append(fds, unix.PollFd{Fd: int32(fd), Events: unix.POLLIN})
			return nil
		})
	}
	if len(fds) == 0 {
		time.Sleep(time.Millisecond) //nolint:forbidigo // they ended just now; let the kernel catch up
		return
	}
	_, _ = unix.Poll(fds, int(d.Milliseconds()))
}

// reap collects how the process ended. It has ended or is about to.
func (h *handle) reap(child bool) driver.Exit {
	if child {
		var ws syscall.WaitStatus
		for {
			_, err := syscall.Wait4(h.pid, &ws, 0, nil)
			if err == nil {
				return exitOf(ws)
			}
			if !errors.Is(err, syscall.EINTR) {
				break // somebody else reaped it
			}
		}
	}
	return h.adoptedExit()
}

// adoptedExit asks the kernel how somebody else's child ended: from the pidfd
// once it is reaped (Linux 6.15), from its stat line while it is a zombie. In
// between the two neither knows for a moment.
func (h *handle) adoptedExit() driver.Exit {
	for range 50 {
		if status, ok := h.exitInfo(); ok {
			return exitOf(syscall.WaitStatus(status))
		}
		st, err := readStat(h.pid)
		if err == nil && st.zombie && st.exitKnown {
			return exitOf(syscall.WaitStatus(st.exit))
		}
		if errors.Is(h.signal(0), unix.ESRCH) && !hasExitInfo() {
			break
		}
		time.Sleep(100 * time.Microsecond) //nolint:forbidigo // no event ends that moment
	}
	return driver.Exit{Code: -1, Unknown: true}
}

func exitOf(ws syscall.WaitStatus) driver.Exit {
	if ws.Signaled() {
		return driver.Exit{Code: -1, Signal: unix.SignalName(ws.Signal())}
	}
	return driver.Exit{Code: ws.ExitStatus()}
}

// pidfdInfo is struct pidfd_info of linux/pidfd.h, version 0 (64 bytes).
type pidfdInfo struct {
	mask     uint64
	cgroup   uint64
	pids     [3]uint32
	ids      [8]uint32
	exitCode int32
}

const (
	pidfdGetInfo  = 0xC040FF0B // _IOWR(0xFF, 11, struct pidfd_info)
	pidfdInfoExit = 1 << 3
)

// exitInfo asks the pidfd for the wait status; ok is false where the kernel
// does not know it (any more, or yet).
func (h *handle) exitInfo() (status int32, ok bool) {
	info := pidfdInfo{mask: pidfdInfoExit}
	err := h.with(func(fd int) error {
		if _, _, e := unix.Syscall(unix.SYS_IOCTL, uintptr(fd), pidfdGetInfo, uintptr(unsafe.Pointer(&info))); e != 0 {
			return e
		}
		return nil
	})
	return info.exitCode, err == nil && info.mask&pidfdInfoExit != 0
}

// hasExitInfo tells whether this kernel keeps exit codes (6.15 and later).
func hasExitInfo() bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	major, minor := kernelVersion(unix.ByteSliceToString(u.Release[:]))
	return major > 6 || major == 6 && minor >= 15
}

func socketPair() (ours, theirs *os.File, err error) {
	fds, err := unix.Socketpair(unix.AF_UNIX, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return nil, nil, os.NewSyscallError("socketpair", err)
	}
	_ = unix.SetNonblock(fds[0], true)
	return os.NewFile(uintptr(fds[0]), "exec"), os.NewFile(uintptr(fds[1]), "exec"), nil
}
