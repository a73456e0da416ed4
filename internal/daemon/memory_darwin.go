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
