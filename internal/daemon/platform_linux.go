package daemon

import "golang.org/x/sys/unix"

// memoryTotal is the machine's memory in bytes.
func memoryTotal() int64 {
	var info unix.Sysinfo_t
	if err := unix.Sysinfo(&info); err != nil {
		return 1 << 62 // not known: nothing is refused for want of memory
	}
	return int64(info.Totalram) * int64(info.Unit) // their types differ by architecture
}

// replaceFD makes descriptor to the same file as from.
func replaceFD(from, to int) error { return unix.Dup3(from, to, 0) }
