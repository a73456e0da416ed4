package fsys

import (
	"errors"
	"os"

	"golang.org/x/sys/unix"
)

// Sync leaves out times, and so commits no metadata while a file's size and
// blocks stay as they are.
func (f file) Sync() error {
	for {
		switch err := unix.Fdatasync(int(f.Fd())); {
		case err == nil:
			return nil
		case !errors.Is(err, unix.EINTR):
			return os.NewSyscallError("fdatasync", err)
		}
	}
}
