//go:build unix

package layout

import (
	"os"
	"syscall"

	"github.com/banyanrun/banyan/internal/fault"
)

// private refuses a directory that is not ours alone: the temp directory is
// everybody's, and whoever makes the run directory first could replace sockets.
func private(dir string) error {
	info, err := os.Lstat(dir)
	if err != nil {
		return fault.New(fault.Denied, "run directory: %w", err)
	}
	stat, ok := info.Sys().(*syscall.Stat_t)
	if !info.IsDir() || !ok || int(stat.Uid) != os.Getuid() || info.Mode().Perm()&0o077 != 0 {
		return fault.New(fault.Denied, "%s is not a directory of yours alone (owner, mode 0700)", dir).
			Fix("remove it, or set XDG_RUNTIME_DIR to a directory of your own")
	}
	return nil
}
