//go:build unix

package daemon

import (
	"os"
	"strconv"
	"strings"
	"syscall"
	"time"

	"github.com/banyanrun/banyan/internal/model"
)

// selfUsage is what the daemon itself uses.
func selfUsage() model.Usage {
	var r syscall.Rusage
	if err := syscall.Getrusage(syscall.RUSAGE_SELF, &r); err != nil {
		return model.Usage{}
	}
	return model.Usage{CPU: time.Duration(r.Utime.Nano() + r.Stime.Nano()), Memory: resident()}
}

// resident is the memory that the process has in RAM; 0 where /proc is missing.
func resident() int64 {
	data, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0
	}
	fields := strings.Fields(string(data))
	if len(fields) < 2 {
		return 0
	}
	pages, err := strconv.ParseInt(fields[1], 10, 64)
	if err != nil {
		return 0
	}
	return pages * int64(os.Getpagesize())
}
