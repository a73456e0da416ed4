package daemon

import "golang.org/x/sys/unix"

// memoryTotal is the machine's memory in bytes.
func memoryTotal() int64 {
	size, err := unix.SysctlUint64("hw.memsize")
	if err != nil {
		return 1 << 62 // not known: nothing is refused for want of memory
	}
	return int64(size)
}

// replaceFD makes descriptor to the same file as from.
func replaceFD(from, to int) error { return unix.Dup2(from, to) }
