// Package driver is what the daemon needs of something that runs instances: a
// process driver today, container engines later. It holds the interface and its
// types; every driver passes the harness in drivertest.
package driver

import (
	"context"
	"errors"
	"time"
)

// ErrGone is returned by Adopt when the process of an identity does not exist
// any more, or when its pid belongs to somebody else now.
var ErrGone = errors.New("the process is gone")

// Spec is one process to run. Nothing in it needs a shell.
type Spec struct {
	// ID is the instance's name, unique on this machine: it names the cgroup.
	ID   string
	Argv []string
	Env  []string // KEY=value, whole: nothing is inherited
	Dir  string   // absolute
	// Stdout and Stderr are files that are appended to (made 0600 if missing).
	Stdout, Stderr string
	// UID and GID to run as; only where Credential is true (needs root).
	Credential bool
	UID, GID   uint32
	Limits     Limits
}

// Limits bound one instance. Zero means none.
type Limits struct {
	CPU    float64 // cores
	Memory int64   // bytes
}

// Identity names a process for good: it is stored before the program runs, and
// a later daemon adopts the process by it. A pid alone is not enough: BootID
// and StartTime tell it from a stranger that got the pid later.
type Identity struct {
	Driver    string `json:"driver"`
	BootID    string `json:"boot_id"`
	PID       int    `json:"pid"`
	StartTime uint64 `json:"start_time"` // clock ticks since boot, /proc/PID/stat field 22
	// Cgroup is what was made for the instance: directories, joined by ':' as in
	// PATH. There may be one without limits, to find descendants by.
	Cgroup string `json:"cgroup,omitempty"`
	// Tag is found in the environment of the instance's processes, to sweep up
	// descendants that left its process group.
	Tag string `json:"tag,omitempty"`
	// Unenforced says why limits that were asked for are not enforced; empty: they are.
	Unenforced string `json:"unenforced,omitempty"`
}

// Exit is how a process ended.
type Exit struct {
	At time.Time `json:"at"`
	// Code is the exit code; -1 when a signal ended it or when it is not known.
	Code int `json:"code"`
	// Signal is the signal's name (SIGKILL), empty if none.
	Signal string `json:"signal,omitempty"`
	// OOM is set when the kernel ended it for lack of memory.
	OOM bool `json:"oom,omitempty"`
	// Unknown is set when the process was adopted and the kernel cannot tell.
	Unknown bool `json:"unknown,omitempty"`
}

// Usage is what an instance uses now, its descendants included.
type Usage struct {
	CPU    time.Duration // since its start
	Memory int64         // bytes resident
}

// Driver runs instances. Methods are safe for concurrent use.
type Driver interface {
	// Name is the driver's name in identities.
	Name() string
	// Prepare makes everything ready for the instance, down to a process that
	// waits: the program does not run yet. If the daemon dies before Start,
	// the waiting process exits by itself and leaves nothing.
	Prepare(ctx context.Context, spec Spec) (Prepared, error)
	// Adopt takes over a process that an earlier daemon started, or returns
	// ErrGone (wrapped) after cleaning up what it left, descendants included.
	Adopt(ctx context.Context, id Identity) (Process, error)
}

// Prepared is an instance that waits to be started.
type Prepared interface {
	Identity() Identity
	// Start lets the program run. An error means that it does not, for example
	// because the command was not found; nothing is left then.
	Start(ctx context.Context) (Process, error)
	// Abort gives up; nothing is left.
	Abort()
}

// Process is a running (or ended) instance.
type Process interface {
	Identity() Identity
	// Done is closed when the main process has ended; the exit is known then. The
	// instance's other processes are killed then, too.
	Done() <-chan struct{}
	// Exit is valid once Done is closed.
	Exit() Exit
	// Signal sends a signal to the instance's process group ("SIGTERM").
	Signal(name string) error
	// Stop sends the signal to the process group, waits up to grace for the
	// main process, then kills whatever of the instance is left: process
	// group, cgroup, tagged descendants. It returns when nothing is left, or
	// with an error that names what could not be killed. When ctx ends first it
	// returns ctx's error and kills nothing that it has not killed yet; Stop may be
	// called again, also at the same time, and with no grace kills at once.
	Stop(ctx context.Context, signal string, grace time.Duration) error
	// Exec runs a command beside the instance (same user, cgroup, directory
	// and environment) for a probe; the error carries exit code and output.
	Exec(ctx context.Context, argv []string) error
	// Usage reads what the instance uses.
	Usage() (Usage, error)
	// Owns reports whether a process of the instance owns the TCP socket
	// listening on the port, and on which address it listens. ok is false where
	// that cannot be found out. Of several sockets the one that gets a connection
	// to 127.0.0.1 counts; addr "0.0.0.0" or "::" is open to other machines.
	Owns(port int) (listening, owner bool, addr string, ok bool)
}
