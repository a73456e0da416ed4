package daemon

import (
	"io"
	"os"
	"strings"
)

// The lock's file holds the pid of the daemon while its app is up, also when the
// daemon is dead, and is empty once the app is down.

// holder is what the lock's file holds.
func holder(lock *os.File) string {
	data, err := io.ReadAll(io.NewSectionReader(lock, 0, 32))
	if err != nil {
		return ""
	}
	return strings.TrimSpace(string(data))
}

// hold writes the lock's file.
func (d *daemon) hold(pid string) {
	err := d.lock.Truncate(0)
	if err == nil && pid != "" {
		_, err = d.lock.WriteAt([]byte(pid+"\n"), 0)
	}
	if err != nil {
		d.log.Warn("the lock's file does not tell who holds it", "error", err)
	}
}
