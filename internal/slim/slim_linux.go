package slim

import (
	"os"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// dropProgram unmaps the pages of the program's file that cannot have been
// written: they are what the file holds, and are mapped again when they are used.
func dropProgram() {
	self, err := os.Readlink("/proc/self/exe")
	if err != nil {
		return
	}
	maps, err := os.ReadFile("/proc/self/maps")
	if err != nil {
		return
	}
	var dropped [8]struct{ from, size uintptr } // there are two or three
	n := 0
	for line := range strings.Lines(string(maps)) {
		if from, to, ok := pages(strings.TrimSuffix(line, "\n"), self); ok && n < len(dropped) {
			dropped[n].from, dropped[n].size = from, to-from
			n++
		}
	}
	// Last, as what is called here is a part of it.
	for _, d := range dropped[:n] {
		_, _, _ = unix.Syscall(unix.SYS_MADVISE, d.from, d.size, unix.MADV_DONTNEED) // at worst they stay
	}
}

// pages reads a line of proc_pid_maps(5): where a mapping of the file is that
// nothing can write to.
func pages(line, file string) (from, to uintptr, ok bool) {
	place, rest, _ := strings.Cut(line, " ")
	mode, _, _ := strings.Cut(rest, " ")
	if mode != "r--p" && mode != "r-xp" || !strings.HasSuffix(line, " "+file) {
		return 0, 0, false
	}
	first, behind, _ := strings.Cut(place, "-")
	a, err := strconv.ParseUint(first, 16, 64)
	if err != nil {
		return 0, 0, false
	}
	b, err := strconv.ParseUint(behind, 16, 64)
	return uintptr(a), uintptr(b), err == nil
}
