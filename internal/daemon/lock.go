package daemon

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/banyanrun/banyan/internal/daemon/launch"
	"github.com/banyanrun/banyan/internal/daemon/layout"
	"github.com/banyanrun/banyan/internal/fault"
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

// lockMost is how long a daemon that was just killed may take to let go of the
// lock: the kernel frees its memory first.
const lockMost = 5 * time.Second

// acquire takes the lock of the state directory; nil if another daemon has it
// and answers.
func acquire(l layout.Layout) (*os.File, error) {
	f, err := os.OpenFile(l.Lock, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, fault.New(fault.Denied, "cannot lock the state directory: %w", err)
	}
	// flock tells nobody when it can be had without blocking for good: poll.
	for deadline := time.Now().Add(lockMost); ; time.Sleep(5 * time.Millisecond) { //nolint:forbidigo // as said
		err = syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB)
		switch {
		case err == nil:
			return f, nil
		case !errors.Is(err, syscall.EWOULDBLOCK):
			return nil, errors.Join(fmt.Errorf("cannot lock the state directory: %w", err), f.Close())
		case launch.Answers(l):
			return nil, f.Close()
		case time.Now().After(deadline):
			return nil, errors.Join(fault.New(fault.Conflict, "another daemon (pid %s) holds %s and does not answer at %s",
				cmp.Or(holder(f), "unknown"), l.Lock, l.ControlSocket).
				Fix("use the XDG_RUNTIME_DIR and TMPDIR that it was started with, or end it: its services go on, and the next daemon takes them over"),
				f.Close())
		}
	}
}
