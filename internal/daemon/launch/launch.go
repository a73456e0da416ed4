// Package launch finds an app's daemon, or starts one. The daemon runs from a
// copy of the program in the state directory, because the program itself may
// disappear (`go run` removes its binary) or be replaced while it runs.
package launch

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/banyanrun/banyan/internal/daemon/layout"
	"github.com/banyanrun/banyan/internal/fault"
)

// startMost is how long a daemon may take until it answers. It adopts what runs first.
const startMost = 30 * time.Second

// ErrEnded is returned by Ensure when the daemon that it started had nothing to
// do: there is no app, or it finished taking one down.
var ErrEnded = errors.New("the app is down")

// Ensure returns when the app's daemon answers, after starting one from a copy
// of the program self if none does. With adopt that daemon ends at once unless an
// app is up. While one that is just ending is in the way it tries again.
func Ensure(ctx context.Context, l layout.Layout, self string, adopt bool) error {
	if Answers(l) {
		return nil
	}
	if err := l.Prepare(); err != nil {
		return err
	}
	binary, err := Copy(l, self)
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(ctx, startMost)
	defer cancel()
	for {
		err := start(ctx, l, Argv(l, binary, adopt))
		if !errors.Is(err, errInTheWay) || ctx.Err() != nil {
			return err
		}
		if err := l.Prepare(); err != nil { // the ending one tidies up
			return err
		}
	}
}

// errInTheWay: the daemon that was started left because of another, which
// answers no more.
var errInTheWay = errors.New("another daemon was just ending")

// Answers reports whether a daemon accepts connections on the control socket.
func Answers(l layout.Layout) bool {
	conn, err := net.DialTimeout("unix", l.ControlSocket, time.Second)
	if err != nil {
		return false
	}
	return conn.Close() == nil
}

// Argv is how a daemon is started from a copy; with adopt it ends at once unless
// an app is up.
func Argv(l layout.Layout, binary string, adopt bool) []string {
	argv := []string{binary, "daemon", "--state-dir", l.StateDir}
	if adopt {
		argv = append(argv, "--adopt")
	}
	return argv
}

// start runs the daemon in a session of its own and waits until it answers.
func start(ctx context.Context, l layout.Layout, argv []string) error {
	log, err := os.OpenFile(l.DaemonLog, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fault.New(fault.Denied, "cannot write the daemon's log: %w", err)
	}
	defer log.Close()
	before, err := logBegin(log)
	if err != nil {
		return err
	}
	cmd := exec.Command(argv[0], argv[1:]...) //nolint:noctx // it outlives this program
	cmd.Dir, cmd.Stdout, cmd.Stderr = "/", log, log
	cmd.Env = environment()
	detach(cmd)
	if err := cmd.Start(); err != nil {
		return fault.New(fault.Internal, "cannot start the daemon: %w", err)
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	return await(ctx, l, before, ended)
}

// logMost is how large the log of starts may be when another one begins.
const logMost = 1 << 20

// logBegin returns where in the log what comes next begins, after emptying one
// that is large.
func logBegin(log *os.File) (int64, error) {
	info, err := log.Stat()
	if err == nil && info.Size() > logMost {
		return 0, log.Truncate(0)
	}
	if err != nil {
		return 0, fmt.Errorf("the daemon's log: %w", err)
	}
	return info.Size(), nil
}

// environment is ours, with the path of the secrets' key made absolute: the
// daemon works in another directory.
func environment() []string {
	const keyFile = "BANYAN_SECRET_KEY_FILE"
	env := os.Environ()
	path := os.Getenv(keyFile)
	if path == "" || filepath.IsAbs(path) {
		return env
	}
	abs, err := filepath.Abs(path)
	if err != nil {
		return env // the daemon says that it cannot read the key
	}
	return append(env, keyFile+"="+abs)
}

// await polls the control socket: a daemon that somebody else has started
// meanwhile is as good as ours, so there is no other event to wait for.
func await(ctx context.Context, l layout.Layout, before int64, ended <-chan error) error {
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for {
		if Answers(l) {
			return nil
		}
		select {
		case <-tick.C:
		case err := <-ended:
			_, missing := os.Stat(l.ControlSocket)
			switch {
			case Answers(l):
				return nil
			case err == nil && missing != nil:
				return ErrEnded
			case err == nil:
				return errInTheWay
			}
			return fault.New(fault.Unavailable, "the daemon did not start%s", lastLines(l.DaemonLog, before))
		case <-ctx.Done():
			return fault.New(fault.Timeout, "the daemon did not answer%s", lastLines(l.DaemonLog, before)).Fix("its log is %s", l.DaemonLog)
		}
	}
}

// lastLines are the last of those that were written after the first bytes.
func lastLines(log string, after int64) string {
	const most = 5
	data, err := os.ReadFile(log)
	text := strings.TrimSpace(string(data[min(int64(len(data)), after):]))
	if err != nil || text == "" {
		return ""
	}
	lines := strings.Split(text, "\n")
	return ":\n  " + strings.Join(lines[max(0, len(lines)-most):], "\n  ")
}

// Copy puts a copy of the program into the state directory, unless it is there.
func Copy(l layout.Layout, self string) (string, error) {
	from, err := os.Open(self)
	if err != nil {
		return "", fault.New(fault.Internal, "cannot read the program %s: %w", self, err)
	}
	defer from.Close()
	info, err := from.Stat()
	if err != nil {
		return "", fmt.Errorf("copy of the program: %w", err)
	}
	key := sha256.Sum256(fmt.Appendf(nil, "%s %d %d", self, info.Size(), info.ModTime().UnixNano()))
	to := filepath.Join(l.Binary, "banyan-"+hex.EncodeToString(key[:6]))
	if old, err := os.Stat(to); err == nil && old.Size() == info.Size() {
		return to, nil
	}
	return to, copyFile(from, to)
}

// copyFile writes the copy beside its place and moves it there when it is whole.
func copyFile(from io.Reader, to string) (err error) {
	tmp, err := os.CreateTemp(filepath.Dir(to), ".new-*")
	if err != nil {
		return fault.New(fault.Denied, "cannot copy the program: %w", err)
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(tmp.Name()))
		}
	}()
	if _, err = io.Copy(tmp, from); err == nil {
		err = tmp.Chmod(0o755)
	}
	if err == nil {
		err = tmp.Sync() // a copy that power cut short must not have the name of a whole one
	}
	if err = errors.Join(err, tmp.Close()); err != nil {
		return fault.New(fault.Denied, "cannot copy the program: %w", err)
	}
	return os.Rename(tmp.Name(), to)
}
