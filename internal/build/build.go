// Package build makes the artefacts of revisions: it runs a service's build
// command in the service's directory, with an output directory of its own, and
// knows by the sources' content whether that is needed. Builds share the
// machine: a few run at a time, because most compilers use all cores by themselves.
package build

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"github.com/banyanrun/banyan/internal/fault"
)

// Request is one build.
type Request struct {
	Service string
	Key     string
	Argv    []string // ${out} is expanded
	Dir     string
	Env     []string
	Timeout time.Duration
}

// Result is a build that succeeded.
type Result struct {
	Dir    string // the output directory
	Digest string // of its content
}

// Error is a build that failed.
type Error struct {
	Reason string   // for people: "the build failed: exit code 1"
	Output []string // its last lines
	Log    string   // file with all of its output
}

func (e *Error) Error() string { return e.Reason }

// outputMost is how many lines of a failed build's output are shown.
const outputMost = 20

// Builder runs builds below one directory. It is safe for concurrent use.
type Builder struct {
	dir  string
	room chan struct{}
	busy sync.Map // output directory → struct{}: being built
}

// New returns a builder that keeps outputs in dir/SERVICE/KEY and logs in dir/SERVICE/KEY.log.
// Builds that an earlier daemon left running are ended: their output is made anew.
func New(dir string) *Builder {
	endOrphans(dir)
	return &Builder{dir: dir, room: make(chan struct{}, max(1, runtime.NumCPU()/2))}
}

// Out is the output directory of a build.
func (b *Builder) Out(service, key string) string { return filepath.Join(b.dir, service, key) }

// Build runs a build and returns when it has ended; it waits for its turn
// first. What ctx ends is killed whole. The error of a failed build is an *Error.
func (b *Builder) Build(ctx context.Context, r Request) (Result, error) {
	select {
	case b.room <- struct{}{}:
		defer func() { <-b.room }()
	case <-ctx.Done():
		return Result{}, ctx.Err()
	}
	out := b.Out(r.Service, r.Key)
	b.busy.Store(out, struct{}{})
	defer b.busy.Delete(out)
	if err := os.RemoveAll(out); err != nil {
		return Result{}, fault.New(fault.Denied, "cannot clear the build output: %w", err)
	}
	if err := os.MkdirAll(out, 0o755); err != nil { //nolint:gosec // services run as other users
		return Result{}, fault.New(fault.Denied, "cannot make the build output: %w", err)
	}
	if err := b.run(ctx, r, out+".log"); err != nil {
		return Result{}, errors.Join(err, os.RemoveAll(out))
	}
	digest, err := digestTree(out)
	if err != nil {
		return Result{}, fmt.Errorf("build output: %w", err)
	}
	return Result{Dir: out, Digest: digest}, nil
}

// run runs the command with its output in the log file.
func (b *Builder) run(ctx context.Context, r Request, log string) error {
	file, err := os.Create(log)
	if err != nil {
		return fault.New(fault.Denied, "cannot keep the build's log: %w", err)
	}
	defer file.Close()
	limited, cancel := context.WithTimeout(ctx, r.Timeout)
	defer cancel()
	path, err := lookPath(r.Argv[0], r.Dir, r.Env)
	if err != nil {
		return &Error{Reason: fmt.Sprintf("the build cannot start: %s is not on PATH; install it, or correct build", r.Argv[0]), Log: log}
	}
	cmd := exec.CommandContext(limited, path, r.Argv[1:]...)
	cmd.Dir, cmd.Env, cmd.Stdout, cmd.Stderr = r.Dir, r.Env, file, file
	cmd.WaitDelay = time.Second
	contain(cmd)
	if err = cmd.Start(); err == nil {
		defer remember(log, cmd.Process.Pid)()
		err = cmd.Wait()
	}
	if err == nil {
		return nil
	}
	if ctx.Err() != nil {
		return ctx.Err()
	}
	return &Error{Reason: reason(limited, err, r), Output: tail(log), Log: log}
}

func reason(limited context.Context, err error, r Request) string {
	if exit, ok := errors.AsType[*exec.ExitError](err); limited.Err() == nil && ok {
		return "the build failed: " + exit.String()
	}
	if limited.Err() != nil {
		return fmt.Sprintf("the build took longer than its build_timeout of %s", r.Timeout)
	}
	return "the build cannot start: " + err.Error()
}

// lookPath finds a program on the PATH of env, not on the daemon's own.
func lookPath(name, dir string, env []string) (string, error) {
	if strings.Contains(name, "/") {
		if !filepath.IsAbs(name) {
			name = filepath.Join(dir, name)
		}
		return name, nil
	}
	for _, kv := range env {
		path, ok := strings.CutPrefix(kv, "PATH=")
		if !ok {
			continue
		}
		for _, d := range filepath.SplitList(path) {
			file := filepath.Join(d, name)
			if info, err := os.Stat(file); err == nil && !info.IsDir() && info.Mode()&0o111 != 0 {
				return file, nil
			}
		}
	}
	return "", exec.ErrNotFound
}

func tail(log string) []string {
	data, err := os.ReadFile(log)
	if err != nil {
		return nil
	}
	lines := strings.Split(strings.TrimRight(string(data), "\n"), "\n")
	return lines[max(0, len(lines)-outputMost):]
}

// Remove removes the output and the log of a build that has ended, unless it is
// being made anew.
func (b *Builder) Remove(service, key string) error {
	out := b.Out(service, key)
	if _, busy := b.busy.Load(out); busy {
		return nil
	}
	return errors.Join(os.RemoveAll(out), os.RemoveAll(out+".log"))
}
