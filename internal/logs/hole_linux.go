package logs

import (
	"os"

	"golang.org/x/sys/unix"
)

// punchHole frees a part of a file that others append to.
func punchHole(path string, from, n int64) error {
	fd, err := unix.Open(path, unix.O_WRONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(fd)
	return unix.Fallocate(fd, unix.FALLOC_FL_PUNCH_HOLE|unix.FALLOC_FL_KEEP_SIZE, from, n)
}

// skipHole returns where data begins at or after off, so that a spool whose
// consumed part is a hole is never read as zeros.
func skipHole(f *os.File, off int64) int64 {
	if data, err := f.Seek(off, unix.SEEK_DATA); err == nil && data > off {
		return data
	}
	return off
}
