package slim

import (
	"bufio"
	"fmt"
	"os"
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
	maps, err := os.Open("/proc/self/maps")
	if err != nil {
		return
	}
	defer maps.Close()
	for lines := bufio.NewScanner(maps); lines.Scan(); {
		if from, to, ok := pages(lines.Text(), self); ok {
			_, _, _ = unix.Syscall(unix.SYS_MADVISE, from, to-from, unix.MADV_DONTNEED) // at worst they stay
		}
	}
}

// pages reads a line of proc_pid_maps(5): where a mapping of the file is that
// nothing can write to.
func pages(line, file string) (from, to uintptr, ok bool) {
	var mode string
	if n, err := fmt.Sscanf(line, "%x-%x %s", &from, &to, &mode); n != 3 || err != nil {
		return 0, 0, false
	}
	return from, to, (mode == "r--p" || mode == "r-xp") && strings.HasSuffix(line, " "+file)
}
