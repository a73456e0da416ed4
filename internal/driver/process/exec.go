//go:build linux || darwin

package process

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"slices"
	"strings"
	"sync"
	"syscall"
	"time"

	"github.com/banyanrun/banyan/internal/driver/process/launch"
	"github.com/banyanrun/banyan/internal/fault"
)

// maxOutput is how much of a probe command's output is kept, in bytes.
const maxOutput = 2 << 10

// Exec implements driver.Process. When ctx ends the command and its process
// group are killed.
func (p *process) Exec(ctx context.Context, argv []string) error {
	if p.ended() {
		return fault.New(fault.NotFound, "the instance has ended")
	}
	req, err := p.in.beside(argv)
	if err != nil {
		return err
	}
	ours, theirs, err := socketPair()
	if err != nil {
		return fault.New(fault.Unavailable, "cannot make a socket: %w", err)
	}
	defer ours.Close()
	out := &head{}
	cmd := p.in.d.helper(ctx, p.in.id.Tag, theirs, out)
	err = cmd.Start()
	_ = theirs.Close()
	if err != nil {
		return fault.New(fault.Unavailable, "cannot start a process: %w", err)
	}
	refused := begin(ours, req)
	err = cmd.Wait()
	switch {
	case ctx.Err() != nil:
		return fault.New(fault.Timeout, "%s took too long and was killed%s", argv[0], out.text())
	case refused.What != "":
		return fault.New(fault.Invalid, "%s", refused.What).Fix("%s", refused.Do)
	case err == nil || errors.Is(err, exec.ErrWaitDelay):
		return nil
	}
	return fault.New(fault.Unavailable, "%s: %w%s", argv[0], err, out.text())
}

func (d *Driver) helper(ctx context.Context, tag string, sock *os.File, out *head) *exec.Cmd {
	argv := append(slices.Clip(d.exec), "beside "+tag)
	cmd := exec.CommandContext(ctx, argv[0], argv[1:]...)
	cmd.Env, cmd.Dir = helperEnv, "/"
	cmd.Stdout, cmd.Stderr = out, out
	cmd.ExtraFiles = []*os.File{sock}
	cmd.SysProcAttr = &syscall.SysProcAttr{Setsid: true}
	cmd.Cancel = func() error { return syscall.Kill(-cmd.Process.Pid, syscall.SIGKILL) }
	cmd.WaitDelay = 100 * time.Millisecond // a grandchild may hold the output open
	return cmd
}

// begin lets the helper run at once and returns why it could not.
func begin(conn *os.File, req launch.Request) launch.Status {
	var st launch.Status
	if launch.WriteFrame(conn, req) != nil || launch.ReadFrame(conn, &st) != nil {
		return st
	}
	if _, err := conn.Write([]byte{launch.Go}); err != nil {
		return st
	}
	st = launch.Status{}
	_ = launch.ReadFrame(conn, &st) // ends without one when the program runs
	return st
}

// beside is the request for a command that runs as the instance does.
func (in *instance) beside(argv []string) (launch.Request, error) {
	req := in.about
	if req.Dir == "" {
		var err error
		if req, err = adoptedRequest(in.id.PID); err != nil {
			return req, fault.New(fault.Unavailable, "cannot see how pid %d was started: %w", in.id.PID, err)
		}
		req.Cgroups = splitDirs(in.id.Cgroup)
	}
	req.Argv = argv
	return req, nil
}

// head keeps the beginning of what is written to it.
type head struct {
	mu  sync.Mutex
	buf []byte
}

func (h *head) Write(p []byte) (int, error) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.buf = append(h.buf, p[:min(len(p), maxOutput-len(h.buf))]...)
	return len(p), nil
}

func (h *head) text() string {
	h.mu.Lock()
	defer h.mu.Unlock()
	if s := strings.TrimSpace(strings.ToValidUTF8(string(h.buf), "?")); s != "" {
		return ": " + s
	}
	return ""
}
