package launch

import (
	"syscall"
	"unsafe"
)

const (
	sysCloseRange     = 436
	closeRangeCloexec = 4
)

// closeRest keeps descriptors that the daemon's environment leaked from
// reaching the program. Kernels before 5.11 leave them; the daemon opens its
// own with close-on-exec anyhow.
func closeRest() {
	_, _, _ = syscall.RawSyscall(sysCloseRange, 3, uintptr(^uint32(0)), closeRangeCloexec)
}

// lastSignal is the highest that Linux has (SIGRTMAX).
const lastSignal = 64

// resetSignals gives the program default dispositions: one that the daemon was
// started with as ignored (nohup) would pass through exec. That goes for the two
// that the C library keeps for itself as well.
func resetSignals() {
	var dfl [4]uint64 // struct sigaction, all zero: SIG_DFL on every Linux architecture
	for sig := uintptr(1); sig <= lastSignal; sig++ {
		// SIGKILL and SIGSTOP answer EINVAL: theirs cannot be another.
		_, _, _ = syscall.RawSyscall6(syscall.SYS_RT_SIGACTION, sig, uintptr(unsafe.Pointer(&dfl)), 0, 8, 0, 0)
	}
}
