// Package layout says where the files of one app are: what the daemon, the data
// plane and the CLI must agree on to find each other. It only computes paths;
// Prepare makes the directories.
package layout

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"github.com/banyanrun/banyan/internal/fault"
)

// DirName is the state directory's name beside the app file.
const DirName = ".banyan"

// maxSocketPath is the longest path of a unix socket that every system takes:
// 104 bytes with the final zero on macOS, 108 on Linux.
const maxSocketPath = 103

// Layout is where things are. All paths are absolute.
type Layout struct {
	StateDir string // outlives restarts of the machine
	RunDir   string // sockets; its path is short

	ControlSocket string // CLI to daemon
	ProxySocket   string // daemon to data plane
	ServiceSocket string // data plane to daemon, for services

	Lock      string // flock: one daemon a state directory
	Database  string // desired and observed state
	Binary    string // directory of copies of the program
	DaemonLog string
	Logs      string // spools and segments
	Builds    string // build outputs by service and revision
	Data      string // services' own directories
	Bus       string // what was published, by topic
	Sagas     string // how far sagas are
	Actions   string // who did what
	Telemetry string // spans, logs and metrics
	Secrets   string
	Ports     string // leases shared by all apps of the machine
}

// Beside returns the layout of the app whose file is in dir.
func Beside(dir string) (Layout, error) {
	return For(filepath.Join(dir, DirName))
}

// For returns the layout of a state directory, which need not exist.
func For(stateDir string) (Layout, error) {
	abs, err := filepath.Abs(stateDir)
	if err != nil {
		return Layout{}, fmt.Errorf("state directory: %w", err)
	}
	// The same directory by another name must give the same sockets.
	abs = resolve(abs)
	run := chosen(abs)
	if run == "" {
		run = filepath.Join(runRoot(), Hash(abs))
	}
	l := Layout{
		StateDir:      abs,
		RunDir:        run,
		ControlSocket: filepath.Join(run, "control.sock"),
		ProxySocket:   filepath.Join(run, "proxy.sock"),
		ServiceSocket: filepath.Join(run, "service.sock"),
		Lock:          filepath.Join(abs, "lock"),
		Database:      filepath.Join(abs, "state.db"),
		Binary:        filepath.Join(abs, "bin"),
		DaemonLog:     filepath.Join(abs, "daemon.log"),
		Logs:          filepath.Join(abs, "logs"),
		Builds:        filepath.Join(abs, "build"),
		Data:          filepath.Join(abs, "data"),
		Bus:           filepath.Join(abs, "bus"),
		Sagas:         filepath.Join(abs, "saga.db"),
		Actions:       filepath.Join(abs, "actions.log"),
		Telemetry:     filepath.Join(abs, "telemetry"),
		Secrets:       filepath.Join(abs, "secrets"),
		Ports:         filepath.Join(os.TempDir(), "banyan-ports"),
	}
	if len(l.ServiceSocket) > maxSocketPath { // the longest
		return Layout{}, fault.New(fault.Invalid, "the socket path %s is too long for this system", l.ServiceSocket).
			Fix("set XDG_RUNTIME_DIR or TMPDIR to a shorter directory")
	}
	return l, nil
}

// runFile holds the run directory of an app that is up: where that would be
// depends on the environment, and every caller must find the same sockets.
const runFile = "run"

// chosen is the run directory that a daemon has chosen, if it is still there.
func chosen(stateDir string) string {
	data, err := os.ReadFile(filepath.Join(stateDir, runFile))
	if err != nil {
		return ""
	}
	dir := strings.TrimSpace(string(data))
	if !filepath.IsAbs(dir) || filepath.Base(dir) != Hash(stateDir) || private(dir) != nil {
		return "" // moved, copied, or gone
	}
	return dir
}

// Choose makes the run directory the one that every caller finds until Forget.
func (l Layout) Choose() error {
	if err := os.WriteFile(filepath.Join(l.StateDir, runFile), []byte(l.RunDir+"\n"), 0o600); err != nil {
		return fault.New(fault.Denied, "cannot write in the state directory: %w", err)
	}
	return nil
}

// Forget removes the run directory: the app is down.
func (l Layout) Forget() {
	_ = os.Remove(filepath.Join(l.StateDir, runFile)) // what it names is gone then, and it is passed over
	_ = os.RemoveAll(l.RunDir)                        // at worst an empty directory is left
}

// Hash is the short name of a state directory: 12 hexadecimal digits.
func Hash(stateDir string) string {
	sum := sha256.Sum256([]byte(stateDir))
	return hex.EncodeToString(sum[:6])
}

// Prepare makes the directories, private to their owner, and a .gitignore that
// keeps the state out of the user's repository. It refuses a run directory that
// somebody else could have prepared.
func (l Layout) Prepare() error {
	for _, dir := range []string{l.StateDir, l.Binary, l.Logs, l.Builds, l.Data, l.Bus, l.Telemetry, l.Secrets, filepath.Dir(l.RunDir), l.RunDir} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fault.New(fault.Denied, "cannot make %s: %w", dir, err).Fix("choose another place with --state-dir")
		}
	}
	_ = syncDir(filepath.Dir(l.StateDir)) // it may be closed to us
	if err := syncDir(l.StateDir); err != nil {
		return fault.New(fault.Unavailable, "cannot write %s to the disk: %w", l.StateDir, err).Fix("choose another place with --state-dir")
	}
	if kind := network(l.StateDir); kind != "" {
		return fault.New(fault.Invalid, "the state directory %s is on a network filesystem (%s), which cannot keep it safe", l.StateDir, kind).
			Fix("choose a local directory with --state-dir")
	}
	// Services that run under users of their own pass through to their data.
	for _, dir := range []string{l.StateDir, l.Builds, l.Data} {
		if err := os.Chmod(dir, 0o711); err != nil { //nolint:gosec // search permission only: names below are not listed
			return fault.New(fault.Denied, "%s belongs to another user: %w", dir, err).
				Fix("run Banyan as that user, or remove the directory, or choose another with --state-dir")
		}
	}
	if err := private(filepath.Dir(l.RunDir)); err != nil {
		return err
	}
	ignore := filepath.Join(l.StateDir, ".gitignore")
	if _, err := os.Stat(ignore); err == nil {
		return nil
	}
	if err := os.WriteFile(ignore, []byte("*\n"), 0o600); err != nil {
		return fmt.Errorf("state directory: %w", err)
	}
	return nil
}

// runRoot is the directory below which each app has its sockets.
func runRoot() string {
	if dir := os.Getenv("XDG_RUNTIME_DIR"); dir != "" && filepath.IsAbs(dir) {
		if info, err := os.Stat(dir); err == nil && info.IsDir() {
			return filepath.Join(dir, "banyan")
		}
	}
	return filepath.Join(os.TempDir(), "banyan-"+strconv.Itoa(os.Getuid()))
}

// resolve follows symbolic links of the part of the path that exists.
func resolve(path string) string {
	if real, err := filepath.EvalSymlinks(path); err == nil {
		return real
	}
	parent := filepath.Dir(path)
	if parent == path {
		return path
	}
	return filepath.Join(resolve(parent), filepath.Base(path))
}
